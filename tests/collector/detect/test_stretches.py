"""The null prediction: what is likely where nothing is blocked, and what a block would make likelier."""

from __future__ import annotations

import math
import random

import pytest

from balise_collector.detect.stretches import (
    BLOCK,
    CLEAR,
    LINE,
    MEMORY,
    SERVICE,
    USUAL,
    Learned,
    Null,
    Symbol,
    drowned,
    likelihoods,
    noise,
    predict,
)


@pytest.mark.parametrize("null", [SERVICE, LINE])
def test_the_likelihood_ratio_has_mean_one_where_nothing_is_blocked(null: Null) -> None:
    """That is what makes the sum a supermartingale: over the null's own draws e^l is one in the mean, or less."""
    held, total, alphabet = CLEAR, 0.0, (Symbol.OK, Symbol.PARTIAL, Symbol.FAIL)
    for symbol in alphabet:
        z, _ = predict(null, held, symbol, USUAL)
        total += z * math.exp(math.log(BLOCK[0][1][symbol] / z))
    assert total == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_the_sum_of_a_quiet_home_does_not_grow(seed: int) -> None:
    """Played over ten thousand bins of the null's own chain, the product that began anywhere stays about one."""
    chance = random.Random(seed)
    held, worst, sums, count = CLEAR, 0.0, 0.0, 0
    for _ in range(10_000):
        probabilities = [predict(SERVICE, held, s, USUAL) for s in (Symbol.OK, Symbol.PARTIAL, Symbol.FAIL)]
        at, place = chance.random() * sum(z for z, _ in probabilities), 0
        while at > probabilities[place][0] and place < len(probabilities) - 1:
            at -= probabilities[place][0]
            place += 1
        z, held = probabilities[place]
        nats = likelihoods(z, Symbol(place))[0]
        worst = max(0.0, worst + nats)
        sums, count = sums + math.exp(min(nats, 9.5)), count + 1
    assert sums / count < 3.0
    assert worst < 25.0


def test_a_second_verdict_of_a_stretch_is_worth_next_to_nothing() -> None:
    """The first is seven nats and more; what follows of the same home's trouble is hardly news."""
    z, held = predict(SERVICE, CLEAR, Symbol.FAIL, USUAL)
    first = likelihoods(z, Symbol.FAIL)[0]
    z, _ = predict(SERVICE, held, Symbol.FAIL, USUAL)
    assert first > 7.0
    assert likelihoods(z, Symbol.FAIL)[0] < 1.5


def test_proof_is_worth_more_and_noise_less() -> None:
    """A forged packet is no home's trouble; failures that all targets of the provider share are everybody's."""
    plain = likelihoods(predict(SERVICE, CLEAR, Symbol.FAIL, USUAL)[0], Symbol.FAIL)[0]
    noisy = plain - drowned(plain, 0.2)
    proof = likelihoods(predict(SERVICE, CLEAR, Symbol.PROOF, USUAL)[0], Symbol.PROOF)[0]
    assert noisy < plain - 2.0 < plain < proof


def test_a_home_that_fails_daily_is_believed_less() -> None:
    """A liar of six hours a day is learned as such within a week, and forgotten a week after he stops."""
    learned = Learned()
    for day in range(7):
        learned.add(day * 288, failing=True)
    usual = likelihoods(predict(SERVICE, CLEAR, Symbol.FAIL, USUAL)[0], Symbol.FAIL)[0]
    ratios = learned.ratios(7 * 288, 0)
    assert likelihoods(predict(SERVICE, CLEAR, Symbol.FAIL, ratios)[0], Symbol.FAIL)[0] < usual - 1.5
    assert learned.ratios(7 * 288 + MEMORY, 0)[0] < 1.0


def test_a_failure_never_speaks_against_a_block() -> None:
    """What fails in a bin is told before the bin is over: a second failure in it must not take that back."""
    held = CLEAR
    for _ in range(40):
        z, held = predict(SERVICE, held, Symbol.PARTIAL, (1.0, 8.0))
        assert min(likelihoods(z, Symbol.PARTIAL)) >= 0.0


def test_what_is_remembered_is_copied_whole() -> None:
    """A provisional walk must not teach the settled one."""
    one = Learned([1], [2])
    two = one.copy()
    assert one == two
    two.add(5, failing=True)
    assert one != two
    assert one != "another"


def test_the_noise_of_the_minute_is_read_from_partial_failures() -> None:
    """Where nothing else is known it is the ordinary two of a hundred; a bad evening shows."""
    assert noise(0, 0) == pytest.approx(0.02, abs=0.003)
    for level in (0.05, 0.1, 0.2):
        share = 2 * level**2 * (1 - level) ** 3
        assert noise(round(share * 10_000), 10_000) == pytest.approx(level, rel=0.25)
    assert drowned(8.0, 0.02) < 0.1
    assert drowned(8.0, 0.1) > 0.8


@pytest.mark.parametrize("some", [Symbol.PARTIAL, Symbol.SHARE])
def test_no_sort_of_block_shows_more_than_there_is(some: Symbol) -> None:
    """A cell has partial failures or shares: either way a block's symbols have no more than probability one."""
    for _, shows in BLOCK:
        assert shows[Symbol.OK] + shows[some] + shows[Symbol.FAIL] <= 1.0 + 1e-9
    assert sum(weight for weight, _ in BLOCK) == pytest.approx(1.0)


def test_a_share_by_chance_is_rarer_than_its_null_says() -> None:
    """By SYNs: a sentinel that lost both, four or five of six after it, and nothing of eight beside it.

    Up to a line that loses a tenth each way; one that is worse is learned as such.
    """
    for lost in (0.02, 0.05, 0.1, 0.19):
        most = sum(math.comb(6, k) * lost**k * (1 - lost) ** (6 - k) for k in (4, 5))
        assert lost**2 * most * (1 - lost) ** 8 < SERVICE.lone[Symbol.SHARE]


def test_noise_of_the_minute_takes_little_of_a_share() -> None:
    """Two looks and four SYNs of six are lost together less often than a series of three."""
    lost = [
        drowned(likelihoods(predict(SERVICE, CLEAR, one, USUAL)[0], one)[0], 0.1, symbol=one)
        for one in (Symbol.SHARE, Symbol.FAIL, Symbol.PARTIAL)
    ]
    assert lost == sorted(lost)
