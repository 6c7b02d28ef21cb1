"""The bounded listener itself: who is ended when there are too many, and that whoever comes gets in."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from balise_collector.system.bounded_accept import BoundedListener, Bounds, HeldConnection, Phase, network_of
from balise_collector.system.listening import listen

Knock = Callable[[str], tuple[HeldConnection, socket.socket]]

BOUNDS = Bounds(most=6, most_of_source=3, head=10.0, body=20.0, answer=30.0, life=45.0)


class Hands:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def hands() -> Hands:
    """Return the clock."""
    return Hands()


@pytest.fixture
def door(hands: Hands) -> Iterator[BoundedListener]:
    """Return a listener with small bounds."""
    with closing(
        BoundedListener(listen("127.0.0.1", 0, "test"), BOUNDS, hands, proxies=("127.0.0.9/32", "::1"))
    ) as made:
        yield made


@pytest.fixture
def knock(door: BoundedListener) -> Iterator[Knock]:
    """Return what connects from an address of loopback: our end, and theirs."""
    with ExitStack() as stack:

        def call(source: str) -> tuple[HeldConnection, socket.socket]:
            theirs = stack.enter_context(socket.socket())
            theirs.bind((source, 0))
            theirs.settimeout(5)
            theirs.connect(door.getsockname())
            try:
                ours: Any = door.accept()[0]
            except BlockingIOError:  # a turn of the loop is over
                ours = door.accept()[0]
            stack.enter_context(ours)
            return ours, theirs

        yield call


def ended(theirs: socket.socket) -> bool:
    """Whether the other side was told that this is the end."""
    theirs.setblocking(False)
    try:
        return theirs.recv(1) == b""
    except BlockingIOError:
        return False


def test_the_oldest_of_a_source_gives_way_to_its_newest(door: BoundedListener, knock: Knock) -> None:
    """Whoever shares an address with somebody who holds connections gets in as well."""
    held = [knock("127.0.0.2") for _ in range(5)]
    assert [ended(theirs) for _, theirs in held] == [True, True, False, False, False]
    assert len(door) == 3
    assert door.ended == 2


def test_of_networks_that_hold_as_much_who_waits_gives_way_to_who_is_answered(knock: Knock) -> None:
    """The oldest of many is no reason to take an answer away that is being made."""
    first, theirs = knock("127.3.0.1")
    first.enter(Phase.ANSWERING)
    others = [knock(f"127.3.{number}.1")[1] for number in range(1, 9)]
    assert not ended(theirs)
    assert [ended(one) for one in others] == [True] * 3 + [False] * 5


def test_the_heaviest_network_gives_way_to_a_newcomer(door: BoundedListener, knock: Knock) -> None:
    """Twelve addresses of one network against one of another: the other never pays for them."""
    first = knock("127.1.0.1")
    crowd = [knock(f"127.0.0.{number}") for number in range(10, 18)]
    late = knock("127.2.0.1")
    assert not ended(first[1])
    assert not ended(late[1])
    assert [ended(theirs) for _, theirs in crowd] == [True] * 4 + [False] * 4
    assert len(door) == BOUNDS.most


def test_who_is_answered_gives_way_last(knock: Knock) -> None:
    """A connection that only waits is ended before an older one that is at work."""
    busy, idle, sending = (knock("127.0.0.2") for _ in range(3))
    busy[0].enter(Phase.ANSWERING)
    sending[0].enter(Phase.SENDING)
    third = knock("127.0.0.2")
    assert [ended(theirs) for _, theirs in (busy, idle, sending)] == [False, True, False]
    knock("127.0.0.2")
    assert [ended(theirs) for _, theirs in (busy, sending, third)] == [False, False, True]


def test_where_everybody_is_at_work_the_oldest_still_gives_way(
    knock: Knock,
) -> None:
    """Readers that never take their answers hold no place for good."""
    held = [knock("127.0.0.2") for _ in range(3)]
    for ours, _ in held:
        ours.enter(Phase.ANSWERING)
    newest = knock("127.0.0.2")
    assert [ended(theirs) for _, theirs in (*held, newest)] == [True, False, False, False]


def test_a_proxy_is_many_readers(knock: Knock) -> None:
    """The bound per source is not for an address behind which everybody stands."""
    held = [knock("127.0.0.9") for _ in range(6)]
    assert not any(ended(theirs) for _, theirs in held)


@pytest.mark.parametrize(("phase", "seconds"), [(Phase.WAITING, 10.0), (Phase.SENDING, 20.0), (Phase.ANSWERING, 30.0)])
def test_every_phase_ends(
    door: BoundedListener,
    hands: Hands,
    knock: Knock,
    phase: Phase,
    seconds: float,
) -> None:
    """Noting a phase again gives it no more time, so that a byte now and then keeps nothing alive."""
    ours, theirs = knock("127.0.0.2")
    ours.enter(phase)
    hands.now = seconds - 1.0
    ours.enter(phase)
    door.sweep()
    assert not ended(theirs)
    hands.now = seconds
    door.sweep()
    assert ended(theirs)


def test_a_life_ends_whatever_happens(door: BoundedListener, hands: Hands, knock: Knock) -> None:
    """Request after request, and still it ends."""
    ours, theirs = knock("127.0.0.2")
    for hands.now in range(0, 46, 5):
        ours.enter(Phase.ANSWERING)
        ours.enter(Phase.WAITING)
        door.sweep()
    assert ended(theirs)


def test_a_slow_line_has_time_for_its_answer(door: BoundedListener, hands: Hands, knock: Knock) -> None:
    """Where an answer is not taken whole yet, the time to wait for the next request has not begun."""
    ours, theirs = knock("127.0.0.2")
    ours.unsent = lambda: 1
    hands.now = 10.0
    door.sweep()
    assert not ended(theirs)
    hands.now = 40.0
    door.sweep()
    assert ended(theirs)


def test_the_ended_are_waited_for(door: BoundedListener, knock: Knock) -> None:
    """Descriptors are bounded too: while the ended are not closed, nobody is taken from the kernel's queue."""
    held = [knock(f"127.0.0.{number}") for number in range(10, 22)]
    with socket.socket() as waiting:
        waiting.connect(door.getsockname())
        with pytest.raises(BlockingIOError):
            door.accept()
        held[0][0].close()
        with closing(door.accept()[0]):
            assert len(door) == BOUNDS.most


def test_a_place_is_free_again_when_its_connection_is_closed(door: BoundedListener, knock: Knock) -> None:
    """Also where it was ended before, and where its descriptor is somebody else's by then."""
    for _ in range(3 * BOUNDS.most):
        knock("127.0.0.2")[0].close()
    assert len(door) == 0
    assert door.ended == 0


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("unknown", "unknown"),
        ("127.0.0.1#12", "127.0.0.1#12"),
    ],
)
def test_networks(source: str, network: str) -> None:
    """What one customer of a hoster may have whole; a connection of a proxy is its own."""
    assert network_of(source) == network
