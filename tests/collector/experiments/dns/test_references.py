"""What references' questions leave behind: the addresses that a name has abroad."""

from __future__ import annotations

import msgspec

from balise_wire.words import Resolver
from tests.testbed.cases import Case


def test_addresses_are_learned_from_good_results(case: Case) -> None:
    """What references are given is expected."""
    case.abroad(case.asked(case.answer("104.244.42.65")))
    assert case.references.answers(case.host, 4) == {"104.244.42.65"}


def test_nothing_is_learned_from_where_no_resolver_runs_or_of_another_name(case: Case) -> None:
    """What comes from an empty address is forged, and a control's address is not the service's."""
    case.abroad(case.asked(case.answer("104.244.42.65"), resolver=Resolver.SILENT))
    case.abroad(msgspec.structs.replace(case.asked(case.answer("104.244.42.65")), name="other.example"))
    assert case.references.answers(case.host, 4) == frozenset()
