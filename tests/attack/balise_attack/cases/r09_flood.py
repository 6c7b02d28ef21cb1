"""Row 9: valid batches of one probe cost the centre no more than its timetable, and nobody else waits for them."""

from __future__ import annotations

import random
import secrets
from typing import Any

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement, Network
from balise_wire.topics import Leaf
from balise_wire.words import Arm, Design, Experiment, Scope, TargetRole

_RESULTS, _BATCH = 20_000, 500
_DAYS = 390
_WAITS = 5.0
"""Real seconds in which an honest result must be concluded while the flood is on."""
_CPU_MOST, _DISK_MOST = 15.0, 60.0
"""CPU seconds and MB; an honest probe needs neither in a week."""


def flood(bed: Bed) -> Outcome:
    """Send 20,000 line checks that alternate between dead and well, dated at random over 390 days, in 40 batches."""
    centre = Centre(bed)
    centre.start()
    hostile = centre.connect(centre.enrol(FieldProbe("hostile1")))
    honest = centre.connect(centre.enrol(FieldProbe("honest01")))
    before, disk, sent = bed.cpu("collector"), _disk(centre), 0
    for batch in batches(hostile, centre.now()):
        frame = hostile.batch(*batch, sent_at=centre.now(), historical=True)
        hostile.send(Leaf.MEASUREMENT, frame)
        sent += len(frame)
    bed.until(lambda: hostile.through >= hostile.sequence, 30.0)
    began = centre.now()
    result = honest.measurement(began)
    honest.send(Leaf.MEASUREMENT, honest.batch(result, sent_at=began))
    query = "SELECT 1 FROM verdict WHERE probe = 'honest01' LIMIT 1"
    bed.until(lambda: bool(centre.rows(query, file="derived.sqlite")), 150.0)
    waited = centre.now() - began
    used, grown = bed.cpu("collector") - before, _disk(centre) - disk
    figure = (
        f"{sent / 1e6:.1f} MB sent: {used:.1f} CPU s, {grown:.0f} MB of disk, {centre.journalled('hostile1')} of "
        f"{_RESULTS} taken, {len(centre.quarantined('hostile1'))} refusals; an honest result waited {waited:.1f} s"
    )
    receipted = hostile.through >= hostile.sequence
    held = waited <= _WAITS and used <= _CPU_MOST and grown <= _DISK_MOST and receipted and bed.alive("collector")
    return Outcome(held, figure if receipted else f"{figure}; receipted only through {hostile.through}")


def batches(probe: FieldProbe, now: float) -> list[list[Measurement]]:
    """Return valid line checks, dead and well in turn, at random moments of the past."""
    chance = random.Random(9)
    made = []
    for number in range(_RESULTS):
        at = now - chance.uniform(60.0, _DAYS * 86_400.0)
        made.append(line_check(probe, at, dead=number % 2 == 0))
    return [made[first : first + _BATCH] for first in range(0, _RESULTS, _BATCH)]


def line_check(probe: FieldProbe, at: float, *, dead: bool) -> Measurement:
    """Return one result of the line experiment."""
    failure: dict[str, Any] = {"failure": Failure.GENERIC_TIMEOUT} if dead else {"rtt_ms": 9.0}
    controls = tuple(ControlResult(name=name, scope=Scope.INTERNATIONAL, **failure) for name in ("a", "b"))
    trial = LineObservation(arm=Arm.SUBJECT, at=at, gateway_ok=True, controls=controls)
    return Measurement(
        id=secrets.token_hex(16), experiment=Experiment.LINE, design=Design.SENTINEL, target="internet/line/line/4",
        service="internet", role=TargetRole.LINE, host="line", started=at, ended=at + 1.0,
        network=Network(country=probe.country, asn=probe.asn), catalogue="2026-11-01+000000000000", software="0.1.0",
        observations=(trial,),
    )  # fmt: skip


def _disk(centre: Centre) -> float:
    """Return what the collector's files take, MB."""
    return sum(file.stat().st_size for file in centre.state.rglob("*") if file.is_file()) / 1e6


CASES = (Case("9", "valid batches of one probe, back-dated over a year, stall the centre", flood, seconds=240.0),)
