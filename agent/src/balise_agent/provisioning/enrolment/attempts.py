"""Visits, one after the other, until one brings an enrolment: which front, when, and what to remember of failures.

Lives here: the joining of ``decide`` (when, what) with ``visit`` (carrying it out) on the reactor. Must not live here:
whether the board may speak at all: its owners, ``loop`` and ``renewal``, ask that first.
"""

import logging
import random
from dataclasses import dataclass
from typing import Final

from balise_agent import __version__
from balise_agent.delivery.backoff import is_about_dates
from balise_agent.delivery.dial import NO_ANSWER, Lookup, task
from balise_agent.delivery.segments import SEGMENTS
from balise_agent.provisioning.enrolment import decide, request
from balise_agent.provisioning.enrolment.files import Files
from balise_agent.provisioning.enrolment.visit import visit
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config
from balise_agent.system.identity import Identity
from balise_agent.system.problems import ProblemId, Trouble
from balise_agent.system.reactor import Reactor, Timer
from balise_agent.system.task import ReactorTask
from balise_wire.enrolment import ENROL_PATH, Enrolment

_log = logging.getLogger(__name__)

_LONGEST_VISIT: Final = 90.0
"""Real seconds; a server that sends a byte now and then must not keep us for ever."""
_REST: Final = 60.0
"""Real seconds after a good visit before there may be another."""


@dataclass(frozen=True, kw_only=True)
class Applicant:
    """Who asks to be enrolled, and with what."""

    config: Config
    """As read, with [enrolment]."""
    identity: Identity
    files: Files
    """Where an enrolment is kept."""
    reactor: Reactor
    clock: Clock
    lookup: Lookup
    rng: random.Random
    """Spreads visits; keeps no secret."""
    hardware: str
    """The board's model, for people."""


class Attempts:
    """At most one visit at a time; what good ones brought waits in a queue (``take``)."""

    def __init__(self, applicant: Applicant) -> None:
        self._config = applicant.config
        self._identity = applicant.identity
        self._files = applicant.files
        self._reactor = applicant.reactor
        self._clock = applicant.clock
        self._lookup = applicant.lookup
        self._rng = applicant.rng
        self._hardware = applicant.hardware
        self._got: list[Enrolment] = []
        self.trouble: Trouble | None = None
        """What came of the last visit; None before the first and after a good one."""
        self.visits = 0
        self._failures = 0
        self._unheard = 0
        """Visits that a place answered at first and then no more."""
        self._visit: ReactorTask[Enrolment | Trouble] | None = None
        self._limit: Timer | None = None
        self._token = ""
        self._begun = 0.0
        self._dates_passed_over = False
        self._next = float("-inf")

    @property
    def busy(self) -> bool:
        """Whether a visit is under way."""
        return self._visit is not None

    @property
    def due(self) -> bool:
        """Whether it is time for the next one."""
        return not self.busy and self._clock.monotonic() >= self._next

    def take(self) -> list[Enrolment]:
        """Take the enrolments that came since the last call: each is believed and on disk."""
        taken, self._got = self._got, []
        return taken

    def start(self, *, known: bool, token: str) -> None:
        """Begin a visit.

        Args:
            known: the collector enrolled this key before.
            token: one that was not used yet; empty where there is none.
        """
        wish = self._config.enrolment
        path = decide.path(token=token, known=known, last=self.trouble)
        made = request.certificate_request(self._identity.key)
        self._token = token if path == ENROL_PATH else ""
        body = (
            request.enrolment_body(self._config, token, made, board=self._hardware, software=__version__)
            if path == ENROL_PATH
            else request.renewal_body(made)
        )
        place = request.front(wish.urls[self._failures % len(wish.urls)])
        self.visits += 1
        self._visit = task(
            visit(
                place,
                path,
                body,
                fingerprint=wish.fingerprint,
                lookup=self._lookup,
                check_time=self._clock.machine_vouched and not self._dates_passed_over,
                # A place that shakes hands and then hears nothing may stand behind a narrower way (dial.py).
                segment=SEGMENTS[self._unheard % len(SEGMENTS)],
            ),
            reactor=self._reactor,
            done=self._came,
            failed=lambda why: self._came(Trouble(id=ProblemId.ENROLMENT_UNREACHABLE, detail=why)),
        )
        self._limit = self._reactor.after(_LONGEST_VISIT, self._too_long)
        self._begun = self._clock.monotonic()
        self._visit.start()

    def cancel(self) -> None:
        """End a visit without a result."""
        under_way, self._visit = self._visit, None
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        if under_way is not None:
            under_way.cancel()

    def _too_long(self) -> None:
        if self._visit is not None:
            self._visit.cancel()
            self._came(Trouble(id=ProblemId.ENROLMENT_UNREACHABLE, detail="the answer did not end"))

    def _came(self, answer: Enrolment | Trouble) -> None:
        """Take what a visit brought."""
        self._visit = None
        self.cancel()
        if isinstance(answer, Enrolment):
            answer = self._kept(answer)
        if isinstance(answer, Enrolment):
            self._failures = 0
            self.trouble = None
            self._next = self._clock.monotonic() + _REST
            if answer.at:
                self._clock.hint(answer.at, live=True, since=self._begun)
            self._dates_passed_over = False
            self._got.append(answer)
            return
        if is_about_dates(answer.detail) and self._clock.checked is None:
            self._dates_passed_over = True  # as publisher.py does: the clock may be the liar, the authority is pinned
        self._failures += 1
        unheard = NO_ANSWER in answer.detail or "timed out" in answer.detail
        self._unheard += unheard and not answer.detail.startswith("connect")
        fronts = len(self._config.enrolment.urls)
        wait = self._clock.real_seconds(decide.pause(answer, self._failures, fronts, self._rng.random()))
        self._next = self._clock.monotonic() + wait
        if answer != self.trouble:
            _log.warning("%s Next attempt in %.0f s.", answer.sentence(), wait)
        self.trouble = answer

    def _kept(self, enrolment: Enrolment) -> Enrolment | Trouble:
        """Put an enrolment on disk, if it is one to live by."""
        wrong = decide.believed(
            enrolment, key=self._identity.key.public_key(), fingerprint=self._config.enrolment.fingerprint
        )
        if wrong:
            return Trouble(id=ProblemId.ANSWER_MALFORMED, detail=wrong)
        try:
            self._files.keep(enrolment, self._identity, self._token)
        except OSError as error:
            return Trouble(id=ProblemId.DATA_UNWRITABLE, detail=error.strerror or "")
        return enrolment
