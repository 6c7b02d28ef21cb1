"""Packets that boxes are shown, the topology they stand in, and what they decide: for the tests of this folder."""

import socket
import struct

from balise_lab.boxes.engine import classify, forge
from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.classify import ACK, PSH, Packet, Streams
from balise_lab.boxes.engine.kind import Decision
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.boxes.engine.rules import rules
from balise_lab.boxes.engine.setting import Value
from balise_lab.world.layout import AccessNetwork, HostSpec, Layout
from balise_lab.world.topology import build

CLIENT, SERVER = socket.inet_aton("198.18.1.10"), socket.inet_aton("198.19.64.10")
REQUEST = b"GET / HTTP/1.1\r\nHost: twitter.lab\r\n\r\n"
QUERY = struct.pack("!HHHHHH", 9, 0x0100, 1, 0, 0, 0) + b"\x07twitter\x03lab\0" + struct.pack("!HH", 1, 1)

TOPOLOGY = build(
    Layout(
        "PK",
        {"asn64501": AccessNetwork(64501, 2, routers=1), "asn64502": AccessNetwork(64502, 1)},
        services={"twitter": {"web": (HostSpec("twitter.lab", edge=True),)}},
    )
)


def request(payload: bytes = REQUEST) -> Packet:
    """A client's first segment."""
    raw = forge.segment((CLIENT, 40000), (SERVER, 80), 1000, 5000, PSH | ACK, payload, forge.Marks(64, 1, 8192))
    return parsed(raw)


def query(payload: bytes = QUERY) -> Packet:
    """A client's question to a resolver."""
    return Packet(CLIENT, SERVER, classify.UDP, 40000, 53, 0, 0, 0, payload)


def parsed(raw: bytes) -> Packet:
    """A packet, which must be one."""
    seen = classify.packet(raw)
    assert seen is not None
    return seen


def decide(word: str, seen: Packet, *match: str, **settings: Value) -> Decision | None:
    """What a box of that kind does with a packet."""
    kind = KINDS[word]
    box = Box("b", word, match=match, settings=settings)
    kind.check(box)
    assert kind.decide is not None
    return kind.decide(box, seen, Streams())


def decided(word: str, seen: Packet, **settings: Value) -> tuple[Decision, list[Packet]]:
    """The decision of a box that looks for twitter.lab, with its forged packets parsed."""
    decision = decide(word, seen, "twitter.lab", **settings)
    assert decision is not None
    return decision, [parsed(raw) for raw in decision.forged]


def script(box: Box, slot: int = 0) -> str:
    """The nft script of a box."""
    return rules(box, TOPOLOGY, slot).script
