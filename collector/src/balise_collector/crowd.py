"""How many probes stand behind what was measured: what the public view asks of ``derived.sqlite`` beyond the pages.

Lives here: questions whose answers are numbers of probes and never a probe, and which incidents there ever were. Must
not live here: how many probes are enough, or what is left out (pages/public.py).
"""

import threading
from pathlib import Path
from typing import Final, NamedTuple

from balise_collector.shared_file import open_reading

_MOST: Final = 64
"""Answers that are kept at a time."""


class Place(NamedTuple):
    """A role and layer of a service on one provider; references count by country and have AS number 0."""

    country: str
    asn: int
    reference: bool
    service: str
    role: str
    layer: str


class Crowd:
    """One read-only connection to the derived store; each thread opens its own."""

    def __init__(self, path: Path) -> None:
        """Open the file, which the store has made (JournalError where it cannot be read)."""
        self._db = open_reading(path)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def crowded(self, since: float, until: float, step: float, least: int) -> dict[Place, set[int]]:
        """Return, for each place, the bins of ``step`` seconds in [since, until) that ``least`` probes measured."""
        # Grouped by the bin first: rows come in the order of time, so each finds its group at the end of the last one's
        # (a day of 110,000 verdicts in 170 ms instead of 500).
        rows = self._db.execute(
            "SELECT country, CASE WHEN reference THEN 0 ELSE asn END AS place, reference, service, role, layer,"
            " CAST((at - :since) / :step AS INTEGER) AS bin FROM verdict WHERE at >= :since AND at < :until"
            " GROUP BY bin, country, place, reference, service, role, layer HAVING count(DISTINCT probe) >= :least",
            {"since": since, "until": until, "step": step, "least": least},
        )
        found: dict[Place, set[int]] = {}
        for country, asn, reference, service, role, layer, column in rows:
            found.setdefault(Place(country, asn, bool(reference), service, role, layer), set()).add(column)
        return found

    def by_provider(
        self, since: float, until: float, service: str, country: str | None = None
    ) -> dict[tuple[str, int], int]:
        """Return how many probes measured a service from ``since`` to ``until``, by country and AS number."""
        rows = self._db.execute(
            "SELECT country, asn, count(DISTINCT probe) FROM verdict WHERE at >= :since AND at < :until"
            " AND service = :service AND (:country IS NULL OR country = :country) GROUP BY country, asn",
            {"since": since, "until": until, "service": service, "country": country},
        )
        return {(code, asn): probes for code, asn, probes in rows}

    def incident_ids(self) -> list[str]:
        """Return the id of every incident there ever was, withdrawn ones too."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT id FROM incident ORDER BY id")]

    def newest(self, until: float) -> float | None:
        """Return the time of the newest verdict before ``until``."""
        row = self._db.execute("SELECT max(at) FROM verdict WHERE at < ?", (until,)).fetchone()
        return None if row[0] is None else float(row[0])


class Kept:
    """Answers of ``Crowd.crowded`` for as long as a horizon stands, for all threads.

    Counting distinct probes over a day of a large fleet takes seconds, and within five minutes every reader asks the
    same. An answer that is kept shows too little where late results have come since, never too much.
    """

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._lock = threading.Lock()
        self._horizon = 0.0
        self._answers: dict[tuple[float, float, float, int], dict[Place, set[int]]] = {}

    def crowded(self, crowd: Crowd, horizon: float, question: tuple[float, float, float, int]) -> dict[Place, set[int]]:
        """Return what ``crowd`` answers, asked once a horizon; others wait for the first who asks."""
        with self._lock:
            if horizon != self._horizon or len(self._answers) >= _MOST:
                self._horizon, self._answers = horizon, {}
            if question not in self._answers:
                self._answers[question] = crowd.crowded(*question)
            return self._answers[question]


class KeptCrowd:
    """A Crowd whose dearest answers are kept while its horizon stands; what a request is given."""

    def __init__(self, crowd: Crowd, kept: Kept, horizon: float) -> None:
        """Ask ``crowd`` through ``kept``."""
        self._crowd, self._kept, self._horizon = crowd, kept, horizon
        self.by_provider = crowd.by_provider
        self.incident_ids = crowd.incident_ids
        self.newest = crowd.newest

    def crowded(self, since: float, until: float, step: float, least: int) -> dict[Place, set[int]]:
        """Return the bins of each place that ``least`` probes measured."""
        return self._kept.crowded(self._crowd, self._horizon, (since, until, step, least))
