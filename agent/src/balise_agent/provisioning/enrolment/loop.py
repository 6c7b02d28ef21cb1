"""A board that nobody knows yet: it waits for consent and settings, then asks until it is enrolled.

Lives here: its loop. It measures nothing, opens no capture, and sends no packet before the host agreed; the reason why
it waits is in the status and, once, in the log. Must not live here: what an enrolment is, how it is asked for.
"""

import logging
import os
from collections.abc import Callable
from typing import Final

from balise_agent import __version__
from balise_agent.provisioning.enrolment import decide
from balise_agent.provisioning.enrolment.attempts import Applicant, Attempts
from balise_agent.provisioning.enrolment.files import token_of
from balise_agent.system.problems import Trouble
from balise_agent.system.reactor import Timer
from balise_agent.system.service import Service
from balise_agent.system.status import Status
from balise_agent.system.status_file import StatusFile
from balise_wire.enrolment import Enrolment
from balise_wire.words import Lifecycle

_log = logging.getLogger(__name__)

_TICK_SECONDS: Final = 1.0


class EnrolmentLoop:
    """The loop before there is a probe. ``run`` returns once enrolled, or when ``stop`` was called."""

    def __init__(
        self,
        applicant: Applicant,
        *,
        damaged: str,
        service: Service,
        status: StatusFile,
        paused: Callable[[], bool],
    ) -> None:
        """Prepare; ``damaged`` says why an earlier enrolment cannot be used, empty where there was none."""
        self._config = applicant.config
        self._damaged = damaged
        self._reactor = applicant.reactor
        self._clock = applicant.clock
        self._service = service
        self._status = status
        self._paused = paused
        self._told: Trouble | None = None
        self._words = ""
        self._since = self._clock.now()
        self._stopping = False
        self._timer: Timer | None = None
        self.attempts = Attempts(applicant)

    def run(self) -> Enrolment | None:
        """Ask until enrolled; None where somebody stopped the program."""
        self._service.ready()
        if self._damaged:
            _log.warning("the stored registration cannot be used (%s); asking for a new one", self._damaged)
        self._tick()
        while not self._stopping:
            self._reactor.step()
            for enrolment in self.attempts.take():
                _log.info("registered as %s", enrolment.probe)
                self._end()
                return enrolment
        self._end()
        return None

    def _end(self) -> None:
        self.attempts.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def stop(self) -> None:
        """End soon; may be called from a signal handler."""
        self._stopping = True
        self._reactor.wake()

    def _tick(self) -> None:
        """Do what is due, and say how things stand."""
        if self._stopping:
            return
        token = token_of(self._config.enrolment)
        known = bool(self._damaged)
        trouble = decide.obstacle(self._config, token=token, paused=self._paused(), damaged=known)
        if trouble is not None:
            self.attempts.cancel()
        elif self.attempts.due:
            self.attempts.start(known=known, token=token)
        self._tell(trouble)
        self._service.alive(self._clock.monotonic())
        self._timer = self._reactor.after(_TICK_SECONDS, self._tick)

    def _tell(self, obstacle: Trouble | None) -> None:
        """Write the status; log a new obstacle once (what came of a visit is logged where it came)."""
        trouble = obstacle or self.attempts.trouble
        if obstacle is not None and obstacle != self._told:
            _log.warning("%s", obstacle.sentence())
        self._told = obstacle
        told = trouble.problem.told if trouble else "registering"
        self._service.status(told)
        at_once, self._words = told != self._words, told
        self._status.write(self._now(trouble), self._clock.monotonic(), at_once=at_once)

    def _now(self, trouble: Trouble | None) -> Status:
        return Status(
            at=self._clock.now(),
            clock_state=self._clock.state(),
            state=Lifecycle.INIT,
            since=self._since,
            software=__version__,
            pid=os.getpid(),
            troubles=() if trouble is None else (trouble,),
        )
