"""Which silence becomes an outage: none of a probe that is not expected to speak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from balise_collector.conclude.inference import Inference, OperatorContext
from balise_collector.fleet.catalogue import default_folder, load
from balise_collector.fleet.members import Fleet, Halt
from balise_collector.journal import PresenceRow
from balise_wire.words import Lifecycle, ProbeRole
from tests.collector.field_probe import FieldProbe

Quiet = Callable[..., set[str]]


@pytest.fixture
def quiet_after(epoch: float) -> Quiet:
    """Return who is taken for silent an hour after both probes were last heard, in a fleet as the operator has it."""

    def play(fleet: Fleet, *presence: PresenceRow) -> set[str]:
        around = OperatorContext(fleet=fleet, catalogue=load(default_folder()))
        inference = Inference(around)
        rows = [PresenceRow(probe=name, state=Lifecycle.READY, at=epoch) for name in fleet.members]
        watched = [(epoch - 60.0, epoch + 7200.0)]
        inference.step(epoch + 60.0, [*rows, *presence], watched)
        inference.step(epoch + 3600.0, (), watched)
        # The detector tells nobody whom it holds for silent; that is what this rule is about.
        return set(inference.detector.silences.held)

    return play


def fleet_of(*probes: Any, halts: tuple[Halt, ...] = (), **changes: Any) -> Fleet:
    """Return a fleet; ``changes`` go to the first probe's membership."""
    first, *others = (probe.member for probe in probes)
    return Fleet.of([msgspec.structs.replace(first, **changes), *others], halts)


def test_only_who_should_speak_is_silent(make_probe: Callable[..., FieldProbe], quiet_after: Any, epoch: float) -> None:
    """Retired, revoked, halted and paused probes raise no alarm; the others do."""
    a, b = make_probe(id="aaaa"), make_probe(id="bbbb", country="KZ")
    assert quiet_after(fleet_of(a, b)) == {"aaaa", "bbbb"}
    assert quiet_after(fleet_of(a, b, retired_at=epoch + 10.0)) == {"bbbb"}
    assert quiet_after(fleet_of(a, b, revoked=True)) == {"bbbb"}
    halt = Halt(country="PK", since=epoch + 10.0, reason="x")
    assert quiet_after(fleet_of(a, b, halts=(halt,))) == {"bbbb"}
    lifted = Halt(country="PK", since=epoch + 10.0, reason="x", until=epoch + 3000.0)
    assert quiet_after(fleet_of(a, b, halts=(lifted,))) == {"bbbb"}
    long_ago = Halt(country="PK", since=epoch + 10.0, reason="x", until=epoch + 1000.0)
    assert quiet_after(fleet_of(a, b, halts=(long_ago,))) == {"aaaa", "bbbb"}
    paused = PresenceRow(probe="aaaa", state=Lifecycle.SLEEPING, at=epoch + 30.0)
    assert quiet_after(fleet_of(a, b), paused) == {"bbbb"}


def test_boards_of_one_host_and_references_of_one_network_are_one(make_probe: Callable[..., FieldProbe]) -> None:
    """The operator's label joins boards; a network joins references, and never the homes of a provider."""
    reference = ProbeRole.REFERENCE
    probes = [
        make_probe(id="aaaa"), make_probe(id="bbbb"), make_probe(id="cccc"),
        make_probe(id="dddd", asn=64700, role=reference), make_probe(id="eeee", asn=64700, role=reference),
        make_probe(id="ffff", asn=64701, role=reference), make_probe(id="gggg", asn=64702, role=reference),
    ]  # fmt: skip
    hosts = {"aaaa": "ali", "bbbb": "ali", "ffff": "the club", "gggg": "the club"}
    members = [msgspec.structs.replace(one.member, host=hosts.get(one.id, "")) for one in probes]
    around = OperatorContext(fleet=Fleet.of(members), catalogue=load(default_folder()))
    assert around.witnesses() == {"bbbb": "aaaa", "eeee": "dddd", "gggg": "ffff"}


def test_a_halt_ends_a_silence_that_had_begun(make_probe: Callable[..., FieldProbe], epoch: float) -> None:
    """From the halt on, no further bins of that probe are filled with silence."""
    a, b = make_probe(id="aaaa"), make_probe(id="bbbb", country="KZ")
    inference = Inference(OperatorContext(fleet=fleet_of(a, b), catalogue=load(default_folder())))
    watched = [(epoch - 60.0, epoch + 7200.0)]
    inference.step(
        epoch + 60.0, [PresenceRow(probe=n, state=Lifecycle.READY, at=epoch) for n in ("aaaa", "bbbb")], watched
    )
    inference.step(epoch + 1800.0, (), watched)
    assert set(inference.detector.silences.held) == {"aaaa", "bbbb"}  # as above: it tells nobody else
    halted = fleet_of(a, b, halts=(Halt(country="PK", since=epoch + 1900.0, reason="x"),))
    inference.set_context(OperatorContext(fleet=halted, catalogue=load(default_folder())))
    inference.step(epoch + 2000.0, (), watched)
    assert set(inference.detector.silences.held) == {"bbbb"}


def test_a_board_that_reports_its_health_is_there(make_probe: Callable[..., FieldProbe], epoch: float) -> None:
    """Who moves bytes for an hour, alone, measures nothing else meanwhile: that is no outage, and ends one in time."""
    probes = [make_probe(id=name) for name in ("aaaa", "bbbb")]
    inference = Inference(OperatorContext(fleet=fleet_of(*probes), catalogue=load(default_folder())))
    watched = [(epoch - 60.0, epoch + 7200.0)]
    ready = [PresenceRow(probe=one.id, state=Lifecycle.READY, at=epoch) for one in probes]
    inference.step(epoch + 60.0, ready, watched)
    inference.step(epoch + 1800.0, (), watched, {"aaaa": epoch + 1500.0})
    assert set(inference.detector.silences.held) == {"bbbb"}  # as above: it tells nobody else
    inference.step(epoch + 1860.0, (), watched, {"bbbb": epoch + 1830.0})
    assert not inference.detector.silences.held
    assert [one.until for one in inference.detector.silences.past["bbbb"]] == [epoch + 1830.0]
