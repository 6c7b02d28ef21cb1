"""Row 1: what one probe saw is published nowhere: not once it closed, not while it stands, not as an outage."""

from typing import Any

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.topics import Leaf
from balise_wire.words import Arm, Design, Experiment, Scope, TargetRole

_SCALE = 600
_HOUR = 3600.0
_STEP = 600.0
_DELAY = 1800.0 + 300.0
"""Seconds by which the public view is behind, and a bin."""
_PAST, _TROUBLE, _CALM = 5 * _HOUR, 3.5 * _HOUR, 1.5 * _HOUR
"""Seconds before now: where the history begins, where the trouble does, where it ends."""
_ALONE = ("internet", "periscope", "twitter")
_WORDS = ("Twitter blocked", "Periscope blocked", "etwork outage")
_PUBLIC = ("/", "/matrix", "/feed.atom", "/api/v1/incidents", "/PK/twitter", "/PK/periscope", "/PK/internet")


def _page(probe: FieldProbe, at: float, host: str, service: str, *, dropped: bool) -> Measurement:
    """Return a paired run in clear HTTP, in which the requests that name the host are answered, or never are."""

    def get(after: float, arm: Arm, *, gone: bool = False, **more: Any) -> HttpObservation:
        answer: dict[str, Any] = {"failure": Failure.GENERIC_TIMEOUT} if gone else {
            "status": 200, "body_bytes": 20_000, "body_sha256": f"{len(arm):064x}", "title": f"page of {arm}",
        }  # fmt: skip
        name = host if arm is Arm.SUBJECT else "control.example"
        return HttpObservation(
            arm=arm, at=at + after, address="198.18.0.10", port=80, host=name, connect_ms=40.0, **answer, **more
        )

    trials = (
        get(-120.0, Arm.SUBJECT, gone=dropped, carried=True),
        get(0.0, Arm.NEIGHBOUR),
        get(1.0, Arm.SUBJECT, gone=dropped),
        get(6.0, Arm.SUBJECT, gone=dropped),
    )
    return probe.measurement(
        at, experiment=Experiment.HTTP, design=Design.PAIRED, target=f"{service}/web/{host}/4", service=service,
        host=host, ended=at + 10.0, observations=trials,
    )  # fmt: skip


def _line(probe: FieldProbe, at: float, *, dead: bool) -> Measurement:
    """Return a check of the line: five controls that answer, or none."""
    controls = tuple(
        ControlResult(name=f"c{n}.example", scope=scope, failure=Failure.GENERIC_TIMEOUT if dead else None)
        for n, scope in enumerate((Scope.DOMESTIC,) * 2 + (Scope.INTERNATIONAL,) * 3)
    )
    seen = LineObservation(arm=Arm.SUBJECT, at=at, gateway_ok=True, gateway_rtt_ms=2.0, controls=controls)
    return probe.measurement(
        at, experiment=Experiment.LINE, target="internet/line/line/4", service="internet", role=TargetRole.LINE,
        host="line", observations=(seen,),
    )  # fmt: skip


def _send_past(centre: Centre, probes: list[FieldProbe], now: float) -> None:
    """Send five hours: the first probe alone loses Twitter and its line for two of them, and Periscope from the start.

    Two of them lose Zoom: so that a view which says nothing at all does not count as one that held.
    """
    for hour in range(int(_PAST / _HOUR)):
        for number, probe in enumerate(probes):
            batch = []
            for step in range(int(_HOUR / _STEP)):
                at = now - _PAST + hour * _HOUR + step * _STEP
                trouble = now - _TROUBLE <= at < now - _CALM
                batch += [
                    _page(probe, at, "twitter.com", "twitter", dropped=trouble and number == 0),
                    _page(probe, at, "www.periscope.tv", "periscope", dropped=number == 0),
                    _page(probe, at, "zoom.us", "zoom", dropped=trouble and number < 2),
                    _line(probe, at, dead=trouble and number == 0),
                ]
            probe.send(Leaf.MEASUREMENT, probe.batch(*batch, sent_at=centre.now()))


def _measured(bed: Bed) -> Centre:
    """Return a centre to which three boards of three providers sent five hours, and that has concluded."""
    centre = Centre(bed, scale=_SCALE)
    centre.start()
    probes = [centre.connect(centre.enrol(FieldProbe(f"probe00{n}", asn=64501 + n))) for n in range(3)]
    _send_past(centre, probes, centre.now())
    sent = len(probes) * 4 * int(_PAST / _STEP)
    bed.until(lambda: len(centre.rows("SELECT 1 FROM verdict", file="derived.sqlite")) >= sent, 40.0)
    bed.until(lambda: len(_inside(centre)) >= len(_ALONE) + 1, 10.0)
    return centre


def _inside(centre: Centre) -> dict[str, str]:
    """Return the state of each incident, by its service, as the operator sees it."""
    return {one["service"]: one["state"] for one in centre.json("/api/v1/incidents")["incidents"]}


def _named(centre: Centre) -> list[str]:
    """Return the public pages on which stands what one probe saw."""
    return [path for path in _PUBLIC if any(word in centre.get(path, public=True)[1] for word in _WORDS)]


def _published(centre: Centre) -> Outcome:
    """Return what the public is told, once it is told everything of now."""
    centre.bed.pause(_DELAY / _SCALE)
    inside = _inside(centre)
    named = _named(centre)
    listed = {one["service"] for one in centre.json("/api/v1/incidents", public=True)["incidents"]}
    figure = (
        f"the operator sees {dict(sorted(inside.items()))}; the public list names {sorted(listed)}, "
        f"and {', '.join(named) or 'no page'} what one probe saw"
    )
    return Outcome(set(inside) == {*_ALONE, "zoom"} and listed == {"zoom"} and not named, figure)


def run(bed: Bed) -> Outcome:
    """Three boards of three providers measure; one of them has a cable that is pulled at times."""
    return _published(_measured(bed))


def older(bed: Bed) -> Outcome:
    """The same under the other checkout's collector, which notes no witnesses; this one's reads its files."""
    before = bed.other
    centre = _measured(before)
    before.stop("collector")
    centre.bed = bed
    centre.start_collector()
    at_once = _named(centre)
    centre.ask("replay")
    found = _published(centre)
    return Outcome(found.held and not at_once, f"before `replay`: {', '.join(at_once) or 'no page'}; {found.figure}")


CASES = (
    Case("1a", "one board alone sees a block that ends, one that stands, and an outage", run, seconds=150.0),
    Case(
        "1b", "what one board saw under an earlier version is there after an update", older, short=False, seconds=240.0
    ),
)
