"""Keeping the certificate: asked for again in time, after a refusal, and when the card brings a new token.

It runs beside measuring, on the same loop. Lives here: when, and what a new answer changes. Must not live here: how it
is asked for (attempts.py), or what a restart of the probe means (app.py).
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from balise_agent.provisioning.enrolment import decide
from balise_agent.provisioning.enrolment.attempts import Attempts
from balise_agent.provisioning.enrolment.files import Files, token_of
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config
from balise_agent.system.problems import ProblemId, Trouble
from balise_wire.enrolment import Enrolment
from balise_wire.status import EventKind
from balise_wire.words import ClockState

_AGAIN_SECONDS: Final = 6.0 * 3600.0
"""Real seconds between two renewals that are asked for because brokers refuse: the certificate is not it, then."""


@dataclass(frozen=True)
class Renewed:
    """A new certificate is in force."""

    kind: EventKind
    detail: str
    anew: bool
    """More than its dates changed: the probe must start anew."""


class Renewal:
    """The certificate of a running probe."""

    def __init__(self, config: Config, enrolment: Enrolment, *, files: Files, clock: Clock, attempts: Attempts) -> None:
        """Take charge.

        Args:
            config: the settings as read, with [enrolment].
            enrolment: the one in force.
            files: where it is kept.
            clock: the probe's.
            attempts: who asks.
        """
        self._config = config
        self._files = files
        self._clock = clock
        self._attempts = attempts
        self._refused_token = ""
        self._asked_for_refusal = float("-inf")
        self._enrolment = enrolment
        self.life = decide.life(enrolment)

    def take(self) -> list[Renewed]:
        """Take what visits brought since the last call; each is believed, on disk, and in force from now on."""
        return [self._got(enrolment) for enrolment in self._attempts.take()]

    @property
    def trouble(self) -> Trouble | None:
        """What is the matter with the certificate; the reason of a failed renewal first."""
        last = self._attempts.trouble
        over = self._clock.certificate_time() >= self.life.ends and self._clock.state() is not ClockState.UNSYNCED
        if not over or (last is not None and last.id is ProblemId.REVOKED):
            return last
        return Trouble(id=ProblemId.CERTIFICATE_EXPIRED, detail="" if last is None else last.id)

    def tick(self, *, refused: bool) -> None:
        """Ask where it is time to.

        Args:
            refused: every broker refuses the certificate in force.
        """
        attempts = self._attempts
        if not attempts.due or not self._config.enrolment.urls:
            return
        if attempts.trouble is not None and attempts.trouble.id in decide.TOKEN_USELESS:
            self._refused_token = token_of(self._config.enrolment)
        token = self._new_token()
        if token or self._clock.certificate_time() >= self.life.renew_at or self._worth_asking(refused=refused):
            attempts.start(known=True, token=token)

    def cancel(self) -> None:
        """End a visit under way."""
        self._attempts.cancel()

    def _new_token(self) -> str:
        """Return a token that was neither spent nor refused; empty where there is none."""
        token = token_of(self._config.enrolment)
        return token if token != self._refused_token and self._files.is_new(token) else ""

    def _worth_asking(self, *, refused: bool) -> bool:
        """Whether a refusal by the brokers may be mended by a new certificate."""
        now = self._clock.monotonic()
        if not refused or now - self._asked_for_refusal < _AGAIN_SECONDS:
            return False
        if self._attempts.trouble is None:
            self._asked_for_refusal = now
        return True

    def _got(self, enrolment: Enrolment) -> Renewed:
        before, self._enrolment = self._enrolment, enrolment
        self.life = decide.life(enrolment)
        anew = _without_life(before) != _without_life(enrolment)
        kind = EventKind.ENROLLED if before.probe != enrolment.probe else EventKind.RENEWED
        days = (self.life.ends - self._clock.certificate_time()) / 86_400.0
        return Renewed(kind, f"the certificate is good for {days:.0f} days", anew)


def _without_life(enrolment: Enrolment) -> Enrolment:
    """Return an answer without what changes with each renewal and changes nothing else."""
    return msgspec.structs.replace(enrolment, certificate="", at=0.0)
