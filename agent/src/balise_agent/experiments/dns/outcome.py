"""What the trials of ``dns`` mean to the schedule, what they cost, what may leave of them, and how people read them.

Must not live here: the plan, or any verdict.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.task import Endpoint
from balise_agent.policy import scrub
from balise_agent.policy.limits import refuse_name
from balise_agent.policy.redaction import redacted_name
from balise_wire.experiments.dns import HANDSHAKE, QUESTION, TLS_PORT, TRAITS, DnsAnswer, DnsObservation
from balise_wire.failures import Failure
from balise_wire.words import Proof, Resolver

MAX_ANSWERS: Final = 16
MAX_ADDRESSES: Final = 16
MAX_NAMES: Final = 8
_UNPROVEN: Final = frozenset({Proof.REFUSED, Proof.NOT_SHOWN})
_SPOKE: Final = frozenset({Failure.TLS_ALERT, Failure.SSL_FAILED_HANDSHAKE})
"""How a look fails at a TLS server that is there and has no use for our hello."""
_LOOKS: Final = {
    Proof.VERIFIED: "; certificate fits",
    Proof.REFUSED: "; certificate does not fit",
    Proof.NOT_SHOWN: "; no certificate could be shown",
}
_MOST_ADDRESSES: Final = 3
"""Shown of one answer."""


def accepted(answers: Sequence[DnsAnswer]) -> DnsAnswer | None:
    """Return the answer a stub resolver takes: the first well-formed one, forged or not."""
    return next((answer for answer in answers if not answer.malformed), None)


class DnsReader(TrialReader[DnsObservation]):
    """Reads answers."""

    def read(self, trial: DnsObservation) -> TrialReading:
        """Return the reading; only what the provider's resolver said can be an anomaly, or teach an address."""
        provider = trial.resolver is Resolver.PROVIDER
        check = HANDSHAKE if trial.tls_address else 0
        return TrialReading(
            at=_asked(trial),
            failed=provider and is_odd(trial),
            heats=tuple(_heats(trial)) if provider else (),
            spent=QUESTION * max(1, len(trial.answers)) + check,
            learned=_learned(trial) if provider else (),
            proved=trial.tls_address if trial.tls_consistent is True else "",
        )

    def describe(self, trial: DnsObservation) -> Description:
        """Return every answer: two that differ are the sign of a forged one."""
        told: list[str] = []
        for answer in trial.answers:
            shown = ", ".join(answer.addresses[:_MOST_ADDRESSES]) or f"rcode {answer.rcode}, no address"
            more = len(answer.addresses) - _MOST_ADDRESSES
            told.append(f"{shown}{f' and {more} more' if more > 0 else ''} ({answer.rtt_ms:.0f} ms)")
        consistent = _LOOKS.get(trial.tls_proof, "")
        return Description(f"{trial.qtype}? {trial.name} to {trial.resolver} resolver", " | ".join(told) + consistent)

    def scrub(self, trial: DnsObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Answers to assigned names leave; an address of the household in them does not."""
        answers = tuple(_answer(answer, allowed) for answer in trial.answers[:MAX_ANSWERS])
        aside = tuple(_answer(answer, allowed) for answer in trial.set_aside[:MAX_ANSWERS])
        unchecked = trial.unchecked
        if unchecked is not None:
            unchecked = tuple(_answer(answer, allowed) for answer in unchecked[:MAX_ANSWERS])
        told = {address for answer in answers for address in answer.addresses}
        address = trial.tls_address
        whole = _tells_all(trial.answers, answers) and _tells_all(trial.set_aside, aside)
        return {
            "packets": trial.packets if whole else scrub.without_digests(trial.packets),
            "name": scrub.name(trial.name),
            "answers": answers,
            "set_aside": aside,
            "unchecked": unchecked,
            "tls_address": address if address in told else "",
            "tls_certificate": None if trial.tls_certificate is None else scrub.certificate(trial.tls_certificate),
            "nat64": None if trial.nat64 is None else tuple(scrub.prefix(one, allowed) for one in trial.nat64[:4]),
        }


READER: Final = DnsReader()


def is_odd(trial: DnsObservation) -> bool:
    """Tell whether a trial at the provider's resolver is one that an honest resolver would not give.

    No answer, an error code, no address, a private address, several answers that differ, or an unexpected address that
    did not show a certificate which fits the name: what that means only the whole series can tell. A TLS server that
    speaks another dialect is none, and so is an AAAA question without an address: most names have none; nor is one that
    was never asked.
    """
    if not trial.questions:
        return False
    if trial.failure is Failure.DNS_NO_ANSWER and trial.qtype == "AAAA":
        return False
    several = {(answer.rcode, frozenset(answer.addresses)) for answer in trial.answers if not answer.malformed}
    unproven = trial.tls_proof in _UNPROVEN and trial.tls_failure not in _SPOKE
    return trial.failure is not None or unproven or len(several) > 1


def _asked(trial: DnsObservation) -> Endpoint:
    return Endpoint(trial.name, TRAITS.port, TRAITS.transport)


def _heats(trial: DnsObservation) -> Iterable[Endpoint]:
    """Yield the name where its question failed, and the address that was shown the name without showing its own."""
    if trial.failure is not None and trial.qtype == "A":
        yield _asked(trial)
    if trial.tls_proof in _UNPROVEN and trial.tls_connected and trial.tls_address:
        yield Endpoint(trial.tls_address, TLS_PORT)


def _learned(trial: DnsObservation) -> tuple[str, ...]:
    """Return the addresses of an answer that nothing speaks against; what could not be shown does not."""
    answer = accepted(trial.answers)
    if trial.failure is not None or trial.tls_proof is Proof.REFUSED or answer is None:
        return ()
    return answer.addresses


def _answer(answer: DnsAnswer, allowed: scrub.Allowed) -> DnsAnswer:
    addresses = [a for a in answer.addresses[:MAX_ADDRESSES] if scrub.is_address(a)]
    told = tuple(a for a in addresses if not scrub.is_own(a, allowed.own))
    cnames = (redacted_name(name) for name in answer.cnames[:MAX_NAMES] if refuse_name(name) is None)
    return msgspec.structs.replace(
        answer,
        addresses=told,
        household=answer.household + len(addresses) - len(told),
        cnames=tuple(name for name in cnames if refuse_name(name) is None),
    )


def _tells_all(answers: Iterable[DnsAnswer], scrubbed: Iterable[DnsAnswer]) -> bool:
    """Tell whether nothing of the answers stays at home; else a digest of their packets would tell it."""
    return all(
        before.addresses == after.addresses and before.cnames == after.cnames and not after.household
        for before, after in zip(answers, scrubbed, strict=False)
    )
