"""Judgement of the TCP layer: addresses and ports that no longer answer a SYN.

Lives here: the facts of one TCP measurement and the rules over them. A dead address is ``blocked`` only when references
reached the very same address since the first failing trial; otherwise nothing tells a block from a dead server.
Must not live here: what happens after the handshake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from balise_collector.judge.context import Seen
from balise_collector.judge.rules import Facts, Rule, anomaly, board, common, gate
from balise_collector.judge.verdict import Level, State
from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism
from balise_wire.observations import TcpObservation
from balise_wire.words import Arm, Experiment

if TYPE_CHECKING:
    from balise_collector.judge.context import Context
    from balise_wire.measurement import Measurement

_LAYER: Final = Experiment.TCP
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
    trials = [
        o
        for o in measurement.observations
        if isinstance(o, TcpObservation) and (o.synacks or o.failure is not Failure.UNKNOWN)
    ]
    subject = [t for t in trials if t.arm is Arm.SUBJECT]
    own = [t for t in subject if not t.carried]
    dead = [t for t in subject if not t.synacks]
    since = min((t.at for t in dead), default=measurement.started)
    base = common(
        measurement,
        context,
        failed=bool(own) and not any(t.synacks for t in own),
        passed=bool(own) and all(t.synacks for t in own),
        since=since,
    )
    address, port = (own[0].address, own[0].port) if own else ("", 0)
    after = since - context.clock_offset
    until = max((t.at for t in dead), default=measurement.ended) - context.clock_offset
    siblings = [t.synacks > 0 for t in trials if t.arm is Arm.SIBLING]
    line = measurement.line
    other = any(t.synacks for t in trials if t.arm is Arm.OTHER_PORT and t.address == address)
    return TcpFacts(
        **{name: getattr(base, name) for name in Facts.__slots__ if name != "signs"},
        signs=frozenset({"other_port_ok"} if other else ()),
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


RULES: Final[tuple[Rule[TcpFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="tcp.ok",
        layer=_LAYER,
        state=State.OK,
        when=lambda f: f.passed,
        reason="The address answers on this port.",
        source="detectors.md 2.2",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    Rule(
        id="tcp.partial",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        when=lambda f: f.mixed,
        reason="Some series of SYNs were answered and others not: loss looks like this.",
        source="detectors.md 2.2",
    ),
    Rule(
        id="tcp.few",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        when=lambda f: not f.enough,
        reason="Too few SYNs for a verdict.",
        source="detectors.md 2.2: 0 of 6",
    ),
    Rule(
        id="tcp.edge_down",
        layer=_LAYER,
        state=State.DOWN,
        mechanism=Mechanism.EDGE_DOWN,
        level=Level.SCORED,
        when=lambda f: f.enough and f.elsewhere and (f.reference or f.references.dead),
        reason="This address is dead from abroad as well, while the service answers elsewhere: an edge has failed.",
        source="attribution.md 2.5, edge_fault",
    ),
    Rule(
        id="tcp.reference_failed",
        layer=_LAYER,
        state=State.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.SCORED,
        when=lambda f: f.reference and f.enough,
        reason="A reference abroad gets no connection.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="tcp.refused",
        layer=_LAYER,
        state=State.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: f.references.dead and f.refused,
        reason="The port is refused from abroad as well: the server.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="tcp.down",
        layer=_LAYER,
        state=State.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: f.references.dead,
        reason="References abroad cannot reach this address either: the server.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="tcp.no_reference",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        when=lambda f: not f.references.reached,
        reason="Too few references tried this very address since the first failure: a dead server is not excluded.",
        source="detectors.md 2.2: not proof alone",
    ),
    Rule(
        id="tcp.wide",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        level=Level.SCORED,
        when=lambda f: f.sibling_ok is False,
        reason="The neighbouring address is dead too: a broken route is not excluded.",
        source="detectors.md 2.2, sibling ladder",
    ),
    Rule(
        id="ip.icmp",
        layer=_LAYER,
        state=State.BLOCKED,
        mechanism=Mechanism.IP_ICMP,
        level=Level.SCORED,
        proof=("other_port_ok",),
        when=lambda f: f.in_the_way and f.prohibited,
        reason="A router answers that this address is administratively prohibited; references reach it.",
        source="detectors.md 2.2; RFC 1812 5.2.7.1",
    ),
    Rule(
        id="ip.rst",
        layer=_LAYER,
        state=State.BLOCKED,
        mechanism=Mechanism.IP_RST,
        level=Level.SCORED,
        when=lambda f: f.in_the_way and f.refused,
        reason="SYNs to this address are reset; references reach it at the same time.",
        source="detectors.md 2.2",
    ),
    Rule(
        id="port.drop",
        layer=_LAYER,
        state=State.BLOCKED,
        mechanism=Mechanism.PORT_DROP,
        level=Level.SCORED,
        when=lambda f: f.in_the_way and f.other_port_ok,
        reason="The address answers on another port and not on this one; references reach both it and the port.",
        source="detectors.md 2.2, port filter",
    ),
    Rule(
        id="ip.drop",
        layer=_LAYER,
        state=State.BLOCKED,
        mechanism=Mechanism.IP_DROP,
        level=Level.SCORED,
        when=lambda f: f.in_the_way,
        reason="SYNs to this address vanish; references reach the very same address at the same time.",
        source="detectors.md 2.2",
    ),
    Rule(
        id="tcp.unclear",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        when=lambda _f: True,
        reason="No control of the line answered in the same minute.",
        source="ours",
    ),
)
"""First match wins."""
