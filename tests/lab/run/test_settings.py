"""The settings that a run hands to its programs."""

import tomllib
from pathlib import Path

from balise_lab.run import settings
from balise_lab.scenario.layout import layout_of
from balise_lab.scenario.load import parse
from balise_lab.scenario.schema import Catalogued
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
PLACES = settings.Places(Path("/run/lab"), Path("/run/lab/ca.pem"))
CARD = settings.Card("token-of-a-card", "ab" * 32)


def test_a_slow_network_gets_longer_timeouts() -> None:
    """Time-outs are at least four of the longest round trip, or distance would look like interference."""
    slow = settings.timeouts(parse(TEXT))
    assert settings.longest_round_trip(parse(TEXT)) == 0.7
    assert min(slow["connect"], slow["answer"], slow["dns"]) >= 4 * 0.7 - 1e-9
    assert slow["syn"] >= 2.8 - 1e-9
    quick = settings.timeouts(parse(TEXT.split("timeline:", maxsplit=1)[0]))
    assert max(quick.values()) <= 2.0


def test_a_shapers_queue_leaves_time_to_wait() -> None:
    """A hello behind another home's bytes waits until they are through, and is not dropped."""
    start = "start: {id: edge, kind: rate.shape, where: gateway, match: [pbs.twimg.lab], kbit: 100}"
    text = TEXT.replace("start: {id: edge, kind: edge.down, match: [pbs.twimg.lab]}", start)
    assert settings.longest_wait(parse(text)) == 3.2
    told, before = settings.timeouts(parse(text)), settings.timeouts(parse(TEXT))
    waits = {name: round(told[name] - before[name], 2) for name in told}
    assert {name for name, more in waits.items() if more} == {"connect", "answer"}
    assert waits["answer"] == 3.2


def test_a_lossy_network_leaves_time_to_send_again() -> None:
    """Where packets get lost, a connection may need the kernel's second SYN, one second after the first."""
    text = TEXT.replace("start: {id: edge, kind: edge.down, match: [pbs.twimg.lab]}", "start: {where: city, loss: 5%}")
    assert settings.timeouts(parse(text))["connect"] > 3.0


def test_settings_are_toml_with_the_programs_own_keys() -> None:
    """Agent, collector and catalogue read back as TOML with what the scenario says."""
    scenario = parse(TEXT)
    built = build(layout_of(scenario))
    agent = tomllib.loads(settings.agent_toml(scenario, built, scenario.probes[3], PLACES, CARD))
    assert agent["probe"] == {"state_dir": "/run/lab/probes/refde1"}
    assert agent["enrolment"]["urls"] == [f"https://{built.centre}:8443"]
    assert (agent["enrolment"]["token"], agent["enrolment"]["fingerprint"]) == (CARD.token, CARD.fingerprint)
    assert agent["consent"]["accepted"]
    collector = tomllib.loads(settings.collector_toml(built, PLACES, 8484))
    assert collector["broker"] == {"host": "127.0.0.1", "port": 8883, "own_authority": True}
    assert collector["enrolment"]["brokers"] == [{"host": built.centre, "port": 443, "transport": "tcp"}]
    assert collector["catalogue"]["dir"] == "/run/lab/catalogue"
    service = tomllib.loads(settings.service_toml(scenario, built, "twitter"))
    assert {target["host"] for target in service["target"]} == {"twitter.lab", "pbs.twimg.lab"}
    assert all(target["addresses"] and target["neighbour"] for target in service["target"])
    controls = tomllib.loads(settings.controls_toml(scenario, built))
    assert {control["scope"] for control in controls["control"]} == {"domestic", "international"}
    assert controls["dns"]["silent_addresses"]


def test_a_run_with_influx_tells_the_collector_where_it_is() -> None:
    """The table is there with both buckets; a run without InfluxDB names none."""
    built = build(layout_of(parse(TEXT)))
    with_influx = tomllib.loads(settings.collector_toml(built, PLACES, 8484, with_influx=True))
    assert with_influx["influx"]["url"].startswith("http://127.0.0.1:")
    assert with_influx["influx"]["bucket"] != with_influx["influx"]["rollup_bucket"]
    assert "influx" not in tomllib.loads(settings.collector_toml(built, PLACES, 8484))


def test_people_find_two_views_and_a_run_alone_has_one() -> None:
    """Only where people look does the collector ask for a token and show a public view, with the usual k and delay."""
    built = build(layout_of(parse(TEXT)))
    alone = tomllib.loads(settings.collector_toml(built, PLACES, 8484))
    assert "public" not in alone
    assert "token_file" not in alone["pages"]
    views = settings.Views(8485, "http://127.0.0.1:9000", Path("/run/lab/operator.token"))
    both = tomllib.loads(settings.collector_toml(built, PLACES, 8484, views=views))
    assert both["pages"] == {"host": "127.0.0.1", "port": 8484, "token_file": "/run/lab/operator.token"}
    assert both["public"] == {
        "host": "127.0.0.1", "port": 8485, "base_url": "http://127.0.0.1:9000", "k": 2, "delay_minutes": 30,
    }  # fmt: skip


def test_targets_and_controls_have_both_ip_versions_where_there_are_both() -> None:
    """And the sibling of IPv6 stands among the further ones, since IPv4's has the key of its own."""
    scenario = parse(TEXT.replace("asn64501: {probes: 2}", "asn64501: {probes: 2, ipv6: yes}").split("timeline:")[0])
    built = build(layout_of(scenario))
    (_, web) = tomllib.loads(settings.service_toml(scenario, built, "twitter"))["target"]
    assert web["addresses"] == ["198.19.64.10", "3fff:19:40::a"]
    assert (web["sibling"], web["parameters"]["tcp"]["siblings"]) == ("198.19.64.200", ["3fff:19:40::c8"])
    control = tomllib.loads(settings.controls_toml(scenario, built))["control"][0]
    assert control["addresses"] == ["198.51.100.10", "3fff:51:64::a"]
    agent = tomllib.loads(settings.agent_toml(scenario, built, scenario.probes[0], PLACES, CARD))
    assert "3fff::/20" in agent["network"]["laboratory"]


def test_the_catalogue_says_what_is_so_at_a_moment() -> None:
    """New addresses take the place of the old; a host that is out has no target, and a service without one no file."""
    change = "changes: [{at: 22:00, host: zoom.lab, addresses: new}]\n"
    services = "services: {zoom: {web: zoom.lab, api: a.lab}, chat: {web: chat.lab}}"
    text = TEXT.split("services:", maxsplit=1)[0] + services + "\n" + change
    scenario = parse(text)
    built = build(layout_of(scenario))
    zoom = next(end for end in built.endpoints if end.host == "zoom.lab")
    told = Catalogued(without=frozenset({"a.lab", "chat.lab"}), moved=frozenset({"zoom.lab"}))
    (target,) = tomllib.loads(settings.service_toml(scenario, built, "zoom", told))["target"]
    assert target["addresses"] == list(zoom.later)
    assert settings.service_toml(scenario, built, "chat", told) == ""
    assert len(tomllib.loads(settings.service_toml(scenario, built, "zoom"))["target"]) == 2
