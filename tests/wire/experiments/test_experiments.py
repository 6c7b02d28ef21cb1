"""The registry holds every word once, and what one experiment says of itself agrees with what it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import msgspec
import pytest

import balise_wire
from balise_wire.assignment import Target, Timetable
from balise_wire.experiments import ASKED, MEASURED, OBSERVATIONS, OF_TARGETS, PARAMETERS, REGISTRY, cost, usual
from balise_wire.experiments.traits import RunShape, Transport
from balise_wire.observations import Observation
from balise_wire.words import Design, Experiment, TargetRole

TARGET = Target(
    id="s/web/h/4", service="s", role=TargetRole.WEB, host="h", port=8443, http_port=8080, addresses=("192.0.2.1",)
)


def test_every_word_is_there_and_nothing_else() -> None:
    """The list of words is the list of experiments; the union holds the observation of each."""
    assert tuple(REGISTRY) == tuple(OBSERVATIONS) == tuple(PARAMETERS) == Experiment.known()
    assert get_args(Observation) == tuple(OBSERVATIONS.values())
    assert set(OF_TARGETS) < set(MEASURED) <= set(REGISTRY)
    assert set(ASKED) == {Experiment.PATH} == set(MEASURED) - set(OF_TARGETS) - {Experiment.LINE}


@pytest.mark.parametrize("word", REGISTRY)
def test_traits_agree_with_themselves(word: Experiment) -> None:
    """What rests early is heavy, a cadence is a figure of the timetable, an explanation is about an endpoint."""
    traits = REGISTRY[word]
    assert traits.heavy or traits.rests_from == 1.0
    assert traits.cadence in {"", *Timetable.__struct_fields__}
    assert traits.of_target or traits.transport is Transport.NONE
    below = traits.explained_by
    assert below is None or (REGISTRY[below].needs_address and below in MEASURED and below is not word)


@pytest.mark.parametrize("word", REGISTRY)
@pytest.mark.parametrize("family", [4, 6])
def test_a_paired_run_costs_no_less_than_a_sentinel(word: Experiment, family: int) -> None:
    """Every run has a cost, and controls make it no cheaper."""
    sentinel, paired, more = (
        cost(word, RunShape(target=TARGET, design=design, family=family, controls=controls))
        for design, controls in ((Design.SENTINEL, 1), (Design.PAIRED, 1), (Design.PAIRED, 3))
    )
    assert 0 < sentinel <= paired <= more


def test_the_figures_of_the_documents() -> None:
    """docs/experiments states these bytes of a sentinel: what is usual, and what is never exceeded."""
    shape = RunShape(target=TARGET, design=Design.SENTINEL, controls=2)
    stated = {
        Experiment.DNS: (205, 620),
        Experiment.TCP: (320, 440),
        Experiment.TLS: (2_620, 4_700),
        Experiment.HTTP: (18_723, 21_522),
        Experiment.LINE: (1_095, 1_720),
    }
    assert {word: (usual(word, shape), cost(word, shape)) for word in stated} == stated
    assert all(0 < usual(word, shape) <= cost(word, shape) for word in MEASURED)
    assert cost(Experiment.UNKNOWN, shape) == usual(Experiment.UNKNOWN, shape) == 0


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("design", [Design.SENTINEL, Design.PAIRED, Design.ON_DEMAND])
@pytest.mark.parametrize("word", MEASURED)
def test_what_is_usual_is_never_above_the_bound(word: Experiment, design: Design, family: int) -> None:
    """In every form of a run."""
    whole = RunShape(target=TARGET, design=design, family=family, controls=3)
    for shape in (whole, msgspec.structs.replace(whole, full=True, long=True, through=True)):
        assert 0 < usual(word, shape) <= cost(word, shape)


def test_the_port_of_an_experiment() -> None:
    """Its own fixed one, its parameters', or the target's: the consent manifest names this one."""
    assert TARGET.port_of(Experiment.LINE) == TARGET.port_of(Experiment.UNKNOWN) == 0
    ports = {word: TARGET.port_of(word) for word in OF_TARGETS}
    stated = {Experiment.DNS: 53, Experiment.TCP: 8443, Experiment.TLS: 8443, Experiment.HTTP: 8080}
    assert ports | stated == ports


def test_a_word_without_a_module_stops_the_program(tmp_path: Path) -> None:
    """``Experiment`` may not grow without its module: nobody finds out on a probe."""
    source = Path(balise_wire.__file__).parent
    copy = tmp_path / "balise_wire"
    copy.mkdir()
    for entry in source.iterdir():
        if entry.name != "words.py":
            (copy / entry.name).symlink_to(entry)
    words = (source / "words.py").read_text().replace('    PATH = "path"\n', '    PATH = "path"\n    ECH = "ech"\n')
    (copy / "words.py").write_text(words)
    run = subprocess.run(
        [sys.executable, "-c", "import balise_wire.measurement"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "Incomplete: experiment ech: wire/experiments/ech.py is missing" in run.stderr
