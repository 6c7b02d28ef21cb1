"""What probes were given and found to serve: agreed by two hosts, bounded, steady, and forgotten."""

from __future__ import annotations

from typing import Any

from balise_collector.conclude.given_addresses import KEPT, MOST, GivenAddresses
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.measurement import Measurement, Network
from balise_wire.words import Arm, Design, Experiment, Proof, Resolver, TargetRole


def resolved(*addresses: str, proof: Proof = Proof.VERIFIED, **changes: Any) -> Measurement:
    """Return a measurement of a name that resolved, each address of which was looked at."""
    trials = tuple(
        DnsObservation(
            **{
                "arm": Arm.SUBJECT,
                "at": 1.0,
                "name": "a.example",
                "answers": (DnsAnswer(rtt_ms=1.0, addresses=(address,)),),
                "tls_proof": proof,
                "tls_address": address,
                **changes,
            }
        )
        for address in addresses
    )
    return Measurement(
        id="0" * 32, experiment=Experiment.DNS, design=Design.SENTINEL, target="s/web/a.example/4", service="s",
        role=TargetRole.WEB, host="a.example", started=1.0, ended=2.0, network=Network(country="PK", asn=64501),
        catalogue="c", software="1", observations=trials,
    )  # fmt: skip


def test_one_host_sends_nobody_anywhere() -> None:
    """Nor do many boards of one host, boards of which nobody knows whose they are, or other resolvers' answers."""
    given = GivenAddresses()
    for keeper in ("ann", "ann", ""):
        given.note(resolved("198.18.0.1"), keeper, 10.0)
    given.note(resolved("198.18.0.1", resolver=Resolver.PUBLIC), "bob", 10.0)
    given.note(resolved("198.18.0.1", arm=Arm.CONTROL), "bob", 10.0)
    assert given.agreed("a.example", 4, (), 20.0) == ()
    given.note(resolved("198.18.0.1", "2001:db8::1"), "bob", 11.0)
    assert given.agreed("a.example", 4, (), 20.0) == ("198.18.0.1",)
    assert given.agreed("a.example", 6, (), 20.0) == ()
    assert given.agreed("b.example", 4, (), 20.0) == ()


def test_what_never_showed_the_certificate_is_looked_at_from_nowhere() -> None:
    """A forged address is dead abroad as well, which is no fault of the service; nor is an earlier answer told anew."""
    given = GivenAddresses()
    for keeper in ("ann", "bob"):
        given.note(resolved("198.18.0.1", proof=Proof.NOT_SHOWN), keeper, 10.0)
        given.note(resolved("198.18.0.2", proof=Proof.NOT_ASKED), keeper, 10.0)
        given.note(resolved("198.18.0.3", carried=True), keeper, 10.0)
    assert given.agreed("a.example", 4, (), 20.0) == ()


def test_what_was_agreed_stays_while_anybody_is_given_it() -> None:
    """Tasks of references do not turn over with each answer; after two days without one it goes."""
    given = GivenAddresses()
    for keeper in ("ann", "bob"):
        given.note(resolved("198.18.0.9"), keeper, 0.0)
    before = given.agreed("a.example", 4, (), 1.0)
    given.note(resolved("198.18.0.9"), "ann", KEPT)
    assert given.agreed("a.example", 4, (), KEPT + 1.0) == ()
    assert given.agreed("a.example", 4, before, KEPT + 1.0) == before
    assert given.agreed("a.example", 4, before, 2.5 * KEPT) == ()
    given.forget(KEPT)
    assert given.agreed("a.example", 4, before, KEPT + 1.0) == before
    given.forget(KEPT + 1.0)
    assert given.agreed("a.example", 4, before, KEPT + 1.0) == ()


def test_a_name_with_many_addresses_is_bounded() -> None:
    """A content network has thousands."""
    given = GivenAddresses()
    for number in range(200):
        for keeper in ("ann", "bob", "eve"):
            given.note(resolved(f"198.18.0.{number}"), keeper, 10.0)
    assert len(given.agreed("a.example", 4, (), 20.0)) == MOST
