"""What answers mean: which are odd, which heat, which teach an address."""

from __future__ import annotations

import msgspec

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.testing import FakeNetwork
from balise_wire.experiments.dns import HANDSHAKE, QUESTION, DnsAnswer, DnsObservation
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from balise_wire.words import Arm, Experiment, Proof, Resolver

DNS = REGISTRY[Experiment.DNS]


HOST = "twitter.example"


def test_answers_that_contradict_each_other_are_odd(network: FakeNetwork, task: Task) -> None:
    """Injection is a race: the genuine answer after a forged one must be kept, and looked into."""
    expected = DnsAnswer(rtt_ms=1.0, addresses=("198.18.1.1",))
    network.dns[HOST, ""] = (expected, DnsAnswer(rtt_ms=9.0, addresses=("198.18.1.2",)))
    (only,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert len(only.answers) == 2
    assert DNS.reader.anomaly((only,)) is only
    network.dns[HOST, ""] = (expected, expected)
    assert DNS.reader.anomaly(network.play(DNS.plan.sentinel(task), DnsObservation)) is None


def test_what_was_set_aside_is_kept_and_no_address(network: FakeNetwork, task: Task) -> None:
    """A truncated answer whose TCP came to nothing: the observation has it, beside its answers."""
    network.set_aside["twitter.example"] = (DnsAnswer(rtt_ms=9.0, tc=True),)
    (only,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert (only.answers, only.set_aside) == ((), network.set_aside["twitter.example"])
    assert only.failure is Failure.GENERIC_TIMEOUT


def test_a_question_that_never_left_is_no_anomaly(network: FakeNetwork, task: Task) -> None:
    """Without a resolver nothing is learned of the name: no series is started over it."""
    network.resolver = False
    (only,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert (only.questions, only.failure) == (0, Failure.NETWORK_UNREACHABLE)
    assert DNS.reader.anomaly((only,)) is None


def test_only_what_the_provider_said_heats_and_teaches() -> None:
    """A silent address that is silent heats nothing; an answer whose certificate does not fit teaches nothing."""
    answer = DnsAnswer(rtt_ms=1.0, addresses=("198.18.1.5",))
    good = DnsObservation(arm=Arm.SUBJECT, at=1.0, name=HOST, answers=(answer,))
    silent = msgspec.structs.replace(good, resolver=Resolver.SILENT, answers=(), failure=Failure.GENERIC_TIMEOUT)
    dead = msgspec.structs.replace(silent, resolver=Resolver.PROVIDER)
    shown = msgspec.structs.replace(good, tls_address="198.18.1.5", tls_connected=True)
    false = msgspec.structs.replace(shown, tls_consistent=False, tls_proof=Proof.REFUSED)
    reader = DNS.reader
    assert reader.learned((good, false, silent)) == [("198.18.1.5",)]
    assert reader.heated((good, silent)) == []
    assert reader.heated((dead,)) == [Endpoint(HOST, 53, Transport.UDP)]
    assert reader.heated((msgspec.structs.replace(dead, qtype="AAAA"),)) == []
    assert reader.heated((false,)) == [Endpoint("198.18.1.5", 443)]
    assert reader.spent((good, false)) == 2 * QUESTION + HANDSHAKE
