"""One measurement as evidence: its trials in order, control beside subject, each with what was asked and what came.

Pure. Lives here: how each kind of observation is told. Must not live here: marking of packets (packets.py), markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from balise_collector.journal import JournalRow
from balise_collector.judge.verdict import Verdict
from balise_collector.pages.packets import PacketRow, rows
from balise_collector.wording import ARMS, FAILURES, RESOLVERS
from balise_wire.evidence import Packet
from balise_wire.failures import Failure
from balise_wire.observations import (
    DnsAnswer,
    DnsObservation,
    HttpObservation,
    LineObservation,
    Observation,
    PathObservation,
    TcpObservation,
    TlsObservation,
)
from balise_wire.words import Arm, Resolver

_RCODES: Final = {0: "no error", 1: "format error", 2: "server failure", 3: "no such name", 5: "refused"}
_TTL_SLACK: Final = 2


class Outcome(StrEnum):
    """How a trial ended, for its sign and its colour."""

    WORKED = "worked"
    FAILED = "failed"
    FORGED = "forged"
    """Something came that nobody there can have sent."""
    PLAIN = "plain"
    """Something came, and by itself it says neither good nor bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One DNS answer, ready to be shown."""

    ms: str
    code: str
    addresses: str
    ttl: str
    ip_id: str
    signs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """One trial, ready to be shown."""

    number: int
    arm: str
    subject: bool
    asked: str
    after: str
    """Seconds since the first trial shown."""
    result: str
    outcome: Outcome
    took: str
    """Milliseconds."""
    carried: bool
    dns: bool = False
    """A question of DNS: its packets say something and have no window."""
    silent: bool = False
    """Nothing (more) came until the time-out."""
    packets: tuple[PacketRow, ...] = ()
    answers: tuple[AnswerRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One measurement with its verdict."""

    id: str
    verdict: Verdict
    host: str
    began: float
    """UNIX seconds, corrected by the probe's known clock offset."""
    received: float
    software: str
    catalogue: str
    line: str
    trials: tuple[TrialRow, ...]
    marked: int
    """Packets and answers that bear signs of forgery."""

    def side(self, name: str) -> list[TrialRow]:
        """Return the trials of ``control`` or ``subject`` that left packets; the one carried along comes last."""
        mine = [one for one in self.trials if one.subject == (name == "subject") and (one.packets or one.answers)]
        return sorted(mine, key=lambda one: one.carried)


def exhibit(row: JournalRow, verdict: Verdict) -> Exhibit:
    """Return one measurement ready to be shown."""
    measurement = row.measurement
    trials = sorted(measurement.observations, key=lambda one: one.at)
    beside = _Beside(_control(trials), _resolver_ttls(trials), _forged(trials))
    shown = tuple(_trial(one, number, trials[0].at, beside) for number, one in enumerate(trials, 1))
    return Exhibit(
        id=measurement.id,
        verdict=verdict,
        host=measurement.host,
        began=verdict.at,
        received=row.received_at,
        software=measurement.software,
        catalogue=measurement.catalogue,
        line=_line(row),
        trials=shown,
        marked=sum(
            max(sum(p.injected for p in trial.packets), sum(bool(a.signs) for a in trial.answers)) for trial in shown
        ),
    )


def _line(row: JournalRow) -> str:
    """Say how the probe's own line was in the same minute."""
    line = row.measurement.line
    if line is None:
        return "not measured"
    parts = []
    if line.gateway_ok is not None:
        parts.append("gateway answered" if line.gateway_ok else "gateway silent")
    if line.domestic:
        parts.append(f"{line.domestic_ok} of {line.domestic} controls inside the country answered")
    if line.international:
        parts.append(f"{line.international_ok} of {line.international} controls abroad answered")
    if line.captive:
        parts.append("a captive portal stood in the way")
    return ", ".join(parts) or "no control was asked"


def _control(trials: Sequence[Observation]) -> tuple[Packet, ...]:
    """Return the packets of the best control: another name on the same server before a name of no interest."""
    order = (Arm.NEIGHBOUR, Arm.CONTROL, Arm.ABSENT)
    found = [one for one in trials if one.arm in order and one.packets and not one.carried]
    return min(found, key=lambda one: order.index(one.arm)).packets if found else ()


def _resolver_ttls(trials: Sequence[Observation]) -> dict[Resolver, set[int]]:
    """Return the TTLs that each resolver's answers to control questions had."""
    known: dict[Resolver, set[int]] = {}
    for one in trials:
        if isinstance(one, DnsObservation) and one.arm is not Arm.SUBJECT:
            known.setdefault(one.resolver, set()).update(answer.ttl for answer in one.answers if answer.ttl)
    return known


@dataclass(frozen=True, slots=True)
class _Beside:
    """What the other trials of a measurement say of each one."""

    control: Sequence[Packet]
    ttls: dict[Resolver, set[int]]
    forged: frozenset[str]
    """Addresses that came from where no resolver runs."""


def _forged(trials: Sequence[Observation]) -> frozenset[str]:
    """Return the addresses that an address without a resolver gave for the subject's name."""
    return frozenset(
        address
        for one in trials
        if isinstance(one, DnsObservation) and one.resolver is Resolver.SILENT and one.arm is Arm.SUBJECT
        for answer in one.answers
        for address in answer.addresses
    )


def _trial(one: Observation, number: int, first: float, beside: _Beside) -> TrialRow:
    """Return one trial."""
    asked, came = told(one)
    subject = one.arm is Arm.SUBJECT
    answers: tuple[AnswerRow, ...] = ()
    if isinstance(one, DnsObservation):
        answers = tuple(_answer(answer, one, beside) for answer in one.answers)
    result, outcome = _outcome(one, came, answers)
    return TrialRow(
        number=number,
        arm=ARMS[one.arm],
        subject=subject,
        asked=asked,
        after=f"{one.at - first:+.1f}",
        result=result,
        outcome=outcome,
        took=f"{one.elapsed_ms:.1f}" if one.elapsed_ms < 10 else f"{one.elapsed_ms:.0f}",
        carried=one.carried,
        dns=isinstance(one, DnsObservation),
        silent=one.failure is Failure.GENERIC_TIMEOUT,
        packets=_joined(rows(one.packets, beside.control if subject else ()), answers),
        answers=answers,
    )


def _outcome(one: Observation, came: str, answers: Sequence[AnswerRow]) -> tuple[str, Outcome]:
    """Return how a trial ended, in words and as a sign."""
    if isinstance(one, DnsObservation):
        if any(answer.signs for answer in answers):
            said = (f"{answer.addresses}{' (forged)' if answer.signs else ''}" for answer in answers)
            return ", then ".join(said), Outcome.FORGED
        if one.resolver is Resolver.SILENT and not one.answers:
            return "no answer, as it must be there", Outcome.WORKED
        if one.failure is None:
            return came, Outcome.PLAIN if one.arm is Arm.SUBJECT else Outcome.WORKED
    if one.failure is not None:
        return FAILURES[one.failure], Outcome.FAILED
    return came, Outcome.WORKED


def _joined(packets: Sequence[PacketRow], answers: Sequence[AnswerRow]) -> tuple[PacketRow, ...]:
    """Join DNS answers to the packets that brought them, where there is one packet for each."""
    brought = [place for place, packet in enumerate(packets) if packet.direction == "came" and packet.what == "UDP"]
    joined = list(packets)
    if len(brought) == len(answers):
        for place, answer in zip(brought, answers, strict=True):
            says = answer.addresses if answer.addresses != "none" else answer.code
            joined[place] = replace(joined[place], says=says, signs=answer.signs, injected=bool(answer.signs))
    return tuple(joined)


def _answer(answer: DnsAnswer, asked: DnsObservation, beside: _Beside) -> AnswerRow:
    """Return one DNS answer with the signs that it was forged on the way (detectors.md 2.1)."""
    ttls = beside.ttls.get(asked.resolver, set())
    signs = []
    if asked.resolver is Resolver.SILENT:
        signs.append("no resolver runs at the address that was asked")
    elif beside.forged & set(answer.addresses):
        signs.append("the same answer as from the address where no resolver runs")
    if ttls and answer.ttl and all(abs(answer.ttl - ttl) > _TTL_SLACK for ttl in ttls):
        signs.append(f"TTL {answer.ttl}, where this resolver's other answers had {', '.join(map(str, sorted(ttls)))}")
    return AnswerRow(
        ms=f"{answer.rtt_ms:.1f}",
        code="malformed" if answer.malformed else _RCODES.get(answer.rcode, f"code {answer.rcode}"),
        addresses=", ".join((*answer.cnames, *answer.addresses)) or "none",
        ttl=str(answer.ttl) if answer.ttl else "-",
        ip_id=f"0x{answer.ip_id:04x}",
        signs=tuple(signs),
    )


def told(one: Observation) -> tuple[str, str]:
    """Return what a trial asked, and what came where nothing failed."""
    if isinstance(one, DnsObservation):
        addresses = sorted({address for answer in one.answers for address in answer.addresses})
        return f"{one.name} {one.qtype} of {RESOLVERS[one.resolver]}", ", ".join(addresses) or "no answer"
    if isinstance(one, TcpObservation):
        return f"{one.address} port {one.port}, {one.syns} SYN", f"{one.synacks} of {one.syns} answered"
    if isinstance(one, TlsObservation):
        name = f"hello with the name {one.sni}" if one.sni else "hello without a name"
        came = one.record.replace("_", " ").replace(":", " ") or "answer"
        return f"{name} to {one.address} port {one.port}", f"{came}, {one.bytes_received} bytes"
    if isinstance(one, HttpObservation):
        scheme = "https" if one.tls else "http"
        page = f"status {one.status}, {one.body_bytes} bytes" + (f", titled {one.title!r}" if one.title else "")
        return f"{scheme}://{one.host}{one.path} at {one.address} port {one.port}", page
    if isinstance(one, PathObservation):
        return f"path to {one.address} port {one.port}", f"{len(one.hops)} hops"
    return _told_line(one)


def _told_line(one: LineObservation) -> tuple[str, str]:
    """Return what the line experiment asked and saw."""
    good = sum(control.failure is None for control in one.controls)
    return f"the line: gateway and {len(one.controls)} controls", f"{good} of {len(one.controls)} controls answered"
