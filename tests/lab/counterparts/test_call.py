"""The lab answers call: where, and by which program."""

from __future__ import annotations

from dataclasses import replace

from balise_lab.counterparts.call import COUNTERPART, servers
from balise_lab.world.topology import build
from balise_wire.words import Experiment
from tests.lab.boxes.packets import TOPOLOGY


def test_somebody_answers() -> None:
    """A scenario may measure by it; none does that does not say so."""
    assert COUNTERPART.experiments == (Experiment.CALL,)
    assert not COUNTERPART.usual


def test_a_helper_runs_where_calls_are_measured() -> None:
    """On an address of its own beside the services; elsewhere nothing is started."""
    assert list(servers(build(replace(TOPOLOGY.layout, helper=False)))) == []
    built = build(replace(TOPOLOGY.layout, helper=True))
    (server,) = servers(built)
    assert (server.id, server.place) == ("helper", "hosting")
    assert built.helper in built.namespace("hosting").extra
    assert not any(built.helper in (*one.addresses, *one.country_addresses) for one in built.endpoints)
