"""Row 19: six sources that hold idle connections must not keep new boards out."""

from __future__ import annotations

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.crowd import Crowd, enrolment

_TRIES = 12
_WITHIN = 2.0


def run(bed: Bed) -> Outcome:
    """Hold all the connections that six sources can have, and ask a dozen times to be enrolled."""
    centre = Centre(bed)
    centre.start()
    authority = centre.state / "authority" / "ca.pem"
    crowd = Crowd(centre.enrolment_port, 384, sources=6, said=b"", rate=100)
    crowd.start()
    crowd.gathered(20.0)
    answers = [enrolment(centre.enrolment_port, authority) for _ in range(_TRIES)]
    crowd.leave()
    answered = [took for status, took in answers if status == 403]
    slowest = max(answered, default=99.0)
    figure = (
        f"{crowd.opened} idle connections made; {len(answered)} of {_TRIES} boards answered, slowest {slowest:.2f} s"
    )
    return Outcome(len(answered) == _TRIES and slowest <= _WITHIN, figure)


CASES = (Case("19", "the enrolment door held by six idle sources", run),)
