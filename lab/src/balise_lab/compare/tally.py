"""The auditor: what each probe recorded, and what the journal holds, counted by SQL in their own databases.

The probe forgets a batch on the collector's receipt, so its spool alone cannot say what was ever recorded. A trigger in
the spool's database notes each measurement in the same commit that records it: what is in this table was durably
recorded, no more and no less. A probe that knows its collector's key boxes what it records: then the note is the box,
and the laboratory opens it, because it has the collector's secret. Must not live here: what the counts ought to be
(result, tests).
"""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_wire.box import Opener, private_key
from balise_wire.envelope import MAX_BODY_BYTES, decode_envelope
from balise_wire.seal import unseal

SPOOL = "spool.sqlite"
JOURNAL = "journal.sqlite"
_TABLE = "CREATE TABLE IF NOT EXISTS lab_recorded(id TEXT NOT NULL)"
_BOXES = "CREATE TABLE IF NOT EXISTS lab_boxed(frame BLOB NOT NULL)"
_BOXES_TRIGGER = """
CREATE TRIGGER IF NOT EXISTS lab_tally_boxed AFTER INSERT ON boxed WHEN NEW.kind = 'measurement'
BEGIN INSERT INTO lab_boxed VALUES (NEW.frame); END
"""
_LATE_BOXES = "INSERT INTO lab_boxed SELECT frame FROM boxed WHERE kind = 'measurement'"
_TRIGGER = """
CREATE TRIGGER IF NOT EXISTS lab_tally AFTER INSERT ON pending WHEN NEW.kind = 'measurement'
BEGIN INSERT INTO lab_recorded VALUES (json_extract(CAST(NEW.body AS TEXT), '$.id')); END
"""
_LATE = (
    "INSERT INTO lab_recorded SELECT json_extract(CAST(body AS TEXT), '$.id') FROM pending WHERE kind = 'measurement'"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was recorded and what arrived."""

    recorded: int
    journalled: int
    """Rows of the journal."""
    missing: int
    """Recorded and not in the journal."""
    repeated: int
    """Rows of the journal beyond the first of each measurement."""
    unknown: int
    """In the journal and never recorded; 0 unless the tally began late."""
    quarantined: int


def watch(spool: Path) -> bool:
    """Begin to note what a probe records; ``False`` while its spool does not exist yet."""
    if not spool.exists():
        return False
    try:
        with closing(sqlite3.connect(spool, timeout=5.0, isolation_level=None)) as database:
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
            if not {"pending", "batch", "meta"} <= tables:
                return False
            if database.execute("SELECT 1 FROM meta WHERE name = 'stream'").fetchone() is None:
                return False  # its tables are still being made: one without a trigger would not be counted
            if "lab_tally" not in tables:
                database.execute("BEGIN IMMEDIATE")
                # Probes of earlier versions have no boxes.
                boxes = (_BOXES, _BOXES_TRIGGER, _LATE_BOXES) if "boxed" in tables else ()
                for statement in (_TABLE, _TRIGGER, _LATE, *boxes):
                    database.execute(statement)
                database.execute("COMMIT")
    except sqlite3.OperationalError:
        return False  # the probe is just making the file, or holds it: the caller asks again
    return True


class Keys:
    """What it takes to read what a probe boxed: its collector's secret, and its own key."""

    def __init__(self, collector: Path, agent: Path) -> None:
        """Read both from the programs' state folders; what is not there yet opens nothing."""
        seed, own = _seed(collector / "collector.key"), _seed(agent / "probe.key")
        self._opener = Opener([private_key(seed)] if seed else [])
        self._signer = Ed25519PrivateKey.from_private_bytes(own).public_key() if own else None

    def ids(self, box: bytes) -> tuple[str, ...]:
        """Return the ids of the measurements in a box of this probe."""
        if self._signer is None:
            return ()
        envelope = decode_envelope(unseal(self._opener.open(box), self._signer, most=MAX_BODY_BYTES))
        return tuple(one.id for one in msgspec.json.decode(envelope.body, type=list[_Named]))


class _Named(msgspec.Struct):
    id: str


def _seed(path: Path) -> bytes:
    return bytes.fromhex(path.read_text(encoding="ascii")) if path.exists() else b""


def recorded(spool: Path, keys: Keys | None = None) -> frozenset[str]:
    """Return the ids of all measurements that a probe ever recorded; of boxed ones with the ``keys`` that open them."""
    if not spool.exists():
        return frozenset()
    with closing(_reader(spool)) as database:
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        if "lab_recorded" not in tables:
            return frozenset()
        found = [row[0] for row in database.execute("SELECT id FROM lab_recorded")]
        if keys is not None and "lab_boxed" in tables:
            found += [one for (box,) in database.execute("SELECT frame FROM lab_boxed") for one in keys.ids(box)]
    return frozenset(found)


def journalled(journal: Path) -> dict[str, list[int]]:
    """Return, by probe, the first 64 bits of the id of every row of the journal."""
    if not journal.exists():
        return {}
    query = "SELECT probe.id, measurement.id FROM measurement JOIN probe ON probe.no = measurement.probe"
    found: dict[str, list[int]] = {}
    with closing(_reader(journal)) as database:
        for probe, number in database.execute(query):
            found.setdefault(probe, []).append(number)
    return found


def quarantined(journal: Path) -> int:
    """Return how many messages were refused."""
    if not journal.exists():
        return 0
    with closing(_reader(journal)) as database:
        return int(database.execute("SELECT count(*) FROM quarantine").fetchone()[0])


def head(journal: Path) -> int:
    """Return how many measurements the journal holds."""
    if not journal.exists():
        return 0
    with closing(_reader(journal)) as database:
        return int(database.execute("SELECT coalesce(max(seq), 0) FROM measurement").fetchone()[0])


def behind(journal: Path, head: int) -> int:
    """Return how many of the first ``head`` measurements the judge has not dealt with."""
    if not journal.exists():
        return 0
    with closing(_reader(journal)) as database:
        judged = database.execute("SELECT seq FROM cursor WHERE name = 'judge'").fetchone()
        return max(0, head - int(judged[0] if judged else 0))


def count(spools: Mapping[str, Iterable[str]], rows: Mapping[str, list[int]], refused: int) -> Counts:
    """Compare what was recorded (ids by probe) with the rows of the journal. Pure."""
    wanted = {(probe, id64(one)) for probe, ids in spools.items() for one in ids}
    held = [(probe, number) for probe, numbers in rows.items() for number in numbers]
    return Counts(
        recorded=len(wanted),
        journalled=len(held),
        missing=len(wanted - set(held)),
        repeated=len(held) - len(set(held)),
        unknown=len(set(held) - wanted),
        quarantined=refused,
    )


def id64(measurement: str) -> int:
    """Return the first 64 bits of a 32-digit id, signed: how the journal keeps it."""
    value = int(measurement[:16], 16)
    return value - (1 << 64) if value >= 1 << 63 else value


def _reader(path: Path) -> sqlite3.Connection:
    """Open a database that another program writes, for reading."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)
