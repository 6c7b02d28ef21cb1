"""The one-time token as people type it: what is misread is meant all the same, what is mistyped is said at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_wire import card_token

CHANCE = st.binary(min_size=card_token.ENTROPY_BYTES, max_size=card_token.ENTROPY_BYTES)


@given(CHANCE)
def test_a_token_is_right_however_it_is_written(chance: bytes) -> None:
    """Lower case, blanks for hyphens, O for 0 and I or L for 1 mean the same token."""
    token = card_token.make(chance)
    bare = token.replace("-", "")
    assert (card_token.normalise(token), card_token.fault(token)) == (bare, "")
    misread = token.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert card_token.normalise(misread) == bare


@given(CHANCE, st.data())
def test_one_wrong_character_and_a_swap_are_found(chance: bytes, data: st.DataObject) -> None:
    """The check finds each of the two slips that people make, anywhere in the token."""
    bare = card_token.normalise(card_token.make(chance))
    place = data.draw(st.integers(0, card_token.LENGTH - 2))
    other = data.draw(st.sampled_from([one for one in card_token.ALPHABET if one != bare[place]]))
    assert "mistyped" in card_token.fault(bare[:place] + other + bare[place + 1 :])
    if bare[place] != bare[place + 1]:
        swapped = bare[:place] + bare[place + 1] + bare[place] + bare[place + 2 :]
        assert "mistyped" in card_token.fault(swapped)


@pytest.mark.parametrize(("text", "words"), [("U" * 25, "has U"), ("7K3QF", "has 5 characters"), ("", "has 0")])
def test_what_is_no_token_is_said(text: str, words: str) -> None:
    """A letter that no token has, and too few of them."""
    assert words in card_token.fault(text)


def test_a_token_is_made_of_fifteen_bytes() -> None:
    """Fewer would be less chance than a token promises."""
    with pytest.raises(ValueError, match="14 bytes"):
        card_token.make(bytes(14))
