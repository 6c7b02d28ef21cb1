"""From a scenario to what the lab is to build."""

import tomllib
from pathlib import Path

import pytest

from balise_lab.run.settings import service_toml
from balise_lab.scenario.layout import box_of, layout_of, places
from balise_lab.scenario.load import load, parse
from balise_lab.scenario.schema import Scenario, Start
from balise_lab.world.topology import build

TEXT = """\
name: x
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T21:30}
isps: {asn64501: {probes: 2}, city: {probes: 1}}
abroad: [{code: DE, probes: 1}]
services: {twitter: {media-image: {host: pbs.twimg.lab, shares: twitter.lab}, web: twitter.lab}}
timeline:
  - {at: 22:00, start: {id: far, where: cityp1, kind: delay, ms: 600, jitter: 100}}
  - {at: 22:00, start: {id: edge, kind: edge.down, match: [pbs.twimg.lab]}}
  - {at: 22:00, start: {id: forged, kind: dns.inject, answer: [10.10.34.34, 10.10.34.35], match: [twitter]}}
"""


def test_probes_are_put_in_their_own_places() -> None:
    """A probe's id leads to a namespace of its own provider and country."""
    scenario = parse(TEXT)
    found = places(scenario, build(layout_of(scenario)))
    assert {identifier: (place.asn, place.country) for identifier, place in found.items()} == {
        probe.id: (probe.asn, probe.country) for probe in scenario.probes
    }


def test_hosts_that_share_have_one_address_and_edges_two() -> None:
    """``shares`` puts two hosts on one address; a host whose edge dies has a regional address of its own."""
    built = build(layout_of(parse(TEXT)))
    addresses = {endpoint.host: endpoint.addresses for endpoint in built.endpoints}
    assert addresses["twitter.lab"] == addresses["pbs.twimg.lab"]
    edge = next(endpoint for endpoint in built.endpoints if endpoint.host == "pbs.twimg.lab")
    assert edge.country_addresses != edge.addresses


def test_disturbances_become_boxes() -> None:
    """Parameters are handed on as the file says them, places as the lab calls them; other names are their hosts."""
    scenario = parse(TEXT)
    where = {identifier: place.name for identifier, place in places(scenario, build(layout_of(scenario))).items()}
    far = box_of(started(scenario, "far").disturbance, where)
    assert (far.where, dict(far.settings)) == (where["cityp1"], {"ms": 600.0, "jitter": 100.0})
    forged = box_of(started(scenario, "forged").disturbance, where)
    assert forged.settings == {"answer": ("10.10.34.34", "10.10.34.35")}
    assert set(forged.match) == {"twitter.lab", "pbs.twimg.lab"}


def test_what_the_catalogue_does_not_name_is_served_all_the_same() -> None:
    """``addresses``, ``edge``, ``hoster``, ``resolvers`` reach the lab; ``catalogued`` keeps addresses from probes."""
    keys = "host: twitter.lab, addresses: 2, edge: yes, catalogued: first"
    text = TEXT.replace("web: twitter.lab", f"hoster: cloud, web: {{{keys}}}").replace("{probes: 2}", "{resolvers: 2}")
    scenario = parse(text)
    built = build(layout_of(scenario))
    end = next(endpoint for endpoint in built.endpoints if endpoint.host == "twitter.lab")
    assert (len(end.addresses), len(end.country_addresses)) == (2, 2)
    assert set(end.addresses).isdisjoint(end.country_addresses)
    (told,) = (
        target["addresses"]
        for target in tomllib.loads(service_toml(scenario, built, "twitter"))["target"]
        if target["host"] == "twitter.lab"
    )
    assert told == [end.country_addresses[0], end.addresses[0]]
    assert built.layout.hosters == {"twitter": "cloud"}
    assert len(built.namespace("asn64501").resolvers) == 2


@pytest.mark.slow
def test_every_scenario_of_the_repository_can_be_built(repo_root: Path) -> None:
    """What we ship maps onto the lab: boxes, places and settings."""
    for path in sorted((repo_root / "tests" / "scenarios").glob("*.yaml")):
        scenario = load(path)
        built = build(layout_of(scenario))
        where = {identifier: place.name for identifier, place in places(scenario, built).items()}
        for entry in scenario.timeline:
            if isinstance(entry, Start):
                assert box_of(entry.disturbance, where).id == entry.disturbance.id


def started(scenario: Scenario, identifier: str) -> Start:
    """Return the entry that starts a disturbance."""
    return next(one for one in scenario.timeline if isinstance(one, Start) and one.disturbance.id == identifier)
