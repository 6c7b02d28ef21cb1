"""What the collector asks for once: from the publisher to the book of requests and the agenda, and back as answers.

Must not live here: what is taken up (measure/request_book.py), when it runs (measure/agenda.py), or how it runs.
"""

import logging
from collections.abc import Iterable

import msgspec

from balise_agent.delivery.spool.packing import Record
from balise_agent.measure.assignment_follower import AssignmentFollower
from balise_agent.measure.request_book import Desk, RequestBook, Told
from balise_agent.policy.egress import Egress
from balise_agent.run.recorder import Recorder
from balise_agent.system.clock import Clock
from balise_agent.system.reactor import Reactor
from balise_wire.envelope import Kind
from balise_wire.status import Event, EventKind

_log = logging.getLogger(__name__)


class Asked:
    """The requests of one probe, joined with what carries them out."""

    def __init__(
        self,
        book: RequestBook,
        follower: AssignmentFollower,
        recorder: Recorder,
        egress: Egress,
        clock: Clock,
        reactor: Reactor,
    ) -> None:
        self._book = book
        self._follower = follower
        self._recorder = recorder
        self._egress = egress
        self._clock = clock
        self._reactor = reactor

    def restore(self) -> None:
        """Take up what the last run remembered."""
        self._answer(self._book.restore())

    def hear(self, frame: bytes) -> None:
        """Consider a message of requests; the agenda may have more to do afterwards."""
        self._answer(self._book.offer(frame, self._clock.signed(), self._desk()))

    def resume(self) -> None:
        """Have the agenda take what waits: it may be another one by now."""
        self._answer(self._book.resume(self._desk()))

    def expire(self) -> None:
        """Answer for what could not be begun in time."""
        self._answer(self._book.expire(self._clock.signed()))

    def begin(self, id: str) -> bool:
        """Write down that a request is begun; whether it may be."""
        if self._book.begin(id):
            return True
        self._answer(self._book.unbegun(id))
        return False

    def done(self, id: str, measurement: str, failure: str) -> None:
        """Answer for a run that ended; ``measurement`` is empty where nothing of it is recorded."""
        self._answer(self._book.done(id, measurement, failure))

    def settle(self) -> None:
        """Remember what was answered: the answers themselves are on disk."""
        self._book.settle()

    def _desk(self) -> Desk | None:
        agenda = self._follower.agenda
        return None if agenda is None else Desk(agenda, self._egress.rules, self._clock.now())

    def _answer(self, told: Iterable[Told]) -> None:
        """Record what became of requests, and remember it once that is committed."""
        for one in told:
            now = self._clock.now()
            _log.info("%s", one.detail)
            event = Event(kind=EventKind.REQUEST_ANSWERED, at=now, detail=one.detail, answer=one.answer)
            self._recorder.record(Record(Kind.EVENT, msgspec.json.encode(event), now))
            # After the recorder's own commit, which was asked for before this.
            self._reactor.soon(self.settle)
