"""What one TCP measurement shows: addresses and ports that no longer answer a SYN. Pure.

Must not live here: what follows from the facts (rules.py), or what happens after the handshake.
"""

from dataclasses import dataclass
from typing import Final

from balise_collector.judge.context import Context
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import Facts, common
from balise_collector.judge.trials import began, ended, trials_of
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

MIN_SYNS: Final = 6
"""0 of 6 SYN-ACKs (detectors.md 2.2); at 5 % loss six lost SYNs are one series in 60 million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpFacts(Facts):
    """What one TCP measurement shows."""

    trials: int
    syns: int
    """SYNs of all failing subject trials, carried ones too; each from its own source port."""
    refused: bool
    """RSTs came back on SYNs."""
    prohibited: bool
    """ICMP administratively prohibited came back (RFC 1812 5.2.7.1)."""
    mixed: bool
    other_port_ok: bool
    sibling_ok: bool | None
    references: Seen
    elsewhere: bool
    """A reference reached the service at another address meanwhile."""
    line_controls: bool
    """Some control of the line answered in the same minute."""

    @property
    def enough(self) -> bool:
        """Six SYNs or more went unanswered."""
        return self.failed and self.syns >= MIN_SYNS

    @property
    def in_the_way(self) -> bool:
        """Dead from here, alive from abroad, at the very same address; and the road beside it is open."""
        return self.enough and self.references.reached and self.sibling_ok is not False and self.line_controls


def facts(measurement: Measurement, context: Context) -> TcpFacts:
    """Gather what the rules ask from one measurement."""
    # A failure of which nothing else is known may be our own: such a trial says nothing of the address.
    trials = [t for t in trials_of(measurement, TcpObservation) if t.synacks or t.failure is not Failure.UNKNOWN]
    subject = [t for t in trials if t.arm is Arm.SUBJECT]
    own = [t for t in subject if not t.carried]
    dead = [t for t in subject if not t.synacks]
    since = began(dead, measurement)
    address, port = (own[0].address, own[0].port) if own else ("", 0)
    after = since - context.clock_offset
    until = ended(dead, measurement) - context.clock_offset
    siblings = [t.synacks > 0 for t in trials if t.arm is Arm.SIBLING]
    line = measurement.line
    other = any(t.synacks for t in trials if t.arm is Arm.OTHER_PORT and t.address == address)
    return TcpFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and not any(t.synacks for t in own),
            passed=bool(own) and all(t.synacks for t in own),
            since=since,
            signs=frozenset({"other_port_ok"} if other else ()),
        ),
        trials=len(own),
        syns=sum(t.syns for t in dead),
        refused=any(t.resets or t.failure is Failure.CONNECTION_REFUSED for t in dead),
        prohibited=any(t.failure is Failure.ICMP_ADMIN_PROHIBITED for t in dead),
        mixed=any(t.synacks for t in own) and any(not t.synacks for t in own),
        other_port_ok=other,
        sibling_ok=any(siblings) if siblings else None,
        references=context.references.at_address(address, port, after, until) if own else Seen(),
        elsewhere=context.references.elsewhere(measurement.service, measurement.role, address, after),
        line_controls=line is not None and line.international_ok + line.domestic_ok > 0,
    )
