"""The plan of throughput over a network of data: who moves bytes, in which order, and when it stops."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments.steps import Connect, Handshake, Transfer
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.experiments.throughput.plan import PLAN
from balise_agent.testing import FakeNetwork
from balise_wire.experiments.throughput import ThroughputObservation, ThroughputParameters
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design, TransferDirection, TransferEnd

HOST = "twitter.example"
HELPER = "198.18.9.9"


def test_a_pair_is_asked_control_first(network: FakeNetwork, task: Task) -> None:
    """Under a scrambled name in the hello and the subject's own in the request: one variable differs."""
    seen = network.play(PLAN.sentinel(task), ThroughputObservation)
    assert [one.arm for one in seen] == [Arm.SCRAMBLED, Arm.SUBJECT]
    assert [one.host for one in seen] == [HOST, HOST]
    assert seen[0].name != HOST
    assert {one.sni for one in network.asked(Handshake)} == {seen[0].name, HOST}


def test_a_neighbour_with_a_page_is_the_control(network: FakeNetwork, task: Task) -> None:
    """Another name that the same server holds, and something of it that is long enough."""
    asked = ThroughputParameters(control_path="/long.js")
    seen = network.play(PLAN.sentinel(msgspec.structs.replace(task, target=task.target.saying(asked))))
    control = seen[0]
    assert isinstance(control, ThroughputObservation)
    assert (control.arm, control.host, control.path) == (Arm.NEIGHBOUR, "neighbour.example", "/long.js")


def test_a_slow_subject_is_looked_at_again_the_other_way_round(network: FakeNetwork, task: Task) -> None:
    """One fade is no anomaly."""
    network.rates[HOST] = 130.0
    seen = network.play(PLAN.sentinel(task), ThroughputObservation)
    assert [one.arm is Arm.SUBJECT for one in seen] == [False, True, True, False]


def test_a_series_is_abba_twice(network: FakeNetwork, task: Task) -> None:
    """What drifts in time weighs on both sides alike (detectors.md 2.8)."""
    network.rates[HOST] = 130.0
    seen = network.play(PLAN.paired(msgspec.structs.replace(task, design=Design.PAIRED)), ThroughputObservation)
    assert "".join("s" if one.arm is Arm.SUBJECT else "c" for one in seen) == "cssccssc"


@pytest.mark.parametrize(("kbps", "most"), [(60.0, 24_576), (130.0, 24_576), (1_000.0, 49_152), (None, 49_152)])
def test_what_is_known_to_be_slow_is_watched_with_as_many_bytes_as_tell_it(
    network: FakeNetwork, task: Task, kbps: float | None, most: int
) -> None:
    """A few would be over in slow start and look well: an incident would end that goes on."""
    cause = ThroughputObservation(
        arm=Arm.SUBJECT, at=0.0, address=task.address, port=443, name=HOST, connect_ms=120.0, goodput_kbps=kbps,
        settled=True,
    )  # fmt: skip
    known = cause if kbps is not None else msgspec.structs.replace(cause, goodput_kbps=600.0, train_kbps=2_000.0,
                                                                   settled=False)  # fmt: skip
    seen = network.play(PLAN.sentinel(msgspec.structs.replace(task, cause=known)), ThroughputObservation)
    assert {one.asked_bytes for one in seen} == {most}


@pytest.mark.parametrize("kbps", [50.0, 130.0, 512.0, 2_000.0, 5_000.0])
def test_the_rate_is_within_a_tenth(network: FakeNetwork, task: Task, kbps: float) -> None:
    """mission.md S22, from 0.05 to 5 Mb/s with at most 200 KB."""
    whole = msgspec.structs.replace(task, target=task.target.saying(ThroughputParameters(sample_bytes=204_800)))
    network.rates[HOST] = kbps
    subjects = [one for one in network.play(PLAN.paired(whole), ThroughputObservation) if one.arm is Arm.SUBJECT]
    for one in subjects:
        assert one.goodput_kbps == pytest.approx(kbps, rel=0.1)
        assert one.moved_bytes <= 204_800
        assert one.settled


def test_a_rate_that_is_known_ends_the_transfer(network: FakeNetwork, task: Task) -> None:
    """The host's bytes are not spent on what is known."""
    network.rates[HOST] = 512.0
    whole = msgspec.structs.replace(task, target=task.target.saying(ThroughputParameters(sample_bytes=204_800)))
    subject = network.play(PLAN.paired(whole), ThroughputObservation)[1]
    assert (subject.end, subject.moved_bytes < 150_000) == (TransferEnd.STEADY, True)


def test_a_slow_line_ends_by_time(network: FakeNetwork, task: Task) -> None:
    """60 kb/s bring 75 KB in ten seconds; nothing of that is a failure."""
    network.rates = {HOST: 60.0}
    seen = network.play(PLAN.sentinel(task), ThroughputObservation)
    assert all(one.failure is None for one in seen)


def test_a_transfer_that_stops_is_told_as_such(network: FakeNetwork, task: Task) -> None:
    """With the bytes after which it did."""
    network.stops[HOST] = 16_384
    seen = network.play(PLAN.sentinel(task), ThroughputObservation)
    subject = next(one for one in seen if one.arm is Arm.SUBJECT)
    assert (subject.end, subject.failure, subject.moved_bytes) == (
        TransferEnd.FROZEN, Failure.GENERIC_TIMEOUT, 16_384,
    )  # fmt: skip


def test_where_nothing_connects_there_is_no_second_pair(network: FakeNetwork, task: Task) -> None:
    """The layer below tells."""
    network.refuse(task.address, 443)
    seen = network.play(PLAN.paired(task), ThroughputObservation)
    assert [one.connect_ms for one in seen] == [None, None]
    assert network.asked(Transfer) == []


def test_uploads_go_to_the_operators_own_server(network: FakeNetwork, task: Task) -> None:
    """Nobody else's takes them; both names are shown there."""
    own = msgspec.structs.replace(task, helpers=(HELPER,), helper=HELPER)
    seen = network.play(PLAN.sentinel(own), ThroughputObservation)
    up = [one for one in seen if one.direction is TransferDirection.UP]
    assert [one.arm for one in up] == [Arm.NEUTRAL_CONTROL, Arm.NEUTRAL]
    assert {one.address for one in up} == {HELPER}
    assert all(one.moved_bytes >= 32_768 for one in up)
    assert Endpoint(HELPER, 443) in PLAN.load(own).endpoints


def test_a_run_loads_what_it_says(network: FakeNetwork, task: Task) -> None:
    """The host's token bucket is asked for as many connections as are opened."""
    paired = msgspec.structs.replace(task, design=Design.PAIRED)
    network.play(PLAN.paired(paired))
    assert len(network.asked(Connect)) == PLAN.load(paired).connections
