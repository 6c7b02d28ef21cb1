"""The second auditor: whether everything that the collector concluded is a point in InfluxDB, counted key by key.

What there ought to be is read from the collector's own files by SQL, what there is from InfluxDB; neither program is
asked what it believes. Lives here: those two readings. Must not live here: comparing them, and what a stretch without
InfluxDB did to the ingest (influx_outage).
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from balise_lab.centre import influx
from balise_lab.centre.influx_client import InfluxDb
from balise_lab.compare.influx_outage import Arrival

DERIVED: Final = "derived.sqlite"
Keys = Mapping[str, Counter[str]]
"""By measurement name: the key of each point, and how often it is there."""
_WITNESSES: Final = 2
"""How many independent ones make a finding."""
_WIDTHS: Final = {"5m": 300, "1h": 3600}
_MICROSECOND: Final = 1000


def wanted(journal: Path, derived: Path) -> Keys:
    """Return the keys of all points that the collector's files ask for now."""
    with closing(_reader(derived)) as store, closing(_reader(journal)) as book:
        verdicts = store.execute(
            "SELECT json_extract(CAST(body AS TEXT), '$.measurement'), at, layer FROM verdict"
        ).fetchall()
        revisions = _told(store)
        health = book.execute("SELECT p.id, h.received_at FROM health h JOIN probe p ON p.no = h.probe").fetchall()
    return {
        # Its target's place in the journal is in the nanoseconds of a point: what is compared is the microsecond.
        "balise_verdict": Counter(f"{identifier} {round(at * 1e6)}" for identifier, at, _ in verdicts),
        "balise_line": Counter(identifier for identifier, _, layer in verdicts if layer == "line"),
        "balise_health": Counter(f"{probe} {round(at * 1e6)}" for probe, at in health),
        "balise_incident": Counter(f"{identifier} {revision}" for identifier, revision in revisions),
        "balise_event": Counter(identifier for identifier, _ in revisions),
        "balise_annotation": Counter({identifier for identifier, _ in revisions}),
        **{
            f"balise_rollup {window}": Counter(str(int(at // width * width)) for _, at, _ in verdicts)
            for window, width in _WIDTHS.items()
        },
    }


def _told(store: sqlite3.Connection) -> list[tuple[str, int]]:
    """Return id and revision of what was told of incidents: what two witnesses saw, and the line that takes it back.

    An earlier version knew no witnesses, and told everything.
    """
    rows = store.execute(
        "SELECT id, revision, json_extract(CAST(body AS TEXT), '$.witnesses'),"
        " json_extract(CAST(body AS TEXT), '$.state') FROM incident ORDER BY id, revision"
    )
    told: list[tuple[str, int]] = []
    standing: set[str] = set()
    for identifier, revision, witnesses, state in rows:
        confirmed = (witnesses is None or witnesses >= _WITNESSES) and state != "withdrawn"
        if confirmed or identifier in standing:
            told.append((identifier, revision))
        (standing.add if confirmed else standing.discard)(identifier)
    return told


def held(database: InfluxDb) -> Keys:
    """Return the keys of all points that InfluxDB holds (LabError where it does not answer)."""

    def rows(measurement: str, *fields: str) -> list[dict[str, object]]:
        names = ", ".join(f'"{field}"' for field in fields)
        return database.rows(f'SELECT {names} FROM "{measurement}"', influx.POINTS)  # noqa: S608 - our own words

    def microsecond(row: Mapping[str, object]) -> int:
        return int(str(row["time"])) // _MICROSECOND

    rolled = database.rows('SELECT "window", "verdicts" FROM "balise_rollup"', influx.ROLLUPS)
    sums: dict[str, Counter[str]] = {f"balise_rollup {window}": Counter() for window in _WIDTHS}
    for row in rolled:
        sums[f"balise_rollup {row['window']}"][str(int(row["time"]) // 10**9)] += int(row["verdicts"])
    return {
        "balise_verdict": Counter(f"{row['id']} {microsecond(row)}" for row in rows("balise_verdict", "id")),
        "balise_line": Counter(str(row["id"]) for row in rows("balise_line", "id")),
        "balise_health": Counter(
            f"{row['probe']} {microsecond(row)}" for row in rows("balise_health", "probe", "clock")
        ),
        "balise_incident": Counter(
            f"{row['id']} {row['revision']}" for row in rows("balise_incident", "id", "revision")
        ),
        "balise_event": Counter(str(row["id"]) for row in rows("balise_event", "id")),
        "balise_annotation": Counter(str(row["id"]) for row in rows("balise_annotation", "id")),
        **sums,
    }


def behind(journal: Path, derived: Path) -> list[str]:
    """Return the readers of ours that have not yet sent everything to InfluxDB."""
    with closing(_reader(derived)) as store, closing(_reader(journal)) as book:
        verdicts = int(store.execute("SELECT coalesce(max(change), 0) FROM verdict").fetchone()[0])
        incidents = int(store.execute("SELECT coalesce(max(change), 0) FROM incident").fetchone()[0])
        health = int(book.execute("SELECT coalesce(max(no), 0) FROM health").fetchone()[0])
        cursors = dict(book.execute("SELECT name, seq FROM cursor").fetchall())
    points, rollups = f"influx:{influx.URL}#{influx.POINTS}", f"influx:{influx.URL}#{influx.ROLLUPS}"
    heads = {points: max(verdicts, incidents), f"{points}:health": health}
    heads |= {f"{rollups}:{window}": verdicts for window in _WIDTHS}
    return [name for name, head in heads.items() if cursors.get(name, 0) < head]


def arrivals(journal: Path) -> list[Arrival]:
    """Return when each batch of the journal was sealed and when it came in, with how many measurements were new."""
    query = (
        "SELECT b.sent_at, b.received_at, count(*) FROM measurement m JOIN batch b ON b.no = m.batch"
        " WHERE b.historical = 0 GROUP BY b.no"
    )
    with closing(_reader(journal)) as book:
        return [Arrival(sent, received, count) for sent, received, count in book.execute(query)]


def _reader(path: Path) -> sqlite3.Connection:
    """Open a database that another program writes, for reading."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)
