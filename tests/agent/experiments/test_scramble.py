"""The scrambled name: same shape, never the original."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.experiments.scramble import scrambled

labels = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
names = st.lists(labels, min_size=1, max_size=5).map(".".join)


@pytest.mark.parametrize(
    ("name", "kept_before", "kept_after"),
    [
        ("twitter.com", "", ".com"),
        ("pbs.twimg.com", "pbs.", ".com"),
        ("www.google.com.pk", "www.", ".com.pk"),
        ("a.b.gov.uk", "a.", ".gov.uk"),
        ("xn--80ak6aa92e.com", "xn--", ".com"),
    ],
)
def test_only_the_registered_label_changes(name: str, kept_before: str, kept_after: str) -> None:
    """Host label and top-level domain stay, so that the control differs in one thing."""
    other = scrambled(name, 3)
    assert other.startswith(kept_before)
    assert other.endswith(kept_after)
    assert other != name


@given(names, st.integers())
def test_shape_stays_and_name_goes(name: str, seed: int) -> None:
    """Length, dots, hyphens and classes of characters stay; every letter and digit of the label changes."""
    other = scrambled(name, seed)
    assert len(other) == len(name)
    assert other != name
    for a, b in zip(name, other, strict=True):
        assert a.isdigit() == b.isdigit()
        assert (a in "aeiou") == (b in "aeiou")
        assert (a in ".-") == (b in ".-")
    assert scrambled(name, seed) == other
