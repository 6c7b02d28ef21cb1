"""The plan of ``dns``: queries over four resolvers and two names, and the TLS check of the first accepted answer.

Must not live here: what counts as an anomaly (outcome.py), parsing of packets, lists of forged addresses (the
collector's), or verdicts.
"""

from collections.abc import Generator, Iterable, Sequence
from typing import Final

import msgspec

from balise_agent.experiments.dns.outcome import accepted
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.secure import shake_hands, speaks_another_dialect
from balise_agent.experiments.steps import (
    Close,
    Closed,
    Failed,
    Note,
    Plan,
    Queried,
    Query,
    Reply,
    Step,
)
from balise_agent.experiments.task import Endpoint, Task, carried, expect, noting
from balise_agent.policy.limits import refuse_address
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.dns import TLS_PORT, TRAITS, DnsAnswer, DnsObservation
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design, Resolver

SILENT_WINDOW: Final = 2.0
"""Seconds to wait for an answer that nobody can honestly give; injectors answer within one round trip."""
LINGER: Final = 0.05
"""Seconds to listen on for a second answer where only the first matters."""
_FIRST_TTLS: Final = frozenset({32, 64, 128, 255})
"""What operating systems send with, before any router took one off."""
_FAILURES: Final = {2: Failure.DNS_SERVFAIL, 3: Failure.DNS_NXDOMAIN, 5: Failure.DNS_REFUSED}
"""By response code (RFC 1035 4.1.1)."""

Trial = Generator[Step, Reply, DnsObservation]


class DnsPlan(ExperimentPlan):
    """The name and those who answer for it."""

    def sentinel(self, task: Task) -> Plan:
        """Return the name at the provider's resolver; an unexpected address is asked for its certificate."""
        observations: list[Observation] = []
        for qtype in ("A", "AAAA") if task.family == 6 else ("A",):
            trial = yield from query_trial(task, Arm.SUBJECT, task.target.host, Resolver.PROVIDER, qtype=qtype)
            observations.append((yield from _checked(task, trial)))
        return tuple(observations)

    def paired(self, task: Task) -> Plan:
        """Return the control name first, and the subject's two questions to the provider far apart.

        What a resolver cannot do this second because its own way up is lossy, it can often do two seconds later.
        """
        observations: list[Observation] = list(carried(task.cause))
        control, subject = task.name_control(), task.target.host
        public = task.pick(task.public_resolvers, "public-resolver")
        silent = task.pick(task.silent_addresses, "silent-address")
        if control:
            observations.append((yield from query_trial(task, Arm.CONTROL, control, Resolver.PROVIDER)))
        first = yield from query_trial(task, Arm.SUBJECT, subject, Resolver.PROVIDER)
        first = yield from _unchecked(task, first)
        checked = yield from _checked(task, first)
        observations.append(checked)
        home = addresses_in(first) - addresses_in(checked)
        asked = [(Arm.CONTROL, control, Resolver.SILENT, silent)] if control and silent else []
        asked += [(Arm.SUBJECT, subject, Resolver.PUBLIC, public)] if public else []
        asked += [(Arm.SUBJECT, subject, Resolver.SILENT, silent)] if silent else []
        for arm, name, resolver, server in (*asked, (Arm.SUBJECT, subject, Resolver.PROVIDER, "")):
            trial = yield from query_trial(task, arm, name, resolver, server)
            if not home.isdisjoint(addresses_in(trial)):
                trial = _without_all(trial, home)
                yield Note(observation=trial, instead=True)
            observations.append(trial)
        return tuple(_without_all(each, home) if isinstance(each, DnsObservation) else each for each in observations)

    def load(self, task: Task) -> Load:
        """Return the name in the place of an address: all targets share the resolver, and the trigger is the name."""
        sentinel = task.design is Design.SENTINEL
        return Load(
            endpoints=(Endpoint(task.target.host, TRAITS.port, TRAITS.transport),),
            connections=(2 if task.family == 6 else 1) if sentinel else 5,
        )


PLAN: Final = DnsPlan()


@noting
def query_trial(task: Task, arm: Arm, name: str, resolver: Resolver, server: str = "", *, qtype: str = "A") -> Trial:
    """Return a trial: one question, and every answer until the window closes."""
    timeout = task.timeouts.dns
    if resolver is Resolver.SILENT:
        timeout = min(timeout, SILENT_WINDOW)
    reply = yield Query(
        name=name, qtype=qtype, resolver=resolver, server=server, timeout=timeout, linger=task.timeouts.linger
    )
    if isinstance(reply, Failed):
        reply = Queried(
            at=reply.at, elapsed_ms=reply.elapsed_ms, failure=reply.failure, packets=reply.packets, flood=reply.flood
        )
    queried = expect(Queried, reply)
    answers = queried.answers
    return DnsObservation(
        arm=arm,
        at=queried.at,
        failure=_failure(task, accepted(answers), queried.failure),
        elapsed_ms=min((answer.rtt_ms for answer in answers), default=queried.elapsed_ms),
        packets=queried.packets,
        flood_bytes=queried.flood,
        name=name,
        qtype=qtype,
        resolver=resolver,
        answers=answers,
        questions=queried.questions,
        set_aside=queried.set_aside,
        silent_resolvers=queried.silent_resolvers,
    )


def _failure(task: Task, answer: DnsAnswer | None, below: Failure | None) -> Failure | None:
    """Name the failure of a query by the accepted answer, or by what happened below DNS."""
    if answer is None:
        return below or Failure.GENERIC_TIMEOUT
    if answer.rcode:
        return _FAILURES.get(answer.rcode, Failure.DNS_SERVER_MISBEHAVING)
    if not answer.addresses:
        return Failure.DNS_NO_ANSWER
    if all(refuse_address(address, task.laboratory, task.lan) for address in answer.addresses):
        return Failure.DNS_BOGON
    return None


def _unchecked(task: Task, trial: DnsObservation) -> Trial:
    """Return the trial, after a SERVFAIL with what the resolver answers where it is not to look at signatures.

    A name whose owner broke its DNSSEC fails at validating resolvers alone, and there for everybody.
    """
    if trial.failure is not Failure.DNS_SERVFAIL:
        return trial
    reply = yield Query(
        name=trial.name,
        qtype=trial.qtype,
        resolver=trial.resolver,
        timeout=task.timeouts.dns,
        linger=LINGER,
        unchecked=True,
    )
    answers = reply.answers if isinstance(reply, Queried) else ()
    return msgspec.structs.replace(trial, unchecked=answers)


def _checked(task: Task, trial: DnsObservation) -> Trial:
    """Return the trial with ``tls_consistent`` where its accepted answer holds an unexpected public address.

    One handshake to one address: a certificate valid for the name overrides every other sign (detectors.md 2.1). A
    private address is never contacted. What turns out to be the household's own router, by the address that the
    provider gave it, is told as that and not by its address.
    """
    answer = accepted(trial.answers)
    if task.target.port != TLS_PORT or trial.failure is not None or answer is None:
        return trial
    strangers = [address for address in answer.addresses if address not in task.target.addresses]
    address = next((a for a in strangers if refuse_address(a, task.laboratory, task.lan) is None), "")
    if not address:
        return trial
    connected, secured = yield from shake_hands(task, TLS_PORT, task.target.host, address)
    if isinstance(connected, Failed) or isinstance(secured, Failed):
        # A TLS server whose dialect we do not speak showed no certificate, right or wrong.
        consistent = None if speaks_another_dialect(secured) else False
        packets = secured.packets if isinstance(secured, Failed) else ()
    else:
        consistent = secured.verify_failure is None
        closed = yield Close(handle=connected.handle)
        packets = closed.packets if isinstance(closed, Closed | Failed) else ()
    checked = msgspec.structs.replace(trial, tls_consistent=consistent, tls_address=address)
    if consistent is not True and is_next_door(packets):
        checked = _without(checked, address)
    yield Note(observation=checked, instead=True)
    return checked


def addresses_in(trial: DnsObservation) -> frozenset[str]:
    """Return every address that a trial was told."""
    given = (*trial.answers, *trial.set_aside, *(trial.unchecked or ()))
    return frozenset(address for answer in given for address in answer.addresses)


def _without_all(trial: DnsObservation, home: Iterable[str]) -> DnsObservation:
    for address in home:
        trial = _without(trial, address)
    return trial


def is_next_door(packets: Sequence[Packet]) -> bool:
    """Tell whether what answered has no router before it: its packets' TTL is one that systems begin with.

    A home router that answers for the address its provider gave it is the only such machine: whatever stands beyond it
    has lost at least one. Where nothing answered it cannot be told, and the address is taken for a stranger's.
    """
    first = next((packet for packet in packets if packet.direction is Direction.IN), None)
    return first is not None and first.ttl in _FIRST_TTLS


def _without(trial: DnsObservation, address: str) -> DnsObservation:
    """Return a trial in which an address of the household is counted and not named."""
    if address not in addresses_in(trial):
        return trial

    def told(answer: DnsAnswer) -> DnsAnswer:
        if address not in answer.addresses:
            return answer
        others = tuple(each for each in answer.addresses if each != address)
        return msgspec.structs.replace(answer, addresses=others, household=answer.household + 1)

    answers = tuple(told(answer) for answer in trial.answers)
    answer = accepted(answers)
    alone = answer is not None and not answer.addresses
    return msgspec.structs.replace(
        trial,
        answers=answers,
        set_aside=tuple(told(each) for each in trial.set_aside),
        unchecked=None if trial.unchecked is None else tuple(told(each) for each in trial.unchecked),
        failure=Failure.DNS_BOGON if alone else trial.failure,
        tls_address="",
    )
