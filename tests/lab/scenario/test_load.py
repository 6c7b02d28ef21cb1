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
from balise_wire.words import Access, Experiment, ProbeRole, TargetRole

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


def test_probes_are_called_after_their_provider_or_country() -> None:
    """Ids of probes can be told from the file: provider's letters and digits, p, number; ref, country, number."""
    scenario = parse(WHOLE)
    assert [probe.id for probe in scenario.probes] == [
        "asn64501p1", "asn64501p2", "asn64501p3", "citynetp1", "citynetp2", "refde1", "refde2", "refsg1",
    ]  # fmt: skip
    assert scenario.probes[3].access is Access.MOBILE
    assert scenario.probes[5].role is ProbeRole.REFERENCE


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


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("22:00", 7200),
        ("22:00:30", 7230),
        ("20:00", 0),
        ("19:59", 23 * 3600 + 59 * 60),
        ("01:30", 19800),
        ("+90m", 5400),
        ("+1h30m", 5400),
        ("+45s", 45),
        ("2020-05-18T01:30", 19800),
        ('"2020-05-18 01:30:15"', 19815),
    ],
)
def test_times_run_forward_from_the_start(written: str, seconds: float) -> None:
    """A time of day is its first occurrence at or after the start; the others say themselves when they are."""
    scenario = parse(with_timeline(f"{{at: {written}, start: {{kind: ip.drop, match: [zoom]}}}}"))
    assert scenario.timeline[0].at == seconds


def test_a_start_by_night_crosses_a_change_of_the_clock() -> None:
    """In a night in which the clocks go forward, 03:30 comes half an hour after 01:59, not an hour and a half."""
    text = WHOLE.replace("Asia/Karachi", "Europe/Paris").replace("2020-05-17T20:00", "2020-03-29T01:30")
    scenario = parse(text.split("timeline:")[0] + "timeline: [{at: 03:30, start: {kind: isp.shutdown}}]\n")
    assert scenario.timeline[0].at == 3600.0


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("kind: sni.drop", "sni.drop"),
        ("kind: sni, action: rst, residual: 180s", "sni.rst"),
        ("kind: dns, action: inject", "dns.inject"),
        ("kind: dns, action: nxdomain", "dns.nxdomain"),
        ("kind: ip, action: drop", "ip.drop"),
        ("kind: http, action: blockpage", "http.blockpage"),
        ("kind: server.down", "server.down"),
        ("kind: edge.down", "edge.down"),
    ],
)
def test_kinds_are_written_in_one_word_or_two(written: str, kind: str) -> None:
    """``kind: sni, action: drop`` and ``kind: sni.drop`` are the same box."""
    scenario = parse(with_timeline(f"{{at: 22:00, start: {{id: x, {written}, match: [twitter]}}}}"))
    entry = scenario.timeline[0]
    assert isinstance(entry, Start)
    assert entry.disturbance.kind == kind
    assert entry.disturbance.hosts == ("twitter.lab", "pbs.twimg.lab")


@pytest.mark.parametrize(
    "written", ["kind: loss, percent: 5", "kind: loss, loss: 5%", "loss: 5 %", "kind: loss, percent: 5%"]
)
def test_loss_is_written_with_or_without_its_unit(written: str) -> None:
    """Five per cent can be said in the ways people say it."""
    scenario = parse(with_timeline(f"{{at: 22:00, start: {{id: x, where: asn64501, {written}}}}}"))
    entry = scenario.timeline[0]
    assert isinstance(entry, Start)
    assert (entry.disturbance.kind, entry.disturbance.settings) == ("loss", {"percent": 5.0})
    assert entry.disturbance.isps == ("asn64501",)


def test_services_and_roles_choose_hosts() -> None:
    """A box may be pointed at services and roles; it then looks for their hosts."""
    entry = "{at: 22:00, start: {kind: sni.drop, services: [twitter], roles: [media-image]}}"
    start = parse(with_timeline(entry)).timeline[0]
    assert isinstance(start, Start)
    assert start.disturbance.hosts == ("pbs.twimg.lab",)
    assert start.disturbance.isps == ("asn64501", "city-net")  # all of them, as none is named


def test_addresses_may_be_blocked_too() -> None:
    """ip.drop takes hosts, addresses and networks in one list."""
    start = parse(with_timeline("{at: 22:00, start: {kind: ip.drop, match: [zoom, 198.19.64.0/24, 198.19.65.9]}}"))
    entry = start.timeline[0]
    assert isinstance(entry, Start)
    assert entry.disturbance.hosts == ("zoom.lab",)
    assert entry.disturbance.addresses == ("198.19.64.0/24", "198.19.65.9")


def test_entries_are_sorted_by_time_with_a_warning() -> None:
    """Entries may stand in any order; a stop at the moment of a start comes first, so that an id can be handed on."""
    scenario = parse(
        with_timeline(
            "{at: 22:00, start: {id: a, kind: ip.drop, match: [zoom]}}",
            "{at: 23:00, start: {id: a, kind: sni.drop, match: [zoom]}}",
            "{at: 23:00, stop: a}",
            "{at: 21:00, start: [{id: c, kind: isp.shutdown, where: city-net}, {id: d, loss: 2%, where: asn64501p2}]}",
            "{at: 23:30, stop: [a, c, d]}",
        )
    )
    moments = [(entry.at, type(entry).__name__) for entry in scenario.timeline]
    assert moments == [
        (3600.0, "Start"), (3600.0, "Start"), (7200.0, "Start"), (10800.0, "Stop"), (10800.0, "Start"),
        (12600.0, "Stop"), (12600.0, "Stop"), (12600.0, "Stop"),
    ]  # fmt: skip
    assert any("earlier than the entry before it" in warning for warning in scenario.warnings)


def test_an_expectation_may_name_a_whole_provider() -> None:
    """``probe: city-net`` stands for each of its probes, ``refde`` for the references there."""
    text = WHOLE.replace("probe: asn64501p1", "probe: [city-net, refde, asn64501-2]")
    expect = parse(text).expect
    assert expect is not None
    assert expect.verdicts[0].probes == ("citynetp1", "citynetp2", "refde1", "refde2", "asn64501p2")


def test_experiments_and_sharing_are_read() -> None:
    """A role may be measured with fewer experiments, and live on another host's address."""
    text = WHOLE.replace("bytes: 30000", "shares: twitter.lab, http_port: 443, experiments: [dns, tls]")
    endpoint = parse(text).services[0].endpoints[1]
    assert endpoint.shares == "twitter.lab"
    assert HttpParameters(port=443, fetch_bytes=8192) in endpoint.parameters
    assert endpoint.experiments == (Experiment.DNS, Experiment.TLS)


def test_no_expectation_is_no_error() -> None:
    """A scenario may just be played."""
    assert parse(with_timeline("{at: 22:00, start: {kind: isp.shutdown, where: asn64501}}")).expect is None


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


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "the file is empty"),
        ("- a\n", 1, "begin with name"),
        ("name: x\nmatch: [*.twimg.lab]\n", 2, "must stand in quotes"),
        ("name: x\n\tsummary: y\n", 2, "spaces, not tabs"),
        ("name: x\nname: y\n", 2, "given twice"),
    ],
)
def test_what_is_no_scenario_at_all_is_said_plainly(text: str, line: int, said: str) -> None:
    """Errors of YAML itself come with a line and a mend too."""
    assert any(one.startswith(f"bad.yaml:{line}: ") and said in one for one in errors(text))


def test_a_missing_file_is_an_error_with_a_mend(tmp_path: Path) -> None:
    """A path that leads nowhere says so."""
    with pytest.raises(ScenarioError, match="no such file"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (("{at: 22:00, start: {id: a, kind: ip.drop, match: [zoom]}}",) * 2, "is already running"),
        (("{at: 22:00, stop: a}", "{at: 23:00, start: {id: a, kind: ip.drop, match: [zoom]}}"), "is not running then"),
        (("{at: 22:00}",), "neither starts nor stops"),
        (("{at: 22:00, start: {kind: sni, match: [zoom]}}",), "needs an action"),
        (("{at: 22:00, start: {kind: loss, where: asn64501}}",), "loss needs percent"),
        (("{at: 22:00, start: {kind: loss, percent: 0}}",), "percent is 0; give 0.01 to 100"),
        (("{at: 22:00, start: {kind: sni.rst, ttl: 300, match: [zoom]}}",), "ttl is 300; give 1 to 255"),
        (("{at: 22:00, start: {kind: server.denies, status: 200, match: [zoom]}}",), "status is 200; use 403 or 451"),
        (("{at: 22:00, start: {kind: server.down, mode: explode, match: [zoom]}}",), "mode is explode; use drop or"),
        (("{at: 22:00, start: {kind: port.drop, ports: []}}",), "ports is empty"),
        (("{at: 22:00, start: {kind: loss, percent: 5, match: [zoom]}}",), "looks for nothing"),
        (("{at: 22:00, start: {kind: sni.drop, match: [198.19.64.1]}}",), "looks for names"),
        (("{at: 22:00, start: {kind: sni.drop, action: rst, match: [zoom]}}",), "contradicts"),
        (("{at: 2020-05-16T22:00, start: {kind: isp.shutdown}}",), "before the start"),
    ],
)
def test_a_timeline_that_cannot_be_is_refused(entries: tuple[str, ...], said: str) -> None:
    """Ids, kinds and parameters are checked before anything is started."""
    told = errors(with_timeline(*entries))
    assert any(said in one for one in told), told


def test_a_pattern_that_matches_no_host_is_a_warning() -> None:
    """A box may look for names that nobody measures; the author hears of it."""
    scenario = parse(with_timeline('{at: 22:00, start: {kind: sni.drop, match: ["*.example.org"]}}'))
    assert any("matches no host" in warning for warning in scenario.warnings)


def test_an_end_before_the_last_entry_is_refused() -> None:
    """A scenario cannot end before it is over."""
    text = dedent(WHOLE).split("expect:")[0] + "ends: 23:00\n"
    assert any("before the last entry" in one for one in errors(text))


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


def test_aliases_make_no_more_of_it() -> None:
    """YAML repeats what is written once: each repetition counts."""
    text = "name: x\ncountry: {code: PK, tz: UTC, starts: 2020-05-17T21:30}\nservices: {x: x.lab}\nisps:\n"
    text += "  a0: &p {probes: 200}\n" + "".join(f"  a{n}: *p\n" for n in range(1, 60))
    with pytest.raises(ScenarioError, match="12000 probes in all"):
        parse(text)


def test_a_file_that_nobody_wrote_is_refused_at_once() -> None:
    """By its length, and by its depth."""
    with pytest.raises(ScenarioError, match="characters; 1000000 are the most"):
        parse("#" * 1_000_001)
    with pytest.raises(ScenarioError, match=r"nested too deep|not YAML"):
        parse("x: " + "[" * 20_000)


def test_a_scenario_ends_within_a_year() -> None:
    """Else it plays for days of real time."""
    text = "name: x\ncountry: {code: PK, tz: UTC, starts: 2020-05-17T21:30}\nservices: {x: x.lab}\nisps: {a: 1}\n"
    with pytest.raises(ScenarioError, match="more than a year"):
        parse(text + "ends: 2099-01-01T00:00\n")
