"""Evidence that a packet was forged on the way: the score of detectors.md 2.3, subject minus control.

Lives here: features of one trial's packets and their weights in nats. Must not live here: which trials are compared
(the layer's business) or what follows from a score. Every weight is a starting value with its source.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from balise_wire.evidence import Direction, Packet

TTL_OFF: Final = 3.0
IP_ID_OFF: Final = 2.0
SERVER_WENT_ON: Final = 3.0
TOO_EARLY: Final = 3.0
UNLIKE: Final = 1.0
PAYLOAD: Final = 3.0
MOST: Final = 12.0
"""Cap: a faulty capture must have bounded influence."""
FORGED: Final = 4.0
"""From here on a verdict may say ``forged_packet``: one strong sign and another."""
_REORDER_US: Final = 50_000
"""Server data this long after a reset is no reordering (RFC 9293 3.10.7.1 lets a closed endpoint send several RSTs)."""
_COUNTER: Final = 3
"""Data packets that must show a counting IP-ID before a deviation means anything (Linux sends 0 on SYN-ACK and RST)."""
_COUNTER_STEP: Final = 64
_TTL_SLACK: Final = 2
_PROXY_RATIO: Final = 1 / 3
"""A SYN-ACK this much quicker than the first TLS answer comes from a proxy near by: TTL and time say nothing then."""


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


def trace(packets: Sequence[Packet]) -> Trace:
    """Pick the packets that matter out of one trial."""
    inward = [p for p in packets if p.direction is Direction.IN and p.protocol == "tcp"]
    outward = [p for p in packets if p.direction is Direction.OUT and p.protocol == "tcp"]
    synack = next((p for p in inward if "S" in p.flags and "A" in p.flags), None)
    syn = next((p for p in outward if "S" in p.flags), None)
    closed = min((p.t_us for p in outward if "F" in p.flags or "R" in p.flags), default=None)
    unasked = [p for p in inward if closed is None or p.t_us <= closed]
    killer = next((p for p in unasked if "R" in p.flags), None) or next((p for p in unasked if "F" in p.flags), None)
    until = killer.t_us if killer else max((p.t_us for p in packets), default=0)
    hello = next((p for p in reversed(outward) if p.length and p.t_us <= until), None)
    rtt = synack.t_us - syn.t_us if synack and syn else 0
    data = tuple(p for p in inward if p.length and "R" not in p.flags)
    return Trace(synack, killer, data, hello, max(rtt, 0))


def behind_proxy(control: Trace) -> bool:
    """Tell whether something near answers the SYNs in the server's place (SYN proxy, satellite PEP)."""
    if not control.rtt_us or control.hello is None or not control.data:
        return False
    answer = control.data[0].t_us - control.hello.t_us
    return answer > 0 and control.rtt_us < answer * _PROXY_RATIO


def _counter_off(seen: Trace, killer: Packet) -> bool:
    """Tell whether the killer's IP-ID leaves a counter that the server's data packets show."""
    ids = [p.ip_id for p in seen.data if p is not killer]
    steps = [(b - a) % 65536 for a, b in pairwise(ids)]
    if len(ids) < _COUNTER or not all(0 < step <= _COUNTER_STEP for step in steps):
        return False
    gap = (killer.ip_id - ids[-1]) % 65536
    return min(gap, 65536 - gap) > _COUNTER_STEP * 4


def _server_went_on(seen: Trace, killer: Packet) -> bool:
    """Tell whether the server kept sending past the RST, or the RST lies beyond what the server sent."""
    return any(p.t_us > killer.t_us + _REORDER_US and p.seq >= killer.seq for p in seen.data if p is not killer)


def _raw(seen: Trace, *, proxied: bool) -> float:
    """Score one trial by itself."""
    killer, synack = seen.killer, seen.synack
    if killer is None:
        return 0.0
    score = 0.0
    is_reset = "R" in killer.flags
    if synack is not None and synack.ttl and killer.ttl:
        if not proxied and abs(killer.ttl - synack.ttl) > _TTL_SLACK:
            score += TTL_OFF
        if killer.df != synack.df:
            score += UNLIKE
    if _counter_off(seen, killer):
        score += IP_ID_OFF
    if is_reset and _server_went_on(seen, killer):
        score += SERVER_WENT_ON
    if not proxied and seen.rtt_us and seen.hello is not None:
        wait = killer.t_us - seen.hello.t_us
        score += TOO_EARLY if 0 <= wait < seen.rtt_us / 2 else 0.0
    if is_reset and killer.length:
        score += PAYLOAD
    return score


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
    ours, theirs = trace(subject), trace(control)
    proxied = behind_proxy(theirs)
    difference = _raw(ours, proxied=proxied) - _raw(theirs, proxied=proxied)
    return min(MOST, max(0.0, difference))
