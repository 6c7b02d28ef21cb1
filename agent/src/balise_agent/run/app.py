"""The probe as a whole: agenda -> conductor -> report -> scrub -> spool -> publisher, on one thread and one reactor.

Lives here: the loop, its beginning and its end, and who is told when something changed. Must not live here: anything
that one of the parts can decide by itself; build.py makes them, duties.py gives the turns.
"""

import logging
from typing import Final

from balise_agent.delivery.delivery_profile import pace_of
from balise_agent.delivery.diagnosis import is_refused
from balise_agent.delivery.parts import Assigned, Greeted, Requested
from balise_agent.measure.kept_addresses import read
from balise_agent.provisioning.enrolment.renewal import Renewed
from balise_agent.run.duties import Duties, Duty
from balise_agent.run.parts import Parts
from balise_agent.run.upkeep import ADDRESSES, Upkeep
from balise_agent.system.problems import ProblemId, Trouble
from balise_wire.profiles import HEALTH
from balise_wire.status import EventKind

_log = logging.getLogger(__name__)

_TURN_SECONDS: Final = 1.0
_SHORTEST_TURN: Final = 0.05
_REMEMBER_SECONDS: Final = 300.0
"""Real seconds between two notes of time and bytes: what a power cut can cost of them."""
_NETWORKS_SECONDS: Final = 15.0
"""Real seconds between two looks at the networks that this machine stands in."""
_GOODBYE_SECONDS: Final = 2.0
_HEALTH_SECONDS: Final = 300.0
"""Clock seconds between two reports of health, before an assignment says it."""
_TURNING_OFF: Final = {
    ProblemId.CONSENT_MISSING: EventKind.CONSENT_MISSING,
    ProblemId.CONSENT_OUTDATED: EventKind.CONSENT_MISSING,
    ProblemId.PAUSED: EventKind.PAUSED,
    ProblemId.HALTED: EventKind.HALTED,
}
"""Hindrances that a person caused: plans in flight end at once, and the collector is told."""


class App:
    """One probe. ``run`` returns when ``stop`` was called."""

    def __init__(self, parts: Parts) -> None:
        self.again = False
        """Whether the probe is to start anew at once: another enrolment is in force."""
        self.parts = parts
        self._clock = parts.clock
        self._reactor = parts.reactor
        self._publisher = parts.publisher
        self._follower = parts.follower
        self._runs = parts.runs
        self._event = parts.recorder.event
        self._stopping = False
        self._health_at = float("-inf")
        self.upkeep = Upkeep(parts)
        batch = self._clock.real_seconds(pace_of(parts.config).batch_seconds)
        self._duties = Duties(
            parts.reactor,
            (
                Duty(self._look_at_the_clock),
                Duty(self._look_at_the_task),
                Duty(parts.asked.expire),
                Duty(self.upkeep.look_at_the_disk),
                Duty(self.upkeep.seal_in_time),
                Duty(self._tell_health),
                Duty(self.upkeep.remember, _REMEMBER_SECONDS),
                Duty(self.upkeep.follow_networks, _NETWORKS_SECONDS),
                Duty(self._renew),
                Duty(self.upkeep.feed_the_watchdog),
                Duty(self.upkeep.tell_status),
            ),
            turn_seconds=min(_TURN_SECONDS, max(_SHORTEST_TURN, batch / 2.0)),
        )
        parts.clock.before_shift = self._before_shift

    # --- life ---------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Measure and publish until ``stop``; then say goodbye, within three seconds."""
        self.begin()
        self.parts.service.ready()
        while not self._stopping:
            self.step()
        self.end()

    def step(self, timeout: float | None = None) -> None:
        """Take one turn of the loop, waiting at most ``timeout`` real seconds for something to happen."""
        self._reactor.step(timeout)
        for arrival in self._publisher.take():
            if isinstance(arrival, Assigned):
                self.assigned(arrival.frame)
            elif isinstance(arrival, Requested):
                self.requested(arrival.frame)
            elif isinstance(arrival, Greeted):
                # The first word of a session is live, so that the collector can date what follows.
                self._send_health()
            else:
                # Told with a word that older collectors know.
                size = arrival.segment
                told = f"segments of {size} bytes from now on" if size else "segments of any size again"
                words = f"full packets are lost on the way to the broker: {told}"
                self._event(EventKind.LINK_UNUSABLE, words, again=True)

    def stop(self) -> None:
        """End soon; may be called from a signal handler."""
        self._stopping = True
        self._reactor.wake()

    def begin(self) -> None:
        """Take up what the last run left, and set everything going."""
        self.upkeep.tell_start()
        kept = read(self.parts.spool.noted(ADDRESSES))
        for notice in (*self.parts.news, *self._follower.restore(kept)):
            self.parts.recorder.notice(notice)
        self.parts.boxed_for.hear(self._follower.signed_at, self._follower.recipient)
        self.parts.asked.restore()
        self._reassign()
        if self.parts.config.consent.accepted:
            self._publisher.start()
        self._duties.turn()

    def end(self) -> None:
        """Let plans go, put everything on disk, and leave the broker in order."""
        parts, publisher = self.parts, self._publisher
        self._stopping = True
        parts.service.stopping()
        self._duties.stop()
        self._runs.end()
        if parts.renewal is not None:
            parts.renewal.cancel()
        self._follower.leave()
        self.upkeep.tell_status()
        why = "another enrolment is in force" if self.again else "stopped by its service manager or a person"
        self._event(EventKind.STOPPED, why)
        parts.recorder.commit()
        parts.asked.settle()
        parts.recorder.seal()
        self.upkeep.remember()
        parts.spool.note("ended", "in order")
        publisher.part()
        self._reactor.run_until(lambda: publisher.parted, _GOODBYE_SECONDS)
        publisher.close()
        self.upkeep.remember()

    def _before_shift(self, step: float) -> None:
        """Close under the old time what was dated by it, and begin anew under the right one.

        A run in flight would begin in one time and end in another, and what the agenda remembers (causes, cool-downs)
        is dated as well.
        """
        told = f"the collector's signed time corrects this clock by {step:+.0f} s"
        _log.warning("%s", told)
        self._runs.cancel()
        self._follower.drop_agenda()
        self._event(EventKind.CLOCK_JUMP, told, again=True)
        self.parts.recorder.commit()
        self.parts.recorder.seal()
        self._reactor.soon(self._reassign)

    # --- what changes -------------------------------------------------------------------------------------------------

    def assigned(self, frame: bytes) -> None:
        """Consider a sealed assignment."""
        for notice in self._follower.offer(frame):
            self.parts.recorder.notice(notice)
        self.parts.boxed_for.hear(self._follower.signed_at, self._follower.recipient)
        self._reassign()

    def requested(self, frame: bytes) -> None:
        """Consider a sealed message of requests."""
        self.parts.asked.hear(frame)
        self._runs.soon()

    def _reassign(self) -> None:
        """Follow assignment, pause and consent, and tell the collector when our state changed."""
        change = self._follower.look(self.parts.egress.usage.spent)
        self.parts.asked.resume()
        if change.before != change.after:
            self._turned(change.before, change.after)
        if change.lifecycle is not None:
            self._publisher.announce(change.lifecycle)
        self._runs.soon()

    def _turned(self, before: Trouble | None, now: Trouble | None) -> None:
        """Tell that measuring ended or goes on; what a person stopped is let go at once."""
        if now is not None:
            _log.warning("nothing is measured: %s", now.sentence())
        if now is not None and now.id in _TURNING_OFF:
            self._runs.cancel()
            self._event(_TURNING_OFF[now.id], now.detail or now.problem.told, again=True)
        elif before is not None and before.id in {ProblemId.PAUSED, ProblemId.HALTED}:
            whose = "the host" if before.id is ProblemId.PAUSED else "the operator"
            self._event(EventKind.RESUMED, f"{whose} let it go on", again=True)

    def _renewed(self, renewed: Renewed) -> None:
        """Go on with a new certificate; start anew where more than its dates changed."""
        self._event(renewed.kind, renewed.detail, again=True)
        self.again = renewed.anew
        if renewed.anew:
            self.stop()
        else:
            self._publisher.retry()

    # --- duties -------------------------------------------------------------------------------------------------------

    def _look_at_the_clock(self) -> None:
        jump = self._clock.jump()
        if jump:
            self._event(EventKind.CLOCK_JUMP, f"the clock stepped by {jump:+.1f} s, now {self._clock.state()}")
            self._runs.soon()

    def _look_at_the_task(self) -> None:
        if self._follower.agenda is not None and self._follower.expired:
            self._event(EventKind.ASSIGNMENT_REFUSED, "the assignment expired; waiting for a newer one")
            self._reassign()
        if self._follower.pause_changed():
            self._reassign()

    def _tell_health(self) -> None:
        agenda = self._follower.agenda
        every = float(agenda.assignment.timetable.health) if agenda else _HEALTH_SECONDS
        if self._publisher.connected and self._clock.now() - self._health_at >= every:
            self._send_health()

    def _send_health(self) -> None:
        self._health_at = self._clock.now()
        self._publisher.report()
        if self.parts.egress.delivers(HEALTH):
            self._publisher.health(self.parts.reports.health())

    def _renew(self) -> None:
        renewal = self.parts.renewal
        if renewal is None or not self.parts.config.consent.accepted:
            return
        for renewed in renewal.take():
            self._renewed(renewed)
        refused = is_refused(self._publisher, self.parts.spool.oldest_at(), self._clock.now())
        renewal.tick(refused=refused)
