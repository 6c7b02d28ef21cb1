"""What the collector asks of this probe beside its timetable: each request taken up or refused, run once, answered.

Lives here: reading a sealed message of requests, holding each against the device's limits, and the memory of what was
taken up, begun and answered, which outlasts the program: a request that was begun is never begun again, whatever ends
the run. Must not live here: when a run starts (agenda.py, requests.py), the limits themselves (limits.py), how an
answer leaves.
"""

import logging
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_agent.delivery.messages import open_sealed, other_schema
from balise_agent.measure.agenda import Agenda
from balise_agent.measure.requests import OneOff, Refusal
from balise_agent.measure.task_choice import families
from balise_agent.policy import limits
from balise_wire.assignment import Target
from balise_wire.envelope import Kind
from balise_wire.request import DESIGNS, LONGEST_BYTES, LONGEST_SECONDS, MOST_OPEN, Answer, Id, Outcome, Reason, Request
from balise_wire.seal import SealError
from balise_wire.word import unknown_places

_log = logging.getLogger(__name__)

NOTE: Final = "requests"
"""Fact of the spool in which the memory is kept."""
_REMEMBERED: Final = 256
"""Answered requests that are remembered: more than an hour can bring (MOST_OPEN at a time, each a run)."""
_LONGEST: Final = 200

_list = msgspec.json.Decoder(list[msgspec.Raw])
_one = msgspec.json.Decoder(Request)


class _Named(msgspec.Struct):
    """The id of a request, whatever else is in it."""

    id: Id


_named = msgspec.json.Decoder(_Named)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Memory(Protocol):
    """Small facts that outlast the program (the spool's)."""

    def note(self, name: str, value: str) -> None:
        """Keep a fact; a disk that refuses is no error."""

    def noted(self, name: str) -> str:
        """Return a fact; empty where there is none."""


class Desk(NamedTuple):
    """Where requests are taken while the probe measures."""

    agenda: Agenda
    allowed: limits.Limits
    now: float
    """UNIX seconds on the probe's clock."""

    def take(self, request: Request) -> Refusal | None:
        """Hold a request's target against the limits and hand it to the agenda; say why it is not taken."""
        target = self._target(request)
        if isinstance(target, str):
            return Refusal(Reason.TARGET, target)
        wanted = OneOff(
            id=request.id,
            target=target,
            family=families(target)[0],
            experiment=request.experiment,
            design=request.design,
            expires=request.expires,
            most_bytes=min(request.bytes, self.allowed.bytes_per_incident),
        )
        return self.agenda.ask(wanted, self.now)

    def _target(self, request: Request) -> Target | str:
        """Return the target of a request, or why it may not be measured."""
        if request.whole is not None:
            return limits.check_target(request.whole, self.allowed)
        assigned = (one for one in self.agenda.assignment.targets if one.id == request.target)
        return next(assigned, f"{ascii(request.target)[:_LONGEST]} is not assigned to this probe")


class Told(msgspec.Struct, frozen=True):
    """One answer, with words for people."""

    answer: Answer
    detail: str


class _Book(msgspec.Struct, kw_only=True):
    """What is remembered."""

    waiting: dict[str, Request] = {}
    """Taken up and not begun, by id."""
    begun: dict[str, Request] = {}
    answered: list[str] = []
    """Ids, oldest first."""


class RequestBook:
    """Every request that this probe heard of and has not forgotten."""

    def __init__(self, memory: Memory, *, collector: Ed25519PublicKey, probe: str) -> None:
        self._memory = memory
        self._collector = collector
        self._probe = probe
        self._book = _Book()
        self._behind = False
        """Whether the memory on disk lacks something that is only in ours."""

    def restore(self) -> tuple[Told, ...]:
        """Take up what the last run remembered; what it had begun has failed."""
        kept = self._memory.noted(NOTE)
        if not kept:
            return ()
        try:
            self._book = msgspec.json.decode(kept, type=_Book)
        except _UNREADABLE as error:
            _log.error("what was remembered of requests cannot be read: %s", error)
            return ()
        why = "the program ended while it ran"
        return tuple(self._end(one, Outcome.FAILED, why, Reason.INTERRUPTED) for one in [*self._book.begun.values()])

    def offer(self, frame: bytes, now: float, desk: Desk | None) -> tuple[Told, ...]:
        """Consider a message of requests that arrived; those that are known already are passed over.

        Args:
            frame: as received.
            now: UNIX seconds by signed time.
            desk: where they are taken; ``None`` where nothing is measured now.
        """
        if not frame:
            return ()  # nothing is open any more, and the broker keeps nothing
        try:
            pieces = self._opened(frame)
        except (SealError, *_UNREADABLE) as error:
            _log.warning("a message of requests was ignored: %s", error)
            return ()
        told: list[Told] = []
        for raw in pieces[:MOST_OPEN]:
            try:
                request = _one.decode(raw)
            except _UNREADABLE as error:
                told.extend(self._unread(raw, error))
                continue
            if not self._knows(request.id):
                told.append(self._consider(request, now, desk))
        return tuple(told)

    def _opened(self, frame: bytes) -> list[msgspec.Raw]:
        """Return the requests in a message (SealError, DecodeError)."""
        if len(frame) > LONGEST_BYTES:
            raise SealError(f"{len(frame)} bytes; at most {LONGEST_BYTES} are read")
        envelope = open_sealed(frame, self._collector, Kind.COMMAND, self._probe)
        if other := other_schema(envelope):
            raise SealError(other)
        return _list.decode(envelope.body)

    def _unread(self, raw: msgspec.Raw, error: Exception) -> Iterator[Told]:
        """Refuse a request that cannot be read, where it says at least which it is."""
        try:
            id = _named.decode(raw).id
        except _UNREADABLE:
            _log.warning("a request was ignored that does not say which it is")
            return
        if not self._knows(id):
            self._forget(id)
            why = f"request {id[:8]}: refused, {Reason.UNREADABLE}; {error}"[:_LONGEST]
            yield Told(Answer(request=id, outcome=Outcome.REFUSED, reason=Reason.UNREADABLE), why)

    def resume(self, desk: Desk | None) -> tuple[Told, ...]:
        """Have an agenda take what waits: it is a new one after a start, a halt or a pause, or has a new assignment."""
        told: list[Told] = []
        for request in list(self._book.waiting.values()) if desk is not None else ():
            refused = desk.take(request) if desk is not None else None
            if refused is not None:
                told.append(self._refuse(request, refused))
        return tuple(told)

    def expire(self, now: float) -> tuple[Told, ...]:
        """Answer for what could not be begun in time."""
        over = [one for one in self._book.waiting.values() if not now < one.expires]
        return tuple(self._end(one, Outcome.EXPIRED, "it could not be begun in time") for one in over)

    def begin(self, id: str) -> bool:
        """Write down that a request is begun; whether it may be: what cannot be written down might be run twice."""
        request = self._book.waiting.pop(id, None)
        if request is None:
            return False
        self._book.begun[id] = request
        return self._keep()

    def done(self, id: str, measurement: str, failure: str = "") -> tuple[Told, ...]:
        """Answer for a run that ended.

        Args:
            id: of the request.
            measurement: id of what is recorded of it; empty where nothing is.
            failure: why the probe itself ended it, in a few words.
        """
        request = self._book.begun.get(id)
        if request is None:
            return ()
        if not measurement:
            return (self._end(request, Outcome.FAILED, "it was let go", Reason.INTERRUPTED),)
        if failure:
            return (self._end(request, Outcome.FAILED, failure, Reason.OWN_FAILURE, measurement),)
        return (self._end(request, Outcome.DONE, "", measurement=measurement),)

    def unbegun(self, id: str) -> tuple[Told, ...]:
        """Answer for one that was offered a start and cannot have it: our disk takes no note of it."""
        request = self._book.begun.get(id)
        why = "this probe can write nothing down now, and would run it again after a restart"
        return () if request is None else (self._end(request, Outcome.FAILED, why, Reason.OWN_FAILURE),)

    def settle(self) -> None:
        """Write down what was answered, once the answers themselves are on disk."""
        if self._behind:
            self._keep()

    def _knows(self, id: str) -> bool:
        return id in self._book.waiting or id in self._book.begun or id in self._book.answered

    def _consider(self, request: Request, now: float, desk: Desk | None) -> Told:
        """Take one up, or refuse it."""
        refused = _refusal(request, now)
        if refused is None and len(self._book.waiting) + len(self._book.begun) >= MOST_OPEN:
            refused = Refusal(Reason.TOO_MANY, f"{MOST_OPEN} are open already")
        if refused is None:
            refused = desk.take(request) if desk else Refusal(Reason.NOT_MEASURING, "nothing is measured now")
        if refused is not None:
            return self._refuse(request, refused)
        self._book.waiting[request.id] = request
        self._keep()
        return Told(Answer(request=request.id, outcome=Outcome.ACCEPTED), _words(request, Outcome.ACCEPTED, None, ""))

    def _refuse(self, request: Request, refused: Refusal) -> Told:
        """Close one that is not run."""
        outcome = Outcome.EXPIRED if refused.reason is None else Outcome.REFUSED
        return self._end(request, outcome, refused.why, refused.reason)

    def _forget(self, id: str) -> None:
        """Move a request to those that are answered; it is written down when the answer is (``settle``)."""
        self._book.waiting.pop(id, None)
        self._book.begun.pop(id, None)
        self._book.answered = [*self._book.answered, id][-_REMEMBERED:]
        self._behind = True

    def _end(
        self, request: Request, outcome: Outcome, why: str, reason: Reason | None = None, measurement: str = ""
    ) -> Told:
        """Close one and return the answer."""
        self._forget(request.id)
        answer = Answer(request=request.id, outcome=outcome, reason=reason, measurement=measurement)
        return Told(answer, _words(request, outcome, reason, why))

    def _keep(self) -> bool:
        """Write everything down; whether the disk took it."""
        text = msgspec.json.encode(self._book).decode()
        self._memory.note(NOTE, text)
        self._behind = self._memory.noted(NOTE) != text
        return not self._behind


def _refusal(request: Request, now: float) -> Refusal | None:
    """Say why a request is refused, whatever this probe measures; ``None`` where it is not."""
    if not now < request.expires:
        return Refusal(None, "it was over when it arrived")
    strange = sorted({str(place[0]) for place, _ in unknown_places(request)})
    if strange or request.design not in DESIGNS:
        why = f"a word of {', '.join(strange) or 'design'} is none that this software has"
        return Refusal(Reason.UNREADABLE, why)
    if request.expires - request.made > LONGEST_SECONDS:
        return Refusal(Reason.TOO_LONG, f"it may wait {LONGEST_SECONDS:.0f} s at most")
    return None


def _words(request: Request, outcome: Outcome, reason: Reason | None, why: str) -> str:
    """Return an answer in words for people; programs read the answer itself."""
    what = f"request {request.id[:8]}, {request.experiment} of {ascii(request.about)[1:-1][:_LONGEST]}: {outcome}"
    return "; ".join(filter(None, (f"{what}, {reason}" if reason else what, why)))
