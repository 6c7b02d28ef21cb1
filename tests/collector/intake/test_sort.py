"""Every delivery finds its place: by its topic, read once, and with a reason where it has none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from balise_collector.fleet import catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.intake.broker import Delivery
from balise_collector.intake.sort import Group
from balise_collector.intake.writer import IntakeWriter
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.system.clock import Clock
from balise_collector.system.config import Broker, CollectorSettings, Config
from balise_wire.status import State
from balise_wire.topics import COLLECTOR_STATE, Leaf, topic
from balise_wire.words import Lifecycle
from tests.collector.field_probe import EPOCH, FieldProbe

topics = st.one_of(
    st.text(max_size=60),
    st.sampled_from(Leaf).map(lambda leaf: topic("k7m2q9xd", leaf)),
    st.text(alphabet="abz09/+#$\x00", max_size=40).map(lambda text: f"balise/v1/{text}"),
)


@pytest.fixture(scope="module")
def member() -> FieldProbe:
    """Return the one probe that is approved."""
    return FieldProbe()


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory, member: FieldProbe) -> Iterator[IntakeWriter]:
    """Return the writer of a collector with one member and no broker; no example commits anything."""
    place = Config(
        collector=CollectorSettings(state_dir=str(tmp_path_factory.mktemp("sort"))), broker=(Broker(host="127.0.0.1"),)
    )
    services = catalogue.load(catalogue.default_folder())
    with closing(SqliteJournal(place.journal_file)) as journal, closing(SqliteRegistry(place.fleet_file)) as registry:
        registry.approve(member.member)
        key, clock = Ed25519PrivateKey.generate(), Clock(system=lambda: EPOCH)
        made = IntakeWriter(place, clock, key, services, journal, registry, [], threading.Event())
        made.current.fleet = Fleet.of([member.member])  # what was assigned is another test's matter
        yield made


def sort(writer: IntakeWriter, where: str, payload: bytes) -> Group:
    """Return the group that one delivery makes."""
    group, nobody = Group(), Any
    writer._sorter.sort(Delivery(nobody, 1, 1, 1, where, payload), group, EPOCH)  # type: ignore[arg-type]
    return group


@given(where=topics, payload=st.binary(min_size=1, max_size=300))
@settings(settings.get_profile("balise-fuzz"))
def test_noise_is_quarantined_with_a_reason(writer: IntakeWriter, where: str, payload: bytes) -> None:
    """Whatever bytes come on whatever topic: a reason, never an exception, and nothing of it is believed."""
    group = sort(writer, where, payload)
    assert not group.batches
    assert all(refused.reason for refused in group.refused)
    assert group.refused or group.notices or where == COLLECTOR_STATE or where.startswith("$SYS/broker/log/")


def test_a_batch_goes_to_its_probe(writer: IntakeWriter, member: FieldProbe) -> None:
    """Frame, items and the receipt that is owed."""
    frame = member.batch(member.measurement())
    group = sort(writer, member.topic, frame)
    (batch,) = group.batches
    assert (batch.probe, batch.frame, len(batch.measurements)) == (member.id, frame, 1)
    assert group.owed == {member.id: member.stream}
    assert not group.refused


def test_a_state_is_presence_and_its_stream_is_told_of(writer: IntakeWriter, member: FieldProbe) -> None:
    """A probe that just connected hears at once how far we have it; of one that was lost nobody listens."""
    where = topic(member.id, Leaf.STATE)
    for state, owed in ((Lifecycle.READY, {member.id: "stream"}), (Lifecycle.LOST, {})):
        group = sort(writer, where, msgspec.json.encode(State(state=state, session=4, stream="stream")))
        assert [one.state for one in group.presence] == [state]
        assert group.owed == owed


def test_our_own_state_and_an_empty_one_are_nothing(writer: IntakeWriter, member: FieldProbe) -> None:
    """The first comes back with the subscription to every state, the second clears what was retained."""
    for where, payload in ((COLLECTOR_STATE, b'{"online":true}'), (topic(member.id, Leaf.STATE), b"")):
        group = sort(writer, where, payload)
        assert (group.presence, group.refused, group.batches) == ([], [], [])


def test_a_topic_of_nobody_is_kept_with_its_reason(writer: IntakeWriter) -> None:
    """What came on it is in the quarantine as it came."""
    (refused,) = sort(writer, "balise/v1/NOBODY/measurement", b"bytes").refused
    assert (refused.probe, refused.raw) == ("", b"bytes")
    assert "none that a probe publishes" in refused.reason
