"""The look at an address that an answer named: whether it shows a certificate that is valid for the name.

One handshake to one address: a certificate valid for the name overrides every other sign (detectors.md 2.1). What could
not be shown says nothing: a failed connect is TCP's story, a cut handshake that of the name in it. Must not live here:
who is asked for the name (plan.py), or what is odd (outcome.py).
"""

from collections.abc import Generator, Iterable, Sequence
from typing import Final

import msgspec

from balise_agent.codec.nat64 import inner
from balise_agent.experiments.dns.outcome import accepted
from balise_agent.experiments.secure import Shaken, shake_hands
from balise_agent.experiments.steps import Close, Closed, Failed, Note, Reply, Step
from balise_agent.experiments.task import Task
from balise_agent.policy.limits import refuse_address
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.dns import TLS_PORT, DnsAnswer, DnsObservation
from balise_wire.failures import Failure
from balise_wire.words import Design, Proof

_FIRST_TTLS: Final = frozenset({32, 64, 128, 255})
"""What operating systems send with, before any router took one off."""

Trial = Generator[Step, Reply, DnsObservation]


def looked_at(task: Task, trial: DnsObservation) -> Trial:
    """Return the trial with what an unexpected public address of its accepted answer showed.

    A private address is never contacted. What turns out to be the household's own router, by the address that the
    provider gave it, is told as that and not by its address. While nothing fails an address is looked at once a day;
    and not where a series waits for it (``Task.look``), which a name shown there would spoil.
    """
    answer = accepted(trial.answers)
    if task.target.port != TLS_PORT or trial.failure is not None or answer is None:
        return trial
    seen = task.design is Design.SENTINEL and task.cause is None and not task.proved.isdisjoint(answer.addresses)
    if seen or not task.look:
        return trial
    prefixes = trial.nat64 or ()
    strangers = [address for address in answer.addresses if inner(address, prefixes) not in task.target.addresses]
    address = next((a for a in strangers if refuse_address(a, task.laboratory, task.lan) is None), "")
    if not address:
        return trial
    shaken = yield from shake_hands(task, TLS_PORT, task.target.host, address)
    packets: Sequence[Packet] = ()
    if isinstance(shaken[1], Failed):
        packets = shaken[1].packets
    elif not isinstance(shaken[0], Failed):
        closed = yield Close(handle=shaken[0].handle)
        packets = closed.packets if isinstance(closed, Closed | Failed) else ()
    checked = _told(trial, address, shaken)
    if checked.tls_proof is not Proof.VERIFIED and is_next_door(packets):
        checked = without(checked, address)
    yield Note(observation=checked, instead=True)
    return checked


def _told(trial: DnsObservation, address: str, shaken: Shaken) -> DnsObservation:
    """Return the trial with what came of the handshake."""
    connected, secured = shaken
    if isinstance(connected, Failed) or isinstance(secured, Failed):
        return msgspec.structs.replace(
            trial,
            tls_address=address,
            tls_proof=Proof.NOT_SHOWN,
            tls_failure=secured.failure if isinstance(secured, Failed) else None,
            tls_connected=not isinstance(connected, Failed),
        )
    verified = secured.verify_failure is None
    return msgspec.structs.replace(
        trial,
        tls_address=address,
        tls_consistent=verified,
        tls_proof=Proof.VERIFIED if verified else Proof.REFUSED,
        tls_failure=secured.verify_failure,
        tls_connected=True,
        tls_certificate=None if verified else next(iter(secured.chain), None),
    )


def addresses_in(trial: DnsObservation) -> frozenset[str]:
    """Return every address that a trial was told."""
    given = (*trial.answers, *trial.set_aside, *(trial.unchecked or ()))
    return frozenset(address for answer in given for address in answer.addresses)


def is_next_door(packets: Sequence[Packet]) -> bool:
    """Tell whether what answered has no router before it: its packets' TTL is one that systems begin with.

    A home router that answers for the address its provider gave it is the only such machine: whatever stands beyond it
    has lost at least one. Where nothing answered it cannot be told, and the address is taken for a stranger's.
    """
    first = next((packet for packet in packets if packet.direction is Direction.IN), None)
    return first is not None and first.ttl in _FIRST_TTLS


def without_all(trial: DnsObservation, home: Iterable[str]) -> DnsObservation:
    """Return a trial in which addresses of the household are counted and not named."""
    for address in home:
        trial = without(trial, address)
    return trial


def without(trial: DnsObservation, address: str) -> DnsObservation:
    """Return a trial in which one address of the household is counted and not named."""
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
        tls_certificate=None,
    )
