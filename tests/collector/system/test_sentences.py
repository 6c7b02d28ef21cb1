"""A sentence before the reader's language is known."""

from __future__ import annotations

from balise_collector.system.sentences import gettext_noop


def test_a_marked_sentence_is_itself() -> None:
    """The mark is for who gathers sentences; English needs nothing more."""
    assert gettext_noop("no answer") == "no answer"
