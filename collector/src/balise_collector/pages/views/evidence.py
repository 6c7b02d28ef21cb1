"""One measurement as evidence: its trials in order, control beside subject, each with what was asked and what came.

Pure. Lives here: how each kind of observation is told. Must not live here: marking of packets (packets.py), markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from balise_collector.journal import JournalRow
from balise_collector.judge.verdict import Verdict
from balise_collector.pages.views.packets import PacketRow, rows
from balise_collector.pages.views.particulars import particulars
from balise_collector.system.harmless import printable
from balise_collector.words.translation import Say, noted
from balise_collector.words.wording import ARMS, FAILURES, LIMITS, RESOLVERS
from balise_wire.evidence import Packet
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
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

RCODES: Final = {
    0: noted("no error"),
    1: noted("format error"),
    2: noted("server failure"),
    3: noted("no such name"),
    5: noted("refused"),
}
"""Response codes of DNS (RFC 1035, 4.1.1), in words."""
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
    gives: bool
    """Whether it holds any address or name."""
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
    also: tuple[str, ...] = ()
    """What else it saw (particulars.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One measurement with its verdict."""

    id: str
    verdict: Verdict
    reason: str
    """What the rule says, in the reader's language."""
    host: str
    began: float
    """UNIX seconds, corrected by the probe's known clock offset."""
    received: float
    software: str
    catalogue: str
    line: str
    board: str
    """What limited the board meanwhile; empty where nothing did."""
    trials: tuple[TrialRow, ...]
    marked: int
    """Packets and answers that bear signs of forgery."""

    def side(self, name: str) -> list[TrialRow]:
        """Return the trials of ``control`` or ``subject`` that left packets; the one carried along comes last."""
        mine = [one for one in self.trials if one.subject == (name == "subject") and (one.packets or one.answers)]
        return sorted(mine, key=lambda one: one.carried)


def exhibit(row: JournalRow, verdict: Verdict, say: Say = noted) -> Exhibit:
    """Return one measurement ready to be shown, in the reader's language."""
    measurement = row.measurement
    trials = sorted(measurement.observations, key=lambda one: one.at)
    beside = _Beside(_control(trials), _resolver_ttls(trials), _forged(trials), say)
    shown = tuple(_trial(one, number, trials[0].at, beside) for number, one in enumerate(trials, 1))
    return Exhibit(
        id=measurement.id,
        verdict=verdict,
        reason=say(verdict.reason) if verdict.reason else "",
        host=measurement.host,
        began=verdict.at,
        received=row.received_at,
        software=measurement.software,
        catalogue=measurement.catalogue,
        line=_line(row, say),
        board=_board(measurement, say),
        trials=shown,
        marked=sum(
            max(sum(p.injected for p in trial.packets), sum(bool(a.signs) for a in trial.answers)) for trial in shown
        ),
    )


def _board(measurement: Measurement, say: Say) -> str:
    """Say what limited the board itself; a word that we do not know is told as it came."""
    told = [say(LIMITS.get(word, printable(word))) for word in measurement.limited_by]
    if measurement.tap_drops:
        told.append(say("{n} packets missed").format(n=f"{measurement.tap_drops:,}"))
    return ", ".join(told)


def _line(row: JournalRow, say: Say) -> str:
    """Say how the probe's own line was in the same minute."""
    line = row.measurement.line
    if line is None:
        return say("not measured")
    parts = []
    if line.gateway_ok is not None:
        parts.append(say("gateway answered") if line.gateway_ok else say("gateway silent"))
    if line.domestic:
        told = say("{ok} of {asked} controls inside the country answered")
        parts.append(told.format(ok=line.domestic_ok, asked=line.domestic))
    if line.international:
        told = say("{ok} of {asked} controls abroad answered")
        parts.append(told.format(ok=line.international_ok, asked=line.international))
    if line.resolver_ok is False:
        parts.append(say("its resolver was silent"))
    if line.captive:
        parts.append(say("a captive portal stood in the way"))
    return ", ".join(parts) or say("no control was asked")


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
    """What the other trials of a measurement say of each one, and the reader's language."""

    control: Sequence[Packet]
    ttls: dict[Resolver, set[int]]
    forged: frozenset[str]
    """Addresses that came from where no resolver runs."""
    say: Say


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
    asked, came = told(one, beside.say)
    subject = one.arm is Arm.SUBJECT
    answers: tuple[AnswerRow, ...] = ()
    if isinstance(one, DnsObservation):
        answers = tuple(_answer(answer, one, beside) for answer in one.answers)
    result, outcome = _outcome(one, came, answers, beside.say)
    return TrialRow(
        number=number,
        arm=beside.say(ARMS[one.arm]),
        subject=subject,
        asked=asked,
        after=f"{one.at - first:+.1f}",
        result=result,
        outcome=outcome,
        took=f"{one.elapsed_ms:.1f}" if one.elapsed_ms < 10 else f"{one.elapsed_ms:.0f}",
        carried=one.carried,
        dns=isinstance(one, DnsObservation),
        silent=one.failure is Failure.GENERIC_TIMEOUT,
        packets=_joined(rows(one.packets, beside.control if subject else (), beside.say), answers),
        answers=answers,
        also=particulars(one, beside.say),
    )


def _outcome(one: Observation, came: str, answers: Sequence[AnswerRow], say: Say) -> tuple[str, Outcome]:
    """Return how a trial ended, in words and as a sign."""
    if isinstance(one, DnsObservation):
        if any(answer.signs for answer in answers):
            forged = say("{answer} (forged)")
            said = [forged.format(answer=one.addresses) if one.signs else one.addresses for one in answers]
            return say(", then ").join(said), Outcome.FORGED
        if one.resolver is Resolver.SILENT and not one.answers:
            return say("no answer, as it must be there"), Outcome.WORKED
        if one.failure is None:
            return came, Outcome.PLAIN if one.arm is Arm.SUBJECT else Outcome.WORKED
    if one.failure is not None:
        return say(FAILURES[one.failure]), Outcome.FAILED
    return came, Outcome.WORKED


def _joined(packets: Sequence[PacketRow], answers: Sequence[AnswerRow]) -> tuple[PacketRow, ...]:
    """Join DNS answers to the packets that brought them, where there is one packet for each."""
    brought = [place for place, packet in enumerate(packets) if packet.direction == "came" and packet.what == "UDP"]
    joined = list(packets)
    if len(brought) == len(answers):
        for place, answer in zip(brought, answers, strict=True):
            says = answer.addresses if answer.gives else answer.code
            joined[place] = replace(joined[place], says=says, signs=answer.signs, injected=bool(answer.signs))
    return tuple(joined)


def _answer(answer: DnsAnswer, asked: DnsObservation, beside: _Beside) -> AnswerRow:
    """Return one DNS answer with the signs that it was forged on the way (detectors.md 2.1)."""
    ttls, say = beside.ttls.get(asked.resolver, set()), beside.say
    signs = []
    if asked.resolver is Resolver.SILENT:
        signs.append(say("no resolver runs at the address that was asked"))
    elif beside.forged & set(answer.addresses):
        signs.append(say("the same answer as from the address where no resolver runs"))
    if ttls and answer.ttl and all(abs(answer.ttl - ttl) > _TTL_SLACK for ttl in ttls):
        sign = say("TTL {ttl}, where this resolver's other answers had {others}")
        signs.append(sign.format(ttl=answer.ttl, others=", ".join(map(str, sorted(ttls)))))
    code = say(RCODES[answer.rcode]) if answer.rcode in RCODES else say("code {n}").format(n=answer.rcode)
    gives = (*answer.cnames, *answer.addresses)
    return AnswerRow(
        ms=f"{answer.rtt_ms:.1f}",
        code=say("malformed") if answer.malformed else code,
        addresses=", ".join(gives) or say("none"),
        gives=bool(gives),
        ttl=str(answer.ttl) if answer.ttl else "-",
        ip_id=f"0x{answer.ip_id:04x}",
        signs=tuple(signs),
    )


def told(one: Observation, say: Say = noted) -> tuple[str, str]:
    """Return what a trial asked, and what came where nothing failed."""
    if isinstance(one, DnsObservation):
        addresses = sorted({address for answer in one.answers for address in answer.addresses})
        asked = say("{name} {type} of {resolver}").format(
            name=one.name, type=one.qtype, resolver=say(RESOLVERS[one.resolver])
        )
        return asked, ", ".join(addresses) or say("no answer")
    if isinstance(one, TcpObservation):
        asked = say("{address} port {port}, {syns} SYN").format(address=one.address, port=one.port, syns=one.syns)
        return asked, say("{answered} of {syns} answered").format(answered=one.synacks, syns=one.syns)
    if isinstance(one, TlsObservation):
        asked = say("hello without a name to {address} port {port}")
        if one.sni:
            asked = say("hello with the name {name} to {address} port {port}")
        came = one.record.replace("_", " ").replace(":", " ") or say("answer")
        size = say("{what}, {bytes} bytes").format(what=came, bytes=one.bytes_received)
        return asked.format(name=one.sni, address=one.address, port=one.port), size
    if isinstance(one, HttpObservation):
        asked = say("{url} at {address} port {port}").format(
            url=f"{'https' if one.tls else 'http'}://{one.host}{one.path}", address=one.address, port=one.port
        )
        page = say("status {status}, {bytes} bytes").format(status=one.status, bytes=one.body_bytes)
        return asked, page + (say(", titled {title}").format(title=repr(one.title)) if one.title else "")
    if isinstance(one, PathObservation):
        asked = say("path to {address} port {port}").format(address=one.address, port=one.port)
        return asked, say("{n} hops").format(n=len(one.hops))
    if isinstance(one, LineObservation):
        return _told_line(one, say)
    return "", ""


def _told_line(one: LineObservation, say: Say) -> tuple[str, str]:
    """Return what the line experiment asked and saw."""
    good = sum(control.failure is None for control in one.controls)
    asked = say("the line: gateway and {n} controls").format(n=len(one.controls))
    return asked, say("{ok} of {asked} controls answered").format(ok=good, asked=len(one.controls))
