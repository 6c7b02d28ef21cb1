"""The packets of one trial as rows of a table, with those marked that a server would not have sent so.

Pure. The signs are those that the judge scores (judge/injection.py; detectors.md 2.3), told in words beside the packet
that bears them. Here must not live: scores or verdicts; a mark explains, it decides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from balise_collector.judge.injection import TTL_SLACK, Trace, behind_proxy, trace, volley
from balise_collector.system.sentences import Say, gettext_noop
from balise_wire.evidence import Direction, Packet

_REORDER_US = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketRow:
    """One packet, ready to be shown."""

    ms: str
    """Milliseconds since the trial began."""
    direction: str
    """One of DIRECTIONS."""
    what: str
    """Flags in words for TCP; protocol and ICMP type for others."""
    says: str = ""
    """What a DNS answer says."""
    ttl: str
    length: int
    ip_id: str
    window: str
    signs: tuple[str, ...] = ()
    """Why it is marked; empty for an ordinary packet."""
    injected: bool = False
    """Whether the signs speak of forgery (a repeated packet of ours is odd and not forged)."""


DIRECTIONS: Final = {Direction.OUT: "sent", Direction.IN: "came", Direction.UNKNOWN: "unclear"}
"""What the templates call a packet's direction."""
_FLAGS = {"S": "SYN", "A": "ACK", "F": "FIN", "R": "RST", "P": "PSH", "U": "URG", "E": "ECE", "C": "CWR"}


def flags_in_words(flags: str) -> str:
    """Return ``SYN ACK`` for tcpdump's ``SA``."""
    return " ".join(_FLAGS.get(flag, flag) for flag in flags)


def rows(packets: Sequence[Packet], control: Sequence[Packet] = (), say: Say = gettext_noop) -> list[PacketRow]:
    """Return the rows of one trial.

    Args:
        packets: of the trial, in order of arrival.
        control: packets of a control trial on the same address; where they show a proxy near by, TTL and time
            say nothing and are not marked.
        say: puts the signs into the reader's language.
    """
    seen = trace(packets)
    proxied = behind_proxy(trace(control))
    shown = []
    sent: set[tuple[int, int]] = set()
    told: set[str] = set()
    for packet in packets:
        if packet.direction is Direction.UNKNOWN:
            shown.append(_row(packet, (), injected=False))
            continue
        signs: tuple[str, ...] = ()
        forged = False
        if packet.direction is Direction.OUT:
            again = bool(packet.length) and (packet.seq, packet.length) in sent
            sent.add((packet.seq, packet.length))
            signs = (say("sent again: nobody had acknowledged it"),) if again else ()
        elif packet.protocol == "tcp":
            found = _signs(packet, seen, say, proxied=proxied)
            forged = bool(found)
            # Forged packets come in volleys: each sign is told once a trial.
            signs = tuple(sign for sign in found if sign not in told) or ((say("as the one above"),) if forged else ())
            told.update(found)
        shown.append(_row(packet, signs, injected=forged))
    return shown


def _row(packet: Packet, signs: tuple[str, ...], *, injected: bool) -> PacketRow:
    """Return one row."""
    if packet.protocol == "tcp":
        what = flags_in_words(packet.flags)
    else:
        what = f"{packet.protocol.upper()} {packet.icmp}".strip()
    return PacketRow(
        ms=f"{packet.t_us / 1000:.1f}",
        direction=DIRECTIONS[packet.direction],
        what=what,
        ttl=str(packet.ttl) if packet.ttl else "-",
        length=packet.length,
        ip_id=f"0x{packet.ip_id:04x}",
        window=str(packet.window) if packet.protocol == "tcp" else "-",
        signs=signs,
        injected=injected,
    )


def _signs(packet: Packet, seen: Trace, say: Say, *, proxied: bool) -> tuple[str, ...]:
    """Return what a packet that came bears of forgery."""
    synack = seen.synack
    if packet is synack:
        return ()
    found = []
    ends = "R" in packet.flags or "F" in packet.flags
    if synack is not None and synack.ttl and packet.ttl and not proxied and abs(packet.ttl - synack.ttl) > TTL_SLACK:
        told = say("TTL {ttl}, where the server's SYN ACK had {other}")
        found.append(told.format(ttl=packet.ttl, other=synack.ttl))
    if "R" in packet.flags:
        if synack is not None and packet.df != synack.df:
            found.append(say("don't-fragment bit unlike the server's SYN ACK"))
        if packet.length:
            found.append(say("a reset that carries data"))
        if packet in (copies := volley(seen)):
            found.append(say("one of {count} resets with one IP-ID at once").format(count=len(copies)))
        if any(later.t_us > packet.t_us + _REORDER_US and later.seq >= packet.seq for later in seen.data):
            found.append(say("the server went on sending after it"))
    if ends and packet is seen.killer and not proxied and seen.rtt_us and seen.hello is not None:
        wait = packet.t_us - seen.hello.t_us
        if 0 <= wait < seen.rtt_us / 2:
            told = say("came {wait} ms after the request, where a round trip takes {trip} ms")
            found.append(told.format(wait=f"{wait / 1000:.1f}", trip=f"{seen.rtt_us / 1000:.1f}"))
    return tuple(found)
