"""A board that nobody knows yet: it waits for consent and settings, then asks until it is enrolled.

Lives here: its loop. It measures nothing, opens no capture, and sends no packet before the host agreed; the reason why
it waits is in the status and, once, in the log. Must not live here: what an enrolment is, how it is asked for.
"""

import logging
import os
import random
from collections.abc import Callable
from typing import Final

from balise_agent import __version__
from balise_agent.delivery.dial import Lookup
from balise_agent.provisioning.enrolment import decide
from balise_agent.provisioning.enrolment.attempts import Attempts
from balise_agent.provisioning.enrolment.files import Files, token_of
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config
from balise_agent.system.identity import Identity
from balise_agent.system.problems import Trouble
from balise_agent.system.reactor import Reactor
from balise_agent.system.service import Service
from balise_agent.system.status import Status
from balise_agent.system.status_file import StatusFile
from balise_wire.enrolment import Enrolment
from balise_wire.words import Lifecycle

_log = logging.getLogger(__name__)

_TICK_SECONDS: Final = 1.0


class Novice:
    """The loop before there is a probe. ``run`` returns once enrolled, or when ``stop`` was called."""

    def __init__(
        self,
        config: Config,
        *,
        damaged: str,
        identity: Identity,
        files: Files,
        reactor: Reactor,
        clock: Clock,
        lookup: Lookup,
        chance: random.Random,
        service: Service,
        status: StatusFile,
        paused: Callable[[], bool],
        board: str = "",
    ) -> None:
        """Prepare; ``damaged`` says why an earlier enrolment cannot be used, empty where there was none."""
        self._config = config
        self._damaged = damaged
        self._reactor = reactor
        self._clock = clock
        self._service = service
        self._status = status
        self._paused = paused
        self._told: Trouble | None = None
        self._words = ""
        self._since = clock.now()
        self._stopping = False
        self.enrolment: Enrolment | None = None
        self.attempts = Attempts(
            config,
            identity=identity,
            files=files,
            reactor=reactor,
            clock=clock,
            lookup=lookup,
            chance=chance,
            board=board,
            got=self._enrolled,
        )

    def run(self) -> Enrolment | None:
        """Ask until enrolled; None where somebody stopped the program."""
        self._service.ready()
        if self._damaged:
            _log.warning("the stored registration cannot be used (%s); asking for a new one", self._damaged)
        self._tick()
        self._reactor.run_until(lambda: self._stopping or self.enrolment is not None)
        self.attempts.cancel()
        return self.enrolment

    def stop(self) -> None:
        """End soon; may be called from a signal handler."""
        self._stopping = True
        self._reactor.wake()

    def _enrolled(self, enrolment: Enrolment) -> None:
        _log.info("registered as %s", enrolment.probe)
        self.enrolment = enrolment

    def _tick(self) -> None:
        """Do what is due, and say how things stand."""
        if self._stopping or self.enrolment is not None:
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
        self._reactor.after(_TICK_SECONDS, self._tick)

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
