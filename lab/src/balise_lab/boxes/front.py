"""What a service's own front does to a country: it resets, closes, drops or stalls connections. No interference.

Its packets are the server's own: they leave where the server stands, with the server's TTL, IP-ID and DF. It acts at
the service's addresses alone: the same name at the operator's helper, which stands beside them, is nobody's business.
So nothing tells them from a box's but that no box has such a place. Must not live here: servers that are off
(server.py).
"""

from collections.abc import Iterator
from dataclasses import replace

from balise_lab.boxes.engine import forge
from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.classify import ACK, ECH, ESNI, FIN, RST, Packet, host, server_name, with_extension
from balise_lab.boxes.engine.flows import SHARE, Named, decide_flow, queue_flows, strike_flows
from balise_lab.boxes.engine.kind import Kind, Looks, Stands, Versions
from balise_lab.boxes.engine.placement import (
    COUNT_FIRED,
    COUNT_SEEN,
    PORTS,
    TRANSPORT,
    Placement,
    addressed,
    among,
    chain,
)
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.boxes.ip import AFTER
from balise_lab.boxes.server import MODE

ACT = Setting("act", Unit.WORD, "reset", "what the front does", choices=("reset", "close", "drop", "alert"))
_OWN = forge.Marks(ttl=64, ip_id=0, df=True)
"""Of a packet that Linux makes for a connection (net/ipv4/tcp_ipv4.c: IP-ID 0 beside DF; a reset has no window)."""
_UNRECOGNIZED_NAME = 112  # RFC 6066 section 3
_FLAGS = {"reset": RST | ACK, "close": FIN | ACK}


def _acts(box: Box, seen: Packet) -> list[bytes]:
    act = ACT.of(box)
    if act == "alert":
        return forge.alert(seen, _OWN, _UNRECOGNIZED_NAME)
    return [forge.toward_client(seen, _OWN, _FLAGS[act])] if act in _FLAGS else []


def _stall(placement: Placement) -> Iterator[str]:
    """The server itself says no more after so many bytes.

    Beside the server, where packets have their size: a kernel shows its own firewall several as one.
    """
    ip = placement.ip
    there = f"{ip} saddr {among(placement.targets())} {ip} daddr {among(placement.sources)} meta l4proto tcp"
    beyond = f"{there} ct reply bytes > {AFTER.of(placement.box)} {COUNT_FIRED} drop"
    yield from chain("enforce", "forward", 10, [f"{there} {COUNT_SEEN}", beyond])


def _at_syn(placement: Placement) -> Iterator[str]:
    """The server's own firewall takes no connection from the country."""
    there = f"{placement.ip} daddr {among(placement.targets())}"
    if MODE.of(placement.box) == "drop":
        return addressed(placement, [(f"{there} {TRANSPORT}", "drop")])
    return addressed(placement, [(f"{there} meta l4proto tcp", "reject with tcp reset")])


def _front(word: str, means: str, named: Named, ports: tuple[int, ...]) -> Kind:
    return Kind(
        word=word,
        means=means,
        looks=Looks.NAMES,
        settings=(ACT, PORTS, SHARE),
        rules=strike_flows,
        queued=queue_flows(ports, to=lambda placement: ",".join(placement.targets())),
        decide=decide_flow(named, _acts, to_server=False),
        censors=False,
        where="abroad",
        stands=Stands.HOSTING,
        of_country=True,
    )


def _extension(stream: bytes) -> tuple[str | None, bool]:
    """Return the name of a hello with ECH or ESNI."""
    name, more = with_extension(ECH)(stream)
    return (name, more) if name is not None else with_extension(ESNI)(stream)


KINDS = (
    replace(
        _front(
            "server.extension",
            "the server does not take a ClientHello with Encrypted Client Hello or Encrypted SNI, from anybody",
            _extension,
            (),
        ),
        of_country=False,
        for_everyone=True,
    ),
    _front("server.hello", "the service's own front ends connections whose ClientHello has the name", server_name, ()),
    _front("server.host", "the service's own front ends connections whose request has the Host", host, (80,)),
    Kind(
        word="server.syn",
        means="the service's own firewall takes no connection of the country",
        looks=Looks.ADDRESSES,
        settings=(MODE,),
        rules=_at_syn,
        versions=Versions.BOTH,
        censors=False,
        of_country=True,
        where="abroad",
        stands=Stands.HOSTING,
    ),
    Kind(
        word="server.stall",
        means="the server itself stops after some bytes, for the country",
        looks=Looks.ADDRESSES,
        settings=(AFTER,),
        rules=_stall,
        versions=Versions.BOTH,
        censors=False,
        of_country=True,
        where="exchange",
    ),
)
