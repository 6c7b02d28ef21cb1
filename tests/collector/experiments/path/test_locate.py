"""Where a box stands, by sweeps that are made of data: its hop, an interval, or nothing, and never a wrong hop."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import msgspec
import pytest

from balise_collector.experiments.path.locate import Form, Location, Why, located
from balise_wire.experiments.path import Hop, HopReply, PathObservation
from balise_wire.words import Arm

FAR, OWN = 10, 55
"""The server's distance, and the TTL that its packets arrive with."""
SERVER = HopReply(kind="data", ttl=OWN)
Answer = Callable[[int], tuple[HopReply, ...] | None]
"""What the box says to a copy of a TTL that reached it; ``None``: nothing."""


def hop(ttl: int, *, heard: bool = True, goes: bool = True, forged: tuple[HopReply, ...] = ()) -> Hop:
    """Return one hop of a way: its router's error or the server's word where the copy goes on, and what was forged."""
    own = (SERVER,) if goes and ttl >= FAR else ()
    if ttl < FAR and goes and heard:
        return Hop(ttl=ttl, address=f"9.9.{ttl}.0/24", answer="exceeded", replies=forged)
    return Hop(ttl=ttl, copies=1 if own or forged else 3, replies=(*forged, *own))


def sweep(arm: Arm, *hops: Hop, usual: bool = False, same_flow: bool = True) -> PathObservation:
    """Return one sweep."""
    return PathObservation(
        arm=arm, at=0.0, address="8.8.8.8", port=443, connect_ms=20.0, hops=hops, usual=usual, same_flow=same_flow
    )


def run(
    place: int,
    *,
    form: Form = Form.ON_PATH,
    own: int | None = 62,
    copies: bool = False,
    silent: frozenset[int] = frozenset(),
    rounds: int = 2,
) -> list[PathObservation]:
    """Return the sweeps of a run.

    Args:
        place: the box's hop.
        form: what becomes of the copy.
        own: the TTL that its resets arrive with; ``None``: it resets nothing.
        copies: it answers with the copy's TTL instead.
        silent: routers that never tell anything.
        rounds: how many.
    """

    def answer(ttl: int) -> tuple[HopReply, ...]:
        back = ttl - 2 * (place - 1) if copies else own
        return () if ttl < place or back is None or back < 1 else (HopReply(kind="rst", ttl=back),)

    def cut(ttl: int) -> Hop:
        goes = ttl < place or form is Form.ON_PATH
        return hop(ttl, heard=ttl not in silent, goes=goes, forged=answer(ttl))

    control = sweep(Arm.CONTROL, *(hop(ttl, heard=ttl not in silent) for ttl in range(1, FAR + 1)))
    first = next((ttl for ttl in range(1, 2 * FAR) if answer(ttl)), 2 * FAR)
    subject = sweep(Arm.SUBJECT, *(cut(ttl) for ttl in range(1, min(2 * FAR, first + 3))))
    lost = [ttl for ttl in range(1, FAR + 1) if ttl not in silent and ttl >= place and form is Form.IN_PATH][:3]
    after = [sweep(Arm.AFTER, *(hop(ttl) for ttl in lost))] if lost else []
    usual = sweep(Arm.SUBJECT, cut(64), usual=True)
    return [control, subject, *after, usual, *([control, subject] if rounds > 1 else [])]


@pytest.mark.parametrize("place", range(1, FAR))
@pytest.mark.parametrize("form", [Form.ON_PATH, Form.IN_PATH])
@pytest.mark.parametrize("kind", ["own", "copies", "silence"])
def test_a_box_is_found_at_its_hop(place: int, form: Form, kind: str) -> None:
    """Whatever it answers with, wherever it stands before the server's door."""
    if kind == "silence" and form is Form.ON_PATH:
        return  # who stops nothing and says nothing is no box
    own = None if kind == "silence" else 62
    assert located(run(place, form=form, own=own, copies=kind == "copies")) == Location(
        first=place, last=place, before=f"9.9.{place - 1}.0/24" if place > 1 else "", at=f"9.9.{place}.0/24",
        form=form, copies_ttl={"own": False, "copies": True, "silence": None}[kind], distance=FAR, rounds=2,
    )  # fmt: skip


def test_routers_that_say_nothing_never_lead_to_a_wrong_hop() -> None:
    """Over all places, forms and a thousand sets of silent routers the hop is among those that are told."""
    chance = random.Random(7)
    told = 0
    for _ in range(1_000):
        place, form = chance.randint(1, FAR - 1), chance.choice([Form.ON_PATH, Form.IN_PATH])
        own, copies = chance.choice([(62, False), (62, True), (None, False)])
        if own is None:
            form = Form.IN_PATH
        silent = frozenset(ttl for ttl in range(1, FAR) if chance.random() < 0.4)
        found = located(run(place, form=form, own=own, copies=copies, silent=silent))
        if found.first is not None and found.last is not None:
            told += 1
            assert found.first <= place <= found.last, (place, form, own, copies, silent, found)
            assert found.form in {form, Form.UNKNOWN}, (place, form, own, copies, silent, found)
    assert told > 900


def test_one_round_is_not_sure() -> None:
    """It is told, and said to be one."""
    (one, two) = (located(run(4, rounds=rounds)) for rounds in (1, 2))
    assert (one.first, one.last, one.rounds, one.is_sure) == (4, 4, 1, False)
    assert (two.rounds, two.is_sure) == (2, True)


def test_a_router_that_bounds_its_errors_decides_nothing() -> None:
    """It was silent to the subject; the control, asked once more, is not heard there either."""
    control, subject, after, usual, *_ = run(7, form=Form.IN_PATH, own=None)
    quiet = msgspec.structs.replace(
        subject, hops=tuple(Hop(ttl=6, copies=3) if one.ttl == 6 else one for one in subject.hops)
    )
    bounded = msgspec.structs.replace(after, hops=(Hop(ttl=6, copies=3), hop(7), hop(8)))
    found = located([control, quiet, bounded, usual])
    assert (found.first, found.last) == (6, 7)
    silent = msgspec.structs.replace(after, hops=(Hop(ttl=6, copies=3), Hop(ttl=7, copies=3), Hop(ttl=8, copies=3)))
    found = located([control, quiet, silent, usual])
    assert (found.first, found.last, found.why) == (6, FAR, Why.SERVER)


def test_the_servers_own_reset_is_nobody_elses() -> None:
    """Only copies that reach the server are answered, with its own TTL: nothing is told but that the name passed."""
    control = sweep(Arm.CONTROL, *(hop(ttl) for ttl in range(1, FAR + 1)))
    own = HopReply(kind="rst", ttl=OWN)
    refusing = [hop(ttl) for ttl in range(1, FAR)] + [Hop(ttl=ttl, replies=(own,)) for ttl in range(FAR, 2 * FAR)]
    assert located([control, sweep(Arm.SUBJECT, *refusing)]) == Location(distance=FAR, why=Why.NOT_CUT)


def test_what_answers_at_the_servers_door_is_told_as_that() -> None:
    """With another TTL than the server's: a front of its own sends so as well."""
    found = located(run(FAR, form=Form.IN_PATH))
    assert (found.first, found.last, found.why, found.form) == (FAR, FAR, Why.SERVER, Form.UNKNOWN)
    assert not found.is_sure
    silent = located(run(FAR, form=Form.IN_PATH, own=None))
    assert (silent.first, silent.last, silent.why, silent.form) == (FAR, FAR, Why.SERVER, Form.UNKNOWN)


def test_ttls_at_random_are_no_pattern() -> None:
    """Neither the same nor in step with the copies: no hop is told where they could be either."""
    control, subject, *_ = run(4)
    for backs in itertools.permutations((1, 2, 4)):
        odd = tuple(
            one
            if not one.replies
            else msgspec.structs.replace(one, replies=(HopReply(kind="rst", ttl=backs[one.ttl - 4]),))
            for one in subject.hops
        )
        found = located([control, msgspec.structs.replace(subject, hops=odd)])
        assert (found.first, found.copies_ttl, found.why) == (None, None, Why.SILENCE)
    high = tuple(
        one if not one.replies else msgspec.structs.replace(one, replies=(HopReply(kind="rst", ttl=90 + one.ttl % 3),))
        for one in subject.hops
    )
    found = located([control, msgspec.structs.replace(subject, hops=high)])
    assert (found.first, found.last, found.copies_ttl) == (4, 4, False)


@pytest.mark.parametrize(
    ("trials", "why"),
    [
        ([], Why.NO_CONTROL),
        ([sweep(Arm.SUBJECT, hop(1))], Why.NO_CONTROL),
        ([sweep(Arm.CONTROL, hop(1))], Why.NO_CONTROL),
        ([msgspec.structs.replace(run(3)[0], connect_ms=None, hops=()), run(3)[1]], Why.NO_CONTROL),
        ([msgspec.structs.replace(run(3)[1], arm=Arm.CONTROL), run(3)[1]], Why.NO_CONTROL),
        ([run(3)[0], msgspec.structs.replace(run(3)[1], same_flow=False)], Why.OTHER_FLOW),
        ([run(3)[0], msgspec.structs.replace(run(3)[1], connect_ms=None, hops=())], Why.SILENCE),
        ([run(3)[0], msgspec.structs.replace(run(3)[0], arm=Arm.SUBJECT)], Why.NOT_CUT),
        ([*run(3, rounds=1), *run(5, rounds=1)], Why.CONTRADICTION),
        ([*run(3, rounds=1), run(3)[0], msgspec.structs.replace(run(3)[0], arm=Arm.SUBJECT)], Why.CONTRADICTION),
    ],
)
def test_where_nothing_is_told_it_says_why(trials: list[PathObservation], why: Why) -> None:
    """No control, no flow in common, looks that exclude each other."""
    found = located(trials)
    assert (found.first, found.last, found.why) == (None, None, why)
