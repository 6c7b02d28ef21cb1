"""What one TCP measurement shows: addresses and ports that no longer answer a SYN. Pure.

Must not live here: what follows from the facts (rules.py), or what happens after the handshake.
"""

import ipaddress
from dataclasses import dataclass
from typing import Final

from balise_collector.judge import proxied
from balise_collector.judge.context import Context
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import Facts, common
from balise_collector.judge.trials import began, ended, trials_of
from balise_collector.judge.verdict import Flows
from balise_wire.evidence import PROHIBITED
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, HopPlace

MIN_SYNS: Final = 6
"""0 of 6 SYN-ACKs (detectors.md 2.2); at 5 % loss six lost SYNs are one series in 60 million."""


_ALIVE: Final = 0.75
"""Share of the SYNs to another port that are answered, at least, where it is open: a line that loses one of ten each
way has three of four in 83 of 100 series; of a box on nine flows of ten, one of 270."""
_MOST: Final = 4
"""Unanswered SYNs of a series of six that are most of them: a way that loses three SYNs of ten loses as many, after a
sentinel that lost both, once in 150 sentinels, and one that loses one of ten once in 80,000."""
_LINE: Final = 2
"""Controls of the line over the same IP version, each answered, in the same minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpFacts(Facts):
    """What one TCP measurement shows."""

    trials: int
    syns: int
    """SYNs of all failing subject trials, carried ones too; each from its own source port."""
    refused: bool
    """RSTs came back on SYNs."""
    controls_refused: bool
    """They came back from a control beside it, too, and no control answered."""
    prohibited: bool
    """A router beyond the home answered: administratively prohibited (RFC 1812 5.2.7.1)."""
    at_home: bool
    """The home's own router, or nobody that is known, sent the ICMP errors: it is never the censor."""
    mixed: bool
    other_port_ok: bool
    """The address answered on another port before the series, and after it where it was asked again."""
    shut_meanwhile: bool
    """The other port answered before the series and no more after it."""
    near_ok: bool | None
    """A neighbour in the same prefix (/24, /48) answered; ``None`` where none was asked that references can reach."""
    far_ok: bool | None
    """An address in another prefix of the same network answered; likewise."""
    references: Seen
    elsewhere: bool
    """A reference reached the service at another address meanwhile."""
    share: Mechanism | None
    """How most, and not all, of the series' SYNs died, where nothing beside them was lost: no SYN to a control or a
    sibling, no control of the line, and no SYN of references to this very address."""
    lossy_abroad: bool
    """As many references as not lost a SYN to this very address meanwhile, or more: the server drops some."""
    family_ok: bool | None
    """A control of the same IP version answered in the same minute; ``None`` where none was asked."""

    @property
    def enough(self) -> bool:
        """Six SYNs or more went unanswered."""
        return self.failed and self.syns >= MIN_SYNS

    @property
    def in_the_way(self) -> bool:
        """Dead from here, alive from abroad, at the very same address; and the road beside it is open."""
        return self.enough and self.references.reached and not self.lossy_abroad and self.family_ok is True

    @property
    def wide(self) -> bool:
        """Its neighbours are dead with it."""
        return self.near_ok is False or self.far_ok is False


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
    ports = [t for t in trials if t.arm is Arm.OTHER_PORT and t.address == address]
    others = [bool(t.synacks) for t in ports]
    # What acts on a share of the flows lets a SYN to another port through now and then: that names no port.
    other = all(others) and sum(t.synacks for t in ports) >= _ALIVE * sum(t.syns for t in ports) > 0
    told = [t for t in dead if t.icmp_errors or t.failure is Failure.ICMP_ADMIN_PROHIBITED]
    places = {_place(t) for t in told}
    siblings = [
        t
        for t in trials
        if t.arm in {Arm.SIBLING, Arm.NEAR_SIBLING}
        and not context.references.at_address(t.address, t.port, after, until).dead
    ]
    controls = [t for t in trials if t.arm is Arm.CONTROL]
    share = _share(measurement, context, own, [*controls, *siblings], sum(t.syns - t.synacks for t in subject))
    if share is not None:
        dead = [t for t in subject if t.synacks < t.syns]
        until = ended(dead, measurement) - context.clock_offset
    # A server that drops some of everybody's SYNs lets references through now and then: it is asked for every SYN.
    abroad = context.references.every_syn_at(address, port, after, until)
    if not abroad.reached or abroad.doubted:
        share = None
    near = [t.synacks > 0 for t in siblings if _is_near(t, address)]
    far = [t.synacks > 0 for t in siblings if not _is_near(t, address)]
    return TcpFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and not any(t.synacks for t in own),
            passed=bool(own) and all(t.synacks for t in own) and share is None,
            silent=True if share is Mechanism.IP_DROP else None,
            failing=(since, ended(dead, measurement)),
            signs=frozenset({"other_port_ok"} if other else ())
            | (proxied.signs(trials, lambda one: one.synacks > 0) if dead else frozenset()),
        ),
        flows=_flows(own),
        trials=len(own),
        syns=sum(t.syns for t in dead),
        refused=any(_refused(t) for t in dead),
        controls_refused=any(_refused(t) for t in controls) and not any(t.synacks for t in controls),
        prohibited=HopPlace.LATER in places
        and any(t.failure is Failure.ICMP_ADMIN_PROHIBITED for t in told if _place(t) is HopPlace.LATER),
        at_home=bool(places) and places <= {HopPlace.FIRST, HopPlace.UNKNOWN},
        mixed=any(t.synacks for t in own) and any(not t.synacks for t in own),
        other_port_ok=other,
        shut_meanwhile=bool(others) and others[0] and not others[-1],
        near_ok=any(near) if near else None,
        far_ok=any(far) if far else None,
        references=context.references.at_address(
            address, port, after, until, country=measurement.network.country, besides=context.probe
        )
        if own
        else Seen(),
        elsewhere=context.references.elsewhere(measurement.service, measurement.role, address, after, context.probe),
        share=share,
        lossy_abroad=0 < abroad.during.failed >= abroad.during.ok,
        family_ok=_family_ok(measurement, context, [t for t in trials if t.arm in _OPEN_ROADS]),
    )


_OPEN_ROADS: Final = frozenset({Arm.CONTROL, Arm.SIBLING, Arm.NEAR_SIBLING})
_WHOLE_TTLS: Final = frozenset({32, 64, 128, 255})
"""What systems send with: a packet that has it still has passed no router."""


def _refused(trial: TcpObservation) -> bool:
    """Tell whether RSTs, and no SYN-ACK, came back on a trial's SYNs."""
    return not trial.synacks and (trial.resets > 0 or trial.failure is Failure.CONNECTION_REFUSED)


def _share(
    measurement: Measurement, context: Context, own: list[TcpObservation], besides: list[TcpObservation], lost: int
) -> Mechanism | None:
    """Return how most of the SYNs to an address die; ``None`` where loss, the line or the server may be it.

    Args:
        measurement: the series.
        context: the tables.
        own: the subject's trials of the series.
        besides: controls and siblings of the same seconds.
        lost: SYNs without a SYN-ACK, of the sentinel before it and of the series.
    """
    dead = sum(t.syns - t.synacks for t in own)
    if context.reference or not any(t.synacks for t in own) or dead < _MOST or (lost < MIN_SYNS and dead == _MOST):
        return None
    if not _whole(measurement, besides):
        return None
    resets, errors = sum(t.resets for t in own), [t for t in own if t.icmp_errors]
    if 2 * resets > dead:
        return Mechanism.IP_RST
    if 2 * sum(t.icmp_errors for t in errors) <= dead:
        return Mechanism.IP_DROP
    later = all(_place(t) is HopPlace.LATER for t in errors)
    prohibited = any(packet.icmp in PROHIBITED for t in errors for packet in t.packets)
    return Mechanism.IP_ICMP if later and prohibited else None


def _flows(own: list[TcpObservation]) -> Flows | None:
    """Return how many SYNs of the series had no SYN-ACK, where that were most; each stands for a connection."""
    tried = sum(t.syns for t in own)
    failed = tried - sum(t.synacks for t in own)
    return Flows(failed=failed, tried=tried, least=_MOST) if failed >= _MOST else None


def _whole(measurement: Measurement, besides: list[TcpObservation]) -> bool:
    """Tell whether no SYN beside it was lost: of a control and the siblings, and no control of the line was dead.

    Siblings stand behind the same peering: where they lose SYNs as well it is the way there, or a whole range.
    """
    line = measurement.line
    if line is None or not any(t.arm is Arm.CONTROL for t in besides):
        return False
    answered, asked = (line.ipv6_ok, line.ipv6) if measurement.family == 6 else (line.ipv4_ok, line.ipv4)
    return answered >= asked >= _LINE and all(t.synacks >= t.syns > 0 for t in besides)


def _place(trial: TcpObservation) -> HopPlace:
    """Return which machine sent a trial's ICMP errors; of an older probe, as far as the TTLs tell."""
    if trial.icmp_place is not HopPlace.UNKNOWN:
        return trial.icmp_place
    ttls = {packet.ttl for packet in trial.packets if packet.icmp and packet.ttl}
    if not ttls:
        return HopPlace.UNKNOWN
    return HopPlace.FIRST if ttls <= _WHOLE_TTLS else HopPlace.LATER


def _is_near(trial: TcpObservation, address: str) -> bool:
    """Tell whether a sibling stands in the subject's own prefix (/24, for IPv6 /48)."""
    try:
        one, other = ipaddress.ip_address(trial.address), ipaddress.ip_address(address)
    except ValueError:
        return trial.arm is Arm.NEAR_SIBLING
    bits = 8 if one.version == 4 else 80
    return one.version == other.version and int(one) >> bits == int(other) >> bits


def _family_ok(measurement: Measurement, context: Context, others: list[TcpObservation]) -> bool | None:
    """Tell whether the line carried the measurement's IP version in the same minute.

    A control answered, beside the subject or at the line; or the probe reached another target meanwhile.
    """
    line = measurement.line
    counts = [(sum(t.synacks > 0 for t in others), len(others))]
    if line is not None and line.international and not line.international_ok:
        pass  # What answers inside the country says nothing of the way across the border.
    elif line is not None and (line.ipv4 or line.ipv6):
        counts.append((line.ipv6_ok, line.ipv6) if measurement.family == 6 else (line.ipv4_ok, line.ipv4))
    elif line is not None and measurement.family == 4:
        # An older probe asked its controls over IPv4 and did not say so.
        counts.append((line.international_ok + line.domestic_ok, line.international + line.domestic))
    started, ended = measurement.started - context.clock_offset, measurement.ended - context.clock_offset
    if any(ok for ok, _ in counts):
        return True
    if context.references.carried(context.probe, measurement.family, started - _SAME_MINUTE, ended + _SAME_MINUTE):
        return True
    return False if any(asked for _, asked in counts) else None


_SAME_MINUTE: Final = 60.0
"""Seconds around a series in which another target's answer says that the line carries."""
