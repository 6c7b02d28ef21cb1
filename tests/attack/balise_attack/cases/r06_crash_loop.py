"""Row 6: one message of a reference, with an address that is none, must not end the collector."""

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.observations import DnsAnswer, DnsObservation
from balise_wire.topics import Leaf
from balise_wire.words import Arm, Experiment, ProbeRole, Resolver

_GOES_ON = 30.0
"""Real seconds in which an honest probe's next result must be concluded."""


def run(bed: Bed) -> Outcome:
    """Send the message, then an honest result; the collector must still be the same process and conclude it."""
    centre = Centre(bed)
    centre.start()
    hostile = centre.connect(centre.enrol(FieldProbe("hostile1", country="DE", asn=64601, role=ProbeRole.REFERENCE)))
    honest = centre.connect(centre.enrol(FieldProbe("honest01")))
    now = centre.now()
    answers = DnsObservation(
        arm=Arm.SUBJECT, at=now, name="twitter.com", resolver=Resolver.PROVIDER,
        answers=(DnsAnswer(rtt_ms=10.0, addresses=("not an address", "198.18.0.10")),),
    )  # fmt: skip
    message = hostile.measurement(now, experiment=Experiment.DNS, observations=(answers,))
    hostile.send(Leaf.MEASUREMENT, hostile.batch(message, sent_at=now))
    bed.until(lambda: hostile.through >= 1, 10.0)
    honest.send(Leaf.MEASUREMENT, honest.batch(honest.measurement(centre.now()), sent_at=centre.now()))
    came = bed.until(lambda: bool(centre.rows("SELECT 1 FROM verdict LIMIT 1", file="derived.sqlite")), _GOES_ON)
    return Outcome(bed.alive("collector") and came, f"alive: {bed.alive('collector')}; next result concluded: {came}")


CASES = (Case("6", "one message with an address that is none ends the collector, again at each start", run),)
