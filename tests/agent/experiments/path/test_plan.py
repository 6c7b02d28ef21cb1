"""The plan of path over a network of data: what leaves, in which order, and when a sweep ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest

from balise_agent.experiments.path.plan import BEYOND, GAP, PLAN, RESIDUE, TRIES, asks_over_http, port_of
from balise_agent.experiments.steps import Close, Connect, Inject, Injected, Rest
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.testing import FakeNetwork, server_name
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.http import HttpParameters
from balise_wire.experiments.path import HOPS, MOST_COPIES, PathObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design, Experiment

DISTANCE, HOP = 6, 3
Way = Callable[[int, str], tuple[Packet, ...]]


def router(ttl: int) -> tuple[Packet, ...]:
    """Return a router's error about a copy that died at it."""
    return (Packet(t_us=5_000, direction=Direction.IN, protocol="icmp", icmp="11/0", hop=f"198.18.7.{ttl}"),)


def reset(ttl: int) -> tuple[Packet, ...]:
    """Return a RST in the server's name."""
    return (Packet(t_us=6_000, direction=Direction.IN, ttl=ttl, flags="R"),)


def open_way(ttl: int, _name: str) -> tuple[Packet, ...]:
    """Return what a way of six hops without a box brings."""
    if ttl < DISTANCE:
        return router(ttl)
    return (Packet(t_us=9_000, direction=Direction.IN, ttl=59, flags="PA", length=7),)


def boxed(ttl: int, name: str) -> tuple[Packet, ...]:
    """Return what a way brings on which a box resets the subject's name at the third hop."""
    return reset(62) if name.startswith("twitter") and ttl >= HOP else open_way(ttl, name)


def swallowing(ttl: int, name: str) -> tuple[Packet, ...]:
    """Return what a way brings on which a box swallows it."""
    return () if name.startswith("twitter") and ttl >= HOP else open_way(ttl, name)


def led(network: FakeNetwork, way: Way) -> FakeNetwork:
    """Let copies in a network go such a way."""
    sent = Packet(t_us=0, direction=Direction.OUT, flags="PA", length=517)

    def answer(step: Inject, _session: object) -> Injected:
        packets = (sent, *way(step.ttl, server_name(step.payload) or ""))
        return Injected(at=network.now, elapsed_ms=20.0, packets=packets)

    network.on(Inject, answer)
    return network


def copies(network: FakeNetwork) -> Iterator[tuple[str, int]]:
    """Yield whose name each copy showed, and its TTL."""
    for step in network.asked(Inject):
        yield server_name(step.payload) or "", step.ttl


def test_control_goes_first_and_nothing_more_follows_where_nothing_is_cut(network: FakeNetwork, task: Task) -> None:
    """The subject's copies go on to twice the distance: what copies the TTL is not heard before."""
    seen = led(network, open_way).play(PLAN.on_demand(task), PathObservation)
    assert [one.arm for one in seen] == [Arm.CONTROL, Arm.SUBJECT]
    assert list(copies(network)) == [
        *(("neighbour.example", ttl) for ttl in range(1, DISTANCE + 1)),
        *((task.target.host, ttl) for ttl in range(1, 2 * DISTANCE)),
    ]
    assert [hop.address for hop in seen[1].hops][:2] == ["198.18.7.1", "198.18.7.2"]
    assert seen[0].hops[-1].replies[0].ttl == 59
    assert not network.asked(Rest)


def test_a_forged_answer_ends_the_sweep_soon(network: FakeNetwork, task: Task) -> None:
    """Then a rest, the control where the subject's copies were lost, the subject with the usual TTL, another round."""
    seen = led(network, boxed).play(PLAN.on_demand(task), PathObservation)
    arms = [Arm.CONTROL, Arm.SUBJECT, Arm.AFTER, Arm.SUBJECT, Arm.CONTROL, Arm.SUBJECT]
    assert [one.arm for one in seen] == arms
    assert [hop.ttl for hop in seen[1].hops] == list(range(1, HOP + BEYOND + 1))
    assert [hop.ttl for hop in seen[2].hops] == [3, 4, 5]
    assert (seen[3].usual, [hop.ttl for hop in seen[3].hops]) == (True, [64])
    assert [step.seconds for step in network.asked(Rest)] == [RESIDUE, RESIDUE]
    assert [len(network.asked(kind)) for kind in (Connect, Close)] == [6, 6]


def test_all_sweeps_of_a_round_are_of_one_flow(network: FakeNetwork, task: Task) -> None:
    """The same ports; the copy with the usual TTL, and another round, go on flows of their own."""
    network.source_ports = True
    seen = led(network, boxed).play(PLAN.on_demand(task), PathObservation)
    first, second, third, usual, again, last = [step.source_port for step in network.asked(Connect)]
    assert (first, usual, again) == (0, 0, 0)
    assert second == third != 0
    assert last not in {0, second}
    assert all(one.same_flow for one in seen)
    assert all(step.abort for step in network.asked(Close))


def test_silence_is_tried_again(network: FakeNetwork, task: Task) -> None:
    """At the first two hops that the control heard; behind them a copy each."""
    seen = led(network, swallowing).play(PLAN.sentinel(task), PathObservation)
    assert [hop.copies for hop in seen[1].hops] == [1, 1, TRIES, TRIES, *[1] * 7]


def test_a_control_that_hears_nobody_ends_it(network: FakeNetwork, task: Task) -> None:
    """After six silent hops; the subject's name is not shown then, nor where nothing connects or there is no name."""
    (seen,) = led(network, lambda _ttl, _name: ()).play(PLAN.on_demand(task), PathObservation)
    assert (len(seen.hops), {hop.copies for hop in seen.hops}) == (GAP, {TRIES})
    network.refuse(task.address)
    (seen,) = network.play(PLAN.on_demand(task), PathObservation)
    assert (seen.connect_ms, seen.failure, seen.hops) == (None, Failure.GENERIC_TIMEOUT, ())
    nameless = msgspec.structs.replace(
        task, control_name="", controls=(), target=msgspec.structs.replace(task.target, neighbour="")
    )
    assert FakeNetwork().play(PLAN.on_demand(nameless)) == ()


def test_copies_are_bounded(network: FakeNetwork, task: Task) -> None:
    """However long and silent a way is."""
    seen = led(network, lambda ttl, _name: router(ttl) if ttl % 3 == 0 else ()).play(PLAN.sentinel(task))
    assert sum(hop.copies for one in seen if isinstance(one, PathObservation) for hop in one.hops) <= MOST_COPIES
    assert max(step.ttl for step in network.asked(Inject)) <= HOPS


@pytest.mark.parametrize(
    ("words", "port", "expected"),
    [
        ((Experiment.TLS, Experiment.HTTP), 443, (False, 443)),
        ((Experiment.HTTP,), 443, (True, 8080)),
        ((Experiment.DNS,), 80, (True, 80)),
        ((Experiment.DNS,), 443, (False, 443)),
    ],
)
def test_how_the_name_is_shown(
    task: Task, words: tuple[Experiment, ...], port: int, expected: tuple[bool, int]
) -> None:
    """In a hello, or in a request where the target is measured over HTTP alone."""
    target = msgspec.structs.replace(task.target, experiments=words, port=port).saying(HttpParameters(port=8080))
    asked = msgspec.structs.replace(task, target=target)
    assert (asks_over_http(asked), port_of(asked)) == expected
    assert PLAN.load(asked).endpoints == (Endpoint(task.address, expected[1]),)
    assert PLAN.load(msgspec.structs.replace(asked, design=Design.PAIRED)).connections == 4
