"""What a pair of captures shows: connections that ask for a subject's name beside those that ask for a control's. Pure.

Two things are told as blocked: a connection of which somebody forged an end or an answer, and requests that are lost
where the control's are answered. A reset without a sign of forgery is not: the server may have sent it. Where a capture
is a sweep over TTLs (CenTrace), requests that could not reach the server are compared with control requests that went
as far. Must not live here: reading files, the signs themselves (judge/injection.py), printing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from balise_collector.judge.injection import FORGED, MOST, Trace, trace, weighed
from balise_collector.judge.injectors import known
from balise_collector.run.captures.connections import Connection
from balise_collector.system.harmless import line

T = TypeVar("T")
ENOUGH: Final = 3
"""Connections that must be lost before loss is more than chance (judge/rules.py MIN_TRIALS)."""
_WATCHED_US: Final = 2_000_000
"""A request is lost only where nothing came for so long (RFC 6298: a retransmission and its answer)."""
_WHOLE_WAY: Final = 40
"""Nobody is farther away: a request with this TTL or more reaches every server."""
_DOOR: Final = 1
"""Hops by which the ways of two connections may differ (equal-cost routes)."""
_NEARER: Final = 3.0
"""Nats of an end or an answer to a request that was sent to die before the server."""
NEARER: Final = "nearer"
"""That sign's word; the others are those of judge/injection.py."""


class Ending(StrEnum):
    """How a connection ended, as far as its request had to do with it."""

    ANSWERED = "answered"
    RESET = "reset"
    CLOSED = "closed"
    SILENT = "silent"
    REFUSED = "refused"
    """The SYN was reset."""
    NO_HANDSHAKE = "no handshake"
    UNFINISHED = "unfinished"
    """Nothing was asked, or the capture ends too early."""


_SPOKE: Final = frozenset({Ending.ANSWERED, Ending.RESET, Ending.CLOSED})


class Conclusion(StrEnum):
    """What a pair comes to, in the words of ``balise_wire.words`` for measurements."""

    BLOCKED = "blocked"
    OK = "ok"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True)
class PairResult:
    """What a pair shows."""

    conclusion: Conclusion
    why: str
    score: float = 0.0
    """Injection evidence in nats, of the connection that bears most of it."""
    signs: tuple[str, ...] = ()
    subject: Counter[Ending] = field(default_factory=Counter)
    control: Counter[Ending] = field(default_factory=Counter)
    injector: str = ""
    """The known injector that sends such packets."""


@dataclass(frozen=True, slots=True)
class _Seen:
    connection: Connection
    trace: Trace
    ending: Ending
    ttl: int
    """TTL of its request; 0 where none was sent."""
    score: float = 0.0
    signs: tuple[str, ...] = ()


def compare(subject: Sequence[Connection], control: Sequence[Connection]) -> PairResult:
    """Compare the connections of two captures.

    Where requests tell their names, the subject's is the commonest of the first capture, at the server that is asked
    most often for it; connections of the second that ask for it are no controls (a capture may have gone on into the
    next), nor are those to another server.
    """
    name = _commonest(each.name for each in subject if each.name) or ""
    asking = [each for each in subject if not name or each.name in {name, ""}]
    server = _commonest(each.server for each in asking if each.name == name)
    beside = [each for each in control if each.server == server]
    others = [each for each in beside if not name or each.name != name]
    theirs = [_look(each) for each in others or beside]
    ours = _weigh([_look(each) for each in asking if each.server == server], theirs)
    conclusion, why = _conclude(ours, theirs) if others else (Conclusion.INSUFFICIENT, _no_control(control, name))
    best = max(ours, key=lambda each: each.score, default=None)
    return PairResult(
        conclusion,
        why,
        score=best.score if best else 0.0,
        signs=best.signs if best else (),
        subject=Counter(each.ending for each in ours),
        control=Counter(each.ending for each in theirs),
        injector=known(best.connection.packets) if best and conclusion is Conclusion.BLOCKED else "",
    )


def _commonest(found: Iterable[T]) -> T | None:
    return next((each for each, _ in Counter(found).most_common(1)), None)


def _no_control(control: Sequence[Connection], name: str) -> str:
    """Tell why no connection of the second capture is a control."""
    if not control:
        return "the control has no connection that began in it"
    if name and all(each.name == name for each in control):
        return f"both captures ask for {line(name)}: there is no control"
    return "the control's connections go to another server"


def _look(connection: Connection) -> _Seen:
    found = trace(connection.packets)
    ttl = found.hello.ttl if found.hello is not None else 0
    return _Seen(connection, found, _ending(found, connection.until_us), ttl)


def _ending(found: Trace, until_us: int) -> Ending:
    if found.synack is None:
        refused = any("R" in end.flags for end in found.endings)
        return Ending.REFUSED if refused else Ending.NO_HANDSHAKE
    if found.hello is None:
        return Ending.UNFINISHED
    if found.data:
        return Ending.ANSWERED
    if found.killer is not None and found.killer.t_us >= found.hello.t_us:
        return Ending.RESET if "R" in found.killer.flags else Ending.CLOSED
    return Ending.SILENT if until_us - found.hello.t_us >= _WATCHED_US else Ending.UNFINISHED


def _weigh(ours: Sequence[_Seen], theirs: Sequence[_Seen]) -> list[_Seen]:
    """Give each subject connection its score and signs, with the one that only a sweep shows."""
    packets = ([each.connection.packets for each in side] for side in (ours, theirs))
    reach = _reach(theirs)
    found = []
    for each, (score, signs) in zip(ours, weighed(*packets), strict=True):
        words: list[str] = sorted(signs)
        near = _nearer(each, theirs, reach)
        nats = min(MOST, score + _NEARER * near)
        found.append(_Seen(each.connection, each.trace, each.ending, each.ttl, nats, (*words, *[NEARER][: int(near)])))
    return found


def _reach(theirs: Sequence[_Seen]) -> int:
    """Return the TTL from which on a control's request reached the server, as its answer shows; 0 where none did."""
    return min(min((c.ttl for c in theirs if c.ending is Ending.ANSWERED), default=0), _WHOLE_WAY)


def _nearer(each: _Seen, theirs: Sequence[_Seen], reach: int) -> bool:
    """Tell whether somebody spoke although the request died before the server, as it did for the control."""
    if each.ending not in _SPOKE or not 0 < each.ttl < reach - _DOOR or reach >= _WHOLE_WAY:
        return False
    beside = [c for c in theirs if each.ttl <= c.ttl < reach]
    return bool(beside) and all(c.ending is Ending.SILENT for c in beside)


def _conclude(ours: Sequence[_Seen], theirs: Sequence[_Seen]) -> tuple[Conclusion, str]:
    asked = [each for each in ours if each.ending in _SPOKE | {Ending.SILENT}]
    if not asked:
        refused = any(each.ending is Ending.REFUSED for each in ours)
        return Conclusion.INSUFFICIENT, "the port refuses the handshake itself" if refused else "nothing was asked"
    if not any(each.ending in _SPOKE | {Ending.SILENT} for each in theirs):
        return Conclusion.INSUFFICIENT, "no control asked anything: there is nothing to compare with"
    forged = [each for each in asked if each.score >= FORGED]
    if forged:
        return _of_forged(forged, asked, theirs)
    reach = _reach(theirs)
    if not reach:
        return Conclusion.INSUFFICIENT, "no control was answered: there is nothing to compare with"
    return _of_reached(
        ours, [each for each in asked if each.ttl >= reach], [c for c in theirs if c.ttl >= reach], reach
    )


def _of_forged(forged: Sequence[_Seen], asked: Sequence[_Seen], theirs: Sequence[_Seen]) -> tuple[Conclusion, str]:
    """Conclude from connections of which an end or an answer was forged."""
    first = min(_WHOLE_WAY, *(each.ttl for each in forged))
    as_far = [each for each in asked if each.ttl >= first]
    if not any(c.ttl >= first for c in theirs):
        return Conclusion.INSUFFICIENT, f"signs of forgery, but no control went as far (TTL {first})"
    reach = _reach(theirs)
    if 0 < reach < _WHOLE_WAY and first >= reach:
        return (
            Conclusion.INSUFFICIENT,
            f"only where the request reaches the server (TTL {reach}): it may do this itself",
        )
    told = f"{len(forged)} of {len(as_far)} connections"
    if 2 * len(forged) < len(as_far):
        return Conclusion.INSUFFICIENT, f"signs of forgery in {told} alone"
    where = f", from TTL {first} on; the server answers from {reach}" if 0 < reach < _WHOLE_WAY else ""
    return Conclusion.BLOCKED, f"a packet that the server did not send ends or answers {told}{where}"


def _of_reached(
    ours: Sequence[_Seen], reached: Sequence[_Seen], controls: Sequence[_Seen], reach: int
) -> tuple[Conclusion, str]:
    """Conclude from the requests that went as far as the control's that were answered; none bears signs."""
    if not reached:
        return Conclusion.INSUFFICIENT, f"no request went as far as the control's that was answered (TTL {reach})"
    ways = Counter(each.ending for each in reached)
    cut = sum(bool(each.trace.resets) for each in reached if each.ending is Ending.ANSWERED)
    if cut and not any(c.trace.resets for c in controls):
        return Conclusion.INSUFFICIENT, f"{cut} answered and then reset, without a sign of forgery"
    if 2 * ways[Ending.ANSWERED] >= len(reached):
        return Conclusion.OK, f"{ways[Ending.ANSWERED]} of {len(reached)} requests are answered"
    if ways[Ending.SILENT] < len(reached):
        told = " and ".join(f"{count} {ending}" for ending, count in ways.items())
        return Conclusion.INSUFFICIENT, f"{told}, without a sign of forgery: the server may do this itself"
    if any(c.ending not in {Ending.ANSWERED, Ending.UNFINISHED} for c in controls):
        return Conclusion.INSUFFICIENT, "requests are lost, and the control's are now and then"
    if len(reached) < ENOUGH:
        return Conclusion.INSUFFICIENT, f"{len(reached)} lost of {len(reached)} requests: fewer than {ENOUGH}"
    lost = f"all {len(reached)} requests are lost where the control's are answered"
    return Conclusion.BLOCKED, f"{lost}{_from_where(ours, reach)}"


def _from_where(ours: Sequence[_Seen], reach: int) -> str:
    """Tell from which TTL on a sweep's connections are lost as a whole: their ends are not answered either."""
    if reach >= _WHOLE_WAY:
        return "; the server itself is not excluded"
    gone = [each.ttl for each in ours if each.ending is Ending.SILENT and not each.trace.endings]
    kept = [each.ttl for each in ours if each.trace.endings]
    first = min((ttl for ttl in gone if ttl > max((k for k in kept if k < reach), default=0)), default=reach)
    near = "; a firewall of the server's own is not excluded" if first >= reach - _DOOR else ""
    return f", from TTL {first} on; the server answers from {reach}{near}"
