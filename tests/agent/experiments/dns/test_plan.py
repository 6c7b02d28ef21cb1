"""The plan of dns: who is asked what, in which order, and which addresses are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.steps import Connect, Query
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, Experiment, Proof, Resolver, ResolverPlace

if TYPE_CHECKING:
    from collections.abc import Callable

DNS = REGISTRY[Experiment.DNS]


HOST = "twitter.example"


def test_sentinel_asks_the_provider_once(network: FakeNetwork, task: Task) -> None:
    """An expected address needs no further check."""
    (only,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert len(network.steps) == 1
    assert (only.failure, only.tls_consistent, only.resolver) == (None, None, Resolver.PROVIDER)


def test_ipv6_targets_are_asked_for_both_families(network: FakeNetwork, task: Task) -> None:
    """AAAA belongs to IPv6 targets only: half the bytes elsewhere; a name without AAAA is no anomaly."""
    network.dns[HOST, ""] = (DnsAnswer(rtt_ms=9.0, addresses=()),)
    observations = network.play(DNS.plan.sentinel(msgspec.structs.replace(task, family=6)), DnsObservation)
    assert [o.qtype for o in observations] == ["A", "AAAA"]
    assert observations[1].failure is Failure.DNS_NO_ANSWER
    assert DNS.reader.anomaly(observations[1:]) is None
    assert DNS.reader.anomaly(observations) is observations[0]


@pytest.mark.parametrize("forged", [False, True])
def test_an_unexpected_address_must_show_its_certificate(network: FakeNetwork, task: Task, forged: bool) -> None:
    """A certificate valid for the name overrides; without it the answer is an anomaly."""
    network.dns[HOST, ""] = (DnsAnswer(rtt_ms=9.0, addresses=("198.19.5.5",)),)
    if forged:
        network.untrusted.add(HOST)
    (only,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert (only.tls_address, only.tls_consistent) == ("198.19.5.5", not forged)
    assert (DNS.reader.anomaly((only,)) is only) is forged


@pytest.mark.parametrize("address", ["127.0.0.1", "10.10.34.34", "192.168.1.1", "0.0.0.1", "::1", "64:ff9b::a0a:2222"])
def test_private_answers_are_never_contacted(network: FakeNetwork, task: Task, address: str) -> None:
    """A forged answer must not turn the probe on the household it stands in."""
    network.dns[HOST, ""] = (DnsAnswer(rtt_ms=9.0, addresses=(address,)),)
    (only,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert only.failure is Failure.DNS_BOGON
    assert not any(isinstance(step, Connect) for step in network.steps)
    assert DNS.reader.anomaly((only,)) is only


def test_the_households_own_public_addresses_are_never_contacted(network: FakeNetwork, task: Task) -> None:
    """A machine without NAT stands in public addresses: an answer that leads into them is bogus, as 192.168 is."""
    network.dns[HOST, ""] = (DnsAnswer(rtt_ms=9.0, addresses=("198.19.5.5",)),)
    (only,) = network.play(DNS.plan.sentinel(msgspec.structs.replace(task, lan=("198.19.5.0/24",))), DnsObservation)
    assert only.failure is Failure.DNS_BOGON
    assert not any(isinstance(step, Connect) for step in network.steps)


@pytest.mark.parametrize("ttl", [64, 255, 128, 63, 52, 0])
@pytest.mark.parametrize("refuses", [False, True])
def test_the_address_of_the_line_itself_is_counted_and_not_named(
    network: FakeNetwork, task: Task, ttl: int, refuses: bool
) -> None:
    """What answers for an unexpected address without a router before it is the home's own router.

    Its address is the household's, which nobody told us. A stranger's packets have lost at least one from their TTL.
    """
    network.packet = Packet(t_us=1, direction=Direction.IN, ttl=ttl)
    network.dns[HOST, ""] = (DnsAnswer(rtt_ms=9.0, addresses=("198.19.5.5",)),)
    network.untrusted.add(HOST)
    if refuses:
        network.refuse("198.19.5.5", 443, Failure.CONNECTION_REFUSED)
    (only,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    told = [(answer.addresses, answer.household) for answer in only.answers]
    shown = (Proof.NOT_SHOWN, None) if refuses else (Proof.REFUSED, False)
    assert (only.tls_proof, only.tls_consistent) == shown
    assert DNS.reader.anomaly((only,)) == only
    if ttl in {64, 128, 255}:
        assert (told, only.tls_address, only.failure) == ([((), 1)], "", Failure.DNS_BOGON)
        assert b"198.19.5.5" not in msgspec.json.encode(only)
    else:
        assert (told, only.tls_address, only.failure) == ([(("198.19.5.5",), 0)], "198.19.5.5", None)


def test_the_lines_own_address_is_named_in_no_trial_of_a_series(network: FakeNetwork, task: Task) -> None:
    """What was found out by one question holds for all of the series: no resolver's answer names it."""
    network.packet = Packet(t_us=1, direction=Direction.IN, ttl=64)
    network.untrusted.add(HOST)
    for server in ("", *task.public_resolvers, *task.silent_addresses):
        network.dns[HOST, server] = (DnsAnswer(rtt_ms=9.0, addresses=("198.19.5.5", "198.18.1.1")),)
    observations = network.play(DNS.plan.paired(task), DnsObservation)
    assert b"198.19.5.5" not in msgspec.json.encode(observations)
    assert b"198.19.5.5" not in msgspec.json.encode(network.noted())
    subject = [trial for trial in observations if trial.arm is Arm.SUBJECT]
    assert [trial.answers[0].household for trial in subject] == [1] * 4
    assert all(trial.answers[0].addresses == ("198.18.1.1",) for trial in subject)


def test_what_shows_the_names_certificate_is_no_router(network: FakeNetwork, task: Task) -> None:
    """A server on the same cable with the right certificate is the service's."""
    network.packet = Packet(t_us=1, direction=Direction.IN, ttl=64)
    network.dns[HOST, ""] = (DnsAnswer(rtt_ms=9.0, addresses=("198.19.5.5",)),)
    (only,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert (only.tls_consistent, only.answers[0].addresses) == (True, ("198.19.5.5",))


def test_only_tls_targets_are_checked_by_certificate(
    network: FakeNetwork, task: Task, changed: Callable[..., Task]
) -> None:
    """Port 443 is the only one whose server must have a certificate for the name."""
    network.dns[HOST, ""] = (DnsAnswer(rtt_ms=9.0, addresses=("198.19.5.5",)),)
    (only,) = network.play(DNS.plan.sentinel(changed(task, port=5222)), DnsObservation)
    assert only.tls_consistent is None


@pytest.mark.parametrize(
    ("answers", "failure"),
    [
        ((), Failure.GENERIC_TIMEOUT),
        ((DnsAnswer(rtt_ms=1.0, rcode=3),), Failure.DNS_NXDOMAIN),
        ((DnsAnswer(rtt_ms=1.0, rcode=5),), Failure.DNS_REFUSED),
        ((DnsAnswer(rtt_ms=1.0, rcode=2),), Failure.DNS_SERVFAIL),
        ((DnsAnswer(rtt_ms=1.0, rcode=4),), Failure.DNS_SERVER_MISBEHAVING),
        ((DnsAnswer(rtt_ms=1.0, malformed=True),), Failure.GENERIC_TIMEOUT),
    ],
)
def test_failures_have_their_word(
    network: FakeNetwork, task: Task, answers: tuple[DnsAnswer, ...], failure: Failure
) -> None:
    """The accepted answer, the first well-formed one, decides; its code has OONI's word."""
    network.dns[HOST, ""] = answers
    (only,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert only.failure is failure
    assert DNS.reader.anomaly((only,)) is only


def test_paired_order(network: FakeNetwork, task: Task) -> None:
    """The control name goes first everywhere; the subject's questions to the provider are as far apart as can be.

    A resolver whose own way up is lossy fails for a moment: two questions in one moment are one trial.
    """
    observations = network.play(DNS.plan.paired(task), DnsObservation)
    queries = [(s.name, s.server, s.resolver) for s in network.steps if isinstance(s, Query)]
    assert queries.pop(1) == (observations[1].name, "", Resolver.PROVIDER)
    assert observations[1].arm is Arm.RANDOM_LABEL
    assert observations[1].name.endswith(".control.example")
    assert queries == [
        ("control.example", "", Resolver.PROVIDER),
        (HOST, "", Resolver.PROVIDER),
        ("control.example", "198.18.7.7", Resolver.SILENT),
        (HOST, "198.18.8.8", Resolver.PUBLIC),
        (HOST, "198.18.7.7", Resolver.SILENT),
        (HOST, "", Resolver.PROVIDER),
    ]
    assert [o.arm for o in observations[:4]] == [Arm.CONTROL, Arm.RANDOM_LABEL, Arm.SUBJECT, Arm.CONTROL]
    assert DNS.reader.anomaly(observations) is None  # a silent address that is silent is no failure of the subject


def test_the_window_outlasts_the_first_answer(network: FakeNetwork, task: Task) -> None:
    """Every query goes on listening after its first answer (detectors.md 2.1)."""
    network.play(DNS.plan.paired(task), DnsObservation)
    assert all(step.linger == task.timeouts.linger for step in network.steps if isinstance(step, Query))


def test_the_record_names_no_resolver(network: FakeNetwork, task: Task) -> None:
    """The provider's resolver is the household's secret: no field of the observation holds a server."""
    observations = network.play(DNS.plan.paired(task), DnsObservation)
    assert b"198.18.8.8" not in msgspec.json.encode(observations)


def test_a_servfail_is_asked_again_without_checking(network: FakeNetwork, task: Task) -> None:
    """Broken DNSSEC fails at validating resolvers alone: the paired series asks with CD, once; a sentinel waits."""
    network.dns["twitter.example", ""] = (DnsAnswer(rtt_ms=9.0, rcode=2),)
    network.unchecked = (DnsAnswer(rtt_ms=9.0, addresses=("198.18.1.1",)),)
    (sentinel,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert sentinel.unchecked is None
    subjects = [
        o
        for o in network.play(DNS.plan.paired(task), DnsObservation)
        if o.arm is Arm.SUBJECT and o.resolver is Resolver.PROVIDER
    ]
    assert [o.unchecked for o in subjects] == [network.unchecked, None]
    assert sum(step.unchecked for step in network.steps if isinstance(step, Query)) == 1


def test_the_controls_of_a_series_have_the_type_of_what_failed(network: FakeNetwork, task: Task) -> None:
    """A resolver that drops AAAA drops the control's, too: a control that is asked for A excuses nothing."""
    six = msgspec.structs.replace(task, family=6)
    cause = DnsObservation(arm=Arm.SUBJECT, at=1.0, name=HOST, qtype="AAAA", failure=Failure.GENERIC_TIMEOUT)
    own = network.play(DNS.plan.paired(msgspec.structs.replace(six, cause=cause)), DnsObservation)[1:]
    assert {trial.qtype for trial in own} == {"AAAA"}
    assert {trial.qtype for trial in network.play(DNS.plan.paired(task), DnsObservation)} == {"A"}


def test_a_control_goes_over_tcp_where_the_subject_had_to(network: FakeNetwork, task: Task) -> None:
    """Who drops TCP 53 drops every long answer: the name's alone would look like a silence for the name."""
    network.set_aside[HOST] = (DnsAnswer(rtt_ms=9.0, tc=True),)
    network.play(DNS.plan.paired(task), DnsObservation)
    assert [(s.name, s.resolver) for s in network.asked(Query) if s.tcp] == [("control.example", Resolver.PROVIDER)]
    network.set_aside.clear()
    network.steps.clear()
    network.play(DNS.plan.paired(task), DnsObservation)
    assert not any(step.tcp for step in network.asked(Query))


@pytest.mark.parametrize(
    ("server", "known", "assigned", "asked"),
    [
        ("192.168.7.1", ("192.168.7.1",), (), ""),
        ("192.168.7.1", ("192.168.7.1",), ("198.18.6.6",), "198.18.6.6"),
        ("192.168.7.1", ("192.168.7.1", "198.18.6.7"), (), "198.18.6.7"),
        ("192.168.7.1", ("192.168.7.1", "198.18.8.8"), (), ""),
        ("198.18.6.7", ("198.18.6.7",), ("198.18.6.6",), ""),
        ("", (), ("198.18.6.6",), "198.18.6.6"),
    ],
)
def test_the_provider_is_asked_past_a_resolver_in_the_home(
    network: FakeNetwork, task: Task, server: str, known: tuple[str, ...], assigned: tuple[str, ...], asked: str
) -> None:
    """What a home's filter says is not the provider's word; where nobody knows the provider's, it is not asked."""
    at_home = msgspec.structs.replace(task, provider_resolvers=assigned, lan=("192.168.7.0/24",))
    network.resolvers = known
    observations = network.play(DNS.plan.paired(at_home), DnsObservation)
    place = {"": ResolverPlace.UNKNOWN, "192.168.7.1": ResolverPlace.HOME}.get(server, ResolverPlace.BEYOND)
    assert observations[0].resolver_place is place
    direct = [(s.name, s.server) for s in network.asked(Query) if s.resolver is Resolver.UPSTREAM]
    assert direct == ([("control.example", asked), (HOST, asked)] if asked else [])
    assert b"192.168.7.1" not in msgspec.json.encode(observations)


@pytest.mark.parametrize(
    ("address", "prefix", "failure"),
    [
        ("64:ff9b::808:808", "64:ff9b::/96", None),
        ("64:ff9b:1:fffe::808:808", "64:ff9b:1:fffe::/96", None),
        ("2a00:1:2:3::808:808", "2a00:1:2:3::/96", None),
        ("64:ff9b:1:fffe::a0a:2222", "64:ff9b:1:fffe::/96", Failure.DNS_BOGON),
    ],
)
def test_an_address_that_the_network_made_is_no_bogon(
    network: FakeNetwork, task: Task, address: str, prefix: str, failure: Failure | None
) -> None:
    """NAT64 has a prefix of its own in many networks (RFC 7050): what counts is the IPv4 address inside."""
    made = prefix.removesuffix("/96").removesuffix("::") + "::c000:aa"
    network.dns["ipv4only.arpa", ""] = (DnsAnswer(rtt_ms=9.0, addresses=(made,)),)
    network.dns[HOST, ""] = (DnsAnswer(rtt_ms=9.0, addresses=(address,)),)
    six = msgspec.structs.replace(task, family=6, laboratory=())
    trial = network.play(DNS.plan.sentinel(six), DnsObservation)[1]
    assert (trial.failure, trial.nat64) == (failure, (prefix,))
