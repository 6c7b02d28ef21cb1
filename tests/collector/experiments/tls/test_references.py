"""What references' greetings leave behind: that TCP was reached, and the keys of a name."""

from __future__ import annotations

from balise_collector.experiments.tls.references import keys
from balise_collector.judge import Tally
from tests.testbed.cases import EARLIER, Case


def test_keys_are_learned_from_good_results(case: Case) -> None:
    """What references verified is known."""
    case.abroad(case.hello(full=True, verified=True, chain=(case.certificate("good"),)))
    assert keys(case.references, case.host) == {"good"}


def test_one_network_alone_teaches_no_key(case: Case) -> None:
    """Two references of one network say a thing once; a lone liar must not excuse a foreign certificate."""
    chain = (case.certificate("evil"),)
    case.abroad(case.hello(full=True, verified=True, chain=chain), probes=("sg01", "sg02"))
    assert keys(case.references, case.host) == frozenset()


def test_a_greeting_that_connected_says_that_the_address_answers(case: Case) -> None:
    """A TCP handshake came about at the very address, whatever the server said then."""
    case.abroad(case.hello(end="rst"))
    seen = case.references.at_address(case.address, 443, EARLIER, EARLIER + 120)
    assert seen.during == Tally(ok=3)
