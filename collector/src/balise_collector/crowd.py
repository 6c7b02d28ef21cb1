"""How many probes stand behind what was measured: what the public view asks of ``derived.sqlite`` beyond the pages.

Lives here: questions whose answers are numbers of probes and never a probe, and which incidents there ever were. Must
not live here: how many probes are enough, or what is left out (pages/public.py).
"""

import sqlite3
from pathlib import Path
from typing import NamedTuple

from balise_collector.errors import JournalError


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
        try:
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)
        except sqlite3.Error as error:
            raise JournalError(f"{path}: {error}; start balise-collector run, which makes it") from None

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def crowded(self, since: float, until: float, step: float, least: int) -> dict[Place, set[int]]:
        """Return, for each place, the bins of ``step`` seconds in [since, until) that ``least`` probes measured."""
        rows = self._db.execute(
            "SELECT country, CASE WHEN reference THEN 0 ELSE asn END AS place, reference, service, role, layer,"
            " CAST((at - :since) / :step AS INTEGER) AS bin FROM verdict WHERE at >= :since AND at < :until"
            " GROUP BY country, place, reference, service, role, layer, bin HAVING count(DISTINCT probe) >= :least",
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
