"""The result of a run as JSON: what people outside read to judge the run for themselves."""

import json

from balise_lab.compare.expect import Row
from balise_lab.compare.findings import FoundNetwork, FoundVerdict
from balise_lab.compare.result import Run, result_of, to_json
from balise_lab.compare.tally import Counts
from balise_lab.scenario.load import parse

SCENARIO = parse("""\
name: x
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T21:30}
isps: {asn64501: {probes: 1}}
services: {twitter: {web: twitter.lab}}
timeline:
  - {at: 22:00, start: {id: b1, kind: sni.drop, match: [twitter], residual: 180s}}
  - {at: 22:30, start: {id: b2, kind: sni.rst, match: [twitter]}}
  - {at: 01:30, stop: [b1, b2]}
""")
VERDICT = FoundVerdict(
    probe="asn64501p1",
    network=FoundNetwork(country="PK", asn=64501),
    service="twitter",
    role="web",
    target="twitter/web/twitter.lab/4",
    layer="tls",
    at=SCENARIO.starts + 2400,
    since=SCENARIO.starts + 2100,
    state="blocked",
    rule="sni.drop",
    mechanism="sni.drop",
)


def run(*rows: Row) -> Run:
    """Return a run that ended with these rows."""
    return Run(
        scenario=SCENARIO,
        clock="2020-05-17T16:30:00Z@1.000x60",
        incidents=[{"id": "i", "onset": {"earliest": None, "latest": SCENARIO.starts + 1860.5}, "end": None}],
        verdicts=[VERDICT],
        counters={"b1": {"seen": 9, "matched": 3, "fired": 2}},
        counts=Counts(5, 5, 0, 0, 0, 0),
        rows=rows,
    )


def test_a_run_is_right_when_every_row_is() -> None:
    """One wrong row makes the run wrong; no row at all is nothing wrong."""
    good, bad = Row("a", "b", "b", ok=True), Row("a", "b", "c", ok=False)
    assert run().ok
    assert run(good).ok
    assert not run(good, bad).ok


def test_the_truth_has_utc_and_local_times() -> None:
    """What was done, when, in both times, across midnight."""
    first, *_, last = result_of(run())["truth"]
    assert (first["at"], first["at_local"]) == ("2020-05-17T17:00:00Z", "2020-05-17T22:00:00+05:00")
    assert (first["action"], first["kind"], first["match"]) == ("start", "sni.drop", ["twitter.lab"])
    assert first["settings"] == {"residual": 180.0}
    assert (last["action"], last["id"], last["at_local"]) == ("stop", "b2", "2020-05-18T01:30:00+05:00")


def test_a_verdict_is_told_flat_with_its_provider() -> None:
    """Per probe, target and time: state, rule and mechanism."""
    (told,) = result_of(run())["verdicts"]
    assert (told["probe"], told["isp"], told["asn"], told["country"]) == ("asn64501p1", "asn64501", 64501, "PK")
    assert (told["state"], told["rule"], told["mechanism"], told["layer"]) == ("blocked", "sni.drop", "sni.drop", "tls")
    assert (told["at"], told["since"]) == ("2020-05-17T17:10:00Z", "2020-05-17T17:05:00Z")


def test_every_box_has_its_counters() -> None:
    """A box that was played is listed even when it counted nothing."""
    boxes = {box["id"]: box["counters"] for box in result_of(run())["boxes"]}
    assert boxes == {"b1": {"seen": 9, "matched": 3, "fired": 2}, "b2": {}}


def test_the_result_is_json() -> None:
    """It can be written and read back, with the incidents as the collector told them."""
    read = json.loads(to_json(run(Row("a", "b", "b", ok=True, line=7))))
    (incident,) = read["incidents"]
    assert (incident["id"], incident["end"]) == ("i", None)
    assert incident["onset_local"] == [None, "2020-05-17T22:01:00+05:00"]
    assert read["expectations"] == [{"what": "a", "expected": "b", "found": "b", "ok": True, "line": 7}]
    assert read["counts"]["recorded"] == 5
