"""A scenario of every part, to be changed in one place by each test, and what the loader says of a wrong one."""

import pytest

from balise_lab.scenario.load import parse
from balise_lab.scenario.source import ScenarioError

WHOLE = """\
name: whole
summary: one sentence
clock: {scale: 120}
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T20:00}
isps: {asn64501: {probes: 3}, city-net: {probes: 2, access: mobile, name: City Net}}
abroad: [{code: DE, probes: 2}, {code: SG, probes: 1}]
services: {twitter: {web: ..., media-image: {host: pbs.twimg.lab, bytes: 30000}}, zoom: {web: zoom.lab}}
timeline:
  - {at: 22:00, start: {id: b1, where: gateway, isps: [asn64501], kind: sni, match: ["*.twimg.lab"], action: drop}}
  - {at: 01:30, stop: b1}
expect:
  incidents:
    - {services: [twitter], onset: 22:00, end: 01:30, within: 10m, scope: {affected: [asn64501], clean: [city-net]},
       mechanism: sni.drop, locality: local}
  verdicts:
    - {probe: asn64501p1, target: twitter/media-image, between: [22:10, 22:20], state: blocked, layer: tls}
  quiet: [zoom]
"""


def with_timeline(*entries: str) -> str:
    """Return the whole scenario with another timeline and without expectations."""
    head = WHOLE.split("timeline:", maxsplit=1)[0]
    return head + "timeline:\n" + "".join(f"  - {entry}\n" for entry in entries)


def errors(text: str) -> list[str]:
    """Return the error lines of a wrong scenario."""
    with pytest.raises(ScenarioError) as caught:
        parse(text, "bad.yaml")
    return str(caught.value).splitlines()
