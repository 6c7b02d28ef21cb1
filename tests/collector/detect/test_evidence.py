"""What a verdict is kept as: nothing where it says nothing, and a symbol of its own where it proves."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.detect.evidence import SILENT_RULE, Severity, code, code_of
from balise_collector.detect.stretches import Symbol
from balise_collector.experiments import SIGNS
from balise_collector.judge import Level, VerdictState
from balise_wire.words import Experiment
from tests.collector.detect.conftest import Play


def test_silence_and_the_lines_own_trouble() -> None:
    """Silence is the weakest failure; a measured local trouble replaces it and is none."""
    silent, local = code(SILENT_RULE, VerdictState.DOWN, None), code("line.local", VerdictState.INSUFFICIENT, None)
    assert silent is not None
    assert local is not None
    assert Severity.SILENT == silent.severity < local.severity < Severity.OK
    assert silent.symbol is Symbol.SILENT
    assert not local.positive


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


def test_a_verdict_with_proof_is_a_symbol_of_its_own(play: Play) -> None:
    """Only signs that no server and no line at home can produce make one; in a bin with both it stands."""
    proof = next(sign.id for sign in SIGNS.values() if sign.excludes_fault)
    plain = code_of(play.verdict(play.three[0], play.at(0), ok=False))
    proved = code_of(play.verdict(play.three[0], play.at(0), ok=False, proof=(proof,)))
    other = code_of(play.verdict(play.three[0], play.at(0), ok=False, proof=("no_such_sign",)))
    assert plain is not None
    assert proved is not None
    assert plain == other
    assert (plain.symbol, proved.symbol) == (Symbol.FAIL, Symbol.PROOF)
    assert proved.severity > plain.severity
