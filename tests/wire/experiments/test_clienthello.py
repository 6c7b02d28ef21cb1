"""The traits of clienthello and what it costs, held against its plan and its document."""

from __future__ import annotations

import pytest

from balise_wire.assignment import Target
from balise_wire.experiments import REGISTRY, cost, usual
from balise_wire.experiments.clienthello import HelloExtension, HelloForm, form_of
from balise_wire.experiments.traits import RunShape
from balise_wire.words import Design, Experiment, TargetRole

TARGET = Target(id="s/web/h/4", service="s", role=TargetRole.WEB, host="h", addresses=("192.0.2.1",))


@pytest.mark.parametrize(
    ("design", "size", "most"), [(Design.SENTINEL, 16_200, 23_700), (Design.PAIRED, 10_800, 31_500)]
)
def test_what_a_run_costs(design: Design, size: int, most: int) -> None:
    """docs/experiments/clienthello.md states these bytes."""
    shape = RunShape(target=TARGET, design=design)
    assert (usual(Experiment.CLIENTHELLO, shape), cost(Experiment.CLIENTHELLO, shape)) == (size, most)


def test_where_it_asks_and_who_is_asked() -> None:
    """The target's own port; nobody where the operator says that the risk is high, and once a day on any profile."""
    traits = REGISTRY[Experiment.CLIENTHELLO]
    assert TARGET.port_of(Experiment.CLIENTHELLO) == 443
    assert (traits.risky, traits.steady, traits.reveals_name) == (True, True, True)
    assert traits.explained_by is Experiment.TLS


def test_each_extension_has_a_form() -> None:
    """One that this program does not know has none, and nothing is made up for it."""
    for extension in HelloExtension.known():
        assert form_of(extension) is HelloForm(extension.value)
    assert form_of(HelloExtension.UNKNOWN) is HelloForm.UNKNOWN
