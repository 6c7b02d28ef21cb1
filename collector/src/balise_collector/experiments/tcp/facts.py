"""What one TCP measurement shows: addresses and ports that no longer answer a SYN. Pure.

Must not live here: what follows from the facts (rules.py), or what happens after the handshake.
"""

import ipaddress
from dataclasses import dataclass
from typing import Final

from balise_collector.judge.context import Context
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import Facts, common
from balise_collector.judge.trials import began, ended, trials_of
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm, HopPlace

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
    """A router beyond the home answered: administratively prohibited (RFC 1812 5.2.7.1)."""
    at_home: bool
    """The home's own router, or nobody that is known, sent the ICMP errors: it is never the censor."""
    mixed: bool
    other_port_ok: bool
    near_ok: bool | None
    """A neighbour in the same prefix (/24, /48) answered; ``None`` where none was asked that references can reach."""
    far_ok: bool | None
    """An address in another prefix of the same network answered; likewise."""
    references: Seen
    elsewhere: bool
    """A reference reached the service at another address meanwhile."""
    family_ok: bool | None
    """A control of the same IP version answered in the same minute; ``None`` where none was asked."""

    @property
    def enough(self) -> bool:
        """Six SYNs or more went unanswered."""
        return self.failed and self.syns >= MIN_SYNS

    @property
    def in_the_way(self) -> bool:
        """Dead from here, alive from abroad, at the very same address; and the road beside it is open."""
        return self.enough and self.references.reached and self.family_ok is True

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
    other = any(t.synacks for t in trials if t.arm is Arm.OTHER_PORT and t.address == address)
    told = [t for t in dead if t.icmp_errors or t.failure is Failure.ICMP_ADMIN_PROHIBITED]
    places = {_place(t) for t in told}
    siblings = [
        t
        for t in trials
        if t.arm in {Arm.SIBLING, Arm.NEAR_SIBLING}
        and not context.references.at_address(t.address, t.port, after, until).dead
    ]
    near = [t.synacks > 0 for t in siblings if _is_near(t, address)]
    far = [t.synacks > 0 for t in siblings if not _is_near(t, address)]
    return TcpFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and not any(t.synacks for t in own),
            passed=bool(own) and all(t.synacks for t in own),
            failing=(since, ended(dead, measurement)),
            signs=frozenset({"other_port_ok"} if other else ()),
        ),
        trials=len(own),
        syns=sum(t.syns for t in dead),
        refused=any(t.resets or t.failure is Failure.CONNECTION_REFUSED for t in dead),
        prohibited=HopPlace.LATER in places
        and any(t.failure is Failure.ICMP_ADMIN_PROHIBITED for t in told if _place(t) is HopPlace.LATER),
        at_home=bool(places) and places <= {HopPlace.FIRST, HopPlace.UNKNOWN},
        mixed=any(t.synacks for t in own) and any(not t.synacks for t in own),
        other_port_ok=other,
        near_ok=any(near) if near else None,
        far_ok=any(far) if far else None,
        references=context.references.at_address(
            address, port, after, until, country=measurement.network.country, besides=context.probe
        )
        if own
        else Seen(),
        elsewhere=context.references.elsewhere(measurement.service, measurement.role, address, after),
        family_ok=_family_ok(measurement, context, [t for t in trials if t.arm in _OPEN_ROADS]),
    )


_OPEN_ROADS: Final = frozenset({Arm.CONTROL, Arm.SIBLING, Arm.NEAR_SIBLING})
_WHOLE_TTLS: Final = frozenset({32, 64, 128, 255})
"""What systems send with: a packet that has it still has passed no router."""


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
