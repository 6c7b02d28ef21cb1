"""Drawings: every text is escaped, every drawing says in words what it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.drawing import svg

EVIL = '"><script>alert(1)</script>&'
OK, BLOCKED = VerdictState.OK, VerdictState.BLOCKED


def parsed(markup: str) -> ET.Element:
    """Read a drawing of our own as XML."""
    return ET.fromstring(markup)  # noqa: S314 - our own drawing, not a stranger's


def drawing(**changes: Any) -> svg.Timeline:
    """A small timeline."""
    usual: dict[str, Any] = {
        "title": "t", "description": "d", "since": 0.0, "until": 3000.0, "step": 300,
        "groups": (
            svg.DrawnGroup(heading="Affected", rows=(svg.DrawnRow(label="AS1", states=[OK] * 5 + [BLOCKED] * 5),)),
        ),
        "moments": (svg.Bracket(earliest=1200.0, latest=1500.0, label="began 22:00"),),
        "ticks": (svg.Tick(at=600.0, local="22:00", utc="17:00"),), "local_name": "Asia/Karachi",
    }  # fmt: skip
    return svg.Timeline(**{**usual, **changes})


def test_foreign_text_cannot_become_markup() -> None:
    """Names come from catalogues and networks: they are text, wherever they stand."""
    rows = (svg.DrawnRow(label=EVIL, states=[OK]),)
    text = svg.timeline(
        drawing(title=EVIL, description=EVIL, local_name=EVIL, groups=(svg.DrawnGroup(heading=EVIL, rows=rows),))
    )
    text += svg.strip([OK], EVIL, "k")
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_drawings_are_well_formed_and_told_in_words(read: Callable[[str], Any]) -> None:
    """A title, a description in words, and the role of an image."""
    for text in (svg.timeline(drawing()), svg.strip([OK, None, BLOCKED], "Zoom, AS1", "k")):
        assert read(str(text)).wrong == []
        root = parsed(text)
        assert root.get("role") == "img"
        assert root.findtext("title")
        assert root.findtext("desc")
    assert "blocked 1, reachable 1 of 2 measured intervals" in svg.strip([OK, None, BLOCKED], "Zoom, AS1", "k")


def test_a_bar_stands_for_each_run_at_its_place() -> None:
    """Two runs, two bars, meeting where the state changed; blocked is higher than reachable."""
    root = parsed(svg.strip([OK, OK, BLOCKED], "t", "k"))
    bars = [bar for bar in root.iter("rect") if "state-" in bar.get("class", "")]
    assert [(bar.get("class"), bar.get("x"), bar.get("width")) for bar in bars] == [
        ("state-ok", "0", "2"), ("state-blocked", "2", "1")
    ]  # fmt: skip
    assert float(bars[1].get("height", "")) > float(bars[0].get("height", ""))


def test_an_unknown_beginning_has_no_left_bracket() -> None:
    """What began before our first measurement is open to the left."""
    known = svg.timeline(drawing())
    unknown = svg.timeline(drawing(moments=(svg.Bracket(earliest=None, latest=1500.0, label="began before 22:00"),)))
    assert known.count('class="bracket strong"') == unknown.count('class="bracket strong"')
    brackets = [
        [one.get("d", "") for one in parsed(text).iter("path") if one.get("class") == "bracket strong"]
        for text in (known, unknown)
    ]
    assert brackets[0][0].count("M") == 2
    assert brackets[1][0].count("M") == 1


def test_labels_of_a_short_incident_take_two_lines() -> None:
    """A beginning and an end close together stay readable."""
    close = (
        svg.Bracket(earliest=1200.0, latest=1500.0, label="a"),
        svg.Bracket(earliest=1500.0, latest=1800.0, label="b"),
    )
    labels = [
        one.get("y")
        for one in parsed(svg.timeline(drawing(moments=close))).iter("text")
        if one.get("class") == "moment-label"
    ]
    assert len(set(labels)) == 2
