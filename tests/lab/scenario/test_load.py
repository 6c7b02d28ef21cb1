"""The scenario loader: what it accepts, and that every error names line and mend, all at once."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from balise_lab.scenario.load import load, parse
from balise_lab.scenario.schema import Start, Stop
from balise_lab.scenario.source import ScenarioError
from balise_wire.experiments.http import HttpParameters
from balise_wire.words import Experiment, TargetRole
from tests.lab.scenario.examples import WHOLE, errors


def test_the_shape_of_the_lab_document_is_accepted() -> None:
    """A file of the documented shape becomes frozen types with times as seconds since the start."""
    scenario = parse(WHOLE)
    assert (scenario.name, scenario.scale, scenario.country, scenario.zone) == ("whole", 120.0, "PK", "Asia/Karachi")
    assert scenario.starts == 1589727600.0  # 2020-05-17T15:00:00Z
    start, stop = scenario.timeline
    assert isinstance(start, Start)
    assert (start.at, start.disturbance.kind, start.disturbance.hosts) == (7200.0, "sni.drop", ("*.twimg.lab",))
    assert isinstance(stop, Stop)
    assert stop.at == 5.5 * 3600
    assert scenario.ends == stop.at + 1800.0
    assert scenario.expect is not None
    assert scenario.expect.incidents[0].affected == (64501,)
    assert scenario.expect.incidents[0].clean == (scenario.isps[1].asn,)
    assert scenario.expect.verdicts[0].since == 7800.0
    assert scenario.expect.quiet == ("zoom",)


def test_a_name_with_a_number_gives_the_as_number_and_others_get_one() -> None:
    """Asn64501 is AS64501; a provider without a number gets one that nobody else has."""
    scenario = parse(WHOLE)
    assert scenario.isps[0].asn == 64501
    numbers = [isp.asn for isp in scenario.isps] + [place.asn for place in scenario.abroad]
    assert len(set(numbers)) == len(numbers)


def test_three_dots_stand_for_the_usual_host() -> None:
    """``web: ...`` is <service>.lab, another role <role>.<service>.lab."""
    text = WHOLE.replace("web: ...,", "web: ..., media-video: ..., api: ,")
    hosts = {endpoint.role: endpoint.host for endpoint in parse(text).services[0].endpoints}
    assert hosts[TargetRole.WEB] == "twitter.lab"
    assert hosts[TargetRole.MEDIA_VIDEO] == "media-video.twitter.lab"
    assert hosts[TargetRole.API] == "api.twitter.lab"


def test_experiments_and_sharing_are_read() -> None:
    """A role may be measured with fewer experiments, and live on another host's address."""
    text = WHOLE.replace("bytes: 30000", "shares: twitter.lab, http_port: 443, experiments: [dns, tls]")
    endpoint = parse(text).services[0].endpoints[1]
    assert endpoint.shares == "twitter.lab"
    assert HttpParameters(port=443, fetch_bytes=8192) in endpoint.parameters
    assert endpoint.experiments == (Experiment.DNS, Experiment.TLS)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("summary:", "sumary:"), 2, "did you mean summary?"),
        (("scale: 120", "scale: fast"), 3, "write scale: 60"),
        (("code: PK", "code: Pakistan"), 4, "two letters"),
        (("Asia/Karachi", "Asia/Karachy"), 4, "did you mean Asia/Karachi?"),
        (("2020-05-17T20:00", "2020-05-17"), 4, "has no time of day"),
        (("{probes: 3}", "{probs: 3}"), 5, "did you mean probes?"),
        (("{probes: 3}", "{probes: none}"), 5, "is not a whole number"),
        (("{code: SG", "{code: DE"), 6, "DE is given twice"),
        (("media-image", "media-immage"), 7, "did you mean media-image?"),
        (("bytes: 30000", "bites: 30000"), 7, "did you mean bytes?"),
        (("at: 22:00", "at: 25:00"), 9, "no time of day"),
        (("where: gateway", "where: gatway"), 9, "did you mean gateway?"),
        (("isps: [asn64501]", "isps: [asn64510]"), 9, "did you mean asn64501?"),
        (("kind: sni", "kind: snj"), 9, "did you mean sni"),
        (("action: drop", "action: dorp"), 9, "did you mean drop?"),
        (('match: ["*.twimg.lab"], ', ""), 9, "needs to know what to look for"),
        (('match: ["*.twimg.lab"], ', "match: [twiter], "), 9, "did you mean twitter?"),
        (("stop: b1", "stop: b2"), 10, "known here: b1"),
        (("within: 10m", "within: soon"), 13, "write 10m, 180s or 1h30m"),
        (("end: 01:30", "end: 21:00"), 13, "before the onset"),
        (("mechanism: sni.drop", "mechanism: sni.dorp"), 14, "did you mean sni.drop?"),
        (("locality: local", "locality: lokal"), 14, "did you mean local?"),
        (("state: blocked", "state: block"), 16, "did you mean blocked?"),
        (("target: twitter/media-image", "target: twitter/media-imag"), 16, "did you mean twitter/media-image?"),
        (("between: [22:10, 22:20]", "between: 22:10"), 16, "between: [22:10, 22:20]"),
        (("quiet: [zoom]", "quiet: [zom]"), 17, "did you mean zoom?"),
    ],
)
def test_an_error_names_its_line_and_the_mend(change: tuple[str, str], line: int, said: str) -> None:
    """Whatever is wrong, the message begins with file and line and says how to mend it."""
    assert change[0] in WHOLE
    told = errors(WHOLE.replace(change[0], change[1], 1))
    assert any(one.startswith(f"bad.yaml:{line}: ") and said in one for one in told), told


def test_all_errors_are_told_at_once() -> None:
    """A file with five mistakes is mended in one go, not in five."""
    text = (
        WHOLE.replace("scale: 120", "scale: fast").replace("probes: 3", "probes: x").replace("kind: sni", "kind: xyz")
    )
    text = text.replace("state: blocked", "state: bad").replace("quiet: [zoom]", "quiet: [moon]")
    assert len(errors(text)) >= 5


def test_a_missing_file_is_an_error_with_a_mend(tmp_path: Path) -> None:
    """A path that leads nowhere says so."""
    with pytest.raises(ScenarioError, match="no such file"):
        load(tmp_path / "none.yaml")


def test_an_end_before_the_last_entry_is_refused() -> None:
    """A scenario cannot end before it is over."""
    text = dedent(WHOLE).split("expect:")[0] + "ends: 23:00\n"
    assert any("before the last entry" in one for one in errors(text))


@pytest.mark.slow
def test_every_scenario_of_the_repository_is_good(repo_root: Path) -> None:
    """The scenarios that we ship load without error or warning."""
    found = sorted((repo_root / "tests" / "scenarios").glob("*.yaml"))
    assert found
    for path in found:
        assert load(path).warnings == ()


def test_the_documented_example_is_good(repo_root: Path) -> None:
    """What docs/scenarios.md shows is what the loader takes."""
    text = (repo_root / "docs" / "scenarios.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    assert parse(example).warnings == ()


# ---------------------------------------------------------------- bounds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"isps": {f"p{n}": {"probes": 200} for n in range(60)}}, "12000 probes in all"),
        ({"isps": {f"p{n}": {"probes": 3} for n in range(900)}}, "isps: has 900 entries; 64"),
        ({"abroad": [{"code": "DE", "probes": 200}, {"code": "FR", "probes": 200}]}, "probes in all"),
        ({"services": {f"s{n}": f"s{n}.lab" for n in range(900)}}, "services: has 900 entries; 64"),
        ({"timeline": [{"at": "10:00", "stop": "x"}] * 5000}, "timeline: has 5000 entries; 1000"),
        (
            {"services": {f"s{n}": {"web": {"host": f"s{n}.lab", "bytes": 4_000_000}} for n in range(20)}},
            "80000000 bytes of pages in all",
        ),
    ],
)  # fmt: skip
def test_a_scenario_has_as_many_of_each_as_a_machine_can_play(change: dict[str, Any], told: str) -> None:
    """A file of a few lines once asked for 180,000 processes: the error says how many, and how many there may be."""
    usual = {
        "name": "x", "country": {"code": "PK", "tz": "Asia/Karachi", "starts": "2020-05-17T21:30"},
        "isps": {"asn64501": 1}, "services": {"x": "x.lab"},
    }  # fmt: skip
    with pytest.raises(ScenarioError, match=told):
        parse(yaml.safe_dump({**usual, **change}))


def test_a_scenario_ends_within_a_year() -> None:
    """Else it plays for days of real time."""
    text = "name: x\ncountry: {code: PK, tz: UTC, starts: 2020-05-17T21:30}\nservices: {x: x.lab}\nisps: {a: 1}\n"
    with pytest.raises(ScenarioError, match="more than a year"):
        parse(text + "ends: 2099-01-01T00:00\n")


def test_what_no_server_answers_over_ipv6_is_refused() -> None:
    """Before it is measured and taken for a fault."""
    text = WHOLE.replace("asn64501: {probes: 3}", "asn64501: {probes: 3, ipv6: yes}")
    asked = text.replace("web: zoom.lab", "web: {host: zoom.lab, experiments: [tcp, quic]}")
    assert parse(text.replace("action: drop", "action: drop, family: 4")).ipv6
    assert any("zoom.lab is measured with quic, which no server here answers over IPv6" in one for one in errors(asked))
    proxied = text.replace("timeline:", "proxies: [socks5]\ntimeline:")
    assert any("proxies: reach nothing over IPv6" in one for one in errors(proxied))
