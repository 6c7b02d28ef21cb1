"""One question of DNS as people see it: what was asked of whom, and every answer with what speaks against it. Pure.

Must not live here: marks of packets (pages/views/packets.py), verdicts.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from balise_collector.experiments.dns.words import RCODES, RESOLVERS
from balise_collector.experiments.shown import AnswerRow, Evidence, Outcome, PublicAnswer
from balise_collector.system.sentences import Say, gettext_noop
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.trial import Trial
from balise_wire.words import Arm, Resolver

_TTL_SLACK: Final = 2


class Beside(NamedTuple):
    """What the other questions of a measurement say of each one."""

    ttls: dict[Resolver, set[int]]
    """TTLs that each resolver's answers to control questions had."""
    forged: frozenset[str]
    """Addresses that came from where no resolver runs."""


class DnsEvidence(Evidence[DnsObservation, Beside]):
    """A question with its answers."""

    public = True
    answers_in_packets = True

    def told(self, one: DnsObservation, say: Say) -> tuple[str, str]:
        """Return the question, and every address that came."""
        addresses = sorted({address for answer in one.answers for address in answer.addresses})
        asked = say("{name} {type} of {resolver}").format(
            name=one.name, type=one.qtype, resolver=say(RESOLVERS[one.resolver])
        )
        return asked, ", ".join(addresses) or say("no answer")

    def also(self, one: DnsObservation, say: Say) -> list[str]:
        """Return which resolvers were asked in vain, what was tried with TLS, and what else the answers say."""
        told = []
        if one.silent_resolvers:
            told.append(say("{n} resolvers before it were silent").format(n=one.silent_resolvers))
        if one.tls_address:
            fits = {
                True: say("{address} shows the service's certificate"),
                False: say("{address} does not show the service's certificate"),
                None: say("{address} was tried with TLS, and shows nothing"),
            }
            told.append(fits[one.tls_consistent].format(address=one.tls_address))
        flags = list(dict.fromkeys(filter(None, (_flags(answer) for answer in one.answers))))
        lasts = sorted({answer.rr_ttl for answer in one.answers if answer.rr_ttl >= 0})
        if flags:
            told.append(say("answered with {flags}").format(flags=say(", then ").join(flags)))
        if lasts:
            told.append(say("to be kept for {seconds} s").format(seconds=", ".join(map(str, lasts))))
        if any(answer.cut for answer in (*one.answers, *one.set_aside)):
            told.append(say("of an answer only the first fragment came"))
        return told

    def beside(self, observed: Sequence[Trial]) -> Beside:
        """Return the usual TTLs, and the addresses that are known to be forged."""
        ttls: dict[Resolver, set[int]] = {}
        forged: set[str] = set()
        for one in observed:
            if not isinstance(one, DnsObservation):
                continue
            if one.arm is not Arm.SUBJECT:
                ttls.setdefault(one.resolver, set()).update(answer.ttl for answer in one.answers if answer.ttl)
            elif one.resolver is Resolver.SILENT:
                forged.update(address for answer in one.answers for address in answer.addresses)
        return Beside(ttls, frozenset(forged))

    def answers(self, one: DnsObservation, beside: Beside, say: Say) -> tuple[AnswerRow, ...]:
        """Return the answers in the order in which they came (detectors.md 2.1)."""
        return tuple(_answer(answer, one, beside, say) for answer in one.answers)

    def outcome(
        self, one: DnsObservation, came: str, answers: Sequence[AnswerRow], say: Say
    ) -> tuple[str, Outcome] | None:
        """Say that an answer is forged, or that silence is as it must be."""
        if any(answer.signs for answer in answers):
            forged = say("{answer} (forged)")
            said = [forged.format(answer=each.addresses) if each.signs else each.addresses for each in answers]
            return say(", then ").join(said), Outcome.FORGED
        if one.resolver is Resolver.SILENT and not one.answers:
            return say("no answer, as it must be there"), Outcome.WORKED
        if one.failure is None:
            return came, Outcome.PLAIN if one.arm is Arm.SUBJECT else Outcome.WORKED
        return None

    def arm_in_public(self, one: DnsObservation, arm: str, say: Say) -> str:
        """Say who was asked, too."""
        return say("{arm}, asked of {resolver}").format(arm=arm, resolver=say(RESOLVERS[one.resolver]))

    def public_answers(self, one: DnsObservation, beside: Beside, say: Say) -> tuple[PublicAnswer, ...]:
        """Return the answers without the addresses they gave."""
        usual = beside.ttls.get(one.resolver, set())
        return tuple(
            PublicAnswer(
                after_ms=answer.rtt_ms,
                what=say("answer: {code}").format(
                    code=say("malformed")
                    if answer.malformed
                    else say(RCODES.get(answer.rcode, gettext_noop("another code")))
                ),
                ttl=answer.ttl,
                usual=usual,
            )
            for answer in one.answers
        )


def _answer(answer: DnsAnswer, asked: DnsObservation, beside: Beside, say: Say) -> AnswerRow:
    """Return one answer with the signs that it was forged on the way (detectors.md 2.1)."""
    ttls = beside.ttls.get(asked.resolver, set())
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


def _flags(answer: DnsAnswer) -> str:
    """Return a header's bits (RFC 1035 4.1.1) and the OPT record (RFC 6891) by their names."""
    bits = {"AA": answer.aa, "TC": answer.tc, "RA": answer.ra, "EDNS": answer.edns}
    return " ".join(name for name, there in bits.items() if there)


EVIDENCE: Final = DnsEvidence()
