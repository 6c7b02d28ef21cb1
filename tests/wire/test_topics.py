"""Topics: what is written can be read, and nothing else is a topic of ours."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from balise_wire.topics import COLLECTOR_STATE, Leaf, parse_topic, topic


@pytest.mark.parametrize("leaf", list(Leaf))
def test_a_topic_reads_back(leaf: Leaf) -> None:
    """Every leaf of a probe parses to what it was made from."""
    assert parse_topic(topic("k7m2q9xd", leaf)) == ("k7m2q9xd", leaf)


@given(st.text(max_size=80))
def test_hostile_topics_are_none(text: str) -> None:
    """A foreign topic is ``None``, never an exception; a parsed one is exactly what ``topic`` makes."""
    parsed = parse_topic(text)
    assert parsed is None or topic(*parsed) == text


@pytest.mark.parametrize(
    "text",
    [COLLECTOR_STATE, "balise/v1/UPPER/state", "balise/v1/abc/state", "balise/v1/abcd/state/x", "balise/v2/abcd/state"],
)
def test_near_misses_are_none(text: str) -> None:
    """The collector's own topic, other versions, ill-formed ids and longer paths are not probe topics."""
    assert parse_topic(text) is None
