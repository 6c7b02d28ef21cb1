"""What sinks are told: one frozen type for each thing that can happen. Pure.

A change holds what was concluded or reported, in balise's own types, and nothing of how any reader writes it down: the
points of a time series are one sink's business (influx/points.py), the lines of a file another's. Must not live here:
where changes come from (streams.py, sampling.py).
"""

import msgspec

from balise_collector.conclude.liveness import Liveness
from balise_collector.fleet.members import Member
from balise_collector.incidents.findings import Finding
from balise_collector.incidents.model import Incident
from balise_collector.journal import EventRow, HealthRow
from balise_collector.judge.verdict import Verdict
from balise_collector.sinks.facts import CellFacts, CollectorFacts, ReaderFacts
from balise_wire.measurement import Measurement


class VerdictWritten(msgspec.Struct, frozen=True, kw_only=True, tag="verdict"):
    """A verdict; one that was judged again comes again."""

    no: int
    """Number of the change in the store of conclusions; in every type: what faults name it by."""
    seq: int
    """Place of its measurement in the journal."""
    verdict: Verdict
    measurement: Measurement | None
    """Where the journal still has it; that of a line experiment is the line's health."""


class IncidentRevised(msgspec.Struct, frozen=True, kw_only=True, tag="incident"):
    """One revision of an incident, confirmed or not: who passes it on to people goes by ``told``."""

    no: int
    noted_at: float
    """UNIX seconds when it was said."""
    incident: Incident
    told: tuple[Finding, ...]
    """What may be told of it up to this revision, oldest first (findings.py); empty where that is nothing."""

    @property
    def finding(self) -> Finding | None:
        """What this revision tells; ``None`` where it tells nothing."""
        return self.told[-1] if self.told and self.told[-1].revision == self.incident.revision else None


class HealthReported(msgspec.Struct, frozen=True, kw_only=True, tag="health"):
    """A health report of a probe."""

    no: int
    """Number of its row in the journal's table."""
    row: HealthRow
    member: Member | None
    """Who that is by the fleet's record; ``None`` for nobody that it knows."""


class EventReported(msgspec.Struct, frozen=True, kw_only=True, tag="event"):
    """An event that a probe told of itself."""

    no: int
    """Number of its row in the journal's table."""
    row: EventRow
    member: Member | None


class ProbeSampled(msgspec.Struct, frozen=True, kw_only=True, tag="probe"):
    """How one probe does, looked at every minute."""

    at: float
    """UNIX seconds of the minute."""
    member: Member
    liveness: Liveness
    health: HealthRow | None
    """Its last report."""
    software: str
    """What its newest measurement was made with; empty where that is not known."""
    no: int = 0


class CollectorSampled(msgspec.Struct, frozen=True, kw_only=True, tag="collector"):
    """How the collector does, and how far each of its readers has come, looked at every minute."""

    at: float
    facts: CollectorFacts
    readers: tuple[ReaderFacts, ...]
    no: int = 0


class WindowSummed(msgspec.Struct, frozen=True, kw_only=True, tag="window"):
    """What the verdicts of one cell and one window add up to; computed again, it comes again."""

    window: str
    """``5m`` or ``1h``."""
    began: float
    """UNIX seconds."""
    cell: CellFacts
    no: int = 0


Change = (
    VerdictWritten | IncidentRevised | HealthReported | EventReported | ProbeSampled | CollectorSampled | WindowSummed
)
