"""What changes are made of where no other module has a word for it: the collector's own figures, readers, cells.

Frozen types only. Must not live here: how they are gathered (sampling.py, rollup.py).
"""

import msgspec

from balise_collector.judge.verdict import VerdictState


class CollectorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The collector at one moment; totals unless said otherwise."""

    journal_rows: int = 0
    batches: int = 0
    events: int = 0
    verdicts: int = 0
    """Written; one that was judged again counts again."""
    quarantined: int = 0
    """Ever refused."""
    quarantine_dropped: int = 0
    set_aside: int = 0
    """Rows, cells and points that a reader could not deal with, ever."""
    received_rows: int | None = None
    """Journalled since the sample before; ``None`` at the first."""
    judged_rows: int | None = None
    refused_rows: int | None = None
    brokers: int = 0
    brokers_up: int = 0
    cells_open: int = 0
    cells_suspect: int = 0
    incidents_open: int = 0
    probes: int = 0
    probes_alive: int = 0
    probes_waiting: int = 0
    disk_free_bytes: int | None = None
    """On the state folder's disk."""
    judge_lag_s: float | None = None
    """Seconds between the newest row received and the newest row judged."""


class ReaderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How far one reader has come."""

    name: str
    position: int
    head: int
    """Where it would be if it had read everything."""


class CellFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the verdicts of one cell and one window add up to."""

    country: str
    asn: int
    access: str
    service: str
    role: str
    family: int
    layer: str
    reference: bool
    counts: dict[VerdictState, int]
    state: VerdictState
    """One state for the cell, as pages show it."""
    probes: int
    times: dict[str, float]
    """Medians and 95th percentiles by field name."""
