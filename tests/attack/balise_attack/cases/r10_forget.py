"""Row 10: a hostile broker forges what a probe says it still holds, so that a receipt covers what never arrived."""

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.topics import Leaf
from balise_wire.words import Lifecycle

_WITHHELD = 3
_LAST = 6


def run(bed: Bed) -> Outcome:
    """Withhold one batch, forge the state; then let the probe itself say, under its seal, what it gave up."""
    centre = Centre(bed)
    centre.start()
    probe = centre.connect(centre.enrol(FieldProbe("k7m2q9xd")))
    for sequence in range(1, _LAST + 1):
        frame = probe.batch(probe.measurement(centre.now()), sent_at=centre.now())
        if sequence != _WITHHELD:
            probe.send(Leaf.MEASUREMENT, frame)
    bed.until(lambda: any(_LAST in {one.through, *one.beyond} for one in probe.receipts), 10.0)
    assert probe.client is not None
    for state in (Lifecycle.READY, Lifecycle.SLEEPING, Lifecycle.READY):
        # What a broker can write in the probe's name: nothing of it is sealed.
        probe.say_state(probe.client, state, oldest=_LAST)
    probe.send(Leaf.MEASUREMENT, probe.batch(probe.measurement(centre.now()), sent_at=centre.now()))
    bed.until(lambda: any(_LAST + 1 in {one.through, *one.beyond} for one in probe.receipts), 10.0)
    bed.pause(0.5)
    forged = probe.through
    sealed = probe.batch(probe.measurement(centre.now()), sent_at=centre.now(), oldest=_WITHHELD + 1)
    probe.send(Leaf.MEASUREMENT, sealed)
    closes = bed.until(lambda: probe.through >= _LAST + 2, 10.0)
    return Outcome(
        forged < _WITHHELD and closes,
        f"batch {_WITHHELD} of {_LAST} withheld, state forged: the receipt covers through {forged}; "
        f"through {probe.through} once the probe said it under its seal",
    )


CASES = (Case("10", "a broker forges what a probe still holds: what never arrived is forgotten", run),)
