"""How the probe stands, for whom it may concern: health for the collector, status for whoever is beside the board.

Lives here: gathering both from the parts. Must not live here: what a trouble means (system/problems.py), when anything
is told (app.py), or the files (system/status_file.py).
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from balise_agent import __version__
from balise_agent.delivery.diagnosis import delivery_troubles, disk_trouble
from balise_agent.delivery.publisher import Publisher
from balise_agent.delivery.spool.spool import Spool
from balise_agent.measure.assignment_follower import AssignmentFollower
from balise_agent.policy.egress import Egress
from balise_agent.provisioning.enrolment.renewal import Renewal
from balise_agent.run.runs import Runs
from balise_agent.system import hardware
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config
from balise_agent.system.problems import ProblemId, Trouble
from balise_agent.system.status import Status
from balise_wire.status import Health

_HARDWARE_SECONDS: Final = 10.0
"""Real seconds for which a look at the hardware is good."""


class HardwareWatch:
    """Looks at the hardware, seldom enough to cost nothing."""

    def __init__(self, clock: Clock, root: Path) -> None:
        self._clock = clock
        self._root = root
        self._reading: hardware.Reading | None = None
        self._before: hardware.Reading | None = None
        self._at = -math.inf

    def reading(self) -> hardware.Reading:
        """Return the last look, or a new one."""
        now = self._clock.monotonic()
        if self._reading is None or now - self._at >= _HARDWARE_SECONDS:
            self._before, self._reading = self._reading, hardware.read(self._root)
            self._at = now
        return self._reading

    def cpu_percent(self) -> float | None:
        """Return how busy the processor was between the last two looks."""
        return hardware.cpu_percent(self.reading(), self._before)

    def limited_by(self) -> tuple[str, ...]:
        """Return what holds measurements back, by the wire's words."""
        return hardware.limited_by(self.reading(), self._before)


@dataclass(frozen=True, kw_only=True)
class Reports:
    """What health and status are gathered from."""

    config: Config
    clock: Clock
    spool: Spool
    publisher: Publisher
    egress: Egress
    follower: AssignmentFollower
    runs: Runs
    hardware: HardwareWatch
    renewal: Renewal | None

    def health(self) -> Health:
        """Return how the board and the program do."""
        reading = self.hardware.reading()
        now = self.clock.now()
        oldest = self.spool.oldest_at()
        assignment = self.follower.assignment
        return Health(
            at=now,
            uptime_s=reading.uptime_s,
            cpu_percent=self.hardware.cpu_percent(),
            memory_bytes=reading.memory_bytes,
            temperature_c=reading.temperature_c,
            throttled=reading.throttled,
            undervoltage=reading.undervoltage,
            disk_free_bytes=hardware.disk_free(Path(self.config.probe.state_dir)),
            disk_written_bytes=reading.disk_written_bytes,
            spool_rows=self.spool.count(),
            spool_oldest_s=None if oldest is None else now - oldest,
            sent_bytes_today=self.egress.usage.sent,
            received_bytes_today=self.egress.usage.received,
            excess_bytes_today=self.egress.usage.beyond,
            tap_drops=self.runs.drops(),
            measurements=self.runs.measurements,
            own_failures=self.runs.own_failures,
            clock_state=self.clock.state(),
            clock_offset_ms=self.clock.offset_ms,
            assignment=0 if assignment is None else assignment.version,
            halted=assignment is not None and bool(assignment.halt),
        )

    def status(self) -> Status:
        """Return how things stand."""
        publisher, agenda, renewal = self.publisher, self.follower.agenda, self.renewal
        rules = self.egress.rules
        next_at = math.inf if agenda is None else agenda.next_at()
        line = None if agenda is None else agenda.line
        return Status(
            at=self.clock.now(),
            clock_state=self.clock.state(),
            state=self.follower.lifecycle(),
            since=self.follower.since,
            software=__version__,
            pid=os.getpid(),
            probe=self.config.probe.id,
            enrolled=renewal is not None,
            certificate_until=None if renewal is None else renewal.life.ends,
            broker=publisher.broker,
            connected=publisher.connected,
            waiting=self.spool.count(),
            last_receipt=publisher.counters.receipt_at,
            sent_today=self.egress.usage.sent,
            received_today=self.egress.usage.received,
            bytes_cap=rules.bytes_per_day,
            connections_today=self.egress.usage.connections,
            connections_cap=rules.connections_per_day,
            measurements=self.runs.measurements,
            line_ok=None if line is None else line.gateway_ok is not False and line.resolver_ok is not False,
            next_due=None if next_at == math.inf else next_at,
            drops=self.runs.drops(),
            troubles=tuple(self.troubles()),
        )

    def line(self) -> str:
        """Return one line for the service manager."""
        anomalies = len(self.follower.agenda.anomalies()) if self.follower.agenda else 0
        broker = "broker connected" if self.publisher.connected else "no broker"
        return f"{self.follower.lifecycle()}, {broker}, {self.spool.count()} to deliver, {anomalies} anomalies"

    def troubles(self) -> Iterator[Trouble]:
        """Yield what is wrong now, in the order of cause."""
        certificate = None if self.renewal is None else self.renewal.trouble
        yield from (trouble for trouble in (self.follower.hindrance, disk_trouble(self.spool), certificate) if trouble)
        if self.config.consent.accepted:
            yield from delivery_troubles(self.publisher, self.spool.oldest_at(), self.clock.now())
        if self.egress.exhausted:
            yield Trouble(id=ProblemId.DAY_SPENT)
        reading = self.hardware.reading()
        if reading.undervoltage:
            yield Trouble(id=ProblemId.UNDER_VOLTAGE)
        if "temperature" in hardware.limited_by(reading, None):
            yield Trouble(id=ProblemId.TOO_HOT)
