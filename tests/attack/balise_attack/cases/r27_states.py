"""Row 27: a probe that says its state without end must neither fill the journal nor hold an honest one back."""

from __future__ import annotations

import time

import msgspec

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.status import State
from balise_wire.topics import Leaf
from balise_wire.words import Lifecycle

_STATES = 4000
_ROWS_MOST = 100
_WITHIN = 2.0


def run(bed: Bed) -> Outcome:
    """Say four thousand states of ever new sessions and streams; count the rows, and time an honest receipt."""
    centre = Centre(bed)
    centre.start()
    hostile = centre.connect(centre.enrol(FieldProbe("hostile1")))
    honest = centre.connect(centre.enrol(FieldProbe("honest01", asn=64502)))
    before = bed.cpu("collector")
    for number in range(_STATES):
        word = (Lifecycle.READY, Lifecycle.SLEEPING)[number % 2]
        said = State(state=word, session=1000 + number, stream=f"{number:016x}")
        hostile.send(Leaf.STATE, msgspec.json.encode(said))
    hostile.send(Leaf.MEASUREMENT, hostile.batch(hostile.measurement(centre.now()), sent_at=centre.now()))
    bed.until(lambda: hostile.through >= hostile.sequence, 40.0)
    begun = time.monotonic()
    honest.send(Leaf.MEASUREMENT, honest.batch(honest.measurement(centre.now()), sent_at=centre.now()))
    came = bed.until(lambda: honest.through >= honest.sequence, 20.0)
    took = time.monotonic() - begun
    query = "SELECT count(*) FROM presence WHERE probe = (SELECT no FROM probe WHERE id = 'hostile1')"
    rows = int(centre.rows(query)[0][0])
    figure = (
        f"{_STATES} states: {rows} rows, {bed.cpu('collector') - before:.1f} CPU s; "
        f"an honest receipt {f'after {took:.2f} s' if came else 'never'}"
    )
    return Outcome(rows <= _ROWS_MOST and came and took <= _WITHIN, figure)


CASES = (Case("27", "states without number", run, seconds=120.0),)
