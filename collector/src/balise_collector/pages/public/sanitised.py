"""A measurement redrawn for the public: what happened, and nothing that finds the probe in a flow log. Pure.

Times are relative and rounded, lengths are classes, a TTL is only like or unlike the server's. Ports, addresses,
IP-IDs, options, windows, sequence numbers, hashes, titles, hops and every id are left out, because a log of flows joins
on any of them (attribution.md 3). Experiments that do not say that they are public are left out whole: the probe's own
line, and paths, whose hops lie before the border.

Whoever stands on the path also writes what comes: a delay, a number of resets, a length that differs from line to line
is a mark that says which line a measurement was made on. So what remains is coarse (half seconds, no acknowledgement, a
packet that is repeated once), and a drawing is shown only where k witnesses' measurements give the very same one
(``common``): a mark that sets one line apart is never seen.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from balise_collector.experiments import EVIDENCE, word_of
from balise_collector.experiments.shown import PublicAnswer
from balise_collector.journal import JournalRow
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.views.evidence import TrialRow, exhibit
from balise_collector.pages.views.packets import DIRECTIONS, flags_in_words
from balise_collector.system.sentences import Say, gettext_noop
from balise_collector.words import wording
from balise_collector.words.tables import ARMS, FAILURES, LAYERS
from balise_collector.words.translation import ENGLISH, Language
from balise_wire.evidence import Direction, Packet
from balise_wire.trial import Trial
from balise_wire.words import Arm

_TTL_SLACK: Final = 2
_FLAGS: Final = "FSRPAUEC"
_PROTOCOLS: Final = frozenset({"udp", "icmp"})
_SECONDS: Final = 60.0
"""Trials are placed to this many seconds."""
_LENGTHS: Final = (
    (0, gettext_noop("none")),
    (99, gettext_noop("under 100")),
    (499, gettext_noop("100 to 499")),
    (1500, gettext_noop("500 to 1500")),
)


class SanitisedPacket(msgspec.Struct, frozen=True, kw_only=True):
    """One packet as the public sees it."""

    after_ms: int
    """Milliseconds since the trial began, rounded: to 500 below 2000, to 2000 above."""
    direction: str
    """``sent`` or ``came``."""
    what: str
    ttl: str
    """``like the server's``, ``unlike the server's`` or ``-`` where there is nothing to compare with."""
    length: str
    """Bytes of payload, as a class."""
    marked: bool
    """It bears signs of forgery."""


class SanitisedTrial(msgspec.Struct, frozen=True, kw_only=True):
    """One trial as the public sees it."""

    number: int
    arm: str
    subject: bool
    after_s: int
    """Seconds since the first trial, rounded to 60."""
    result: str
    took_ms: int
    """Rounded as a packet's time."""
    packets: tuple[SanitisedPacket, ...]


class Sanitised(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement as the public sees it."""

    provider: str
    """``AS64501``, several of them, or ``not published``."""
    part: str
    layer: str
    state: VerdictState
    rule: str
    reason: str
    trials: tuple[SanitisedTrial, ...]


def sanitise(
    row: JournalRow, verdict: Verdict, provider: str, say: Say = gettext_noop, language: Language = ENGLISH
) -> Sanitised:
    """Return one measurement as the public may see it.

    Args:
        row: the measurement.
        verdict: what the rules say of it; its reason is the rule's own sentence.
        provider: as it may be told, e.g. ``AS64501`` or ``not published``.
        say: puts sentences into the reader's language.
        language: that language, for the words of the closed lists.
    """
    observed = sorted(row.measurement.observations, key=lambda one: one.at)
    pairs = [
        (one, trial)
        for one, trial in zip(observed, exhibit(row, verdict).trials, strict=True)
        if EVIDENCE[word_of(one)].public
    ]
    first = pairs[0][0].at if pairs else 0.0
    return Sanitised(
        provider=provider,
        part=wording.role(verdict.role, language),
        layer=say(LAYERS[verdict.layer]),
        state=verdict.state,
        rule=verdict.rule,
        reason=say(verdict.reason) if verdict.reason else "",
        trials=tuple(_trial(one, trial, number, first, observed, say) for number, (one, trial) in enumerate(pairs, 1)),
    )


class Drawn(NamedTuple):
    """A redrawn measurement, and what decides whether it is shown."""

    witness: str
    asn: int
    redrawn: Sanitised
    """Its provider is not told yet."""


def common(drawn: Iterable[Drawn], least: int, withheld: str) -> list[Sanitised]:
    """Return each drawing that measurements of ``least`` witnesses give, once, in the order of their first.

    Args:
        drawn: measurements, the strongest first.
        least: k.
        withheld: the word for a provider that too few of them stand on.
    """
    groups: dict[bytes, list[Drawn]] = {}
    for one in drawn:
        groups.setdefault(msgspec.json.encode(one.redrawn), []).append(one)
    found = []
    for held in groups.values():
        if len({one.witness for one in held}) < least:
            continue
        stands = {asn: {one.witness for one in held if one.asn == asn} for asn in sorted({one.asn for one in held})}
        told = [f"AS{asn}" for asn, witnesses in stands.items() if len(witnesses) >= least]
        found.append(msgspec.structs.replace(held[0].redrawn, provider=", ".join(told) or withheld))
    return found


def rounded(ms: float) -> int:
    """Round a time within a trial: to 500 ms below 2000, to 2000 above.

    That is coarser than a round trip, which would tell how far a probe is, and than any delay that tells lines apart.
    """
    step = 500 if ms < 2000 else 2000
    return round(ms / step) * step


def length_class(length: int) -> str:
    """Return the class of a payload's length."""
    return next((name for most, name in _LENGTHS if length <= most), gettext_noop("over 1500"))


def _trial(
    one: Trial, trial: TrialRow, number: int, first: float, observed: Sequence[Trial], say: Say
) -> SanitisedTrial:
    """Redraw one trial."""
    evidence = EVIDENCE[word_of(one)]
    answers = evidence.public_answers(one, evidence.beside(observed), say)
    packets = _packets(one.packets, trial, say) if answers is None else _answers(answers, trial, say)
    forged = any(packet.marked for packet in packets)
    result = say("forged answer") if forged else say("answered")
    if one.failure:
        result = say(FAILURES[one.failure])
    return SanitisedTrial(
        number=number,
        arm=evidence.arm_in_public(one, say(ARMS[one.arm]), say),
        subject=one.arm is Arm.SUBJECT,
        after_s=int(round((one.at - first) / _SECONDS) * _SECONDS),
        result=result,
        took_ms=rounded(one.elapsed_ms),
        packets=packets,
    )


def _packets(packets: Sequence[Packet], trial: TrialRow, say: Say) -> tuple[SanitisedPacket, ...]:
    """Redraw the packets of a trial."""
    server = next((p.ttl for p in packets if p.direction is Direction.IN and "S" in p.flags and p.ttl), 0)
    return _once(
        SanitisedPacket(
            after_ms=rounded(packet.t_us / 1000),
            direction=DIRECTIONS[packet.direction],
            what=_what(packet, say),
            ttl=_ttl(packet.ttl, (server,) if server else (), say)
            if packet.direction is Direction.IN and packet.protocol == "tcp"
            else "-",
            length=say(length_class(packet.length)),
            marked=shown.injected,
        )
        for packet, shown in zip(packets, trial.packets, strict=True)
        if packet.flags != "A" or packet.length or shown.injected
    )


def _once(packets: Iterable[SanitisedPacket]) -> tuple[SanitisedPacket, ...]:
    """Return packets without those that only repeat the one before them."""
    found: list[SanitisedPacket] = []
    for one in packets:
        if not found or msgspec.structs.replace(one, after_ms=found[-1].after_ms) != found[-1]:
            found.append(one)
    return tuple(found)


def _what(packet: Packet, say: Say) -> str:
    """Say what a packet is; a word that a probe made up is not repeated."""
    if packet.protocol == "tcp":
        return flags_in_words("".join(flag for flag in _FLAGS if flag in packet.flags))
    return packet.protocol.upper() if packet.protocol in _PROTOCOLS else say("another")


def _answers(answers: Iterable[PublicAnswer], trial: TrialRow, say: Say) -> tuple[SanitisedPacket, ...]:
    """Redraw the answers to a question, without what they gave."""
    return _once(
        SanitisedPacket(
            after_ms=rounded(answer.after_ms),
            direction="came",
            what=answer.what,
            ttl=_ttl(answer.ttl, answer.usual, say),
            length="-",
            marked=bool(shown.signs),
        )
        for answer, shown in zip(answers, trial.answers, strict=True)
    )


def _ttl(ttl: int, usual: Iterable[int], say: Say) -> str:
    """Return how a TTL compares with those that the server's own packets have."""
    known = tuple(usual)
    if not ttl or not known:
        return "-"
    alike = any(abs(ttl - one) <= _TTL_SLACK for one in known)
    return say("like the server's") if alike else say("unlike the server's")
