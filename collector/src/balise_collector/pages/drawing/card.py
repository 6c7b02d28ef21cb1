"""One incident as a card to share: 1200 x 630 with state, headline, times, scope, grade and permalink. Pure.

Lives here: the card's layout, and its SVG. Colours are attributes and not classes, since a card stands alone, without
our style sheet; it has both a shape and a word for its state. Must not live here: pixels (picture.py draws the same
layout as a PNG), words of the closed lists, conclusions.
"""

import textwrap
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from balise_collector.incidents.model import Incident, IncidentKind, IncidentState
from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.drawing import palette
from balise_collector.pages.drawing.svg import element
from balise_collector.pages.views import formatting
from balise_collector.pages.views.read_model import View
from balise_collector.words import wording
from balise_collector.words.report import doubt, headline

WIDTH: Final = 1200
HEIGHT: Final = 630
SIGN: Final = 44
"""Width and height of the state's shape."""
_EDGE: Final = 72
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', 'Liberation Sans', Arial, sans-serif"
_HEAD_LINES: Final = 3
_SMALL: Final = 25
_PITCH: Final = 35
"""Size of the facts below the headline, and the distance of their lines."""
_FLOOR: Final = 534
"""Where the last of them may stand."""
_EM: Final = {False: 0.56, True: 0.62}
"""Mean width of a character in ems, usual and bold, on the wide side (DejaVu Sans): what fits in it fits in others."""
_BOLD: Final = 700
_ROUND: Final = {
    VerdictState.OK: Markup('<circle cx="22" cy="22" r="20"/>'),
    VerdictState.INSUFFICIENT: Markup(
        '<path fill-rule="evenodd" d="M22 2a20 20 0 1 0 .1 0zM22 10a12 12 0 1 1-.1 0z"/>'
    ),
}
CORNERS: Final[dict[VerdictState, tuple[tuple[int, int], ...]]] = {
    VerdictState.BLOCKED: ((3, 3), (41, 3), (41, 41), (3, 41)),
    VerdictState.THROTTLED: ((22, 2), (43, 42), (1, 42)),
    VerdictState.DOWN: ((22, 42), (43, 2), (1, 2)),
    VerdictState.SERVER_SIDE: ((22, 0), (44, 22), (22, 44), (0, 22)),
}
"""The shapes of tables.STATES that have corners; the other two are a disc and a ring. A card must not depend on the
symbols of a font."""


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle."""

    x: int
    y: int
    width: int
    height: int
    colour: str


@dataclass(frozen=True, slots=True)
class CardSign:
    """A state's shape, SIGN wide and high."""

    x: int
    y: int
    state: VerdictState
    colour: str


@dataclass(frozen=True, slots=True)
class CardLine:
    """A line of text; ``y`` is its base line."""

    x: int
    y: int
    text: str
    size: int
    colour: str
    bold: bool = False
    from_end: bool = False
    """``x`` is where it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything a card shows, in the order in which it is drawn."""

    title: str
    sentence: str
    language: str
    parts: tuple[Box | CardSign | CardLine, ...]


def layout(view: View, one: Incident, base: str = "") -> Card:
    """Return where everything stands on the card of an incident.

    Args:
        view: the names to tell it by, and the reader's language.
        one: the incident's newest revision.
        base: scheme and host to write before the permalink.
    """
    state = formatting.state_of(one)
    colour, ink = palette.PAINTS[state].light, palette.LIGHT
    title = headline(one, view.facts(one), view.language, whole=False)
    standing = formatting.standing(one, view)
    size = 52 if len(title) <= 75 else 42
    y = 196
    parts: list[Box | CardSign | CardLine] = [
        Box(0, 0, WIDTH, HEIGHT, ink.background),
        Box(0, 0, 24, HEIGHT, colour),
        CardSign(_EDGE, 66, state, colour),
        CardLine(_EDGE + 64, 101, f"{view.gettext(palette.word(state))} - {standing}", 36, colour, bold=True),
        CardLine(WIDTH - 48, 101, "balise", 34, ink.muted, bold=True, from_end=True),
    ]
    for line in _wrap(title, size, _HEAD_LINES, bold=True):
        parts.append(CardLine(_EDGE, y, line, size, ink.text, bold=True))
        y += round(size * 1.22)
    y += 12
    for line in _facts(view, one, (_FLOOR - y) // _PITCH + 1):
        parts.append(CardLine(_EDGE, y, line, _SMALL, ink.text))
        y += _PITCH
    rules = view.gettext("rules {rules}").format(rules=one.rules_version or view.rules)
    parts += [
        Box(_EDGE, 547, WIDTH - 48 - _EDGE, 2, ink.line),
        CardLine(_EDGE, 590, f"{base}/incident/{one.id}", 25, ink.muted),
        CardLine(WIDTH - 48, 590, rules, 25, ink.muted, from_end=True),
    ]
    return Card(title=title, sentence=formatting.sentence(one, view), language=view.language, parts=tuple(parts))


def card(view: View, one: Incident, base: str = "") -> str:
    """Return the card of an incident as SVG."""
    shown = layout(view, one, base)
    drawn = [element("title", shown.title), element("desc", shown.sentence), *map(_drawn, shown.parts)]
    return str(
        element(
            "svg",
            Markup("").join(drawn),
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            width=WIDTH,
            height=HEIGHT,
            lang=shown.language,
            role="img",
            font_family=_FONT,
        )
    )


def _drawn(part: Box | CardSign | CardLine) -> Markup:
    """Return one part as SVG."""
    if isinstance(part, Box):
        return element("rect", x=part.x, y=part.y, width=part.width, height=part.height, fill=part.colour)
    if isinstance(part, CardSign):
        return element("g", _shape(part.state), transform=f"translate({part.x} {part.y})", fill=part.colour)
    return element(
        "text",
        part.text,
        x=part.x,
        y=part.y,
        font_size=part.size,
        font_weight=_BOLD if part.bold else 400,
        fill=part.colour,
        text_anchor="end" if part.from_end else "start",
    )


def _shape(state: VerdictState) -> Markup:
    """Return the shape of a state."""
    if state in _ROUND:
        return _ROUND[state]
    return element("polygon", points=" ".join(f"{x},{y}" for x, y in CORNERS[state]))


def _facts(view: View, one: Incident, room: int) -> list[str]:
    """Return the lines below the headline, at most ``room`` of them: times, scope, and how sure."""
    zone, language = view.zone(one.country), view.language
    ended = wording.interval(one.end, zone, language) if one.end else ""
    if not ended and one.state is not IncidentState.WITHDRAWN:
        ended = view.gettext("not ended")
    times = [view.gettext("Began {when}").format(when=wording.interval(one.onset, zone, language))]
    if ended:
        times.append(view.gettext("Ended {when}").format(when=ended) if one.end else ended[:1].upper() + ended[1:])
    sure = view.gettext("How sure: {grade}").format(grade=wording.grade(one.grade, language))
    if str(zone) != "UTC":
        # The zone stands where the local time ends, before UTC in its brackets.
        local, bracket, rest = times[0].partition(" (")
        times[0] = f"{local} {zone}{bracket}{rest}"
    whole = [line for row in times for line in _wrap(row, _SMALL, 2)] + _wrap(_scope(view, one), _SMALL, 1)
    if one.doubtful and one.confirmed:
        said = doubt(language)
        whole += _wrap(said[:1].upper() + said[1:], _SMALL, 2)
    return [*whole, *_wrap(sure, _SMALL, max(1, min(2, room - len(whole))))][:room]


def _scope(view: View, one: Incident) -> str:
    """Say how far it reaches; of a fault of the service itself, that it is one of everywhere."""
    if one.kind is IncidentKind.SERVICE_FAULT:
        said = wording.locality(one.locality, view.language)
        return said[:1].upper() + said[1:]
    if one.scope.withheld:
        names = wording.providers(one.scope.affected, view.language, withheld="affected" in one.scope.withheld)
        return view.gettext("Affected: {providers}").format(providers=names)
    return view.gettext("{affected} affected, {clean} measured and clean, {rest} not measured").format(
        affected=formatting.providers(view, len(one.scope.affected)),
        clean=len(one.scope.clean),
        rest=len(one.scope.not_measured),
    )


def _wrap(text: str, size: int, most: int, *, bold: bool = False) -> list[str]:
    """Break a text into lines that fit; what does not fit in the last is cut with an ellipsis."""
    width = int((WIDTH - _EDGE - 48) / (size * _EM[bold]))
    return textwrap.wrap(text, width, max_lines=most, placeholder=" ...", break_long_words=True)
