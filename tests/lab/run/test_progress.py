"""What a person reads while a scenario plays; plain lines where there is no terminal."""

import io
from typing import Any

from balise_lab.compare.expect import Row
from balise_lab.run.progress import Look, Progress, closing, describe, sentence, table
from balise_lab.scenario.load import parse
from balise_lab.scenario.schema import Start

SCENARIO = parse("""\
name: x
summary: One block.
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T21:30}
isps: {asn64501: {probes: 1, name: Indus}}
services: {twitter: {web: twitter.lab}}
timeline:
  - {at: 22:00, start: {id: b1, kind: sni.drop, match: [twitter]}}
""")


def block() -> Start:
    """Return the one entry of the timeline."""
    entry = SCENARIO.timeline[0]
    assert isinstance(entry, Start)
    return entry


def incident(**changes: Any) -> dict[str, Any]:
    """Return an incident as the collector tells it."""
    start = SCENARIO.starts
    usual = {
        "id": "i1",
        "service": "twitter",
        "kind": "interference",
        "state": "open",
        "locality": "local",
        "scope": {"affected": [64501], "clean": []},
        "mechanisms": [{"mechanism": "sni.drop"}],
        "onset": {"earliest": start + 1740, "latest": start + 1860},
    }
    return usual | changes


def told(*looks: Look) -> list[str]:
    """Return the lines that these looks make."""
    stream = io.StringIO()
    progress = Progress(SCENARIO, stream)
    for look in looks:
        progress.look(look)
    assert "\033" not in stream.getvalue()
    return stream.getvalue().splitlines()


def test_a_line_every_ten_virtual_minutes() -> None:
    """Local time, the truth, what the detector believes, and how much was measured; no more often than that."""
    looks = [Look(moment, (block().disturbance,), (), 7) for moment in (1800.0, 1860.0, 2399.0, 2400.0)]
    lines = told(*looks)
    assert len(lines) == 2
    assert lines[0] == "22:00  in force: sni.drop on asn64501 | detector: nothing unusual | 7 measurements"


def test_news_of_an_incident_is_told_once() -> None:
    """An incident is told when it opens and when it ends, not at every look."""
    opened = Look(2000.0, (), [incident()], 7)
    ended = {"earliest": SCENARIO.starts + 14300, "latest": SCENARIO.starts + 14500}
    closed = Look(2100.0, (), [incident(state="closed", end=ended)], 8)
    news = [line for line in told(opened, opened, closed, closed) if "twitter: interference" in line]
    assert [line.split("(")[1].split(",")[0] for line in news] == ["open", "closed"]


def test_an_incident_in_one_sentence() -> None:
    """Service, kind, scope, mechanism and interval, in the country's time."""
    assert sentence(SCENARIO, incident()) == (
        "▲ twitter: interference (open, local) affected AS64501 clean none by sni.drop since 21:59-22:01"
    )


def test_the_beginning_says_what_will_be_played() -> None:
    """When, how fast, who measures."""
    stream = io.StringIO()
    Progress(SCENARIO, stream).begins()
    assert "17 May 2020, 21:30 to 22:30 (Asia/Karachi) at 60 times the speed: 1.0 min" in stream.getvalue()
    assert "Indus AS64501 (1); references: none" in stream.getvalue()


def test_a_disturbance_in_words() -> None:
    """What it does, to whom, and what it looks for."""
    assert describe(block().disturbance).startswith("sni.drop (the flow dies after a ClientHello with the name) on")


def test_the_table_says_wrong_in_a_word() -> None:
    """Not by colour: a word stands at the beginning of each line."""
    lines = table([Row("a", "b", "b", ok=True), Row("long", "c", "d", ok=False)])
    assert lines[1:] == ["ok     a     b         b", "WRONG  long  c         d"]


def test_the_last_words_name_both_views_and_the_way_in() -> None:
    """Who reads only the end finds both addresses, the token, and why the public view knows less."""
    said = "\n".join(closing("19 May 2020, 03:00", "http://h:8485/", "http://h:8484/", "ab" * 16, 2, 30))
    for word in ("http://h:8485/", "http://h:8484/", "ab" * 16, "19 May 2020, 03:00", "2 probes", "30 minutes"):
        assert word in said
    assert max(map(len, said.splitlines())) <= 110
