"""Row 16: bits that a disk changed in the journal cost the rows they hit; detection goes on for all, and says so."""

import random
import sqlite3
from contextlib import closing

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.topics import Leaf

_BATCHES, _EACH, _BITS = 60, 5, 20
_GOES_ON = 20.0
"""Real seconds in which everything that can be read must be concluded."""


def frames(bed: Bed) -> Outcome:
    """Journal 300 results, change twenty bits of their sealed frames, and judge; an honest result follows."""
    centre = Centre(bed)
    centre.start()
    probe = centre.connect(centre.enrol(FieldProbe("honest01")))
    for _ in range(_BATCHES):
        now = centre.now()
        probe.send(Leaf.MEASUREMENT, probe.batch(*(probe.measurement(now) for _ in range(_EACH)), sent_at=now))
    bed.until(lambda: probe.through >= _BATCHES, 20.0)
    bed.stop("collector")
    for suffix in ("", "-wal", "-shm"):
        (centre.state / f"derived.sqlite{suffix}").unlink(missing_ok=True)
    hit = _flip(centre)
    centre.start_collector()
    probe.send(Leaf.MEASUREMENT, probe.batch(probe.measurement(centre.now()), sent_at=centre.now()))
    wanted = _BATCHES * _EACH - hit * _EACH + 1
    done = bed.until(lambda: _verdicts(centre) >= wanted, _GOES_ON)
    told = centre.json("/api/v1/status")["journal"].get("set_aside", {}).get("judge", 0)
    figure = (
        f"{_BITS} bits in {hit} of {_BATCHES} batches: {_verdicts(centre)} of {_BATCHES * _EACH + 1} rows judged, "
        f"{told} said to be damaged"
    )
    return Outcome(done and told == hit * _EACH and bed.alive("collector"), figure)


def _flip(centre: Centre) -> int:
    """Change bits in frames; returns how many batches were hit."""
    chance = random.Random(16)
    hit = set()
    with closing(sqlite3.connect(centre.state / "journal.sqlite")) as db, db:
        numbers = [no for (no,) in db.execute("SELECT no FROM batch")]
        for _ in range(_BITS):
            number = chance.choice(numbers)
            frame = bytearray(db.execute("SELECT frame FROM batch WHERE no = ?", (number,)).fetchone()[0])
            frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)
            db.execute("UPDATE batch SET frame = ? WHERE no = ?", (bytes(frame), number))
            hit.add(number)
    return len(hit)


def _verdicts(centre: Centre) -> int:
    return len(centre.rows("SELECT 1 FROM verdict", file="derived.sqlite"))


CASES = (Case("16a", "a disk changes twenty bits of the journal's frames", frames),)
