"""The visual language: readable in both schemes, and never colour alone."""

from __future__ import annotations

import pytest

from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.drawing.palette import DARK, LIGHT, PAINTS, Scheme, stylesheet


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_state_is_painted() -> None:
    """A state without a colour would show in the browser's black."""
    assert set(PAINTS) == set(VerdictState)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_in_both_schemes(scheme: Scheme) -> None:
    """At least 4.5:1 for every text on every ground it stands on (WCAG 1.4.3)."""
    states = [paint.light if scheme is LIGHT else paint.dark for paint in PAINTS.values()]
    for text in (scheme.text, scheme.muted, scheme.accent, *states):
        for ground in (scheme.background, scheme.surface):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast(scheme.text, scheme.mark) >= 4.5


def test_a_strip_tells_the_states_apart_without_colour() -> None:
    """Blocked, reachable and "we cannot tell" differ in height, so that a strip reads in grey too."""
    heights = [
        PAINTS[state].height
        for state in (
            VerdictState.BLOCKED,
            VerdictState.OK,
            VerdictState.INSUFFICIENT,
            VerdictState.THROTTLED,
            VerdictState.DOWN,
        )
    ]
    assert len(set(heights)) == len(heights)


def test_what_we_cannot_tell_is_grey() -> None:
    """Grey, never green or red: its channels lie close together."""
    for colour in (PAINTS[VerdictState.INSUFFICIENT].light, PAINTS[VerdictState.INSUFFICIENT].dark):
        parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert max(parts) - min(parts) <= 32


def test_the_style_sheet_has_each_colour_in_both_schemes() -> None:
    """The palette is the only place that colours come from."""
    text = stylesheet()
    for paint in PAINTS.values():
        assert paint.light in text
        assert paint.dark in text
    assert "prefers-color-scheme: dark" in text
