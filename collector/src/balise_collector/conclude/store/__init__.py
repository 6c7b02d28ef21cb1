"""The derived store: verdicts, incidents with every revision, and the detector's memory; every back end's interface.

Everything in it can be computed again from the journal (``replay``). Lives here: the records that it gives, and what
every back end can do, by subject; who needs a part of it names that part. One writer (the pipeline), any number of
readers, each with a connection of its own. Writing raises JournalError where it cannot be written; DamagedError says
that what it keeps is no longer what was written. Must not live here: a back end, judging, detecting, wording.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, Self

import msgspec

from balise_collector.conclude.tally import TallySeries
from balise_collector.incidents.model import Incident
from balise_collector.journal import JournalRow
from balise_collector.judge.verdict import Verdict
from balise_collector.system.faults import Faults
from balise_wire.measurement import Measurement


class MatrixCell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of the matrix: what the latest verdicts of a provider say of one role of a service."""

    country: str
    asn: int
    service: str
    role: str
    layer: str
    states: dict[str, int]
    """Verdicts in the window, by state."""
    probes: int
    latest: float
    """UNIX seconds of the newest verdict in it."""


class HistoryCell(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How many verdicts of one state a place had in one bin; what strips and timelines are drawn from."""

    country: str
    asn: int
    reference: bool
    service: str
    role: str
    layer: str
    bin: int
    """Counted from the beginning of the history asked for."""
    state: str
    verdicts: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was concluded, in the order in which it was written; what sinks read."""

    change: int
    noted_at: float
    seq: int = 0
    """Place of the verdict's measurement in the journal."""
    verdict: Verdict | None = None
    incident: Incident | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the pipeline has come; saved with what it concluded, in one transaction."""

    seq: int = 0
    """Last journal row that is in the snapshots."""
    stepped: float = 0.0
    """Clock seconds up to which detector and incidents were advanced; 0 before the first row."""
    received: float = 0.0
    """When the last row was received: where nothing arrives for long, time passes in longer steps."""
    rules_version: str = ""


class ConclusionWriter(Protocol):
    """The side of the pipeline."""

    def save_verdicts(self, verdicts: Iterable[tuple[int, Verdict]], faults: Faults | None = None) -> None:
        """Keep verdicts by the journal's seq; a later judgement of a measurement takes the place of the first.

        One that cannot be kept is noted in ``faults``, and the others are kept (JournalError: none is, now).
        """
        ...

    def save_progress(
        self, progress: Progress, memory: dict[str, bytes], incidents: Sequence[Incident], noted_at: float
    ) -> None:
        """Keep what was concluded together with how far that took us, all or nothing."""
        ...

    def clear(self) -> None:
        """Forget everything: the journal makes it again."""
        ...

    def changed_by_another(self) -> bool:
        """Whether another connection wrote since the last call: a replay was swapped in."""
        ...

    def replace_with(self, fresh: Self) -> None:
        """Put the whole content of another store of this back end in the place of this one's, atomically.

        Readers that run see the one or the other.
        """
        ...


class Snapshots(Protocol):
    """What was remembered by name, and how far the pipeline had come."""

    def memory(self, name: str) -> bytes | None:
        """Return a snapshot by its name; ``None`` where there is none."""
        ...

    def progress(self) -> Progress:
        """Return how far the pipeline had come."""
        ...

    def generation(self) -> int:
        """Return which beginning its changes are counted from: it is another after a replay, and in a new file."""
        ...


class VerdictReader(Protocol):
    """Verdicts by time, by place in the journal, by measurement."""

    def verdicts(
        self,
        since: float | None = None,
        until: float | None = None,
        probe: str | None = None,
        service: str | None = None,
        *,
        country: str | None = None,
        state: str | None = None,
        most: int | None = None,
    ) -> list[Verdict]:
        """Return verdicts by time, oldest first; every bound may be left out, times are UNIX seconds."""
        ...

    def numbered_verdicts(
        self,
        since: float | None = None,
        until: float | None = None,
        probe: str | None = None,
        service: str | None = None,
        country: str | None = None,
        state: str | None = None,
        most: int | None = None,
    ) -> list[tuple[int, Verdict]]:
        """Return verdicts with their place in the journal, by time."""
        ...

    def verdict(self, measurement: str) -> Verdict | None:
        """Return the verdict on one measurement."""
        ...

    def reference_verdicts(self, since: float, until_seq: int) -> list[tuple[int, Verdict]]:
        """Return the references' verdicts from ``since`` (UNIX seconds) up to a place in the journal, oldest first."""
        ...

    def verdicts_at(self, places: Iterable[int]) -> list[tuple[int, Verdict]]:
        """Return the verdicts of given places in the journal."""
        ...

    def last_measured(self, probe: str) -> float | None:
        """Return the time of a probe's newest verdict, UNIX seconds; ``None`` for none."""
        ...

    def newest_of(self, probe: str) -> int | None:
        """Return the place in the journal of a probe's newest measurement; ``None`` for none."""
        ...

    def latest_verdict_at(self) -> float | None:
        """Return the time of the newest verdict: where a page's window ends when nothing arrives any more."""
        ...

    def matrix(self, at: float, window: float = 900.0) -> list[MatrixCell]:
        """Return what the verdicts of the ``window`` seconds up to ``at`` say of each provider, role and layer."""
        ...


class CountReader(Protocol):
    """How many verdicts there are, by bin and by state, without decoding any of them."""

    def history(self, since: float, until: float, step: float, service: str | None = None) -> list[HistoryCell]:
        """Return the verdicts of [since, until) as counts in bins of ``step`` seconds, without decoding any of them."""
        ...

    def series(self, since: float, columns: int, service: str | None = None) -> list[TallySeries]:
        """Return what each part of a service on each provider was seen to be in ``columns`` bins (BIN).

        Args:
            since: UNIX seconds of the first bin, a multiple of BIN.
            columns: how many bins.
            service: of this service only; all of them where left out.
        """
        ...

    def count_by_state(self) -> dict[str, int]:
        """Return how many verdicts there are of each state, as counted in the transactions that wrote them."""
        ...


class IncidentReader(Protocol):
    """Incidents, and all that was ever said of them."""

    def incidents(self) -> list[Incident]:
        """Return the newest revision of every incident that stands, by onset; what was withdrawn does not."""
        ...

    def withdrawn(self) -> list[Incident]:
        """Return the newest revision of every incident that was once confirmed and is withdrawn, by onset."""
        ...

    def incident(self, incident_id: str) -> Incident | None:
        """Return the newest revision of one incident."""
        ...

    def revisions(self, incident_id: str) -> list[tuple[float, Incident]]:
        """Return every revision of an incident with the time it was noted: what was said before is kept."""
        ...

    def told(self, country: str, service: str) -> list[tuple[float, Incident]]:
        """Return every revision of every incident of a service in a country or everywhere, withdrawn or not, as said.

        Each comes with the time it was noted (UNIX seconds), oldest first.
        """
        ...


class ChangeReader(Protocol):
    """What was concluded, in the order in which it was written: what sinks read."""

    def last_change(self) -> int:
        """Return the number of the newest change; 0 for an empty store."""
        ...

    def changes(self, after: int, most: int) -> list[Change]:
        """Return up to ``most`` changes above ``after``, in order."""
        ...

    def touched(self, after: int, most: int, width: float) -> tuple[list[int], int]:
        """Return the windows of ``width`` seconds that the next ``most`` verdict changes fall in, and the last of them.

        A window is counted from 1970. Without any change: none, and ``after``.
        """
        ...


class EvidenceReader(Protocol):
    """The measurements that verdicts are of, where the store was opened with the journal."""

    def measurement_row(self, measurement: str) -> JournalRow | None:
        """Return one measurement from the journal with when and how it arrived; ``None`` where it is not known."""
        ...

    def measurement(self, measurement: str) -> Measurement | None:
        """Return one measurement from the journal, for evidence; ``None`` where it is not known."""
        ...


class Store(
    ConclusionWriter,
    Snapshots,
    VerdictReader,
    CountReader,
    IncidentReader,
    ChangeReader,
    EvidenceReader,
    Protocol,
):
    """All of it: what a program opens."""

    @property
    def path(self) -> Path:
        """What names it in messages."""
        ...

    def close(self) -> None:
        """Let go of it, and of the journal that it was opened with."""
        ...
