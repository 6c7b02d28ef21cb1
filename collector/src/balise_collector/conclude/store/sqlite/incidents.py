"""Incidents with every revision. Must not live here: what makes or ends one."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from balise_collector.conclude.store.sqlite.tables import StoreTables
from balise_collector.incidents.model import UNTOLD, WITNESSES, Incident, IncidentState

_UNWITNESSED: Final = "SELECT DISTINCT id FROM incident WHERE json_extract(CAST(body AS TEXT), '$.witnesses') IS NULL"
"""Incidents with a revision that says nothing of its witnesses, as its index has them: an earlier version wrote it."""
INCIDENT = msgspec.json.Decoder(Incident)


class SqliteIncidents(StoreTables):
    """The table ``incident``."""

    def _save_incidents(self, incidents: Sequence[Incident], noted_at: float) -> None:
        first = self.last_change() + 1
        self._db.executemany(
            "INSERT OR REPLACE INTO incident VALUES(?,?,?,?,?)",
            [
                (incident.id, incident.revision, noted_at, change, msgspec.json.encode(incident))
                for change, incident in enumerate(incidents, first)
            ],
        )

    def incidents(self) -> list[Incident]:
        """Return the newest revision of every incident that stands, by onset; what was withdrawn does not."""
        rows = self._db.execute(
            "SELECT id, body FROM incident i WHERE revision = (SELECT max(revision) FROM incident WHERE id = i.id)"
        )
        found = [incident for _, incident in self._read_all(INCIDENT, rows, "incident")]
        found = [incident for incident in found if incident.state is not IncidentState.WITHDRAWN]
        return sorted(found, key=lambda incident: (incident.onset.latest, incident.id))

    def withdrawn(self) -> list[Incident]:
        """Return the newest revision of every incident that was once confirmed and is withdrawn, by onset."""
        rows = self._db.execute(
            "SELECT body FROM incident i WHERE revision = (SELECT max(revision) FROM incident WHERE id = i.id)"
            " AND json_extract(CAST(body AS TEXT), '$.state') = ? AND EXISTS(SELECT 1 FROM incident"
            " WHERE id = i.id AND json_extract(CAST(body AS TEXT), '$.witnesses') >= ?)",
            (IncidentState.WITHDRAWN.value, WITNESSES),
        )
        found = [INCIDENT.decode(body) for (body,) in rows]
        return sorted(found, key=lambda incident: (incident.onset.latest, incident.id))

    def incident(self, incident_id: str) -> Incident | None:
        """Return the newest revision of one incident."""
        found = self.revisions(incident_id)
        return found[-1][1] if found else None

    def revisions(self, incident_id: str) -> list[tuple[float, Incident]]:
        """Return every revision of an incident with the time it was noted: what was said before is kept."""
        rows = self._db.execute("SELECT noted_at, body FROM incident WHERE id = ? ORDER BY revision", (incident_id,))
        return self._read_all(INCIDENT, rows, f"revision of incident {incident_id} of")

    def told(self, country: str, service: str) -> list[tuple[float, Incident]]:
        """Return every revision of every incident of a service in a country or everywhere, withdrawn or not, as said.

        Each comes with the time it was noted (UNIX seconds), oldest first.
        """
        rows = self._db.execute(
            "SELECT noted_at, body FROM incident WHERE json_extract(CAST(body AS TEXT), '$.service') = ?"
            " AND json_extract(CAST(body AS TEXT), '$.country') IN (?, '**') ORDER BY noted_at, id, revision",
            (service, country),
        )
        return self._read_all(INCIDENT, rows, "revision of an incident of")


def is_unwitnessed(db: sqlite3.Connection) -> bool:
    """Whether a revision says nothing of its witnesses: an earlier version wrote it, or one that came back."""
    return db.execute(f"{_UNWITNESSED} LIMIT 1").fetchone() is not None


def confirm(db: sqlite3.Connection) -> int:
    """Give the revisions that say nothing of witnesses those that can be known, within a transaction; returns how many.

    The version that wrote them said ``open`` only of what two witnesses confirmed and ``unconfirmed`` only of what one
    saw; ended or standing it said of both. So what ended without ever having been ``open`` counts as unconfirmed: the
    detector confirms anew what it remembers, and a replay the rest.
    """
    fresh = [row for (name,) in db.execute(_UNWITNESSED).fetchall() for row in _witnessed(db, name)]
    db.executemany("UPDATE incident SET body = ? WHERE id = ? AND revision = ?", fresh)
    return len(fresh)


def _witnessed(db: sqlite3.Connection, name: str) -> Iterator[tuple[bytes, str, int]]:
    """Return the revisions of an incident that say nothing of witnesses, with what the ones before them tell."""
    known = UNTOLD
    for (body,) in db.execute("SELECT body FROM incident WHERE id = ? ORDER BY revision", (name,)).fetchall():
        try:
            one = INCIDENT.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if one.witnesses:
            known = one.witnesses
            continue
        if one.state is IncidentState.OPEN:
            known = max(known, WITNESSES)
        elif one.state is IncidentState.UNCONFIRMED or one.scope.affected_probes < WITNESSES:
            known = 1
        yield msgspec.json.encode(msgspec.structs.replace(one, witnesses=known)), name, one.revision
