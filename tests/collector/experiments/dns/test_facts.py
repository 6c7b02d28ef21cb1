"""What one DNS measurement shows, as facts."""

from __future__ import annotations

from balise_collector.experiments.dns.facts import facts
from balise_collector.judge import Context
from balise_wire.words import Arm, Resolver
from tests.testbed.cases import Case


def test_an_answer_that_others_are_given_is_expected(case: Case) -> None:
    """All of it; one stranger among its addresses is looked at."""
    known = Context(probe="pk000001", addresses=frozenset({case.address}))
    assert facts(case.measured(case.asked(case.answer(case.address))), known).expected
    mixed = facts(case.measured(case.asked(case.answer(case.address, "39.32.0.7"))), known)
    assert (mixed.expected, mixed.unexpected) == (False, False)


def test_silence_where_nobody_resolves_is_no_silence_of_the_providers(case: Case) -> None:
    """The silent address is to be silent."""
    found = facts(
        case.measured(case.asked(case.answer(case.address)), case.asked(resolver=Resolver.SILENT)),
        Context(probe="pk000001"),
    )
    assert not found.silent


def test_where_all_names_go_is_a_garden(case: Case) -> None:
    """The control's address, unless it is one that the name is known by: neighbours share a content network."""
    trials = (case.asked(case.answer("39.32.0.7"), arm=Arm.CONTROL), case.asked(case.answer("39.32.0.7")))
    assert facts(case.measured(*trials), Context(probe="pk000001")).garden
    known = Context(probe="pk000001", addresses=frozenset({"39.32.0.7"}))
    assert not facts(case.measured(*trials), known).garden


def test_a_target_of_ipv6_knows_the_addresses_of_both_families(case: Case) -> None:
    """Its series has the type of the question that failed; an address of the other family is no stranger's for that."""
    case.abroad(case.asked(case.answer(case.address)))
    asked = (case.asked(case.answer(case.address)), case.asked(case.answer("2001:db8::1"), qtype="AAAA"))
    found = facts(case.measured(asked[0], family=6), Context(probe="pk000001", references=case.references))
    assert (found.expected, found.unexpected) == (True, False)
    both = facts(case.measured(*asked, family=6), Context(probe="pk000001", references=case.references))
    assert (both.expected, both.unexpected) == (False, False)
