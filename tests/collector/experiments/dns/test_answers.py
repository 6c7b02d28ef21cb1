"""How a question was answered, in one word."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.experiments.dns.answers import NOT_TOLD, accepted, lie, resolved, said_at_home
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.failures import Failure
from balise_wire.words import Arm, ResolverPlace, Way
from tests.testbed.cases import Case


def test_the_accepted_answer_is_the_one_a_library_would_use(case: Case) -> None:
    """The first well-formed one; a failure of the resolver only where nothing follows."""
    broken, failed, good = case.answer(malformed=True), case.answer(rcode=2), case.answer("192.0.2.1")
    assert accepted(case.asked(broken, failed, good)) is good
    assert accepted(case.asked(broken, failed)) is failed
    assert accepted(case.asked(broken)) is None
    assert resolved(case.asked(failed, good)) == {"192.0.2.1"}


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"addresses": ("192.0.2.1",)}, ""),
        ({"household": 1}, ""),
        ({}, "empty"),
        ({"tc": True}, "unusable"),
        ({"rcode": 3}, "nxdomain"),
        ({"rcode": 5}, "refused"),
        ({"rcode": 2}, "servfail"),
        ({"rcode": 1, "way": Way.EDNS}, "unusable"),
        ({"rcode": 1, "way": Way.PLAIN}, "servfail"),
    ],
)
def test_an_answer_denies_in_one_way(case: Case, answer: dict[str, object], word: str) -> None:
    """What says nothing of the name is no denial."""
    one = msgspec.convert({"rtt_ms": 1.0, **answer}, DnsAnswer)
    assert lie(case.asked(one)) == word


def test_a_question_that_never_left_is_not_silence(case: Case) -> None:
    """Without a resolver, or a way to one, nobody was silent."""
    assert lie(case.asked()) == "timeout"
    for unasked in (case.asked(questions=0), case.asked(failure=Failure.NETWORK_UNREACHABLE)):
        assert lie(unasked) in NOT_TOLD


def test_a_question_that_left_again_tells_no_way(case: Case) -> None:
    """One datagram was lost on the home's own Wi-Fi: the router's denial came a second after the first copy."""
    random = case.asked(case.answer(rcode=3, rtt_ms=19.0), arm=Arm.RANDOM_LABEL)
    quick = case.asked(case.answer(rcode=5, rtt_ms=1.5), resolver_place=ResolverPlace.HOME)
    again = msgspec.structs.replace(quick, answers=(case.answer(rcode=5, rtt_ms=1001.0),), questions=2)
    slow = msgspec.structs.replace(quick, answers=(case.answer(rcode=5, rtt_ms=21.0),))
    assert said_at_home([quick, again], [random], None)
    assert not said_at_home([quick, slow], [random], None)
    assert said_at_home([again], [random], None)
