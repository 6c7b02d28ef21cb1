"""The traits of call and what it costs, held against its plan and its document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from balise_wire.assignment import Target
from balise_wire.experiments import cost
from balise_wire.experiments.call import LOOK, PACKETS, PORTS, SERIES, SPACING, TRAIN, CallParameters
from balise_wire.experiments.traits import RunShape
from balise_wire.words import Design, Experiment, TargetRole

TARGET = Target(id="s/call-media/h/4", service="s", role=TargetRole.CALL_MEDIA, host="h", addresses=("192.0.2.1",))
DOCUMENT = Path(__file__).parents[3] / "docs/experiments/call.md"


@pytest.mark.parametrize(("design", "size"), [(Design.SENTINEL, TRAIN), (Design.PAIRED, SERIES * TRAIN + LOOK)])
def test_what_a_run_costs(design: Design, size: int) -> None:
    """docs/experiments/call.md states these bytes, to a tenth of a kilobyte; without a helper nothing is sent."""
    assert cost(Experiment.CALL, RunShape(target=TARGET, design=design, controls=1)) == size
    said = [float(each) for each in re.findall(r"([\d.]+) KB", DOCUMENT.read_text(encoding="utf-8"))]
    assert any(abs(each * 1000 - size) <= 50 for each in said)
    assert cost(Experiment.CALL, RunShape(target=TARGET, design=design)) == 0


def test_a_train_lasts_three_seconds() -> None:
    """As the document says."""
    seconds = PACKETS * SPACING
    assert seconds == pytest.approx(3.0)


def test_where_it_asks() -> None:
    """The consent manifest names this port, and a helper answers on it."""
    assert TARGET.port_of(Experiment.CALL) == CallParameters().port == 3_478
    assert 3_478 in PORTS
