"""A measurement as a record like OONI's: what was seen, and not by whom."""

from __future__ import annotations

import json

import msgspec
import pytest

from balise_collector.fleet.members import Record
from balise_collector.journal import JournalRow
from balise_collector.sinks.ooni import record
from balise_wire.evidence import Direction, Packet
from balise_wire.measurement import Measurement, Network
from balise_wire.words import ClockState, Experiment, ProbeRole
from tests.testbed.cases import NOW, Case

STOOD = Record(since=0.0, network=Network(country="PK", asn=64501, region="PK-SD"), role=ProbeRole.PROBE)


def row(measurement: Measurement, clock_offset: float = 0.0) -> JournalRow:
    """Return a measurement as the journal gives it back."""
    return JournalRow(
        seq=1, received_at=NOW, probe="pk000001", sent_at=NOW, clock_state=ClockState.SYNCED, historical=False,
        clock_offset=clock_offset, measurement=measurement,
    )  # fmt: skip


def test_where_and_when_are_the_operators_word(case: Case) -> None:
    """The country and the provider are the record's, and the time is corrected by the known error of the clock."""
    stranger = case.measured(case.hello(), network=Network(country="XX", asn=1))
    found = record(row(stranger, clock_offset=60.0), STOOD)
    assert found is not None
    assert (found["probe_cc"], found["probe_asn"], found["probe_ip"]) == ("PK", "AS64501", "127.0.0.1")
    assert found["measurement_start_time"] == "2020-05-17 16:59:00"
    assert (found["input"], found["test_name"]) == ("twitter.com", "balise_tls")
    assert found["extensions"] == {"tcpconnect": 0, "tlshandshake": 0}


def test_nothing_that_finds_the_host_is_in_it(case: Case) -> None:
    """No probe, id, region, resolver or router, and nothing of the line, in any of the experiments."""
    hop = (Packet(t_us=1, direction=Direction.IN, protocol="icmp", icmp="3/13", hop="198.18.7.0/24"),)
    for trial in (
        case.hello(packets=hop),
        case.syns(0, packets=hop),
        case.page(packets=hop),
        case.asked(case.answer("192.0.2.9"), packets=hop, silent_resolvers=2),
    ):
        measurement = msgspec.structs.replace(case.measured(trial), id="a" * 32)
        text = json.dumps(record(row(measurement), STOOD))
        for secret in ("pk000001", "a" * 32, "PK-SD", "198.18.7.0", "gateway", "silent_resolvers"):
            assert secret not in text, (secret, text)


@pytest.mark.parametrize("experiment", [Experiment.LINE, Experiment.PATH, Experiment.UNKNOWN])
def test_what_tells_of_no_service_is_no_record(case: Case, experiment: Experiment) -> None:
    """A home's own line and what we have no word for are left out, and break nothing."""
    assert record(row(case.measured(case.line(), experiment=experiment)), STOOD) is None


@pytest.mark.parametrize("started", [-1.0, 0.0, 1e15])
def test_a_time_that_no_clock_has_is_no_record(case: Case, started: float) -> None:
    """A probe may send any number; a record without a time is none."""
    assert record(row(case.measured(case.hello(), started=started)), STOOD) is None
