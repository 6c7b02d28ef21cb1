"""The traits of stun and what it costs, held against its plan and its document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from balise_wire.assignment import Target
from balise_wire.experiments import cost
from balise_wire.experiments.stun import LOOKUP, SILENT, SYN, SYNS
from balise_wire.experiments.traits import RunShape
from balise_wire.words import Design, Experiment, TargetRole

TARGET = Target(id="s/call-media/h/4", service="s", role=TargetRole.CALL_MEDIA, host="h", addresses=("192.0.2.1",))
DOCUMENT = Path(__file__).parents[3] / "docs/experiments/stun.md"


@pytest.mark.parametrize(
    ("design", "controls", "size"),
    [(Design.SENTINEL, 0, SILENT), (Design.PAIRED, 3, 6 * SILENT + 3 * LOOKUP + SYNS * SYN)],
)
def test_what_a_run_costs(design: Design, controls: int, size: int) -> None:
    """docs/experiments/stun.md states these bytes, to five hundredths of a kilobyte."""
    assert cost(Experiment.STUN, RunShape(target=TARGET, design=design, controls=controls)) == size
    said = [float(each) for each in re.findall(r"([\d.]+) KB", DOCUMENT.read_text(encoding="utf-8"))]
    assert any(abs(each * 1000 - size) <= 50 for each in said)


def test_where_it_asks() -> None:
    """The consent manifest names this port."""
    assert TARGET.port_of(Experiment.STUN) == 3_478
