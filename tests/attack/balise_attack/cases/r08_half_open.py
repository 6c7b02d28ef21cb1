"""Row 8: half-open connections on the public view must not take enrolment and ingest with them."""

from __future__ import annotations

import time
from functools import partial

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.crowd import Crowd, enrolment, limit_files
from balise_attack.field import FieldProbe
from balise_wire.topics import Leaf

_WITHIN = 2.0
"""Seconds in which enrolment, ingest and the operator's page must answer."""
_READER = 10.0
"""Seconds that a reader waits for the door that is held: its process gives way to all others of the machine (nice), so
beside other work its time says what else runs and not what the crowd does."""
_UNIT = 8192
"""LimitNOFILE of balise-collector.service."""


def run(bed: Bed, *, many: int, files: int) -> Outcome:
    """Hold the connections, ask everybody, restart the broker, ask again."""
    centre = Centre(bed)
    limit_files(files)
    centre.start()
    honest = centre.connect(centre.enrol(FieldProbe("honest01")))
    crowd = Crowd(centre.public_port, many, sources=300)
    crowd.start()
    crowd.gathered(60.0)
    first = _answers(centre, honest)
    honest.leave()
    bed.stop("mosquitto")
    centre.start_broker()
    met = bed.until(lambda: bed.said("collector").count(": connected") >= 2, 20.0)
    centre.connect(honest)
    second = _answers(centre, honest)
    held, alive = crowd.held, bed.alive("collector")
    crowd.leave()
    told = "; ".join(f"{when}: {', '.join(f'{what} {took:.2f} s' for what, took in answers.items())}" for when, answers
                     in (("under it", first), ("after a broker restart", second)))  # fmt: skip
    swift = all(
        took <= (_READER if what == "public page" else _WITHIN)
        for answers in (first, second)
        for what, took in answers.items()
    )
    figure = f"{crowd.opened} half-open connections made, {held} held at the end; {told}; collector alive: {alive}"
    return Outcome(alive and met and swift, figure)


def _answers(centre: Centre, honest: FieldProbe) -> dict[str, float]:
    """Return how long enrolment, ingest and the operator's page took to answer; 99 where they did not."""
    status, enrolled = enrolment(centre.enrolment_port, centre.state / "authority" / "ca.pem")
    begun = time.monotonic()
    honest.send(Leaf.MEASUREMENT, honest.batch(honest.measurement(centre.now()), sent_at=centre.now()))
    wanted = honest.sequence
    receipted = centre.bed.until(lambda: honest.through >= wanted, 10.0)
    ingested = time.monotonic() - begun
    return {
        "enrolment": enrolled if status == 403 else 99.0,
        "ingest": ingested if receipted else 99.0,
        "operator's page": _page(centre, "/fleet"),
        "public page": _page(centre, "/feed.atom", public=True),
    }


def _page(centre: Centre, path: str, *, public: bool = False) -> float:
    begun = time.monotonic()
    try:
        status = centre.get(path, public=public)[0]
    except OSError:
        return 99.0
    return time.monotonic() - begun if status == 200 else 99.0


CASES = (
    Case("8a", "9,000 half-open connections on the public view", partial(run, many=9000, files=_UNIT), short=False,
         seconds=240.0),
    Case("8b", "1,000 half-open connections on the public view, 512 open files", partial(run, many=1000, files=512),
         seconds=120.0),
)  # fmt: skip
