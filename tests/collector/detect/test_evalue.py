"""The statistic: two that begin together are evidence, one never is, and what is well speaks against it."""

from __future__ import annotations

import math
import random

import pytest

from balise_collector.detect.evalue import MOST, NOTHING, WELL, Mark, statistic
from balise_collector.detect.thresholds import BOUND
from balise_wire.bins import BIN

_FAIL = (8.0, 7.3, 7.0, 5.2)
_ON = (0.6, 0.1, 0.0, 0.0)


def _marks(first: int, row: int, before: int = 0) -> list[Mark]:
    """Return successes, then a failure and ``row - 1`` more."""
    return [
        *_well(before, first),
        *(Mark((first + n) * BIN, fails=True, nats=_ON if n else _FAIL) for n in range(row)),
    ]


def _well(first: int, last: int) -> list[Mark]:
    """Return successes in bins ``first`` to ``last - 1``."""
    return [Mark(b * BIN, fails=False, nats=WELL) for b in range(first, last)]


def _score(*held: list[Mark]) -> float:
    who = {index: f"p{index}" for index in range(len(held))}
    return statistic(dict(enumerate(held)), who).score


def test_nothing_that_failed_is_nothing() -> None:
    """Successes alone have no beginning."""
    assert statistic({0: _well(1, 2)}, {0: "p"}) is NOTHING


def test_one_witness_cannot_open() -> None:
    """However long it cries, and however many boards it has."""
    assert _score(_marks(10, 30)) < BOUND
    many = {index: _marks(10, 30) for index in range(5)}
    assert statistic(many, dict.fromkeys(many, "mallory")).score <= MOST < BOUND


def test_three_that_begin_together_open_at_once() -> None:
    """Three first verdicts."""
    assert _score(_marks(10, 1), _marks(10, 1), _marks(10, 1)) > BOUND


def test_two_of_three_need_a_second_verdict() -> None:
    """And open with it where the third is not known to be well."""
    assert _score(_marks(10, 1), _marks(10, 1), _well(0, 11)) < BOUND
    assert _score(_marks(10, 3), _marks(10, 3), _well(0, 10)) > BOUND


def test_a_success_in_the_minutes_of_the_beginning_counts_by_halves() -> None:
    """Of a success only its bin is known: it may lie before the moment or after it."""
    begun = [Mark(10 * BIN + 150, fails=True, nats=_FAIL)]
    unseen, half, whole = (_score(begun, begun, _well(0, last)) for last in (10, 11, 12))
    assert whole < half < unseen


@pytest.mark.parametrize("witnesses", [5, 10, 20])
def test_two_of_many_do_not_open_at_once(witnesses: int) -> None:
    """The more were well meanwhile the less two are."""
    two = [_marks(10, 3), _marks(10, 3)]
    assert _score(*two, *(_well(0, 13) for _ in range(witnesses - 2))) < BOUND


@pytest.mark.parametrize(("witnesses", "opens"), [(2, True), (10, False), (20, False)])
def test_who_was_not_asked_since_is_no_word_for_a_block(witnesses: int, opens: bool) -> None:
    """Two first verdicts of many, before anybody else is heard: of two they are everything."""
    first = [Mark(10 * BIN, fails=True, nats=(8.7, 7.9, 7.6, 5.8))]
    assert (_score(first, first, *(_well(0, 10) for _ in range(witnesses - 2))) > BOUND) is opens


def test_those_that_begin_apart_do_not_add_up() -> None:
    """Half an hour between two beginnings: the second was well when the first began."""
    together, apart = _score(_marks(10, 3), _marks(10, 3)), _score(_marks(4, 9), _marks(10, 3))
    assert apart < together - 3.0


@pytest.mark.parametrize("seed", range(5))
def test_who_comes_first_does_not_matter(seed: int) -> None:
    """The statistic is of a set of probes."""
    chance = random.Random(seed)
    held = [_marks(10 + chance.randrange(3), 1 + chance.randrange(4)) for _ in range(5)]
    shuffled = chance.sample(held, len(held))
    assert _score(*held) == pytest.approx(_score(*shuffled))


def test_a_country_of_a_thousand_probes_is_added_up() -> None:
    """No overflow where very many fail together."""
    assert math.isfinite(_score(*(_marks(10, 4) for _ in range(1000))))
