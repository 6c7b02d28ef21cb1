"""The plan of ``dns``: who is asked for the name and for its controls, in which order.

Must not live here: what counts as an anomaly (outcome.py), the look at an address (look.py), where a resolver stands
(place.py), parsing of packets, lists of forged addresses (the collector's), or verdicts.
"""

from collections.abc import Generator
from typing import Final, NamedTuple

import msgspec

from balise_agent.codec import nat64
from balise_agent.experiments.dns.look import addresses_in, looked_at, without_all
from balise_agent.experiments.dns.outcome import accepted
from balise_agent.experiments.dns.place import place_of, upstream
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.scramble import random_label
from balise_agent.experiments.steps import Failed, Note, Plan, Queried, Query, Reply, Step
from balise_agent.experiments.task import Endpoint, Task, carried, expect, noting
from balise_agent.policy.limits import refuse_address
from balise_wire.experiments.dns import TRAITS, DnsAnswer, DnsObservation
from balise_wire.experiments.traits import RunShape
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design, Proof, Resolver, ResolverPlace, Way

SILENT_WINDOW: Final = 2.0
"""Seconds to wait for an answer that nobody can honestly give; injectors answer within one round trip."""
LINGER: Final = 0.05
"""Seconds to listen on for a second answer where only the first matters."""
_FAILURES: Final = {2: Failure.DNS_SERVFAIL, 3: Failure.DNS_NXDOMAIN, 5: Failure.DNS_REFUSED}
"""By response code (RFC 1035 4.1.1)."""

Trial = Generator[Step, Reply, DnsObservation]


class Question(NamedTuple):
    """One question of a series."""

    arm: Arm
    name: str
    resolver: Resolver = Resolver.PROVIDER
    server: str = ""
    tcp: bool = False


class DnsPlan(ExperimentPlan):
    """The name and those who answer for it."""

    def sentinel(self, task: Task) -> Plan:
        """Return the name at the provider's resolver; an unexpected address is asked for its certificate."""
        observations: list[Observation] = []
        for qtype in _types(task):
            trial, _ = yield from _asked(task, Question(Arm.SUBJECT, task.target.host), qtype)
            observations.append((yield from looked_at(task, trial)))
        return tuple(observations)

    def paired(self, task: Task) -> Plan:
        """Return the control name first, and the subject's two questions to the provider far apart.

        What a resolver cannot do this second because its own way up is lossy, it can often do two seconds later. Every
        question of a series has the type of the one that failed: where the provider's resolver drops AAAA, a control
        that is asked for A excuses nothing.
        """
        observations: list[Observation] = list(carried(task.cause))
        subject = task.target.host
        qtype = task.cause.qtype if isinstance(task.cause, DnsObservation) else _types(task)[-1]
        for question in _first(task):
            trial = yield from query_trial(task, question, qtype)
            observations.append(trial)
        first, known = yield from _asked(task, Question(Arm.SUBJECT, subject), qtype)
        first = yield from _unchecked(task, first)
        checked = yield from looked_at(task, first)
        observations.append(checked)
        home = addresses_in(first) - addresses_in(checked)
        for question in _further(task, first, known):
            trial = yield from query_trial(task, question, qtype)
            if not home.isdisjoint(addresses_in(trial)):
                trial = without_all(trial, home)
                yield Note(observation=trial, instead=True)
            observations.append(trial)
        return tuple(without_all(each, home) if isinstance(each, DnsObservation) else each for each in observations)

    def load(self, task: Task) -> Load:
        """Return the name in the place of an address: all targets share the resolver, and the trigger is the name."""
        sentinel = task.design is Design.SENTINEL
        return Load(
            endpoints=(Endpoint(task.target.host, TRAITS.port, TRAITS.transport),),
            connections=(2 if task.family == 6 else 1) if sentinel else 5,
        )

    def shape(self, task: Task) -> RunShape:
        """Return the layout; it looks at more where an address may be shown the name that was not proven today."""
        return msgspec.structs.replace(super().shape(task), full=task.look and not task.proved)


PLAN: Final = DnsPlan()


def _types(task: Task) -> tuple[str, ...]:
    return ("A", "AAAA") if task.family == 6 else ("A",)


def _first(task: Task) -> tuple[Question, ...]:
    """Return what the provider's resolver is asked before the subject's name."""
    control = task.name_control()
    if not control:
        return ()
    return Question(Arm.CONTROL, control), Question(Arm.RANDOM_LABEL, random_label(control, task.seed))


def _further(task: Task, first: DnsObservation, known: tuple[str, ...]) -> list[Question]:
    """Return what else is asked after the subject's first question.

    Args:
        task: of the run.
        first: what the provider's resolver said.
        known: the resolvers that the network handed to this machine.
    """
    control, subject = task.name_control(), task.target.host
    public = task.pick(task.public_resolvers, "public-resolver")
    silent = task.pick(task.silent_addresses, "silent-address")
    beyond = ""
    if first.resolver_place is not ResolverPlace.BEYOND:
        beyond = upstream(known, task.provider_resolvers, task.public_resolvers, task.lan)
    places = [(Resolver.UPSTREAM, beyond), (Resolver.SILENT, silent)]
    questions: list[Question] = []
    if control:
        questions += [Question(Arm.CONTROL, control, tcp=True)] if _went_over_tcp(first) else []
        questions += [Question(Arm.CONTROL, control, resolver, server) for resolver, server in places if server]
    places.insert(1, (Resolver.PUBLIC, public))
    questions += [Question(Arm.SUBJECT, subject, resolver, server) for resolver, server in places if server]
    return [*questions, Question(Arm.SUBJECT, subject)]


def _went_over_tcp(trial: DnsObservation) -> bool:
    """Tell whether a question had to go over TCP, answered there or not: its UDP answer was truncated or cut."""
    told = (*trial.answers, *trial.set_aside)
    return any(answer.tc or answer.cut or answer.way is Way.TCP for answer in told)


def query_trial(task: Task, question: Question, qtype: str = "A") -> Trial:
    """Return a trial: one question, and every answer until the window closes."""
    return (yield from _asked(task, question, qtype))[0]


def _asked(
    task: Task, question: Question, qtype: str
) -> Generator[Step, Reply, tuple[DnsObservation, tuple[str, ...]]]:
    """Return a trial and the resolvers that the network handed to this machine; the trial is noted."""
    known: list[str] = []
    return (yield from _trial(task, question, qtype, known)), tuple(known)


@noting
def _trial(task: Task, question: Question, qtype: str, known: list[str]) -> Trial:
    """Return a trial, and put the machine's resolvers into ``known``."""
    queried = yield from _ask(task, question, qtype)
    known.extend(queried.known)
    answers = queried.answers
    prefixes = yield from _nat64(task, question, answers)
    handed = question.resolver in {Resolver.PROVIDER, Resolver.UPSTREAM}
    return DnsObservation(
        arm=question.arm,
        at=queried.at,
        failure=_failure(task, accepted(answers), queried.failure, prefixes or ()),
        elapsed_ms=min((answer.rtt_ms for answer in answers), default=queried.elapsed_ms),
        packets=queried.packets,
        flood_bytes=queried.flood,
        name=question.name,
        qtype=qtype,
        resolver=question.resolver,
        answers=answers,
        questions=queried.questions,
        set_aside=queried.set_aside,
        silent_resolvers=queried.silent_resolvers,
        tls_proof=Proof.NOT_ASKED,
        resolver_place=place_of(queried.server, task.lan) if handed else ResolverPlace.BEYOND,
        nat64=prefixes,
    )


def _ask(task: Task, question: Question, qtype: str) -> Generator[Step, Reply, Queried]:
    """Ask one question; a reply of failure is one without answers."""
    timeout = task.timeouts.dns
    if question.resolver is Resolver.SILENT:
        timeout = min(timeout, SILENT_WINDOW)
    reply = yield Query(
        name=question.name,
        qtype=qtype,
        resolver=question.resolver,
        server=question.server,
        timeout=timeout,
        linger=task.timeouts.linger,
        tcp=question.tcp,
    )
    if isinstance(reply, Failed):
        return Queried(
            at=reply.at, elapsed_ms=reply.elapsed_ms, failure=reply.failure, packets=reply.packets, flood=reply.flood
        )
    return expect(Queried, reply)


def _nat64(
    task: Task, question: Question, answers: tuple[DnsAnswer, ...]
) -> Generator[Step, Reply, tuple[str, ...] | None]:
    """Ask how this network makes IPv6 addresses of IPv4 ones, where an answer names one that nobody assigned.

    Returns:
        The prefixes; ``None`` where it was not asked or nobody answered.
    """
    answer = accepted(answers)
    told = () if answer is None else [one for one in answer.addresses if ":" in one]
    if question.resolver is not Resolver.PROVIDER or all(one in task.target.addresses for one in told):
        return None
    reply = yield Query(
        name=nat64.NAME, qtype="AAAA", resolver=Resolver.PROVIDER, timeout=task.timeouts.dns, linger=LINGER
    )
    heard = accepted(reply.answers) if isinstance(reply, Queried) else None
    return None if heard is None else nat64.prefixes(heard.addresses)


def _failure(task: Task, answer: DnsAnswer | None, below: Failure | None, prefixes: tuple[str, ...]) -> Failure | None:
    """Name the failure of a query by the accepted answer, or by what happened below DNS."""
    if answer is None:
        return below or Failure.GENERIC_TIMEOUT
    if answer.rcode:
        return _FAILURES.get(answer.rcode, Failure.DNS_SERVER_MISBEHAVING)
    if not answer.addresses:
        return Failure.DNS_NO_ANSWER
    meant = [nat64.inner(address, prefixes) for address in answer.addresses]
    return Failure.DNS_BOGON if all(refuse_address(one, task.laboratory, task.lan) for one in meant) else None


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
