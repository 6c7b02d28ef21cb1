"""Bringing what a spool holds in line with its recipient: nothing lies bare that can be boxed for the collector.

Lives here: that conversion, table by table. Must not live here: for whom (boxed_for.py), or what a box is (wire).
``sqlite3.Error`` goes through to spool.py, which meets it.
"""

from typing import Final

from balise_agent.delivery.spool.batches import Batches, Waiting, unknown
from balise_agent.delivery.spool.file import mark_held
from balise_agent.delivery.spool.tables import OPENS, transaction
from balise_wire.box import MAGIC as BOX

_AT_ONCE: Final = 50
"""Batches that are boxed in one commit when the collector first says that it opens boxes."""


def convert(batches: Batches) -> None:
    """Bring everything that is held in line with the recipient in force."""
    database = batches.database
    with transaction(database):
        for table in ("pending", "boxed"):
            database.execute(f"DELETE FROM {table}")  # noqa: S608 - a word of ours
            mark_held(database, table, 0)
        written = batches.insert(list(batches.waiting.values()))
    batches.waiting = written
    take_bare_apart(batches)
    if batches.packer.boxer is not None:
        while _box_some(batches):
            pass
        # The old rows are overwritten (secure_delete); the log holds them as well.
        batches.storage.scrub_log(database)
        # From here on nothing is deleted that anybody could read.
        database.execute("PRAGMA secure_delete=FAST")
    else:
        database.execute("PRAGMA secure_delete=ON")
    _drop_spoilt(batches)
    batches.recount()


def take_bare_apart(batches: Batches) -> None:
    """Turn bare frames that lost their number into records again, or box them where that can be."""
    database, packer = batches.database, batches.packer
    rows = database.execute("SELECT id, frame FROM carry WHERE substr(frame, 1, 4) <> ?", (BOX,)).fetchall()
    for id_, frame in rows:
        with transaction(database):
            if packer.boxer is not None and packer.whole(frame, None):
                database.execute("UPDATE carry SET frame = ? WHERE id = ?", (packer.passed_on(frame, 0), id_))
                continue
            database.execute("DELETE FROM carry WHERE id = ?", (id_,))
            batches.mark_carry()
            records = packer.records(frame)
            written = batches.insert([Waiting(record, unknown(record)) for record in records])
        batches.waiting.update(written)
        batches.storage.give_up(not records)


def _box_some(batches: Batches) -> bool:
    """Box some of the bare batches; return whether there may be more."""
    database, packer = batches.database, batches.packer
    bare = database.execute(
        "SELECT sequence, frame FROM batch WHERE substr(frame, 1, 4) <> ? LIMIT ?", (BOX, _AT_ONCE)
    ).fetchall()
    with transaction(database):
        for sequence, frame in bare:
            if packer.whole(frame, sequence):
                boxed = packer.passed_on(frame, sequence)
                database.execute("UPDATE batch SET frame = ? WHERE sequence = ?", (boxed, sequence))
            else:
                database.execute("DELETE FROM batch WHERE sequence = ?", (sequence,))
                batches.storage.give_up(1)
    return len(bare) == _AT_ONCE


def _drop_spoilt(batches: Batches) -> None:
    """Let go of what only looks as if it were boxed for another collector: its addressee is damaged."""
    database, packer = batches.database, batches.packer
    for id_, table in (("sequence", "batch"), ("id", "carry")):
        query = f"SELECT {id_} FROM {table} WHERE NOT {OPENS}"  # noqa: S608 - words of ours
        for (number,) in database.execute(query, batches.opens).fetchall():
            query = f"SELECT frame FROM {table} WHERE {id_} = ?"  # noqa: S608
            frame = database.execute(query, (number,)).fetchone()[0]
            if not packer.whole(frame, number if table == "batch" else 0):
                database.execute(f"DELETE FROM {table} WHERE {id_} = ?", (number,))  # noqa: S608
                batches.storage.give_up(1)
