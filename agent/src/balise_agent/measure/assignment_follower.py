"""Whether the probe measures, and by which agenda: consent, the host's pause and the assignment in force, followed.

Lives here: bringing agenda and lifecycle in line with these three. Must not live here: verifying an assignment
(assignments.py), what is due (agenda.py), what a state means (system/lifecycle.py), or telling anybody.
"""

from dataclasses import dataclass
from pathlib import Path

from balise_agent.measure.agenda import Agenda
from balise_agent.measure.assignments import Assignments, Notice
from balise_agent.measure.kept_addresses import KeptAddresses
from balise_agent.policy.limits import Limits
from balise_agent.system.clock import Clock
from balise_agent.system.config import Timeouts
from balise_agent.system.lifecycle import PAUSE_FILE, LifecycleFacts, hindrance, state
from balise_agent.system.problems import Trouble
from balise_agent.system.proxies import Proxy
from balise_wire.assignment import Assignment
from balise_wire.words import Lifecycle


@dataclass(frozen=True)
class Change:
    """What a look brought."""

    before: Trouble | None
    after: Trouble | None
    """What keeps the probe from measuring now; ``None``: nothing."""
    lifecycle: Lifecycle | None = None
    """The new state, where it changed."""


class AssignmentFollower:
    """The agenda in force, if any, and why there is none."""

    def __init__(
        self, assignments: Assignments, *, clock: Clock, secret: bytes, timeouts: Timeouts, consent: Trouble | None,
        state_dir: Path, proxies: tuple[Proxy, ...] = (),
    ) -> None:  # fmt: skip
        """Begin with nothing in force.

        Args:
            assignments: the one that was accepted last.
            clock: the probe's.
            secret: spreads the agenda's slots.
            timeouts: of the experiments.
            consent: what is missing of the host's consent; it holds for this run of the program.
            state_dir: where the host's pause file would be.
            proxies: the operator's.
        """
        self.agenda: Agenda | None = None
        self._kept = KeptAddresses()
        self.hindrance: Trouble | None = None
        """What keeps the probe from measuring."""
        self.since = clock.now()
        """UNIX seconds since when the lifecycle is what it is."""
        self.paused = False
        self._assignments = assignments
        self._clock = clock
        self._secret = secret
        self._timeouts = timeouts
        self._proxies = proxies
        self._consent = consent
        self._pause_file = state_dir / PAUSE_FILE
        self._life: Lifecycle | None = None
        self._leaving = False

    @property
    def assignment(self) -> Assignment | None:
        """The assignment in force, expired or not."""
        return self._assignments.current

    @property
    def recipient(self) -> str | None:
        """For whom results are to be boxed, by the newest word; ``None`` before one."""
        return self._assignments.recipient

    @property
    def signed_at(self) -> float:
        """UNIX seconds at which the collector signed its newest word."""
        return self._assignments.signed_at

    @property
    def expired(self) -> bool:
        """Whether the assignment in force has run out."""
        return self._assignments.expired(self._clock.signed())

    @property
    def kept(self) -> KeptAddresses:
        """What was learned of addresses, by the agenda in force or by the one before it."""
        return self._kept if self.agenda is None else self.agenda.kept

    def restore(self, kept: KeptAddresses | None = None) -> tuple[Notice, ...]:
        """Take up what the last run left; ``kept`` is what it had learned of addresses."""
        self._kept = kept or KeptAddresses()
        self.paused = self._pause_file.exists()
        notices = self._assignments.restore(self._clock.signed())
        # A board that lost its note of the time still knows that it is later than its task was signed.
        self._clock.hint(self.signed_at, live=False)
        return notices

    def offer(self, frame: bytes) -> tuple[Notice, ...]:
        """Consider a sealed assignment; ``look`` must follow."""
        notices = self._assignments.offer(frame, self._clock.signed())
        self._clock.hint(self.signed_at, live=False)
        return notices

    def pause_changed(self) -> bool:
        """Look for the host's pause file; return whether it came or went, so that ``look`` must follow."""
        before, self.paused = self.paused, self._pause_file.exists()
        return before != self.paused

    def follow_limits(self, limits: Limits) -> None:
        """Hold assignment and agenda to other limits from now on."""
        self._assignments.allowed = limits
        if self.agenda is not None:
            self.agenda.follow(limits)

    def drop_agenda(self) -> None:
        """Forget what the agenda remembers: it was dated by a clock that lied; addresses are none the worse for it."""
        self._kept, self.agenda = self.kept, None

    def leave(self) -> None:
        """The program says goodbye."""
        self._leaving = True
        self._life, self.since = Lifecycle.DISCONNECTED, self._clock.now()

    def lifecycle(self) -> Lifecycle:
        """Return what the probe says of itself."""
        return state(self._facts())

    def look(self, spent_today: int) -> Change:
        """Bring the agenda in line with the assignment in force.

        Args:
            spent_today: bytes of the day so far, for an agenda that begins now.
        """
        now = self._clock.now()
        before, self.hindrance = self.hindrance, hindrance(self._facts())
        assignment = self.assignment
        if self.hindrance is not None or assignment is None:
            self._kept, self.agenda = self.kept, None
        elif self.agenda is None:
            self.agenda = Agenda(
                assignment,
                secret=self._secret,
                limits=self._assignments.allowed,
                now=now,
                timeouts=self._timeouts,
                spent_today=spent_today,
                kept=self._kept,
                proxies=self._proxies,
            )
        elif self.agenda.assignment is not assignment:
            self.agenda.reassign(assignment, now)
        life = self.lifecycle()
        if life is self._life:
            return Change(before, self.hindrance)
        self._life, self.since = life, now
        return Change(before, self.hindrance, life)

    def _facts(self) -> LifecycleFacts:
        """Return what the state follows from."""
        assignment = self.assignment
        return LifecycleFacts(
            consent=self._consent,
            paused=self.paused,
            assigned=assignment is not None,
            halt="" if assignment is None else assignment.halt,
            expired=self.expired,
            leaving=self._leaving,
        )
