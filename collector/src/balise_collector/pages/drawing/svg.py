"""Drawings as SVG text: data in, markup out, everything escaped. Pure.

Here live the strip of a cell and the timeline of an incident. Each has a title and a description for those who do not
see it; colours come from classes (palette.py), so that both colour schemes share one drawing. No style attribute is
used: the pages' Content-Security-Policy forbids it. Must not live here: what the data mean, or words of the closed
lists.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from balise_collector.conclude.history import StateRun, runs, shares
from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.drawing.palette import PAINTS, word
from balise_collector.system import harmless
from balise_collector.system.sentences import Say, gettext_noop

_STRIP_HEIGHT: Final = 24
_WIDTH: Final = 1000
_LABELS: Final = 250
"""Least width of the row labels, in drawing units."""
_LETTER: Final = 7.6
"""Mean width of a letter of a label, on the wide side."""
_RIGHT: Final = 14
_ROW: Final = 26
_BAR: Final = 18
_HEAD: Final = 44
_FOOT: Final = 48
"""Height of the two time axes below the rows: local time, then UTC."""
_GROUP: Final = 26
_NEAR: Final = 230.0
"""Two labels closer than this, in drawing units, stand on two lines."""


def element(name: str, content: Markup | str = "", **attributes: object) -> Markup:
    """Return one element; names lose a final underscore and change ``_`` to ``-`` (``class_``, ``text_anchor``)."""
    spelled = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-") if key != "viewBox" else key, _written(value))
        for key, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), spelled, harmless.shown(content))  # noqa: S704 - names are our literals


def _written(value: object) -> object:
    """Write coordinates with at most one decimal, and text without what XML cannot hold."""
    if isinstance(value, str):
        return harmless.shown(value)
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def summary(states: Sequence[VerdictState | None], say: Say = gettext_noop) -> str:
    """Say a strip in words: ``blocked 42, reachable 240 of 282 measured intervals``; ``not measured`` for none."""
    counts = shares(states)
    if not counts:
        return say("not measured")
    listed = ", ".join(f"{say(word(state))} {count}" for state, count in counts.items())
    return say("{states} of {n} measured intervals").format(states=listed, n=sum(counts.values()))


def _bars(found: Sequence[StateRun], x: float, y: float, unit: float, height: float) -> Markup:
    """Return the bars of one row; each stands on the row's floor, and its height tells the state too."""
    return Markup("").join(
        element(
            "rect",
            class_=f"state-{run.state.value}",
            x=x + run.first * unit,
            y=y + height * (1 - PAINTS[run.state].height),
            width=run.bins * unit,
            height=height * PAINTS[run.state].height,
        )
        for run in found
        if run.state is not None
    )


def strip(states: Sequence[VerdictState | None], title: str, key: str, say: Say = gettext_noop) -> Markup:
    """Return a row of bins as a small drawing that stretches to its place.

    Args:
        states: one per bin, oldest first.
        title: what it shows, in a few words.
        key: unique on the page; letters, digits and hyphens.
        say: puts its description into the reader's language.
    """
    content = (
        element("title", title, id=f"{key}-t")
        + element("desc", summary(states, say), id=f"{key}-d")
        + element("rect", class_="ground", x=0, y=_STRIP_HEIGHT - 1, width=len(states), height=1)
        + _bars(runs(states), 0, 0, 1.0, _STRIP_HEIGHT)
    )
    return element(
        "svg",
        content,
        class_="strip",
        viewBox=f"0 0 {len(states)} {_STRIP_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_labelledby=f"{key}-t {key}-d",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """A moment known as an interval, e.g. [last ok, first fail]."""

    earliest: float | None
    """UNIX seconds; ``None``: before the drawing."""
    latest: float
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRow:
    """One line of a timeline."""

    label: str
    states: Sequence[VerdictState | None]
    brackets: tuple[Bracket, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnGroup:
    """Rows under one heading."""

    heading: str
    rows: tuple[DrawnRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One mark of the time axis."""

    at: float
    local: str
    utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything a timeline shows."""

    title: str
    description: str
    since: float
    until: float
    step: int
    """Seconds of a bin."""
    groups: tuple[DrawnGroup, ...]
    moments: tuple[Bracket, ...]
    """Drawn over all rows: the onset and the end."""
    ticks: tuple[Tick, ...]
    local_name: str
    """Name of the zone of the local axis."""


def timeline(shown: Timeline, key: str = "timeline") -> Markup:
    """Return the drawing of an incident over time."""
    edge = _edge(shown)
    scale = (_WIDTH - edge - _RIGHT) / (shown.until - shown.since)

    def x(at: float) -> float:
        return edge + (min(max(at, shown.since), shown.until) - shown.since) * scale

    y = float(_HEAD)
    body: list[Markup] = []
    for group in shown.groups:
        body.append(element("text", group.heading, class_="group", x=0, y=y + 18))
        y += _GROUP
        for row in group.rows:
            body.append(_row(row, y, x, shown.step * scale, edge))
            y += _ROW
    moments = Markup("").join(_moment(shown, number, x, y, edge) for number in range(len(shown.moments)))
    axis = Markup("").join(_tick(tick, x(tick.at), y) for tick in shown.ticks)
    names = Markup("").join(
        element("text", text, class_=name, x=0, y=y + down)
        for text, name, down in ((shown.local_name, "axis local", 20), ("UTC", "axis", 38))
    )
    content = (
        element("title", shown.title, id=f"{key}-t")
        + element("desc", shown.description, id=f"{key}-d")
        + axis
        + names
        + Markup("").join(body)
        + moments
    )
    return element(
        "svg",
        content,
        class_="timeline",
        viewBox=f"0 0 {_WIDTH} {int(y + _FOOT)}",
        role="img",
        aria_labelledby=f"{key}-t {key}-d",
    )


def _edge(shown: Timeline) -> float:
    """Return where the plot begins: right of its longest row label, which some languages make long."""
    longest = max((len(row.label) for group in shown.groups for row in group.rows), default=0)
    return max(float(_LABELS), min(_WIDTH / 2, longest * _LETTER + 14.0))


def _row(row: DrawnRow, y: float, x: Callable[[float], float], unit: float, edge: float) -> Markup:
    """Return one row: its label, its floor, its bars and its own brackets."""
    top = y + (_ROW - _BAR) / 2
    floor = element("rect", class_="ground", x=edge, y=top + _BAR, width=_WIDTH - edge - _RIGHT, height=1)
    label = element("text", row.label, class_="label", x=edge - 10, y=y + 18, text_anchor="end")
    brackets = Markup("").join(
        _bracket(x(one.earliest) if one.earliest is not None else None, x(one.latest), top - 2, _BAR + 4, "bracket")
        for one in row.brackets
    )
    return label + floor + _bars(runs(row.states), edge, top, unit, _BAR) + brackets


def _bracket(left: float | None, right: float, y: float, height: float, name: str) -> Markup:
    """Return ``[ ]`` around an interval; an open left side where the beginning is not known."""
    bottom = y + height
    path = f"M{right - 4:.1f} {y:.1f}H{right:.1f}V{bottom:.1f}H{right - 4:.1f}"
    if left is not None:
        path += f"M{left + 4:.1f} {y:.1f}H{left:.1f}V{bottom:.1f}H{left + 4:.1f}"
    return element("path", class_=name, d=path)


def _moment(shown: Timeline, number: int, x: Callable[[float], float], floor: float, edge: float) -> Markup:
    """Return one moment over all rows: a band, its brackets and its label; near labels take a second line."""
    one = shown.moments[number]
    left = x(one.earliest) if one.earliest is not None else edge
    right = x(one.latest)
    before = shown.moments[number - 1] if number else None
    near = before is not None and x(one.latest) - x(before.latest) < _NEAR
    line = 30 if near else 14
    anchor = "end" if right > _WIDTH - 140 else "start" if left < edge + 120 else "middle"
    place = {"end": right, "start": left, "middle": (left + right) / 2}[anchor]
    return (
        element("rect", class_="moment", x=left, y=_HEAD - 4, width=max(right - left, 1.0), height=floor - _HEAD + 6)
        + _bracket(
            left if one.earliest is not None else None, right, float(_HEAD - 4), floor - _HEAD + 6, "bracket strong"
        )
        + element("path", class_="bracket strong", d=f"M{(left + right) / 2:.1f} {line + 5}V{_HEAD - 4}")
        + element("text", one.label, class_="moment-label", x=place, y=line, text_anchor=anchor)
    )


def _tick(tick: Tick, x: float, floor: float) -> Markup:
    """Return one tick with its local time and its UTC time."""
    return (
        element("path", class_="tick", d=f"M{x:.1f} {_HEAD}V{floor + 6:.1f}")
        + element("text", tick.local, class_="axis local", x=x, y=floor + 20, text_anchor="middle")
        + element("text", tick.utc, class_="axis", x=x, y=floor + 38, text_anchor="middle")
    )
