"""The registry: approvals are seen by the running collector, strangers are bounded, versions only grow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from balise_collector.assignment import Issued
from balise_collector.fleet import FleetRegistry
from balise_collector.members import Pending


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[FleetRegistry]:
    """Return an open registry."""
    opened = FleetRegistry(tmp_path / "fleet.sqlite")
    yield opened
    opened.close()


def stranger(name: str, at: float) -> Pending:
    """Return a probe that waits since ``at``."""
    return Pending(id=name, public_key="ab" * 32, country="PK", asn=64501, first_seen=at, last_seen=at)


def test_the_running_collector_sees_what_the_command_line_wrote(
    registry: FleetRegistry, tmp_path: Path, probe: Any
) -> None:
    """Another connection's approval shows up as a change, once; our own writes do not."""
    assert not registry.changed()
    other = FleetRegistry(tmp_path / "fleet.sqlite")
    other.approve(probe.member)
    other.close()
    assert registry.changed()
    assert not registry.changed()
    assert registry.fleet().members == {probe.id: probe.member}
    registry.note_pending(stranger("stranger1", 1.0))
    assert not registry.changed()


def test_revoking_keeps_the_member_and_its_past(registry: FleetRegistry, probe: Any) -> None:
    """A revoked probe stays listed, so that its old measurements keep their meaning; approving lets it in again."""
    registry.approve(probe.member)
    assert registry.revoke(probe.id)
    assert not registry.revoke("nobody000")
    assert registry.fleet().members[probe.id].revoked
    assert registry.fleet().active() == ()
    registry.approve(probe.member)
    assert registry.fleet().active() == (probe.member,)


def test_approval_takes_a_probe_off_the_waiting_list(registry: FleetRegistry, probe: Any) -> None:
    """Only with the very key that was announced: another key under the same id still waits."""
    registry.note_pending(Pending(id=probe.id, public_key=probe.public_hex))
    registry.approve(probe.member)
    assert registry.pending() == []
    registry.note_pending(stranger(probe.id, 1.0))
    registry.approve(probe.member)
    assert [one.public_key for one in registry.pending()] == ["ab" * 32]


def test_a_flood_of_strangers_is_bounded(registry: FleetRegistry) -> None:
    """Invented ids push out those that were silent longest, never fill the disk."""
    for number in range(1100):
        registry.note_pending(stranger(f"flood{number}", float(number)))
    waiting = registry.pending()
    assert len(waiting) == 1000
    assert waiting[0].id == "flood100"


def test_the_version_of_an_assignment_is_remembered(registry: FleetRegistry, tmp_path: Path) -> None:
    """A restart must not issue an older version: probes ignore those."""
    assert registry.issued("k7m2q9xd").version == 0
    registry.issue("k7m2q9xd", Issued(7, "digest", 99.0))
    again = FleetRegistry(tmp_path / "fleet.sqlite")
    assert again.issued("k7m2q9xd") == Issued(7, "digest", 99.0)
    again.close()
