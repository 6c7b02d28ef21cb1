"""The path experiment: a name shown with a rising TTL, to see where on the way it is cut (docs/experiments/path.md).

Copies of one segment leave with a TTL of 1, 2, 3 and so on; routers tell where each dies (RFC 792, RFC 4443 3.3). All
of a sweep, and the sweeps that are compared, are of one flow, so that load balancers lead them the same way (Paris
traceroute, Augustin et al. 2006). Here live what a sweep saw, its traits and what it costs. Must not live here: its
plan (agent), where the box stands (collector), or any verdict.
"""

from typing import Final

import msgspec

from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.trial import Trial
from balise_wire.words import Experiment

HOPS: Final = 30
"""The largest TTL of a sweep, but for boxes that copy it (plan.py)."""
COPY: Final = 1_150
"""Bytes of one copy of a hello (570 to 590), and of the router's answer, which may quote all of it (RFC 4443 3.3)."""
CONNECTION: Final = 4_000
"""Bytes of one connection, beside the copies: handshake, the server's first flight (one segment), resets."""
MOST_COPIES: Final = 72
"""Copies of one round at most, over all its sweeps: for 20 hops, thrice where they are silent."""
USUAL: Final = {4: (29_100, 4_500), 6: (30_700, 4_900)}
"""Bytes of a round on a way of ten hops, the name cut behind the second, and of the two looks more of a paired run."""
SWEEPS: Final = 2
"""Connections of a sentinel: control and subject."""
TRAITS: Final = Traits(
    word=Experiment.PATH,
    title="path",
    transport=Transport.TCP,
    heavy=True,
    asked=True,
)


class PathParameters(Parameters, frozen=True):
    """Nothing: address, port and what is shown (a TLS hello, or a request over HTTP) are the target's."""


def cost(shape: RunShape) -> int:
    """Return the bytes of a run at most, both directions; a paired one looks twice more, each on a connection."""
    return MOST_COPIES * COPY + (SWEEPS + 2 * shape.paired) * CONNECTION


def usual(shape: RunShape) -> int:
    """Return the bytes of a run on a way of ten hops, the name cut behind the second."""
    one, more = USUAL[shape.family]
    return one + more * shape.paired


class HopReply(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What came from the server's address after a copy: the server's own word, or one that was forged in its name."""

    kind: str
    """``rst``, ``fin``, ``data`` or ``ack``."""
    ttl: int
    """The TTL (hop limit) that it arrived with."""
    rtt_ms: float | None = None


class Hop(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One TTL of a sweep."""

    ttl: int
    """That the copies left with."""
    address: str = ""
    """Of the router that answered: its prefix (/24, /48); ``private`` for the home's and all that nobody can route."""
    rtt_ms: float | None = None
    answer: str = ""
    """The router's: ``exceeded``, ``unreachable:<type>/<code>``; empty for silence. Nobody has sent the words
    ``reached``, ``rst`` and ``data``, which versions before 0.2 documented."""
    copies: int = 1
    """That left; of a silent hop, several."""
    replies: tuple[HopReply, ...] = ()


class PathObservation(Trial, frozen=True, tag="path"):
    """One sweep: copies of one segment on one flow; ``arm`` says whose name they showed."""

    address: str
    port: int
    payload: str = ""
    """What the copies carried: ``hello`` (TLS) or ``request`` (HTTP); older rows have ``subject`` or ``control``."""
    hops: tuple[Hop, ...] = ()
    """In the order in which they were tried."""
    connect_ms: float | None = None
    """``None`` where the connection was never made: nothing was shown then."""
    same_flow: bool = False
    """Whether it left from the port of the run's first sweep: then both went the same way."""
    usual: bool = False
    """Whether it is no sweep, but the one copy that leaves with the usual TTL."""


_SAID: Final = frozenset({"rst", "fin", "data"})
"""What says something; a bare acknowledgement comes from whoever took the segment."""


def answered(hop: Hop) -> bool:
    """Tell whether anybody answered a hop's copies."""
    return bool(hop.answer or hop.replies)


def distance(control: PathObservation) -> int | None:
    """Return the TTL from which on the server answers the control's name; ``None`` where that is not known."""
    reached = (hop.ttl for hop in control.hops if any(one.kind in {"ack", "data"} for one in hop.replies))
    return min(reached, default=None)


def server_ttl(control: PathObservation) -> int | None:
    """Return the TTL with which the server's own packets arrive; ``None`` where that is not known."""
    at = distance(control)
    replies = (one for hop in control.hops if hop.ttl == at for one in hop.replies if one.kind in {"ack", "data"})
    return next((one.ttl for one in replies), None)


def forged(hop: Hop, control: PathObservation) -> tuple[HopReply, ...]:
    """Return what came in the server's name and cannot be its own, by what the control saw of the same way.

    A copy that dies before the server cannot be answered by it. One that reaches it may be: there what arrives with
    another TTL than the server's is somebody else's, a change of one aside (a route that changed).
    """
    at, own = distance(control), server_ttl(control)
    if at is None:
        on_the_way = max((one.ttl for one in control.hops if one.answer == "exceeded"), default=0)
        return tuple(one for one in hop.replies if one.kind in _SAID and hop.ttl <= on_the_way)
    return tuple(
        one
        for one in hop.replies
        if one.kind in _SAID and (hop.ttl < at or (own is not None and abs(one.ttl - own) > 1))
    )


def passed(hop: Hop, control: PathObservation) -> bool:
    """Tell whether a copy went as far as its TTL led: a router told that it died, or the server took it.

    A reset in the server's name is no proof of that, even with the server's TTL.
    """
    if hop.answer == "exceeded":
        return True
    at, own = distance(control), server_ttl(control)
    taken = any(one.kind in {"ack", "data"} and one.ttl == own for one in hop.replies)
    return at is not None and hop.ttl >= at and taken


def stopped(hop: Hop, control: PathObservation) -> bool:
    """Tell whether nothing at all speaks for a copy's having gone so far; where it is open, neither this nor that."""
    false = forged(hop, control)
    return not hop.answer and all(one in false for one in hop.replies)


def is_cut(control: PathObservation, subject: PathObservation) -> bool:
    """Tell whether the subject's name met what the control's did not: a forged answer, or silence to the end."""
    if any(forged(hop, control) for hop in subject.hops):
        return True
    heard = [hop.ttl for hop in control.hops if answered(hop)]
    last = {hop.ttl: hop for hop in subject.hops}.get(max(heard, default=0))
    return last is not None and not answered(last)
