"""One visual language: for each state a colour in light and in dark, a shape, and a height in strips.

Pure tables. Every colour has at least 4.5:1 against its scheme's background and surface (WCAG 2.2, 1.4.3; a test
computes it), hues lie on the blue-orange axis that colour-blind eyes keep, and nothing is told by colour alone: the
shape stands beside every word, and in strips the height of a bar differs. Must not live here: layout, words.
"""

from dataclasses import dataclass
from typing import Final

from balise_collector.judge.verdict import VerdictState
from balise_collector.words.tables import STATES


@dataclass(frozen=True, slots=True)
class Paint:
    """How one state is drawn."""

    light: str
    """Colour on a light background, as #rrggbb."""
    dark: str
    """Colour on a dark background."""
    height: float
    """Share of a strip's height that its bar takes, 0..1."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """What everything else is drawn with."""

    background: str
    surface: str
    text: str
    muted: str
    line: str
    accent: str
    mark: str
    """Background of a marked packet."""


LIGHT: Final = Scheme("#ffffff", "#f4f5f7", "#1a1d21", "#525a66", "#c9ced6", "#0b57a4", "#fff0d6")
DARK: Final = Scheme("#14171b", "#1d2228", "#e8eaed", "#a9b1bd", "#3c444f", "#8ec5ff", "#4a3612")
PAINTS: Final[dict[VerdictState, Paint]] = {
    VerdictState.OK: Paint("#00664f", "#4fd1a5", 0.34),
    VerdictState.BLOCKED: Paint("#b02e00", "#ff9066", 1.0),
    VerdictState.THROTTLED: Paint("#7a5200", "#f0c05a", 0.67),
    VerdictState.DOWN: Paint("#005fa3", "#7cc0ff", 0.85),
    VerdictState.SERVER_SIDE: Paint("#8a2f86", "#e6a1e2", 0.85),
    VerdictState.INSUFFICIENT: Paint("#5a616d", "#a3abb8", 0.2),
}


def shape(state: VerdictState) -> str:
    """Return the state's shape, one character."""
    return STATES[state][0]


def word(state: VerdictState) -> str:
    """Return the state's word."""
    return STATES[state][1]


def stylesheet() -> str:
    """Return the CSS custom properties of both schemes; the only place where colours enter the style sheet."""
    light, dark = _variables(LIGHT, dark=False), _variables(DARK, dark=True)
    classes = "".join(
        f".state-{state.value} {{ color: var(--{state.value}); }}\n"
        f"svg .state-{state.value} {{ fill: var(--{state.value}); }}\n"
        for state in VerdictState
    )
    return (
        f":root {{ color-scheme: light dark;\n{light}}}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{\n{dark}}} }}\n{classes}"
    )


def _variables(scheme: Scheme, *, dark: bool) -> str:
    """Return one scheme's declarations."""
    names = {name: getattr(scheme, name) for name in Scheme.__slots__}
    names |= {state.value: paint.dark if dark else paint.light for state, paint in PAINTS.items()}
    return "".join(f"  --{name}: {colour};\n" for name, colour in names.items())
