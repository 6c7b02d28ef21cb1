"""Row 6: whatever one probe can say, the collector stays up and concludes what others say."""

from __future__ import annotations

import json
import random
import secrets
from typing import Any

import msgspec

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.tls import Certificate, TlsObservation
from balise_wire.topics import Leaf
from balise_wire.words import Arm, Experiment, ProbeRole, Resolver

_SCALE = 60
"""A minute a second: references teach every five minutes, and the detector looks every minute."""
_GOES_ON = 20.0
"""Real seconds in which an honest probe's next result must be concluded."""
_TEACHES = 7.0
"""Real seconds in which what the message taught is handed on."""


def address(bed: Bed) -> Outcome:
    """A reference answers with an address that is none, which ended the collector soon after, and at each start."""
    centre = Centre(bed, scale=_SCALE)
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
    bed.until(lambda: not bed.alive("collector"), _TEACHES)
    came = _concluded(centre, honest)
    return Outcome(bed.alive("collector") and came, f"alive: {bed.alive('collector')}; next result concluded: {came}")


def anything(bed: Bed) -> Outcome:
    """Two hundred results with absurd numbers and texts in every field, one at a time, from a probe and a reference."""
    centre = Centre(bed, scale=_SCALE)
    centre.start()
    honest = centre.connect(centre.enrol(FieldProbe("honest01")))
    sent = 0
    for name, country, role in (("hostile1", "PK", ProbeRole.PROBE), ("hostile2", "DE", ProbeRole.REFERENCE)):
        hostile = centre.connect(centre.enrol(FieldProbe(name, country=country, role=role)))
        for message in _absurd(hostile, centre.now()):
            hostile.send(Leaf.MEASUREMENT, hostile.seal(message, sent_at=centre.now()))
            sent += 1
        if not _all_receipted(centre, hostile):
            return Outcome(False, f"{hostile.through} of {hostile.sequence} messages were receipted")
    bed.until(lambda: not bed.alive("collector"), _TEACHES)
    came = _concluded(centre, honest)
    alive = bed.alive("collector")
    refused = len(centre.quarantined("hostile1")) + len(centre.quarantined("hostile2"))
    traces = bed.said("collector").count("Traceback")
    return Outcome(
        alive and came and not traces,
        f"{sent} absurd results: {refused} refused with a reason, {traces} tracebacks; alive: {alive}; "
        f"next result concluded: {came}",
    )


def _all_receipted(centre: Centre, probe: FieldProbe) -> bool:
    """Whether everything that a probe sent was taken or refused, so that it may forget it; or the collector ended."""
    bed = centre.bed
    return bed.until(lambda: probe.through >= probe.sequence or not bed.alive("collector"), 20.0)


def _concluded(centre: Centre, honest: FieldProbe) -> bool:
    """Send an honest result; whether it was judged."""
    result = honest.measurement(centre.now())
    honest.send(Leaf.MEASUREMENT, honest.batch(result, sent_at=centre.now()))
    query = "SELECT 1 FROM verdict WHERE json_extract(CAST(body AS TEXT), '$.measurement') = ?"
    return centre.bed.until(lambda: bool(centre.rows(query, result.id, file="derived.sqlite")), _GOES_ON)


def _absurd(probe: FieldProbe, now: float) -> list[bytes]:
    """Return measurements in JSON: honest ones of each kind, with one field of theirs made absurd at a time."""
    asked: dict[str, Any] = {"arm": Arm.SUBJECT, "at": now}
    server: dict[str, Any] = {**asked, "address": "198.18.0.10", "port": 443}
    answer = DnsAnswer(rtt_ms=9.0, addresses=("198.18.0.10",))
    page = HttpObservation(**server, host="twitter.com", status=302, headers=(("location", "http://x/"),))
    hello = TlsObservation(**server, sni="twitter.com", connect_ms=9.0, chain=(Certificate(sha256="00"),))
    shapes = [
        probe.measurement(now),
        probe.measurement(
            now,
            experiment=Experiment.DNS,
            observations=(DnsObservation(**asked, name="twitter.com", answers=(answer,)),),
        ),
        probe.measurement(now, experiment=Experiment.TLS, observations=(hello,)),
        probe.measurement(now, experiment=Experiment.HTTP, observations=(page,)),
    ]
    made = []
    for shape in shapes:
        for path in _leaves(json.loads(msgspec.json.encode(shape))):
            for value in (10**30, -1e308, "\x00\x1b[2J", "http://[::1"):
                tree = json.loads(msgspec.json.encode(msgspec.structs.replace(shape, id=secrets.token_hex(16))))
                place = tree
                for step in path[:-1]:
                    place = place[step]
                place[path[-1]] = value
                made.append(msgspec.json.encode([tree]))
    return random.Random(6).sample(made, min(100, len(made)))


def _leaves(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value that is neither a list nor an object."""
    if isinstance(tree, dict):
        return [leaf for key, value in tree.items() for leaf in _leaves(value, (*path, key))]
    if isinstance(tree, list):
        return [leaf for place, value in enumerate(tree) for leaf in _leaves(value, (*path, place))]
    return [path]


CASES = (
    Case("6", "one message with an address that is none ends the collector, again at each start", address),
    Case("6b", "absurd numbers and texts in every field of every kind of result", anything),
)
