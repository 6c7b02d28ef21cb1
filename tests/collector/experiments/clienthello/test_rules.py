"""The rules of clienthello: which of them speaks when, and that none accuses what a server may do itself."""

from __future__ import annotations

import pytest

from balise_collector.judge import VerdictState
from balise_wire.experiments.clienthello import HelloForm
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm
from tests.collector.experiments.clienthello.trials import RESET, SILENCE, hello, series
from tests.testbed.cases import EARLIER, NOW, Case


def test_an_answer_is_ok(case: Case) -> None:
    """The extension got through."""
    verdict = case.judged(series(case, None))
    assert (verdict.state, verdict.rule) == (VerdictState.OK, "clienthello.ok")


@pytest.mark.parametrize("failure", [SILENCE, RESET, Failure.EOF])
@pytest.mark.parametrize(
    ("form", "mechanism"), [(HelloForm.ECH, Mechanism.TLS_ECH), (HelloForm.ESNI, Mechanism.TLS_ESNI)]
)
def test_an_extension_that_dies_alone_is_blocked(
    case: Case, form: HelloForm, mechanism: Mechanism, failure: Failure
) -> None:
    """In whatever way: the same hello without it lives, and references get through with it."""
    case.abroad(hello(form))
    verdict = case.judged(series(case, failure, form=form))
    assert (verdict.state, verdict.rule, verdict.mechanism) == (VerdictState.BLOCKED, mechanism.value, mechanism)
    assert {"extension_alone", "extension_any_name"} <= set(verdict.proof)


def test_without_references_nothing_is_blocked(case: Case) -> None:
    """A server that does not take the extension is not excluded."""
    assert case.judged(series(case)).rule == "clienthello.no_reference"


def test_a_server_that_refuses_the_extension_is_no_censor(case: Case) -> None:
    """References' hellos with it die as well; the server is well all the same."""
    case.abroad(hello(failure=RESET))
    verdict = case.judged(series(case, RESET))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "clienthello.at_references")


def test_a_reference_that_gets_none_through_does_not_say_that_the_server_is_down(case: Case) -> None:
    """Its greetings without the extension are answered."""
    verdict = case.judged(series(case, RESET), reference=True)
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "clienthello.reference_failed")


@pytest.mark.parametrize("plain", [SILENCE, RESET])
def test_a_name_that_dies_anyway_says_nothing_of_the_extension(case: Case, plain: Failure) -> None:
    """The same hello without it dies: that is for tls to tell."""
    case.abroad(hello())
    assert case.judged(series(case, SILENCE, plain=plain)).rule == "clienthello.name"


@pytest.mark.parametrize("beside", [SILENCE, RESET])
def test_a_server_that_stumbles_over_any_extension_is_no_censor(case: Case, beside: Failure) -> None:
    """One of a reserved type, as long, dies as well."""
    case.abroad(hello())
    assert case.judged(series(case, SILENCE, beside=beside)).rule == "clienthello.any_extension"


def test_an_alert_is_the_servers_until_more_is_known(case: Case) -> None:
    """It may refuse the extension; so may a box in its name."""
    case.abroad(hello())
    trials = [hello(HelloForm.PLAIN), hello(HelloForm.EXTENSION)]
    alerts = [hello(at=NOW + n, record="alert:47") for n in (2, 3)]
    assert case.judged(case.measured(*trials, *alerts)).rule == "clienthello.alert"


def _without(measurement: Measurement, form: HelloForm) -> Measurement:
    kept = tuple(one for one in measurement.observations if getattr(one, "form", None) is not form)
    return Case().measured(*kept)


@pytest.mark.parametrize("form", [HelloForm.PLAIN, HelloForm.EXTENSION])
def test_without_a_control_nothing_is_blocked(case: Case, form: HelloForm) -> None:
    """Either control: the same hello without it, and with another."""
    case.abroad(hello())
    assert case.judged(_without(series(case), form)).rule == "clienthello.no_control"


def test_some_deaths_are_a_hint_and_no_verdict(case: Case) -> None:
    """A box that acts on a part of the flows, or loss."""
    case.abroad(hello())
    trials = [hello(HelloForm.PLAIN), hello(HelloForm.EXTENSION)]
    cause = hello(failure=SILENCE, at=EARLIER, carried=True)
    mixed = case.measured(cause, *trials, hello(failure=SILENCE, at=NOW + 2), hello(at=NOW + 3))
    assert case.judged(mixed).rule == "clienthello.partial"


def test_a_run_without_a_subject_says_nothing(case: Case) -> None:
    """The plain hello alone was sent, and passed."""
    assert case.judged(case.measured(hello(HelloForm.PLAIN))).rule == "clienthello.nothing"


def test_split_hellos_that_die_accuse_nobody(case: Case) -> None:
    """They are facts of the run; the extension passed."""
    split = hello(HelloForm.SEGMENTS, SILENCE, segments=2, whole=False)
    verdict = case.judged(case.measured(hello(HelloForm.PLAIN), hello(HelloForm.EXTENSION), hello(), split))
    assert verdict.state is VerdictState.OK


def test_another_name_is_no_control(case: Case) -> None:
    """What follows the extension's death excuses and accuses nobody."""
    case.abroad(hello())
    bare = [one for one in series(case).observations if one.arm not in {Arm.CONTROL, Arm.AFTER}]
    verdict = case.judged(case.measured(*bare))
    assert (verdict.rule, verdict.proof) == ("tls.ech", ("extension_alone",))
