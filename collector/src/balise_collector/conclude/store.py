"""The derived store: verdicts, incidents with every revision, and the detector's memory, in ``derived.sqlite``.

Everything here can be computed again from the journal (``replay``). Lives here: tables, atomic progress (what was
concluded and how far the journal was read are one transaction), and the questions that pages, reports and the command
line ask. Must not live here: judging, detecting, wording.
"""

import logging
import secrets
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from balise_collector.conclude import tally
from balise_collector.incidents.model import UNTOLD, WITNESSES, Incident, IncidentState
from balise_collector.journal import Aside, Counts, EventRow, JournalRow
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.judge.verdict import Verdict
from balise_collector.system.errors import DamagedError, JournalError
from balise_collector.system.faults import Faults, words_of
from balise_collector.system.shared_file import is_damage, open_reading
from balise_wire.bins import BIN
from balise_wire.measurement import Measurement

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS verdict(
  seq INTEGER PRIMARY KEY, at REAL NOT NULL, probe TEXT NOT NULL, country TEXT NOT NULL, asn INTEGER NOT NULL,
  service TEXT NOT NULL, role TEXT NOT NULL, layer TEXT NOT NULL, reference INTEGER NOT NULL, state TEXT NOT NULL,
  change INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS verdict_at ON verdict(at, country, service, asn, role, layer, state);
CREATE INDEX IF NOT EXISTS verdict_probe ON verdict(probe, at);
CREATE INDEX IF NOT EXISTS verdict_change ON verdict(change);
CREATE TABLE IF NOT EXISTS incident(
  id TEXT NOT NULL, revision INTEGER NOT NULL, noted_at REAL NOT NULL, change INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(id, revision)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS incident_change ON incident(change);
CREATE INDEX IF NOT EXISTS incident_unwitnessed ON incident(id)
  WHERE json_extract(CAST(body AS TEXT), '$.witnesses') IS NULL;
CREATE TABLE IF NOT EXISTS memory(name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tally(
  day INTEGER NOT NULL, country TEXT NOT NULL, asn INTEGER NOT NULL, reference INTEGER NOT NULL, service TEXT NOT NULL,
  role TEXT NOT NULL, layer TEXT NOT NULL, state TEXT NOT NULL, counts BLOB NOT NULL,
  PRIMARY KEY(day, country, asn, reference, service, role, layer, state)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total(state TEXT PRIMARY KEY, verdicts INTEGER NOT NULL) WITHOUT ROWID;
"""
_TALLIED: Final = 2
"""``user_version`` of a file whose tally and totals count its verdicts; one that was made before they did has less."""
_UNWITNESSED: Final = "SELECT DISTINCT id FROM incident WHERE json_extract(CAST(body AS TEXT), '$.witnesses') IS NULL"
"""Incidents with a revision that says nothing of its witnesses, as its index has them: an earlier version wrote it."""
_PART: Final = "country, asn, reference, service, role, layer"
_NO_ROW: Final = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, ValueError, TypeError)
"""What a value raises that cannot be written down, whatever the disk says."""
_log = logging.getLogger(__name__)
_verdict = msgspec.json.Decoder(Verdict)
_incident = msgspec.json.Decoder(Incident)


_Body = TypeVar("_Body")
_TOLD_MOST: Final = 1000
"""Damaged rows that are named in the log, each once."""
_Key = tuple[int, str, int, int, str, str, str, str]
"""Key of a row of the tally: its day, the columns of ``_PART``, and the state."""
_NAMES: Final = _PART.split(", ")


def _note(changes: defaultdict[_Key, Counter[int]], at: float, part: tuple[Any, ...], count: int) -> None:
    """Note that ``count`` verdicts were added at a moment to a part (``_PART``) in a state."""
    place = tally.place_of(at)
    changes[place.day, *part][place.bin] += count


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


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One message that went to the quarantine."""

    at: float
    """UNIX seconds."""
    probe: str
    topic: str
    reason: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the pipeline has come; saved with what it concluded, in one transaction."""

    seq: int = 0
    """Last journal row that is in the snapshots."""
    stepped: float = 0.0
    """Clock seconds up to which detector and incidents were advanced; 0 before the first row."""
    received: float = 0.0
    """When the last row was received: where nothing arrives for long, time passes in longer steps."""
    rules_version: str = ""


class Store:
    """One connection to the derived store, and one to the journal for evidence; each thread opens its own."""

    def __init__(self, path: Path, journal: Path | None = None, *, reading: bool = False) -> None:
        """Open the file, and make it where it is new.

        Args:
            path: of ``derived.sqlite``.
            journal: of ``journal.sqlite``, where measurements are to be shown.
            reading: only to read both; neither is made or brought up to date.

        Raises:
            JournalError: it cannot be opened.
        """
        self.path = path
        self._journal = SqliteJournal(journal, reading=reading) if journal is not None else None
        if reading:
            try:
                self._db = open_reading(path)
            except JournalError:
                self.close_journal()
                raise
            self._seen = self._data_version()
            return
        with ExitStack() as undo:
            if self._journal is not None:
                undo.callback(self._journal.close)
            try:
                self._db = sqlite3.connect(path, isolation_level=None, timeout=10.0, check_same_thread=False)
                undo.callback(self._db.close)
                self._db.execute("PRAGMA journal_mode=WAL")
                # Derived: a power cut may take the last second back to the last snapshot, which the journal makes good.
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._db.executescript(_SCHEMA)
                self._count_older()
                self._confirm_older()
                self._begin()
            except sqlite3.Error as error:
                told = f"{path}: {error}; it holds nothing that `balise-collector replay` cannot make again: remove it"
                raise (DamagedError(told, path) if is_damage(error) else JournalError(told)) from None
            undo.pop_all()
        self._seen = self._data_version()
        self._told: set[str] = set()

    def close(self) -> None:
        """Close both connections."""
        self._db.close()
        self.close_journal()

    def close_journal(self) -> None:
        """Close the journal's connection."""
        if self._journal is not None:
            self._journal.close()

    # ------------------------------------------------------------ written by the pipeline only

    def save_verdicts(self, verdicts: Iterable[tuple[int, Verdict]], faults: Faults | None = None) -> None:
        """Keep verdicts by the journal's seq; a later judgement of a measurement takes the place of the first.

        One that cannot be kept is noted in ``faults``, and the others are kept (JournalError: none is, now).
        """
        whole = list(verdicts)
        try:
            self._save_verdicts(whole)
        except _NO_ROW as error:
            if faults is None:
                raise
            if len(whole) == 1:
                faults.note("store", error, whole[0][0])
                return
            middle = len(whole) // 2
            self.save_verdicts(whole[:middle], faults)
            self.save_verdicts(whole[middle:], faults)

    def _save_verdicts(self, verdicts: Sequence[tuple[int, Verdict]]) -> None:
        with self._writing():
            first = self.last_change() + 1
            rows = [
                (
                    seq, v.at, v.probe, v.network.country, v.network.asn, v.service, v.role.value, v.layer.value,
                    v.reference, v.state.value, change, msgspec.json.encode(v),
                )
                for change, (seq, v) in enumerate(verdicts, first)
            ]  # fmt: skip
            self._recount(rows)
            self._db.executemany("INSERT OR REPLACE INTO verdict VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", rows)

    def _recount(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Keep the tally in step with verdict rows about to be written; one that is replaced no longer counts."""
        changes: defaultdict[_Key, Counter[int]] = defaultdict(Counter)
        newest = self._db.execute("SELECT coalesce(max(seq), 0) FROM verdict").fetchone()[0]
        columns = f"SELECT at, {_PART}, state FROM verdict WHERE seq = ?"  # noqa: S608 - the names above
        final = {row[0]: row for row in rows}
        for seq, row in final.items():
            _, at, _, country, asn, service, role, layer, reference, state, *_ = row
            _note(changes, at, (country, asn, int(reference), service, role, layer, state), 1)
            if seq <= newest and (before := self._db.execute(columns, (seq,)).fetchone()):
                _note(changes, before[0], before[1:], -1)
        self._add_counts(changes)

    def _add_counts(self, changes: "dict[_Key, Counter[int]]") -> None:
        """Add to the tally and to the totals; a series without any count left is removed."""
        key = "day = ? AND country = ? AND asn = ? AND reference = ? AND service = ? AND role = ? AND layer = ?"
        for place, counts in changes.items():
            found = self._db.execute(f"SELECT counts FROM tally WHERE {key} AND state = ?", place).fetchone()  # noqa: S608 - the names above
            packed = (tally.from_bytes(found[0]) if found else 0) + tally.pack(counts)
            if packed:
                self._db.execute(
                    "INSERT OR REPLACE INTO tally VALUES(?,?,?,?,?,?,?,?,?)", (*place, tally.to_bytes(packed))
                )
            elif found:
                self._db.execute(f"DELETE FROM tally WHERE {key} AND state = ?", place)  # noqa: S608 - the names above
        totals: Counter[str] = Counter()
        for place, counts in changes.items():
            totals[place[-1]] += counts.total()
        self._db.executemany(
            "INSERT INTO total VALUES(?,?) ON CONFLICT DO UPDATE SET verdicts = verdicts + excluded.verdicts",
            totals.items(),
        )

    def _count_older(self) -> None:
        """Count the verdicts of a file that was made before they were counted as they came."""
        if self._tallied():
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if not self._tallied():  # another connection may have been first
                changes: defaultdict[_Key, Counter[int]] = defaultdict(Counter)
                verdicts = 0
                rows = self._db.execute(f"SELECT at, {_PART}, state FROM verdict")  # noqa: S608 - the names above
                for verdicts, (at, *part) in enumerate(rows, 1):  # noqa: B007 - counted for the log
                    _note(changes, at, tuple(part), 1)
                self._db.execute("DELETE FROM tally")
                self._db.execute("DELETE FROM total")
                self._add_counts(changes)
                self._db.execute(f"PRAGMA user_version = {_TALLIED}")
                if verdicts:
                    _log.info("%s: counted %d verdicts of an earlier version", self.path, verdicts)
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _tallied(self) -> bool:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0]) >= _TALLIED

    def _confirm_older(self) -> None:
        """Give the incidents that an earlier version wrote the witnesses that can be known of them.

        That version said ``open`` only of what two witnesses confirmed and ``unconfirmed`` only of what one saw; ended
        or standing it said of both. So what ended without ever having been ``open`` counts as unconfirmed: the detector
        confirms anew what it remembers, and a replay the rest. It may come back (an update that is undone), so this is
        asked at each opening, of an index.
        """
        if self._db.execute(f"{_UNWITNESSED} LIMIT 1").fetchone() is None:
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            fresh = [row for (name,) in self._db.execute(_UNWITNESSED).fetchall() for row in self._witnessed(name)]
            self._db.executemany("UPDATE incident SET body = ? WHERE id = ? AND revision = ?", fresh)
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        if fresh:
            _log.info("%s: %d revisions of incidents say now whether they are confirmed", self.path, len(fresh))

    def _witnessed(self, name: str) -> Iterator[tuple[bytes, str, int]]:
        """Return the revisions of an incident that say nothing of witnesses, with what the ones before them tell."""
        known = UNTOLD
        for _, one in self.revisions(name):
            if one.witnesses:
                known = one.witnesses
                continue
            if one.state is IncidentState.OPEN:
                known = max(known, WITNESSES)
            elif one.state is IncidentState.UNCONFIRMED or one.scope.affected_probes < WITNESSES:
                known = 1
            yield msgspec.json.encode(msgspec.structs.replace(one, witnesses=known)), name, one.revision

    def save_progress(
        self, progress: Progress, memory: dict[str, bytes], incidents: Sequence[Incident], noted_at: float
    ) -> None:
        """Keep what was concluded together with how far that took us, all or nothing."""
        with self._writing():
            first = self.last_change() + 1
            self._db.executemany(
                "INSERT OR REPLACE INTO incident VALUES(?,?,?,?,?)",
                [
                    (incident.id, incident.revision, noted_at, change, msgspec.json.encode(incident))
                    for change, incident in enumerate(incidents, first)
                ],
            )
            named = {**memory, "progress": msgspec.json.encode(progress)}
            self._db.executemany("INSERT OR REPLACE INTO memory VALUES(?,?)", list(named.items()))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Open a transaction, unless another connection has written since we last looked (JournalError)."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            if self._data_version() != self._seen:
                raise JournalError(f"{self.path}: a replay was swapped in; going on from it")
            yield
            self._db.execute("COMMIT")
        except (sqlite3.IntegrityError, sqlite3.DataError):
            raise  # no disk's fault: a value that cannot be a row
        except sqlite3.Error as error:
            told = f"{self.path}: not saved: {error}; make room and see that it is writable"
            raise (DamagedError(told, self.path) if is_damage(error) else JournalError(told)) from None
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def last_change(self) -> int:
        """Return the number of the newest change; 0 for an empty store."""
        row = self._db.execute(
            "SELECT max(coalesce((SELECT max(change) FROM verdict), 0),"
            " coalesce((SELECT max(change) FROM incident), 0))"
        ).fetchone()
        return int(row[0])

    def changes(self, after: int, most: int) -> list[Change]:
        """Return up to ``most`` changes above ``after``, in order."""
        verdicts = self._db.execute(
            "SELECT change, seq, at, body FROM verdict WHERE change > ? ORDER BY change LIMIT ?", (after, most)
        )
        found = [
            Change(change=c, noted_at=at, seq=seq, verdict=self._read(_verdict, body, f"verdict of row {seq}"))
            for c, seq, at, body in verdicts
        ]
        incidents = self._db.execute(
            "SELECT change, noted_at, body FROM incident WHERE change > ? ORDER BY change LIMIT ?", (after, most)
        )
        found += [
            Change(change=c, noted_at=at, incident=self._read(_incident, body, f"incident of change {c}"))
            for c, at, body in incidents
        ]
        return sorted(found, key=lambda change: change.change)[:most]

    def _read(self, decoder: "msgspec.json.Decoder[_Body]", body: bytes, what: str) -> _Body | None:
        """Decode what was written here; ``None``, told once, for what was damaged on the disk or is of another version.

        It costs itself: whoever asked goes on without it, and a replay makes it again.
        """
        try:
            return decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if what not in self._told and len(self._told) < _TOLD_MOST:
                self._told.add(what)
                _log.error(
                    "%s: %s cannot be read (%s) and is left out; `balise-collector replay` makes it again",
                    self.path, what, words_of(error),
                )  # fmt: skip
            return None

    def _read_all(
        self, decoder: "msgspec.json.Decoder[_Body]", rows: Iterable[tuple[Any, bytes]], what: str
    ) -> list[tuple[Any, _Body]]:
        """Decode the second column of rows, leaving out what cannot be."""
        read = ((key, self._read(decoder, body, f"{what} {key}")) for key, body in rows)
        return [(key, found) for key, found in read if found is not None]

    def generation(self) -> int:
        """Return which beginning its changes are counted from: it is another after a replay, and in a new file."""
        return int(self.memory("generation") or b"0")

    def touched(self, after: int, most: int, width: float) -> tuple[list[int], int]:
        """Return the windows of ``width`` seconds that the next ``most`` verdict changes fall in, and the last of them.

        A window is counted from 1970. Without any change: none, and ``after``.
        """
        rows = self._db.execute(
            "SELECT change, at FROM verdict WHERE change > ? ORDER BY change LIMIT ?", (after, most)
        ).fetchall()
        return sorted({int(at // width) for _, at in rows}), rows[-1][0] if rows else after

    def last_measured(self, probe: str) -> float | None:
        """Return the time of a probe's newest verdict, UNIX seconds; ``None`` for none."""
        row = self._db.execute("SELECT max(at) FROM verdict WHERE probe = ?", (probe,)).fetchone()
        return None if row[0] is None else float(row[0])

    def newest_of(self, probe: str) -> int | None:
        """Return the place in the journal of a probe's newest measurement; ``None`` for none."""
        row = self._db.execute("SELECT seq FROM verdict WHERE probe = ? ORDER BY at DESC LIMIT 1", (probe,)).fetchone()
        return None if row is None else int(row[0])

    def clear(self) -> None:
        """Forget everything: the journal makes it again."""
        with self._writing():
            for table in ("verdict", "incident", "memory", "tally", "total"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names beside this
            self._begin()

    def _begin(self) -> None:
        """Give an empty store a beginning of its own: a reader that stood in another one must not skip what comes."""
        if self.last_change() == 0:
            self._db.execute(
                "INSERT OR IGNORE INTO memory VALUES('generation', ?)", (b"%d" % (secrets.randbits(52) + 1),)
            )

    def progress(self) -> Progress:
        """Return how far the pipeline had come."""
        body = self.memory("progress")
        return msgspec.json.decode(body, type=Progress) if body else Progress()

    def memory(self, name: str) -> bytes | None:
        """Return a snapshot by its name; ``None`` where there is none."""
        row = self._db.execute("SELECT body FROM memory WHERE name = ?", (name,)).fetchone()
        return bytes(row[0]) if row else None

    def changed_by_another(self) -> bool:
        """Whether another connection wrote since the last call: a replay was swapped in."""
        version = self._data_version()
        before, self._seen = self._seen, version
        return version != before

    def _data_version(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def replace_with(self, fresh: "Store") -> None:
        """Put the whole content of another store in the place of this one's, atomically, also under running readers."""
        fresh._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # noqa: SLF001 - the same class
        fresh._db.backup(self._db)  # noqa: SLF001 - the same class

    # ------------------------------------------------------------ asked by pages, reports and the command line

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
        return [verdict for _, verdict in self.numbered_verdicts(since, until, probe, service, country, state, most)]

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
        wanted: list[tuple[str, Any]] = [
            ("at >= ?", since),
            ("at <= ?", until),
            ("probe = ?", probe),
            ("service = ?", service),
            ("country = ?", country),
            ("state = ?", state),
        ]
        held = [(condition, value) for condition, value in wanted if value is not None]
        where = " AND ".join(condition for condition, _ in held) or "1"
        # The conditions are the literals above; values are bound.
        query = f"SELECT seq, body FROM verdict WHERE {where} ORDER BY at, seq LIMIT ?"  # noqa: S608 - as said above
        rows = self._db.execute(query, (*(value for _, value in held), -1 if most is None else most))
        return self._read_all(_verdict, rows, "verdict of row")

    def verdict(self, measurement: str) -> Verdict | None:
        """Return the verdict on one measurement."""
        row = self.measurement_row(measurement)
        if row is None:
            return None
        found = self._db.execute("SELECT body FROM verdict WHERE seq = ?", (row.seq,)).fetchone()
        return self._read(_verdict, found[0], f"verdict of row {row.seq}") if found else None

    def reference_verdicts(self, since: float, until_seq: int) -> list[tuple[int, Verdict]]:
        """Return the references' verdicts from ``since`` (UNIX seconds) up to a place in the journal, oldest first."""
        rows = self._db.execute(
            "SELECT seq, body FROM verdict WHERE at >= ? AND reference = 1 AND seq <= ? ORDER BY seq",
            (since, until_seq),
        )
        return self._read_all(_verdict, rows, "verdict of row")

    def verdicts_at(self, places: Iterable[int]) -> list[tuple[int, Verdict]]:
        """Return the verdicts of given places in the journal."""
        found = (self._db.execute("SELECT seq, body FROM verdict WHERE seq = ?", (seq,)).fetchone() for seq in places)
        return self._read_all(_verdict, (row for row in found if row is not None), "verdict of row")

    def incidents(self) -> list[Incident]:
        """Return the newest revision of every incident that stands, by onset; what was withdrawn does not."""
        rows = self._db.execute(
            "SELECT id, body FROM incident i WHERE revision = (SELECT max(revision) FROM incident WHERE id = i.id)"
        )
        found = [incident for _, incident in self._read_all(_incident, rows, "incident")]
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
        found = [_incident.decode(body) for (body,) in rows]
        return sorted(found, key=lambda incident: (incident.onset.latest, incident.id))

    def incident(self, incident_id: str) -> Incident | None:
        """Return the newest revision of one incident."""
        found = self.revisions(incident_id)
        return found[-1][1] if found else None

    def revisions(self, incident_id: str) -> list[tuple[float, Incident]]:
        """Return every revision of an incident with the time it was noted: what was said before is kept."""
        rows = self._db.execute("SELECT noted_at, body FROM incident WHERE id = ? ORDER BY revision", (incident_id,))
        return self._read_all(_incident, rows, f"revision of incident {incident_id} of")

    def told(self, country: str, service: str) -> list[tuple[float, Incident]]:
        """Return every revision of every incident of a service in a country or everywhere, withdrawn or not, as said.

        Each comes with the time it was noted (UNIX seconds), oldest first.
        """
        rows = self._db.execute(
            "SELECT noted_at, body FROM incident WHERE json_extract(CAST(body AS TEXT), '$.service') = ?"
            " AND json_extract(CAST(body AS TEXT), '$.country') IN (?, '**') ORDER BY noted_at, id, revision",
            (service, country),
        )
        return self._read_all(_incident, rows, "revision of an incident of")

    def matrix(self, at: float, window: float = 900.0) -> list[MatrixCell]:
        """Return what the verdicts of the ``window`` seconds up to ``at`` say of each provider, role and layer."""
        rows = self._db.execute(
            "SELECT country, asn, service, role, layer, state, count(*), count(DISTINCT probe), max(at) FROM verdict"
            " WHERE at > ? AND at <= ? GROUP BY country, asn, service, role, layer, state",
            (at - window, at),
        )
        cells: dict[tuple[Any, ...], MatrixCell] = {}
        for *key, state, count, probes, latest in rows:
            before = cells.get(tuple(key))
            country, asn, service, role, layer = key
            cells[tuple(key)] = MatrixCell(
                country=country,
                asn=asn,
                service=service,
                role=role,
                layer=layer,
                states={**(before.states if before else {}), state: count},
                probes=max(probes, before.probes if before else 0),
                latest=max(latest, before.latest if before else 0.0),
            )
        return [cells[key] for key in sorted(cells)]

    def history(self, since: float, until: float, step: float, service: str | None = None) -> list[HistoryCell]:
        """Return the verdicts of [since, until) as counts in bins of ``step`` seconds, without decoding any of them."""
        if since % BIN or until % BIN or step % BIN:
            return self._history_counted(since, until, step, service)
        columns, wide = int((until - since) // BIN), int(step // BIN)
        found = []
        for series in self.series(since, columns, service):
            part = {name: getattr(series, name) for name in _NAMES}
            for state, packed in series.counts.items():
                counts: Counter[int] = Counter()
                for place, count in enumerate(tally.unpack(packed, columns)):
                    if count:
                        counts[place // wide] += count
                found += [HistoryCell(**part, bin=bin_, state=state, verdicts=n) for bin_, n in counts.items()]
        return found

    def _history_counted(self, since: float, until: float, step: float, service: str | None) -> list[HistoryCell]:
        """Count the verdicts themselves, for bins that do not lie on those of the tally."""
        rows = self._db.execute(
            f"SELECT {_PART}, CAST((at - :since) / :step AS INTEGER) AS bin,"  # noqa: S608 - the names above
            " state, count(*) FROM verdict"
            " WHERE at >= :since AND at < :until AND (:service IS NULL OR service = :service)"
            f" GROUP BY {_PART}, bin, state",
            {"since": since, "until": until, "step": step, "service": service},
        )
        names = HistoryCell.__struct_fields__
        return [HistoryCell(**dict(zip(names, (*row[:2], bool(row[2]), *row[3:]), strict=True))) for row in rows]

    def series(self, since: float, columns: int, service: str | None = None) -> list[tally.Series]:
        """Return what each part of a service on each provider was seen to be in ``columns`` bins (BIN).

        Args:
            since: UNIX seconds of the first bin, a multiple of BIN.
            columns: how many bins.
            service: of this service only; all of them where left out.
        """
        first, last = tally.place_of(since).day, tally.place_of(since + (columns - 1) * BIN).day
        rows = self._db.execute(
            f"SELECT {_PART}, state, day, counts FROM tally"  # noqa: S608 - the names above
            " WHERE day BETWEEN ? AND ? AND (? IS NULL OR service = ?)",
            (first, last, service, service),
        )
        parts: defaultdict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
        for *part, state, day, kept in rows:
            if packed := tally.window(tally.from_bytes(kept), day, since, columns):
                counts = parts[tuple(part)]
                counts[state] = counts.get(state, 0) + packed
        return [
            tally.Series(
                country=country, asn=asn, reference=bool(reference), service=service, role=role, layer=layer,
                counts=counts,
            )
            for (country, asn, reference, service, role, layer), counts in sorted(parts.items())
        ]  # fmt: skip

    def latest_verdict_at(self) -> float | None:
        """Return the time of the newest verdict: where a page's window ends when nothing arrives any more."""
        row = self._db.execute("SELECT max(at) FROM verdict").fetchone()
        return None if row[0] is None else float(row[0])

    def count_by_state(self) -> dict[str, int]:
        """Return how many verdicts there are of each state, as counted in the transactions that wrote them."""
        return dict(self._db.execute("SELECT state, verdicts FROM total WHERE verdicts > 0").fetchall())

    def measurement_row(self, measurement: str) -> JournalRow | None:
        """Return one measurement from the journal with when and how it arrived; ``None`` where it is not known."""
        return self._journal.find(measurement) if self._journal is not None else None

    def measurement(self, measurement: str) -> Measurement | None:
        """Return one measurement from the journal, for evidence; ``None`` where it is not known."""
        row = self.measurement_row(measurement)
        return row.measurement if row else None

    def events_of(self, probe: str, most: int) -> list[EventRow]:
        """Return the newest events that a probe told of itself, the newest first."""
        return self._journal.events_of(probe, most) if self._journal is not None else []

    def refusals(self, most: int = 20) -> list[Refusal]:
        """Return the newest messages that were refused, and why."""
        held = self._journal.quarantine(most) if self._journal is not None else []
        return [Refusal(at=at, probe=probe, topic=topic, reason=reason) for at, probe, topic, reason in held]

    def asides(self, most: int = 20) -> list[Aside]:
        """Return the newest things that readers of the journal could not deal with."""
        return self._journal.asides(most) if self._journal is not None else []

    def journal_counts(self) -> Counts:
        """Count what the journal holds."""
        return self._journal.counts() if self._journal is not None else Counts()
