"""Boxes that look for a name in the first bytes of a flow: which packets they see, what they forge, what is struck.

Lives here: what the families dns, sni, http and rate share. Must not live here: what tells them apart (their files).
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from balise_lab.boxes.engine import forge
from balise_lab.boxes.engine.box import Box, fits
from balise_lab.boxes.engine.classify import Packet, Streams, first_record
from balise_lab.boxes.engine.kind import Decide, Decision
from balise_lab.boxes.engine.placement import DROP, ENFORCE, PORTS, SERVERS, Placement, chain
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.world.topology import UPLINK

KILLED_SECONDS = 60  # real: as long as a kernel would retransmit into a dead flow
_ALL = 100.0
FIRST_PACKETS = 10  # of a flow's own direction; a name stands in the first ones
FLOW = "ipv4_addr . inet_service . ipv4_addr . inet_service"

RESIDUAL: Setting[float] = Setting(
    "residual", Unit.SECONDS, 0.0, "so long (client, address, port) stays closed after each hit, in virtual time", 0.0
)
INLINE: Setting[bool] = Setting("inline", Unit.YES_NO, True, "no: it forges, and the true packets pass")
RESETS: Setting[int] = Setting("resets", Unit.COUNT, 3, "copies of a forged reset towards the client", 1, 65535)
TTL: Setting[int] = Setting("ttl", Unit.COUNT, 47, "TTL of forged packets where they leave the box", 1, 255)
IP_ID: Setting[int] = Setting("ip_id", Unit.COUNT, 0x4242, "IP-ID of forged packets", 0, 65535)
WINDOW: Setting[int] = Setting("window", Unit.COUNT, 8191, "TCP window of forged packets", 0, 65535)
TOWARD_CLIENT: Setting[bool] = Setting("toward_client", Unit.YES_NO, True, "whether the client is sent forged packets")
TOWARD_SERVER: Setting[bool] = Setting("toward_server", Unit.YES_NO, True, "whether the server is sent a forged reset")
SHARE: Setting[float] = Setting("share", Unit.PERCENT, 100.0, "of the flows that it touches; others pass", 0.01, 100)
REASSEMBLES: Setting[bool] = Setting(
    "reassembles", Unit.YES_NO, True, "no: it reads each segment by itself, and no name that is cut"
)
JOINS: Setting[bool] = Setting("joins", Unit.YES_NO, True, "no: it reads the first TLS record alone")
MARKS: Final = (TTL, IP_ID, WINDOW)
FORGES: Final = (INLINE, RESIDUAL, PORTS, SHARE, TOWARD_CLIENT, TOWARD_SERVER, *MARKS)
"""Parameters of every box that forges segments of a flow."""

Named = Callable[[bytes], tuple[str | None, bool]]
"""The name in the first bytes of a client's stream, and whether more bytes could still tell."""
Forges = Callable[[Box, Packet], list[bytes]]
"""Forged packets towards the client, in the server's name."""


def marks(box: Box) -> forge.Marks:
    """Return by what a box's forged packets can be told from true ones."""
    return forge.Marks(TTL.of(box), IP_ID.of(box), WINDOW.of(box))


def touches(box: Box, seen: Packet) -> bool:
    """Whether a flow is among the share that a box touches: always the same answer for the same flow."""
    share = SHARE.of(box)
    return share >= _ALL or zlib.crc32(repr((box.id, seen.flow)).encode()) % 10_000 < share * 100


Wanted = Callable[[Box, str], bool]
"""Whether a box strikes a flow with this name."""


def of_match(box: Box, name: str) -> bool:
    """Strike the names that the box looks for."""
    return fits(name, box.match)


def decide_flow(
    named: Named, forges: Forges | None = None, *, to_server: bool = True, wanted: Wanted = of_match
) -> Decide:
    """Return what a box does that strikes flows with a name; without ``forges`` it sends nothing to either side.

    Args:
        named: finds the name.
        forges: what the client is sent.
        to_server: whether the server may be sent a reset, too.
        wanted: tells which names it strikes.
    """

    def decide(box: Box, seen: Packet, streams: Streams) -> Decision | None:
        stream = streams.add(seen)
        if not stream:
            return None
        looked = stream if REASSEMBLES.of(box) else seen.payload
        name, more = named(looked if JOINS.of(box) else first_record(looked))
        if not more:
            streams.forget(seen)
        if name is None or not wanted(box, name) or not touches(box, seen):
            return None
        inline = INLINE.of(box)
        if forges is None:
            return Decision(inline)
        # The server never saw a struck segment: its next expected byte is that segment's first one.
        sequence = seen.sequence if inline else seen.sequence + len(seen.payload)
        client = forges(box, seen) if TOWARD_CLIENT.of(box) else []
        server = (
            [forge.toward_server(seen, marks(box), sequence=sequence)] if to_server and TOWARD_SERVER.of(box) else []
        )
        return Decision(inline, (*client, *server))

    return decide


def resets(box: Box, seen: Packet) -> list[bytes]:
    """Return the forged resets of a box."""
    return forge.resets(seen, marks(box), RESETS.of(box))


def queue_flows(
    usual: tuple[int, ...] = (), to: Callable[[Placement], str] = lambda _placement: ""
) -> Callable[[Placement], Iterator[tuple[str, ...]]]:
    """Return what leads the first packets of TCP flows to a program: those to its ports, else to the usual ones.

    Args:
        usual: ports that it looks at unless it is given some.
        to: the only addresses that it looks at, with commas between; empty: all.
    """

    def queued(placement: Placement) -> Iterator[tuple[str, ...]]:
        ports = PORTS.of(placement.box) or usual
        address = to(placement)
        there = ("-d", address) if address else ()
        wanted = ("-m", "multiport", "--dports", ",".join(map(str, ports))) if ports else ()
        first = ("--connbytes", f"0:{FIRST_PACKETS}", "--connbytes-dir", "original", "--connbytes-mode", "packets")
        own = ("-m", "conntrack", "--ctdir", "ORIGINAL")
        for scope in _scopes(placement):
            yield (
                "PREROUTING",
                *scope,
                *there,
                "-p",
                "tcp",
                *wanted,
                *own,
                "-m",
                "connbytes",
                *first,
                *into(placement),
            )

    return queued


def queue_datagrams(placement: Placement, port: int, to: str = "") -> Iterator[tuple[str, ...]]:
    """Return what leads UDP to a port (of an address, where one is given) to a program."""
    there = ("-d", to) if to else ()
    for scope in _scopes(placement):
        yield ("PREROUTING", *scope, *there, "-p", "udp", "--dport", str(port), *into(placement))


def into(placement: Placement) -> tuple[str, ...]:
    """Return iptables' end of a rule: what the box has not looked at goes to its queue; when it is dead, it passes."""
    fresh = ("-m", "mark", "!", "--mark", f"{placement.bit:#x}/{placement.bit:#x}")
    return (*fresh, "-j", "NFQUEUE", "--queue-num", str(placement.queue), "--queue-bypass")


def _scopes(placement: Placement) -> Iterable[tuple[str, ...]]:
    if placement.sources:
        return [("-s", source) for source in placement.sources]
    return [()] if placement.namespace in SERVERS else [("!", "-i", UPLINK)]


def strike_packets(placement: Placement) -> Iterator[str]:
    """Return the chains that drop the packets that a program marked, and no more of their flow."""
    yield from _strike(placement, [])


def strike_flows(placement: Placement, transport: str = "tcp") -> Iterator[str]:
    """Return the chains that drop what a program marked, the flow it belongs to, and what the residual adds."""
    residual = RESIDUAL.of(placement.box) / placement.scale
    yield f"set killed {{ type {FLOW}; size 65535; flags dynamic,timeout; timeout {KILLED_SECONDS}s; }}"
    added = [f"add @killed {{ ip saddr . {transport} sport . ip daddr . {transport} dport }}"]
    dead = [f"ip saddr . {transport} sport . ip daddr . {transport} dport @killed {DROP}"]
    dead += [f"ip daddr . {transport} dport . ip saddr . {transport} sport @killed {DROP}"]
    if residual > 0:
        milliseconds = max(round(residual * 1000), 1)
        yield "set residual { type ipv4_addr . ipv4_addr . inet_service; size 65535; flags dynamic,timeout; "
        yield f"timeout {milliseconds}ms; }}"
        added.append(f"add @residual {{ ip saddr . ip daddr . {transport} dport }}")
        dead.append(f"ip saddr . ip daddr . {transport} dport @residual {DROP}")
    yield from _strike(placement, added)
    # Before mangle (-150): what belongs to a dead flow is not asked about again.
    yield from chain("remember", "prerouting", -160, dead)


def _strike(placement: Placement, added: list[str]) -> Iterator[str]:
    mark = marked(placement)
    yield "\n".join(["chain strike {", *added, DROP, "}"])
    yield from chain("enforce", "prerouting", -140, [f"{mark} jump strike"])


def marked(placement: Placement) -> str:
    """Return the nft match for packets that the box's program struck."""
    mark = f"{ENFORCE | placement.bit:#x}"
    return f"meta mark & {mark} == {mark}"
