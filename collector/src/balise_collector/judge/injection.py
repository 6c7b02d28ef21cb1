"""Evidence that a packet was forged on the way: the score of detectors.md 2.3, subject minus control.

Lives here: the signs that the packets of a trial, or of the trials of one series, bear, and their weights in nats. Must
not live here: which trials are compared (the layer's business), which injectors are known (injectors.py), or what
follows from a score. Every weight is a starting value with its source; a sign is what the server itself cannot have
done, so what the server, its load balancer or the home's router does to the control as well counts for nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from balise_wire.evidence import Direction, Packet


class Sign(StrEnum):
    """What a trial's packets bear of forgery; each is worth WEIGHTS nats, once a trial."""

    TTL = "ttl"
    """The ending, or the first data, comes with another TTL than the SYN-ACK: another sender, or another way."""
    DF = "df"
    """Its don't-fragment bit is not the SYN-ACK's."""
    IP_ID = "ip_id"
    """Its IP-ID leaves the counter that the server's data packets show."""
    VOLLEY = "volley"
    """Several RSTs with one IP-ID and one sequence number at once: a kernel numbers each packet that it sends."""
    WINDOW = "window"
    """A RST with a receive window; those that answer a packet have none (RFC 9293 3.10.7.1; Linux sends one when a
    program ends its connection, so it is worth little)."""
    WENT_ON = "went_on"
    """The server sends on after its own RST, or beyond its own FIN."""
    TWICE = "twice"
    """Two senders answer one request: data of the server's own TTL overlaps data of another."""
    EARLY = "early"
    """The ending came sooner after the request than the server can have heard of it."""
    PAYLOAD = "payload"
    """A RST that carries data."""
    SENDERS = "senders"
    """Packets of one series come with several TTLs, none of them the server's: no one machine sends those."""


WEIGHTS: Final = {
    Sign.TTL: 3.0,
    Sign.DF: 1.0,
    Sign.IP_ID: 2.0,
    Sign.VOLLEY: 3.0,
    Sign.WINDOW: 1.0,
    Sign.WENT_ON: 3.0,
    Sign.TWICE: 3.0,
    Sign.EARLY: 3.0,
    Sign.PAYLOAD: 3.0,
    Sign.SENDERS: 3.0,
}
MOST: Final = 12.0
"""Cap: a faulty capture must have bounded influence."""
FORGED: Final = 4.0
"""From here on a verdict may say ``forged_packet``: one strong sign and another."""
_REORDER_US: Final = 50_000
"""Server data this long after a reset is no reordering (RFC 9293 3.10.7.1 lets a closed endpoint send several RSTs)."""
_COUNTER: Final = 3
"""Data packets that must show a counting IP-ID before a deviation means anything (Linux sends 0 on SYN-ACK and RST)."""
_COUNTER_STEP: Final = 64
TTL_SLACK: Final = 2
"""Hops by which the ways of two packets of one server may differ."""
_SENDERS_SLACK: Final = 2 * TTL_SLACK
_VOLLEY_US: Final = 20_000
_ACCEPTED: Final = (0.8, 1.5)
"""Round trips after our ACK within which what comes may answer the handshake, not the request."""
_PROXY_RATIO: Final = 1 / 3
"""A SYN-ACK this much quicker than the first TLS answer comes from a proxy near by: TTL and time say nothing then."""
_OF_PLACE: Final = frozenset({Sign.TTL, Sign.DF, Sign.EARLY, Sign.TWICE})
"""Void behind a proxy: it shakes hands near by, and the server's own packets come from farther away."""
_OF_SENDER: Final = frozenset({Sign.TTL, Sign.DF, Sign.WINDOW})
"""What tells one sender from another; void where the same sender ends the control's connections, too."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What matters of one trial's packets."""

    synack: Packet | None
    killer: Packet | None
    """The first RST, else the first FIN, from the server's side, that came before we closed ourselves: what answers our
    own FIN is no reaction to the hello (CenTrace's captures are full of it)."""
    data: tuple[Packet, ...]
    """Packets with payload from the server's side, in order."""
    hello: Packet | None
    """Our last packet with payload before the killer."""
    rtt_us: int
    """SYN to SYN-ACK; 0 where unknown."""
    resets: tuple[Packet, ...] = ()
    """Every RST from the server's side before we closed ourselves."""
    endings: tuple[Packet, ...] = ()
    """Every RST and FIN from the server's side, those that answer our own end included."""
    ours: tuple[Packet, ...] = ()
    """What we sent, in order."""
    doubled: bool = False
    """A packet that is no RST came twice at once: the capture, or the way, copies packets."""


def trace(packets: Sequence[Packet]) -> Trace:
    """Pick the packets that matter out of one trial."""
    inward = [p for p in packets if p.direction is Direction.IN and p.protocol == "tcp"]
    outward = [p for p in packets if p.direction is Direction.OUT and p.protocol == "tcp"]
    synack = next((p for p in inward if "S" in p.flags and "A" in p.flags), None)
    syn = next((p for p in outward if "S" in p.flags), None)
    closed = min((p.t_us for p in outward if "F" in p.flags or "R" in p.flags), default=None)
    unasked = [p for p in inward if closed is None or p.t_us <= closed]
    resets = tuple(p for p in unasked if "R" in p.flags)
    killer = next(iter(resets), None) or next((p for p in unasked if "F" in p.flags), None)
    until = killer.t_us if killer else max((p.t_us for p in packets), default=0)
    return Trace(
        synack=synack,
        killer=killer,
        data=tuple(p for p in inward if p.length and "R" not in p.flags),
        hello=next((p for p in reversed(outward) if p.length and p.t_us <= until), None),
        rtt_us=max(synack.t_us - syn.t_us, 0) if synack and syn else 0,
        resets=resets,
        endings=tuple(p for p in inward if "R" in p.flags or "F" in p.flags),
        ours=tuple(outward),
        doubled=_doubled(p for p in inward if "R" not in p.flags),
    )


def behind_proxy(control: Trace) -> bool:
    """Tell whether something near answers the SYNs in the server's place (SYN proxy, satellite PEP)."""
    if not control.rtt_us or control.hello is None or not control.data:
        return False
    answer = control.data[0].t_us - control.hello.t_us
    return answer > 0 and control.rtt_us < answer * _PROXY_RATIO


def is_whole(control: Sequence[Packet]) -> bool:
    """Tell whether a control's capture has what a subject is compared with: its handshake and an answer.

    Of a capture that is known to have lost packets, what is not in it excuses nothing and accuses nobody.
    """
    seen = trace(control)
    return seen.synack is not None and bool(seen.rtt_us) and bool(seen.data)


def injection_score(subject: Sequence[Packet], control: Sequence[Packet]) -> float:
    """Return evidence of forgery in nats, 0..MOST: the subject trial's score minus the control trial's.

    Args:
        subject: packets of a failing subject trial.
        control: packets of a control trial on the same address and port; empty where none was captured.
    """
    return series_score((subject,), (control,))


def series_score(subjects: Iterable[Sequence[Packet]], controls: Iterable[Sequence[Packet]]) -> float:
    """Return evidence of forgery in nats, 0..MOST, of the trial of a series that bears most of it.

    Args:
        subjects: packets of each failing subject trial.
        controls: packets of each control trial on the same address and port.
    """
    theirs = tuple(controls)
    return max((score for score, _ in weighed(subjects, theirs)), default=0.0)


def weighed(
    subjects: Iterable[Sequence[Packet]], controls: Iterable[Sequence[Packet]]
) -> list[tuple[float, frozenset[Sign]]]:
    """Return, for each subject trial of a series, its score in nats and the signs that no control shares."""
    ours = [trace(packets) for packets in subjects]
    theirs = [trace(packets) for packets in controls]
    proxied = any(behind_proxy(seen) for seen in theirs)
    void = _OF_PLACE if proxied else frozenset()
    if any(seen.doubled for seen in (*ours, *theirs)):
        void |= {Sign.VOLLEY}
    answered = any(seen.synack and seen.data for seen in theirs)
    trip = _quickest([*ours, *theirs])
    shared = frozenset[Sign]().union(*(_signs(seen, trip, answered=answered) for seen in theirs)) - void
    if not proxied and _several_senders(theirs):
        shared |= {Sign.SENDERS}
    senders = _several_senders(ours)
    found = []
    for seen in ours:
        borne = _signs(seen, trip, answered=answered)
        signs = borne - void
        if _ends_control_too(seen, theirs):
            signs -= _OF_SENDER
        elif senders and Sign.TTL in borne:
            signs |= {Sign.SENDERS}
        difference = sum(WEIGHTS[sign] for sign in signs) - sum(WEIGHTS[sign] for sign in shared)
        found.append((min(MOST, max(0.0, difference)), signs - shared))
    return found


def _quickest(series: Sequence[Trace]) -> int:
    """Return the shortest round trip of a series in microseconds; 0 where none is known.

    The first SYN of a series may wait for ARP, or for a mobile phone's radio to wake: seconds that are no distance.
    """
    answers = [
        min(p.t_us - seen.hello.t_us for p in seen.data)
        for seen in series
        if seen.hello is not None and seen.data and seen.data[0].t_us > seen.hello.t_us
    ]
    return min([each for each in (*(seen.rtt_us for seen in series), *answers) if each > 0], default=0)


def _signs(seen: Trace, trip: int, *, answered: bool) -> frozenset[Sign]:
    """Return what one trial bears by itself.

    Args:
        seen: the trial.
        trip: the shortest round trip of its series, microseconds.
        answered: whether a control has an answer: what its data looked like is unknown otherwise, and a server behind
            a SYN proxy is not told from a forger by its data.
    """
    signs: set[Sign] = set()
    if seen.killer is not None:
        signs |= _unlike(seen.killer, seen.synack) | _of_ending(seen, seen.killer, trip)
    if answered and seen.data:
        signs |= _unlike(seen.data[0], seen.synack)
        signs |= {Sign.TWICE for _ in range(_answered_twice(seen))}
    return frozenset(signs)


def _unlike(packet: Packet, synack: Packet | None) -> set[Sign]:
    """Return how a packet's header differs from the server's SYN-ACK."""
    if synack is None or not synack.ttl or not packet.ttl:
        return set()
    return {Sign.TTL for _ in range(_off(packet, synack))} | {Sign.DF for _ in range(packet.df != synack.df)}


def _off(packet: Packet, synack: Packet) -> bool:
    return abs(packet.ttl - synack.ttl) > TTL_SLACK


def _of_ending(seen: Trace, killer: Packet, trip: int) -> set[Sign]:
    """Return what the packet that ended the connection bears."""
    is_reset = "R" in killer.flags
    tests = {
        Sign.IP_ID: _counter_off(seen, killer),
        Sign.VOLLEY: is_reset and bool(volley(seen)),
        Sign.WINDOW: is_reset and killer.window > 0,
        Sign.WENT_ON: _server_went_on(seen, killer),
        Sign.EARLY: _too_early(seen, killer, trip),
        Sign.PAYLOAD: is_reset and killer.length > 0,
    }
    return {sign for sign, borne in tests.items() if borne}


def _counter_off(seen: Trace, killer: Packet) -> bool:
    """Tell whether the killer's IP-ID leaves a counter that the server's data packets show."""
    ids = [p.ip_id for p in seen.data if p is not killer]
    steps = [(b - a) % 65536 for a, b in pairwise(ids)]
    if len(ids) < _COUNTER or not all(0 < step <= _COUNTER_STEP for step in steps):
        return False
    gap = (killer.ip_id - ids[-1]) % 65536
    return min(gap, 65536 - gap) > _COUNTER_STEP * 4


def _server_went_on(seen: Trace, killer: Packet) -> bool:
    """Tell whether the server kept sending past the RST, or past the last byte that a FIN lets it send."""
    if "R" in killer.flags:
        return any(p.t_us > killer.t_us + _REORDER_US and p.seq >= killer.seq for p in seen.data if p is not killer)
    last = killer.seq + killer.length
    return any(p.t_us > killer.t_us + _REORDER_US and p.seq + p.length > last for p in seen.data if p is not killer)


def volley(seen: Trace) -> tuple[Packet, ...]:
    """Return the RSTs that came in a volley and are no answer packet by packet; empty where none did.

    A closed endpoint answers every segment of ours with a RST of its own (RFC 9293 3.10.7.1), all with one sequence
    number: more copies are asked for than there were segments of the request. Two that are the server's in every
    field may be one that the way doubled.
    """
    groups: dict[tuple[int, int], list[Packet]] = {}
    for packet in seen.resets:
        if packet.ip_id:
            groups.setdefault((packet.ip_id, packet.seq), []).append(packet)
    for copies in groups.values():
        at_once = tuple(p for p in copies if p.t_us - copies[0].t_us <= _VOLLEY_US)
        asked = sum(p.length > 0 and p.t_us <= at_once[-1].t_us for p in seen.ours)
        doubted = len(at_once) == 2 and not _unlike(at_once[0], seen.synack)
        if len(at_once) >= 2 and len(at_once) > asked and not doubted:
            return at_once
    return ()


def _too_early(seen: Trace, killer: Packet, trip: int) -> bool:
    """Tell whether the ending came before the server can have heard the request, or answered the handshake."""
    if not trip or seen.hello is None or not 0 <= killer.t_us - seen.hello.t_us < trip / 2:
        return False
    before = [p for p in seen.ours if p.t_us < seen.hello.t_us and "S" not in p.flags]
    since = [(killer.t_us - p.t_us) / trip for p in before]
    return not any(_ACCEPTED[0] <= trips <= _ACCEPTED[1] for trips in since)


def _answered_twice(seen: Trace) -> bool:
    """Tell whether data of the server's TTL overlaps data of another TTL that came before."""
    if seen.synack is None or not seen.synack.ttl:
        return False
    forged = [p for p in seen.data if p.ttl and _off(p, seen.synack)]
    own = [p for p in seen.data if p.ttl and not _off(p, seen.synack)]
    return any(f.seq < p.seq + p.length and p.seq < f.seq + f.length for f in forged for p in own)


def _several_senders(series: Sequence[Trace]) -> bool:
    """Tell whether what ended or answered the trials came from several senders, none of them at the server's place.

    Distances from each trial's own SYN-ACK are compared, so that a server of many machines is one server.
    """
    distances = [
        packet.ttl - seen.synack.ttl
        for seen in series
        if seen.synack is not None and seen.synack.ttl
        for packet in (*seen.resets, *(p for p in seen.data if not seen.resets or p.t_us <= seen.resets[-1].t_us))
        if packet.ttl and _off(packet, seen.synack)
    ]
    return bool(distances) and max(distances) - min(distances) > _SENDERS_SLACK


def _ends_control_too(seen: Trace, controls: Sequence[Trace]) -> bool:
    """Tell whether the sender of the ending ends the control's connections as well, be it in answer to our own end.

    A firewall before the server, or a port that a load balancer has forgotten, resets whatever reaches it.
    """
    killer = seen.killer
    if killer is None or not seen.resets or seen.synack is None or not _off(killer, seen.synack):
        return False
    return any(
        "R" in end.flags and end.df == killer.df and abs(end.ttl - killer.ttl) <= TTL_SLACK
        for control in controls
        for end in control.endings
    )


def _doubled(inward: Iterable[Packet]) -> bool:
    """Tell whether one packet with an IP-ID of its own came twice at once (mirrored ports, some Wi-Fi drivers)."""
    seen: dict[tuple[int, int, int, str], int] = {}
    for packet in inward:
        key = (packet.ip_id, packet.seq, packet.length, packet.flags)
        if packet.ip_id and packet.t_us - seen.get(key, -_VOLLEY_US - 1) <= _VOLLEY_US:
            return True
        seen[key] = packet.t_us
    return False
