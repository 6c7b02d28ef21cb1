"""One incident as a card to share: an SVG of 1200 x 630 with state, headline, times, scope, grade and permalink. Pure.

Lives here: the card's layout. Colours are attributes and not classes, since a card stands alone, without our style
sheet; it has both a shape and a word for its state. Must not live here: words of the closed lists, conclusions.
"""

import textwrap
from typing import Final

from markupsafe import Markup

from balise_collector import wording
from balise_collector.incidents.model import Incident, IncidentKind, IncidentState
from balise_collector.judge.verdict import State
from balise_collector.pages import palette, phrases
from balise_collector.pages.svg import element
from balise_collector.pages.view import View
from balise_collector.report import headline

WIDTH: Final = 1200
HEIGHT: Final = 630
_EDGE: Final = 72
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', 'Liberation Sans', Arial, sans-serif"
_HEAD_LINES: Final = 3
_SMALL: Final = 25
_PITCH: Final = 35
"""Size of the facts below the headline, and the distance of their lines."""
_FLOOR: Final = 534
"""Where the last of them may stand."""
_EM: Final = 0.56
"""Mean width of a character in ems, on the wide side (DejaVu Sans): a line that fits in it fits in narrower fonts."""
_SHAPES: Final[dict[State, Markup]] = {
    State.OK: Markup('<circle cx="22" cy="22" r="20"/>'),
    State.BLOCKED: Markup('<rect x="3" y="3" width="38" height="38"/>'),
    State.THROTTLED: Markup('<polygon points="22,2 43,42 1,42"/>'),
    State.DOWN: Markup('<polygon points="22,42 43,2 1,2"/>'),
    State.SERVER_SIDE: Markup('<polygon points="22,0 44,22 22,44 0,22"/>'),
    State.INSUFFICIENT: Markup('<path fill-rule="evenodd" d="M22 2a20 20 0 1 0 .1 0zM22 10a12 12 0 1 1-.1 0z"/>'),
}
"""The shapes of wording.STATES, drawn: a card must not depend on the symbols of a font."""


def card(view: View, one: Incident, base: str = "") -> str:
    """Return the card of an incident.

    Args:
        view: the names to tell it by, and the reader's language.
        one: the incident's newest revision.
        base: scheme and host to write before the permalink.
    """
    state = phrases.state_of(one)
    colour = palette.PAINTS[state].light
    title = headline(one, view.facts(one), view.language)
    standing = view.gettext(wording.INCIDENT_STATES[one.state][0])
    size = 52 if len(title) <= 75 else 42
    lines = _wrap(title, size, _HEAD_LINES)
    y = 196
    drawn = [
        element("title", title),
        element("desc", phrases.sentence(one, view)),
        element("rect", x=0, y=0, width=WIDTH, height=HEIGHT, fill=palette.LIGHT.background),
        element("rect", x=0, y=0, width=24, height=HEIGHT, fill=colour),
        element("g", _SHAPES[state], transform=f"translate({_EDGE} 66)", fill=colour),
        _text(_EDGE + 64, 101, f"{view.gettext(palette.word(state))} - {standing}", 36, colour, 700),
        _text(WIDTH - 48, 101, "balise", 34, palette.LIGHT.muted, 700, anchor="end"),
    ]
    for line in lines:
        drawn.append(_text(_EDGE, y, line, size, palette.LIGHT.text, 700))
        y += round(size * 1.22)
    y += 12
    for line in _facts(view, one, (_FLOOR - y) // _PITCH + 1):
        drawn.append(_text(_EDGE, y, line, _SMALL, palette.LIGHT.text))
        y += _PITCH
    rules = view.gettext("rules {rules}").format(rules=one.rules_version or view.rules)
    drawn += [
        element("line", x1=_EDGE, x2=WIDTH - 48, y1=548, y2=548, stroke=palette.LIGHT.line, stroke_width=2),
        _text(_EDGE, 590, f"{base}/incident/{one.id}", 25, palette.LIGHT.muted),
        _text(WIDTH - 48, 590, rules, 25, palette.LIGHT.muted, anchor="end"),
    ]
    return str(
        element(
            "svg",
            Markup("").join(drawn),
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            width=WIDTH,
            height=HEIGHT,
            lang=view.language.value,
            role="img",
            font_family=_FONT,
        )
    )


def _facts(view: View, one: Incident, room: int) -> list[str]:
    """Return the lines below the headline, at most ``room`` of them: times, scope, and how sure."""
    zone, language = view.zone(one.country), view.language
    ended = wording.interval(one.end, zone, language) if one.end else ""
    if not ended and one.state is not IncidentState.WITHDRAWN:
        ended = view.gettext("not ended")
    times = [view.gettext("Began {when}").format(when=wording.interval(one.onset, zone, language))]
    if ended:
        times.append(view.gettext("Ended {when}").format(when=ended) if one.end else ended[:1].upper() + ended[1:])
    sure = view.gettext("How sure: {grade}").format(grade=wording.GRADES[language].get(one.grade, one.grade))
    rows = [f"{row} ({zone})" if number == 0 and str(zone) != "UTC" else row for number, row in enumerate(times)]
    whole = [line for row in rows for line in _wrap(row, _SMALL, 2)] + _wrap(_scope(view, one), _SMALL, 1)
    return [*whole, *_wrap(sure, _SMALL, max(1, min(2, room - len(whole))))][:room]


def _scope(view: View, one: Incident) -> str:
    """Say how far it reaches; of a fault of the service itself, that it is one of everywhere."""
    if one.kind is IncidentKind.SERVICE_FAULT:
        said = wording.LOCALITIES[view.language][one.locality]
        return said[:1].upper() + said[1:]
    if one.scope.withheld:
        names = wording.providers(one.scope.affected, view.language, withheld="affected" in one.scope.withheld)
        return view.gettext("Affected: {providers}").format(providers=names)
    return view.gettext("{affected} affected, {clean} measured and clean, {rest} not measured").format(
        affected=phrases.providers(view, len(one.scope.affected)),
        clean=len(one.scope.clean),
        rest=len(one.scope.not_measured),
    )


def _wrap(text: str, size: int, most: int) -> list[str]:
    """Break a text into lines that fit; what does not fit in the last is cut with an ellipsis."""
    width = int((WIDTH - _EDGE - 48) / (size * _EM))
    return textwrap.wrap(text, width, max_lines=most, placeholder=" ...", break_long_words=True)


def _text(x: int, y: int, text: str, size: int, colour: str, weight: int = 400, anchor: str = "start") -> Markup:
    return element("text", text, x=x, y=y, font_size=size, font_weight=weight, fill=colour, text_anchor=anchor)
