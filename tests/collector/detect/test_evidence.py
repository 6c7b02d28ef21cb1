"""What a verdict is worth: bounded, learned on quiet bins, nothing where nothing was learned."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.detect import cusum, mixture
from balise_collector.detect.evidence import CAP, SILENT_RULE, Severity, code, code_of, weight
from balise_collector.detect.thresholds import lasting_bins, opens, threshold
from balise_collector.judge import Level, VerdictState
from balise_wire.words import Experiment
from tests.collector.detect.conftest import Play


def test_no_verdict_weighs_more_than_the_cap() -> None:
    """A faulty or hostile probe has bounded influence."""
    for state in (
        VerdictState.BLOCKED,
        VerdictState.DOWN,
        VerdictState.OK,
        VerdictState.THROTTLED,
        VerdictState.SERVER_SIDE,
    ):
        kept = code("x", state, None)
        assert kept is not None
        assert abs(weight(kept, 0.0, 1e6)) <= CAP


def test_a_noisy_cell_believes_its_failures_less() -> None:
    """A cell of which eight bins in a hundred fail for nothing learns that."""
    kept = code("sni.drop", VerdictState.BLOCKED, None)
    assert kept is not None
    assert weight(kept, 800, 10_000) < weight(kept, 50, 10_000) <= CAP


def test_silence_and_the_lines_own_trouble(play: Play) -> None:
    """Silence is the weakest failure; a measured local trouble replaces it and is none."""
    silent, local = code(SILENT_RULE, VerdictState.DOWN, None), code("line.local", VerdictState.INSUFFICIENT, None)
    assert silent is not None
    assert local is not None
    assert Severity.SILENT == silent.severity < local.severity < Severity.OK
    assert weight(local, 0, 0) == 0.0
    assert 0.0 < weight(silent, 0, 0) < CAP
    del play


@pytest.mark.parametrize(
    "changes",
    [
        {"state": VerdictState.INSUFFICIENT, "rule": "tls.anomaly", "level": Level.NONE},
        {"state": VerdictState.DOWN, "rule": "tcp.down", "level": Level.DISCARDED},
        {"state": VerdictState.INSUFFICIENT, "rule": "line.unwell", "level": Level.DISCARDED},
    ],
)
def test_what_says_nothing_is_not_kept(play: Play, changes: dict[str, Any]) -> None:
    """Insufficient is neither ok nor failing; a probe's down is the world's matter."""
    assert code_of(play.verdict(play.three[0], play.at(0), ok=False, **changes)) is None


def test_a_references_own_line_is_no_service(play: Play) -> None:
    """When a data centre loses its line the world has not."""
    verdict = play.verdict(play.abroad[0], play.at(0), ok=False, layer=Experiment.LINE, service="internet")
    assert code_of(verdict) is None


def test_one_liar_never_opens_a_cell_of_several() -> None:
    """The whole of one saturated probe stays below every threshold."""
    liar = mixture.mixture([cusum.MOST])
    assert 7.7 < liar < 7.9
    for probes in range(2, 50):
        assert not opens(probes, liar, 1, 1, 1)
        assert liar < threshold(probes)


@pytest.mark.parametrize("probes", [2, 3, 5, 10, 40])
def test_two_affected_probes_can_open_any_cell(probes: int) -> None:
    """At once where they are all there are, after half an hour where they are two of more (25 minutes of three)."""
    score = mixture.mixture([cusum.MOST] * 2)
    assert opens(probes, score, 2, 2, 2)
    assert opens(probes, score, 2, 2, 0) is (probes <= 2)
    assert [lasting_bins(n) * 5 for n in (3, 4, 40)] == [25, 30, 30]


def test_a_third_probe_must_fail_twice_to_make_a_quorum() -> None:
    """Two homes in their bad twenty minutes and one stray failure are no block; three that go on failing are."""
    score = mixture.mixture([cusum.MOST, cusum.MOST, 3.0])
    assert score > threshold(5)
    assert not opens(5, score, 3, 2, 0)
    assert opens(5, score, 3, 3, 0)
