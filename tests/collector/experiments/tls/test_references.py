"""What references' greetings leave behind: that TCP was reached, the keys of a name, and who opens connections."""

from __future__ import annotations

from typing import Any

from balise_collector.conclude.judgement import judge, note
from balise_collector.experiments.tls.references import Openers, keys, opens_provider
from balise_collector.judge import Context, Tally
from balise_wire.measurement import Measurement, Network
from tests.testbed.cases import EARLIER, NOW, Case


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


def _opened(case: Case, key: str, asn: int = 64501, **changes: Any) -> Measurement:
    """Return a whole handshake whose chain is signed by one authority that nobody trusts."""
    chain = (case.certificate(f"leaf of {asn}", issuer="CN=Box"), case.certificate(key, issuer="CN=Box"))
    shown = case.hello(end="untrusted", full=True, verified=False, chain=chain, **changes)
    return case.measured(shown, network=Network(country="KZ", asn=asn))


def _met(case: Case, probe: str, measurement: Measurement) -> None:
    note(case.references, judge(measurement, Context(probe=probe, references=case.references)), measurement)


def test_an_authority_of_three_keepers_opens_a_providers_connections(case: Case) -> None:
    """Boards of one person, or without a label, are one or none; a day later nobody knows any more."""
    here = Network(country="KZ", asn=64501)
    case.references.keep({"kz01": "ann", "kz02": "bob", "kz03": "bob", "kz04": "eve"})
    for probe in ("kz02", "kz03", "kz05"):
        _met(case, probe, _opened(case, "gateway"))
    assert not opens_provider(case.references, frozenset({"gateway"}), "kz01", here, NOW)
    _met(case, "kz04", _opened(case, "gateway"))
    assert opens_provider(case.references, frozenset({"gateway"}), "kz01", here, NOW)
    assert not opens_provider(case.references, frozenset({"another"}), "kz01", here, NOW)
    assert not opens_provider(case.references, frozenset({"gateway"}), "kz01", here, NOW + 90_000.0)
    assert not opens_provider(case.references, frozenset({"gateway"}), "kz06", here, NOW)


def test_an_authority_that_is_met_elsewhere_is_no_providers(case: Case) -> None:
    """A maker of routers with one key for all of them, or the service's own odd authority."""
    here = Network(country="KZ", asn=64501)
    case.references.keep({"kz01": "ann", "kz02": "bob", "kz04": "eve"})
    for probe, asn in (("kz02", 64501), ("kz04", 64501), ("kz09", 64502)):
        _met(case, probe, _opened(case, "gateway", asn))
    assert not opens_provider(case.references, frozenset({"gateway"}), "kz01", here, NOW)


def test_who_opens_connections_is_forgotten(case: Case) -> None:
    """With what is old."""
    _met(case, "kz02", _opened(case, "gateway"))
    assert case.references.memory(Openers).met
    case.references.forget(NOW + 1.0)
    assert not case.references.memory(Openers).met
