"""Where on the way a name is cut, from the sweeps of one run (docs/experiments/path.md). Pure.

A hop is told by the TTL of the copies that were *sent*: the box stands between the router at which copies with one less
die and the one at which copies with that TTL would. What a silent router leaves open stays open: an interval that holds
the hop, or nothing, but never a hop that was guessed. It is a fact of where, and accuses nobody. Must not live here: to
whom a router belongs (the operator's table), whether anything is blocked (rules.py of other experiments), words.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from balise_wire.experiments.path import PathObservation, distance, forged, is_cut, passed, stopped
from balise_wire.words import Arm

_COPIES: Final = 3
"""Copies that reach a server's distance in silence, before its silence counts: one may be lost."""


class Form(StrEnum):
    """What becomes of a copy that the box acts upon."""

    IN_PATH = "in_path"
    """It goes no further."""
    ON_PATH = "on_path"
    """It goes on: a router behind the box, or the server, had it."""
    UNKNOWN = "unknown"


class Why(StrEnum):
    """Why no hop is told, or none for sure."""

    NONE = ""
    """It is told."""
    NOT_CUT = "not_cut"
    """The name passed like the control's: nothing was there to be found."""
    NO_CONTROL = "no_control"
    """There was no control, or it met nobody, or its own name was cut as well."""
    OTHER_FLOW = "other_flow"
    """Control and subject left from different ports: they may have gone different ways."""
    CONTRADICTION = "contradiction"
    """Two looks exclude each other: the route changed, or the box acts on a part of the flows."""
    SILENCE = "silence"
    """Routers say too little."""
    SERVER = "server"
    """It may be the server itself, or what stands right before it: only copies that reach it are answered."""


class Location(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where it is cut, by one run."""

    first: int | None = None
    last: int | None = None
    """The hops between which the box's is, both among them; equal where it is one. ``None``: not known."""
    before: str = ""
    """The router of the hop before ``first``: its prefix, ``private``; empty where it is not known."""
    at: str = ""
    """The router of ``last``, likewise: the first behind the box."""
    form: Form = Form.UNKNOWN
    copies_ttl: bool | None = None
    """Whether it answers with the TTL of what it answers; ``None`` where that cannot be told."""
    distance: int | None = None
    """Of the server, in hops; ``None`` where it is not known."""
    rounds: int = 0
    """Looks that agree; one alone is a weak one."""
    why: Why = Why.NONE

    @property
    def is_sure(self) -> bool:
        """Whether it is one hop, by two looks, and not the server's own door."""
        return self.first is not None and self.first == self.last and self.rounds > 1 and self.why is Why.NONE


class _Round(NamedTuple):
    control: PathObservation
    subject: PathObservation | None
    after: PathObservation | None


class _Found(NamedTuple):
    """What one round says."""

    first: int
    last: int
    form: Form
    why: Why = Why.NONE


_Pair = tuple[int, int]
"""The TTL with which a copy left, and that with which its forged answer arrived."""


def located(trials: Sequence[PathObservation]) -> Location:
    """Return where one run's subject is cut; trials of another kind of run are no harm."""
    rounds = list(_rounds(trials))
    if not rounds:
        return Location(why=Why.NO_CONTROL)
    far = next((at for one in rounds if (at := distance(one.control)) is not None), None)
    usable: list[_Round] = []
    whys: list[Why] = []
    for one in rounds:
        why = _unusable(one)
        usable += [one] if why is Why.NONE else []
        whys += [] if why is Why.NONE else [why]
    if not usable:
        return Location(distance=far, why=min(whys, key=list(Why).index))
    if Why.NOT_CUT in whys:
        return Location(distance=far, why=Why.CONTRADICTION)
    usual = [one for one in trials if one.usual and one.arm is Arm.SUBJECT]
    pairs = [pair for one in usable for pair in _pairs(one, usual)]
    copies = _copies_ttl(pairs)
    found = [_place(one, usual, copies, pairs) for one in usable]
    whys = [one for one in found if isinstance(one, Why)]
    places = [one for one in found if isinstance(one, _Found)]
    if not places or Why.CONTRADICTION in whys:
        return Location(distance=far, copies_ttl=copies, why=whys[0] if not places else Why.CONTRADICTION)
    first, last = max(one.first for one in places), min(one.last for one in places)
    if first > last:
        return Location(distance=far, copies_ttl=copies, why=Why.CONTRADICTION)
    forms = {one.form for one in places} - {Form.UNKNOWN}
    return Location(
        first=first,
        last=last,
        before=_router(usable, first - 1),
        at=_router(usable, last),
        form=forms.pop() if len(forms) == 1 else Form.UNKNOWN,
        copies_ttl=copies,
        distance=far,
        rounds=sum(one.first <= last and first <= one.last for one in places),
        why=max((one.why for one in places), key=list(Why).index) if last == far else Why.NONE,
    )


def _rounds(trials: Iterable[PathObservation]) -> Iterator[_Round]:
    """Yield each control's sweep with what followed it."""
    held: _Round | None = None
    for one in trials:
        if one.arm is Arm.CONTROL:
            if held is not None:
                yield held
            held = _Round(one, None, None)
        elif held is not None and one.arm is Arm.SUBJECT and not one.usual and held.subject is None:
            held = held._replace(subject=one)
        elif held is not None and one.arm is Arm.AFTER and held.after is None:
            held = held._replace(after=one)
    if held is not None:
        yield held


def _unusable(one: _Round) -> Why:
    """Say why a round tells nothing of a place."""
    spoilt = any(forged(hop, one.control) for hop in one.control.hops)
    if one.subject is None or one.control.connect_ms is None or spoilt:
        return Why.NO_CONTROL
    if one.subject.connect_ms is None:
        return Why.SILENCE
    if not one.subject.same_flow or not one.control.same_flow:
        return Why.OTHER_FLOW
    return Why.NONE if is_cut(one.control, one.subject) else Why.NOT_CUT


def _pairs(one: _Round, usual: Sequence[PathObservation]) -> Iterator[_Pair]:
    """Yield every forged answer of a round, and of the copies with the usual TTL."""
    for sweep in (one.subject, *usual):
        for hop in () if sweep is None else sweep.hops:
            for reply in forged(hop, one.control):
                yield hop.ttl, reply.ttl


def _copies_ttl(pairs: Sequence[_Pair]) -> bool | None:
    """Tell whether a box answers with the TTL of what it answers (CenTrace; Triplet Censors).

    Such an answer leaves with what is left of the copy's TTL after ``hop - 1`` routers, and passes as many on its way
    back: it arrives with ``ttl - 2 * (hop - 1)``, and never with more than the copy had. An answer with a TTL of the
    box's own arrives with the same whatever the copy had.
    """
    if not pairs:
        return None
    if any(back > sent for sent, back in pairs):
        return False
    if len({sent for sent, _ in pairs}) < 2:
        return None
    if len({back for _, back in pairs}) == 1:
        return False
    lost = {sent - back for sent, back in pairs}
    return True if len(lost) == 1 and not lost.pop() % 2 else None


def _place(one: _Round, usual: Sequence[PathObservation], copies: bool | None, pairs: Sequence[_Pair]) -> _Found | Why:
    """Return between which hops one round has the box, or why it has none."""
    subject, far = one.subject, distance(one.control)
    assert subject is not None  # noqa: S101 - rounds without one are unusable
    went = [hop.ttl for hop in subject.hops if passed(hop, one.control)]
    missing = _missing(one)
    cut = min((hop.ttl for hop in subject.hops if forged(hop, one.control)), default=None)
    if cut is None:
        return _silent(one, usual, went, missing)
    if copies is None:
        return Why.SILENCE
    if copies:
        hop = 1 + (pairs[0][0] - pairs[0][1]) // 2
        behind = any(ttl >= hop for ttl in went)
        if hop > (far or hop) or any(ttl < hop for ttl in missing):
            return Why.CONTRADICTION
        return _Found(hop, hop, _form(went=behind, lost=bool(missing)))
    first = 1 + max((ttl for ttl in went if ttl < cut), default=0)
    if far is not None and cut >= far:
        return _Found(first, far, Form.UNKNOWN, Why.SERVER)
    return _Found(first, cut, _form(went=any(ttl >= cut for ttl in went), lost=any(ttl >= cut for ttl in missing)))


def _silent(one: _Round, usual: Sequence[PathObservation], went: Sequence[int], missing: Sequence[int]) -> _Found | Why:
    """Return between which hops copies vanish: behind the last that arrived, at the first that is missed for sure."""
    subject, far = one.subject, distance(one.control)
    assert subject is not None  # noqa: S101 - as above
    if any(passed(hop, one.control) for sweep in usual for hop in sweep.hops):
        return Why.CONTRADICTION
    first = 1 + max(went, default=0)
    sure = [ttl for ttl in missing if ttl >= first]
    if sure and sure[0] != far:
        return _Found(first, sure[0], Form.IN_PATH)
    if far is None:
        return Why.SILENCE
    # The server's own answer is bounded by nobody, as routers' errors are: its silence needs no second look.
    reached = [hop for sweep in (subject, *usual) for hop in sweep.hops if hop.ttl >= far]
    if sum(hop.copies for hop in reached) < _COPIES:
        return Why.SILENCE
    return _Found(first, far, Form.IN_PATH if first < far else Form.UNKNOWN, Why.SERVER)


def _missing(one: _Round) -> list[int]:
    """Return the TTLs at which the subject's copies did not arrive and the control's did, before and after."""
    if one.subject is None or one.after is None:
        return []
    before = {hop.ttl for hop in one.control.hops if passed(hop, one.control)}
    again = {hop.ttl for hop in one.after.hops if passed(hop, one.control)}
    lost = {hop.ttl for hop in one.subject.hops if stopped(hop, one.control)}
    return sorted(before & again & lost) if one.after.same_flow else []


def _form(*, went: bool, lost: bool) -> Form:
    """Say what becomes of copies behind the box: one that arrived there was not stopped."""
    if went:
        return Form.ON_PATH
    return Form.IN_PATH if lost else Form.UNKNOWN


def _router(rounds: Iterable[_Round], ttl: int) -> str:
    """Return the router of a hop, where all sweeps that heard one heard the same."""
    sweeps = [sweep for one in rounds for sweep in (one.control, one.subject) if sweep is not None]
    found = {hop.address for sweep in sweeps for hop in sweep.hops if hop.ttl == ttl and hop.answer == "exceeded"}
    return found.pop() if len(found) == 1 else ""
