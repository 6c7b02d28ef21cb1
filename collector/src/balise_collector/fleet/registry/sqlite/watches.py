"""The operator's watch windows, also those that are over."""

import json
from typing import Final

from balise_collector.fleet.registry.sqlite.tables import RegistryTables
from balise_collector.fleet.watches import WatchWindow

TABLES: Final = """
CREATE TABLE IF NOT EXISTS watch(
  id TEXT PRIMARY KEY, country TEXT NOT NULL, services TEXT NOT NULL, since REAL NOT NULL, until REAL NOT NULL,
  interval INTEGER NOT NULL, made REAL NOT NULL) WITHOUT ROWID;
"""
_KEPT: Final = 1_000
"""Windows that are remembered; those that began first go first."""


class SqliteWatches(RegistryTables):
    """The table ``watch``."""

    def add_watch(self, window: WatchWindow) -> None:
        """Keep a window; probes are told at their next assignment."""
        with self._changing() as db:
            db.execute(
                "INSERT INTO watch VALUES(?,?,?,?,?,?,?)",
                (
                    window.id, window.country, json.dumps(window.services), window.since, window.until,
                    window.interval, window.made,
                ),
            )  # fmt: skip
            db.execute(
                "DELETE FROM watch WHERE id IN (SELECT id FROM watch ORDER BY since DESC, id LIMIT -1 OFFSET ?)",
                (_KEPT,),
            )

    def end_watch(self, id: str, now: float) -> bool:
        """End a window now; one that has not begun never was. False where there is none that is not over."""
        with self._changing() as db:
            gone = db.execute("DELETE FROM watch WHERE id = ? AND since > ?", (id, now)).rowcount
            ended = db.execute("UPDATE watch SET until = ? WHERE id = ? AND until > ?", (now, id, now)).rowcount
        return gone + ended > 0

    def watches(self) -> list[WatchWindow]:
        """Return every window, oldest first (DamagedError); a file of an earlier version that is only read has none."""
        with self._reading():
            if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'watch'").fetchone() is None:
                return []
            rows = self._db.execute(
                "SELECT id, country, services, since, until, interval, made FROM watch ORDER BY since, id"
            )
            return [
                WatchWindow(
                    id=id,
                    country=country,
                    services=tuple(json.loads(services)),
                    since=since,
                    until=until,
                    interval=interval,
                    made=made,
                )
                for id, country, services, since, until, interval, made in rows
            ]
