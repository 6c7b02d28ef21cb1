"""What one measurement of clienthello shows."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.experiments.clienthello.facts import ClienthelloFacts, Outcome, facts, outcome
from balise_collector.judge import Context
from balise_wire.experiments.clienthello import ClienthelloObservation, HelloForm
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm
from tests.collector.experiments.clienthello.trials import OTHER, RESET, SILENCE, hello, series
from tests.testbed.cases import EARLIER, NOW, Case


def found(case: Case, measurement: Measurement) -> ClienthelloFacts:
    """Gather the facts of a measurement."""
    return facts(measurement, Context(probe="pk000001", references=case.references))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, Outcome.ANSWERED),
        ({"record": "alert:112"}, Outcome.ALERT),
        ({"record": "other", "failure": Failure.TLS_MALFORMED}, Outcome.OTHER),
        ({"failure": RESET, "bytes_received": 0}, Outcome.RST),
        ({"failure": SILENCE, "bytes_received": 0}, Outcome.SILENCE),
        ({"failure": Failure.EOF, "bytes_received": 0}, Outcome.FIN),
        ({"failure": SILENCE, "bytes_received": 0, "connect_ms": None}, Outcome.NO_CONNECT),
        ({"failure": Failure.HOST_UNREACHABLE, "bytes_received": 0}, Outcome.OTHER),
    ],
)
def test_any_byte_of_tls_is_an_answer(changes: dict[str, Any], word: Outcome) -> None:
    """What is no TLS, or no word about the way, is neither an answer nor a death."""
    assert outcome(hello(**changes)) is word


def test_the_carried_trial_counts(case: Case) -> None:
    """Three deaths, minutes apart, the same name greeted without the extension before and after."""
    seen = found(case, series(case))
    assert (seen.cut, seen.controlled, seen.failed, seen.answered_after) == (True, True, True, True)
    assert seen.extension is HelloForm.ECH


def test_a_carried_trial_with_another_extension_is_no_third(case: Case) -> None:
    """A target that was changed meanwhile asks another question."""
    own = [one for one in series(case, form=HelloForm.ESNI).observations if not one.carried]
    seen = found(case, case.measured(hello(HelloForm.ECH, SILENCE, at=EARLIER, carried=True), *own))
    assert len(seen.all) == 2
    assert not seen.cut


def test_a_connect_that_fails_behind_a_hello_that_died_died_of_it(case: Case) -> None:
    """Residual blocking is of the endpoint; a connect that fails first is TCP's own trouble."""
    unconnected: dict[str, Any] = {"connect_ms": None}
    trials = [hello(HelloForm.PLAIN), hello(HelloForm.EXTENSION, at=NOW + 1)]
    first, then = hello(failure=RESET, at=NOW + 2), hello(failure=SILENCE, at=NOW + 3, **unconnected)
    assert found(case, case.measured(*trials, first, then)).own == (Outcome.RST, Outcome.RST)
    then, first = hello(failure=SILENCE, at=NOW + 2, **unconnected), hello(failure=RESET, at=NOW + 3)
    assert found(case, case.measured(*trials, then, first)).own == (Outcome.NO_CONNECT, Outcome.RST)


def sentinel(case: Case, *others: ClienthelloObservation) -> Measurement:
    """A run in which the extension passed, and some of the other forms."""
    return case.measured(hello(HelloForm.PLAIN), hello(HelloForm.EXTENSION), hello(), *others)


def test_each_form_has_three_values(case: Case) -> None:
    """It passed, it died, or it was not asked."""
    two: dict[str, Any] = {"segments": 2, "whole": False}
    seen = found(case, sentinel(case))
    assert (seen.nameless, seen.in_segments, seen.in_records) == (None, None, None)
    nameless, records = hello(HelloForm.NAMELESS, sni=None), hello(HelloForm.RECORDS, RESET)
    seen = found(case, sentinel(case, nameless, hello(HelloForm.SEGMENTS, **two), records))
    assert (seen.nameless, seen.in_segments, seen.in_records) == (True, True, False)
    seen = found(case, sentinel(case, hello(HelloForm.SEGMENTS, SILENCE, **two)))
    assert seen.in_segments is False
    assert seen.passed


@pytest.mark.parametrize("told", [{"segments": 1, "whole": False}, {"segments": 2, "whole": True}, {"segments": 2}])
def test_a_cut_that_nobody_saw_is_none(case: Case, told: dict[str, Any]) -> None:
    """Where the kernel joined the pieces again, or the capture lacks them, nothing is known of it."""
    assert found(case, sentinel(case, hello(HelloForm.SEGMENTS, SILENCE, **told))).in_segments is None


def test_another_name_tells_what_is_enough(case: Case) -> None:
    """The extension alone, or the extension with this name; or it was not asked."""
    assert "extension_any_name" in found(case, series(case)).signs
    assert "extension_this_name" in found(case, series(case, other=None)).signs
    unasked = [one for one in series(case).observations if getattr(one, "sni", "") != OTHER]
    signs = found(case, case.measured(*unasked)).signs
    assert signs == {"extension_alone"}
    assert not found(case, series(case, failure=None, other=None)).signs


def test_what_a_server_says_to_everybody_is_good(case: Case) -> None:
    """A server that does not know the name answers it with an alert, with the extension and without."""
    alert: dict[str, Any] = {"record": "alert:112"}
    trials = [hello(HelloForm.PLAIN, **alert), hello(HelloForm.EXTENSION, **alert), hello(at=NOW + 1, **alert)]
    assert found(case, case.measured(*trials)).passed
    strange = found(case, case.measured(hello(HelloForm.PLAIN), hello(HelloForm.EXTENSION), hello(**alert)))
    assert not strange.passed
    assert strange.failed


def test_the_other_names_hello_is_no_subject(case: Case) -> None:
    """What another name meets never fails or saves the target."""
    assert found(case, series(case, failure=None)).passed
    assert [one.arm for one in series(case).observations].count(Arm.SUBJECT) == 3
