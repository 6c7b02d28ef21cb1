"""Row 16: bits that a disk changed in the journal cost the rows they hit; detection goes on for all, and says so."""

import random
import sqlite3
import time
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
    _send(centre, probe)
    bed.stop("collector")
    _forget_conclusions(centre)
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


def anywhere(bed: Bed) -> Outcome:
    """Change twenty bits anywhere in the file and blank its first bytes; what comes next must be taken and judged."""
    centre = Centre(bed)
    centre.start()
    probe = centre.connect(centre.enrol(FieldProbe("honest01")))
    _send(centre, probe)
    bed.stop("collector")
    journal = centre.state / "journal.sqlite"
    data = bytearray(journal.read_bytes())
    chance = random.Random(17)
    places = [chance.randrange(4096, len(data)) for _ in range(_BITS)]
    for place in places:
        data[place] ^= 1 << chance.randrange(8)
    data[:16] = bytes(16)
    journal.write_bytes(data)
    _forget_conclusions(centre)
    began = time.monotonic()
    bed.start("collector", bed.collector("--config", centre.file, "run"), centre.clock())
    came = bed.until(lambda: centre.bed.said("collector").count(": connected") > 1, 15.0)
    if came:
        probe.send(Leaf.MEASUREMENT, probe.batch(probe.measurement(centre.now()), sent_at=centre.now()))
    pages = len({place // 4096 for place in places})
    wanted = _BATCHES * _EACH - (pages + 1) * 2 * _EACH
    done = came and bed.until(lambda: probe.through > _BATCHES and _verdicts(centre) >= wanted, _GOES_ON)
    figure = (
        f"{_BITS} bits in {pages} pages and no header: {_verdicts(centre) if came else 0} of {_BATCHES * _EACH + 1} "
        f"rows judged after {time.monotonic() - began:.1f} s; receipted through {probe.through} of {_BATCHES + 1}; "
        f"alive: {bed.alive('collector')}"
    )
    return Outcome(done and bed.alive("collector"), figure)


def registry(bed: Bed) -> Outcome:
    """Blank a page of the registry: who may speak must be known all the same."""
    centre = Centre(bed)
    centre.start()
    probe = centre.connect(centre.enrol(FieldProbe("honest01")))
    for n in range(3):
        centre.enrol(FieldProbe(f"another{n}"))
    _send(centre, probe)
    bed.stop("collector")
    with (centre.state / "fleet.sqlite").open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))
    before = bed.said("collector").count(": connected")
    bed.start("collector", bed.collector("--config", centre.file, "run"), centre.clock())
    came = bed.until(lambda: bed.said("collector").count(": connected") > before, 15.0)
    if came:
        probe.send(Leaf.MEASUREMENT, probe.batch(probe.measurement(centre.now()), sent_at=centre.now()))
    taken = came and bed.until(lambda: probe.through > _BATCHES, _GOES_ON)
    return Outcome(taken, f"a blank page in fleet.sqlite: started: {came}, next result taken: {taken}")


def _send(centre: Centre, probe: FieldProbe) -> None:
    """Send 300 results in 60 batches, and wait for their receipts."""
    for _ in range(_BATCHES):
        now = centre.now()
        probe.send(Leaf.MEASUREMENT, probe.batch(*(probe.measurement(now) for _ in range(_EACH)), sent_at=now))
    centre.bed.until(lambda: probe.through >= _BATCHES, 20.0)


def _forget_conclusions(centre: Centre) -> None:
    """Have everything judged anew."""
    for suffix in ("", "-wal", "-shm"):
        (centre.state / f"derived.sqlite{suffix}").unlink(missing_ok=True)


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
    try:
        return len(centre.rows("SELECT 1 FROM verdict", file="derived.sqlite"))
    except sqlite3.Error:
        return 0  # it is not there yet


CASES = (
    Case("16a", "a disk changes twenty bits of the journal's frames", frames, seconds=120.0),
    Case("16b", "a disk changes twenty bits anywhere in the journal, and its header", anywhere, seconds=120.0),
    Case("16c", "a disk blanks a page of the registry", registry, seconds=120.0),
)
