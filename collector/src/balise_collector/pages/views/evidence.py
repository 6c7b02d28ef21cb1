"""One measurement as evidence: its trials in order, control beside subject, each with what was asked and what came.

Pure. Lives here: what all trials have in common; each experiment tells its own (experiments/<x>/evidence.py). Must not
live here: any one experiment, marking of packets (packets.py), markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from balise_collector.experiments import EVIDENCE, word_of
from balise_collector.experiments.shown import AnswerRow, Evidence, Outcome
from balise_collector.journal import JournalRow
from balise_collector.judge.verdict import Verdict
from balise_collector.pages.views.packets import PacketRow, rows
from balise_collector.system.harmless import printable
from balise_collector.system.sentences import Say, gettext_noop
from balise_collector.words.tables import ARMS, FAILURES, LIMITS
from balise_wire.evidence import Packet
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.trial import Trial
from balise_wire.words import Arm


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
    answers_in_packets: bool = False
    """Its packets say something and have no window."""
    silent: bool = False
    """Nothing (more) came until the time-out."""
    packets: tuple[PacketRow, ...] = ()
    answers: tuple[AnswerRow, ...] = ()
    also: tuple[str, ...] = ()
    """What else it saw, in short sentences."""


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


def exhibit(row: JournalRow, verdict: Verdict, say: Say = gettext_noop) -> Exhibit:
    """Return one measurement ready to be shown, in the reader's language."""
    measurement = row.measurement
    trials = sorted(measurement.observations, key=lambda one: one.at)
    around = _Around(trials, say)
    shown = tuple(_trial(one, number, around) for number, one in enumerate(trials, 1))
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


def _control(trials: Sequence[Trial]) -> tuple[Packet, ...]:
    """Return the packets of the best control: another name on the same server before a name of no interest."""
    order = (Arm.NEIGHBOUR, Arm.CONTROL, Arm.ABSENT)
    found = [one for one in trials if one.arm in order and one.packets and not one.carried]
    return min(found, key=lambda one: order.index(one.arm)).packets if found else ()


class _Around:
    """What the other trials of a measurement say of each one, and the reader's language."""

    def __init__(self, trials: Sequence[Trial], say: Say) -> None:
        """Look at all trials, in the order of time."""
        self._trials = trials
        self._beside: dict[Evidence[Any, Any], Any] = {}
        self.first = trials[0].at if trials else 0.0
        self.control = _control(trials)
        self.say = say

    def beside(self, evidence: Evidence[Any, Any]) -> Any:
        """Return what one experiment's trials say of each other."""
        if evidence not in self._beside:
            self._beside[evidence] = evidence.beside(self._trials)
        return self._beside[evidence]


def _trial(one: Trial, number: int, around: _Around) -> TrialRow:
    """Return one trial."""
    say, evidence = around.say, EVIDENCE[word_of(one)]
    asked, came = evidence.told(one, say)
    subject = one.arm is Arm.SUBJECT
    answers = evidence.answers(one, around.beside(evidence), say)
    result, outcome = evidence.outcome(one, came, answers, say) or _outcome(one, came, say)
    return TrialRow(
        number=number,
        arm=say(ARMS[one.arm]),
        subject=subject,
        asked=asked,
        after=f"{one.at - around.first:+.1f}",
        result=result,
        outcome=outcome,
        took=f"{one.elapsed_ms:.1f}" if one.elapsed_ms < 10 else f"{one.elapsed_ms:.0f}",
        carried=one.carried,
        answers_in_packets=evidence.answers_in_packets,
        silent=one.failure is Failure.GENERIC_TIMEOUT,
        packets=_joined(rows(one.packets, around.control if subject else (), say), answers),
        answers=answers,
        also=also(one, say),
    )


def _outcome(one: Trial, came: str, say: Say) -> tuple[str, Outcome]:
    """Return how a trial ended, in words and as a sign."""
    if one.failure is not None:
        return say(FAILURES[one.failure]), Outcome.FAILED
    return came, Outcome.WORKED


def also(one: Trial, say: Say = gettext_noop) -> tuple[str, ...]:
    """Return what no column has a place for: its experiment's, a flood, and the routers that reported an error."""
    told = EVIDENCE[word_of(one)].also(one, say)
    if one.flood_bytes:
        told.append(say("flooded with {n} bytes that nobody had asked for").format(n=f"{one.flood_bytes:,}"))
    hops = dict.fromkeys(packet.hop for packet in one.packets if packet.hop)
    return (*told, *(say("an ICMP error came from {hop}").format(hop=printable(hop)) for hop in hops))


def _joined(packets: Sequence[PacketRow], answers: Sequence[AnswerRow]) -> tuple[PacketRow, ...]:
    """Join DNS answers to the packets that brought them, where there is one packet for each."""
    brought = [place for place, packet in enumerate(packets) if packet.direction == "came" and packet.what == "UDP"]
    joined = list(packets)
    if len(brought) == len(answers):
        for place, answer in zip(brought, answers, strict=True):
            says = answer.addresses if answer.gives else answer.code
            joined[place] = replace(joined[place], says=says, signs=answer.signs, injected=bool(answer.signs))
    return tuple(joined)
