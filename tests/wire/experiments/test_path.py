"""What a sweep says of copies and answers, and what it costs."""

from __future__ import annotations

import pytest

from balise_wire.assignment import Target
from balise_wire.experiments import cost
from balise_wire.experiments.path import (
    COPY,
    MOST_COPIES,
    Hop,
    HopReply,
    PathObservation,
    distance,
    forged,
    is_cut,
    passed,
    server_ttl,
    stopped,
)
from balise_wire.experiments.traits import RunShape
from balise_wire.words import Arm, Design, Experiment, TargetRole

TARGET = Target(id="s/web/h/4", service="s", role=TargetRole.WEB, host="h", addresses=("192.0.2.1",))
ROUTER = Hop(ttl=1, address="9.9.9.0/24", answer="exceeded")


def reply(ttl: int, kind: str, back: int) -> Hop:
    """Return a hop at which something came in the server's name."""
    return Hop(ttl=ttl, replies=(HopReply(kind=kind, ttl=back),))


def sweep(*hops: Hop, arm: Arm = Arm.CONTROL) -> PathObservation:
    """Return a sweep."""
    return PathObservation(arm=arm, at=0.0, address="192.0.2.1", port=443, connect_ms=1.0, hops=hops)


CONTROL = sweep(ROUTER, Hop(ttl=2, copies=3), reply(3, "data", 55))


@pytest.mark.parametrize(
    ("hop", "false", "went", "stays"),
    [
        (ROUTER, False, True, False),
        (Hop(ttl=2, copies=3), False, False, True),
        (reply(2, "rst", 55), True, False, True),
        (reply(2, "ack", 55), False, False, False),
        (reply(3, "data", 55), False, True, False),
        (reply(3, "rst", 55), False, False, False),
        (reply(3, "rst", 56), False, False, False),
        (reply(3, "rst", 57), True, False, True),
        (reply(3, "data", 60), True, False, True),
    ],
)
def test_what_a_hop_says_of_a_copy(hop: Hop, false: bool, went: bool, stays: bool) -> None:
    """A copy that dies before the server is not answered by it; a reset with the server's TTL proves nothing."""
    assert (bool(forged(hop, CONTROL)), passed(hop, CONTROL), stopped(hop, CONTROL)) == (false, went, stays)


def test_where_the_server_stands() -> None:
    """From where on it answers the control; a reset is no answer of that kind."""
    assert (distance(CONTROL), server_ttl(CONTROL)) == (3, 55)
    lost = sweep(ROUTER, reply(2, "rst", 60))
    assert (distance(lost), server_ttl(lost)) == (None, None)
    assert forged(reply(1, "rst", 60), lost)
    assert not forged(reply(2, "rst", 60), lost)


def test_what_is_cut() -> None:
    """A forged answer anywhere, or silence where the control was heard last."""
    assert is_cut(CONTROL, sweep(reply(2, "rst", 60)))
    assert is_cut(CONTROL, sweep(ROUTER, Hop(ttl=3, copies=3)))
    assert not is_cut(CONTROL, sweep(ROUTER, Hop(ttl=2, copies=3), reply(3, "data", 55)))
    assert not is_cut(CONTROL, sweep(ROUTER))


def test_what_a_run_costs() -> None:
    """docs/experiments/path.md states these bytes; on demand they fit a metered probe's bytes for an incident."""
    costs = [cost(Experiment.PATH, RunShape(target=TARGET, design=one)) for one in (Design.SENTINEL, Design.PAIRED)]
    assert costs == [MOST_COPIES * COPY + 8_000, MOST_COPIES * COPY + 16_000] == [90_800, 98_800]
    assert cost(Experiment.PATH, RunShape(target=TARGET, design=Design.ON_DEMAND)) == sum(costs) < 200_000
