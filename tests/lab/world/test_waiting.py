"""Waiting for something to become true."""

import pytest

from balise_lab.errors import LabError
from balise_lab.world import waiting


def test_it_ends_when_it_is_true() -> None:
    """The real seconds it took are returned."""
    answers = iter([False, False, True])
    assert waiting.until(lambda: next(answers), "the third") < 5.0


def test_in_vain_is_an_error_that_names_what() -> None:
    """Nobody guesses what a run waited for."""
    with pytest.raises(LabError, match=r"waited [0-9.]+ s in vain for the moon"):
        waiting.until(lambda: False, "the moon", 0.01)
