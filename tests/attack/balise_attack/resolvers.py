"""Resolvers as homes have them, on loopback addresses of a case's namespace: each has one habit.

Lives here: what they answer over UDP and TCP, and how they are started (``python -m balise_attack.resolvers``). Must
not live here: expectations.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
from collections.abc import Sequence

HABITS = (
    "ordinary", "formerr", "notimp", "drops_edns", "truncates", "truncates_all", "long", "validates", "link_local"
)  # fmt: skip
"""``long``: an answer of 1,600 bytes, which a small MTU makes into fragments."""
MANY = 100
_OPT = b"\0\0\x29\x04\xd0" + bytes(6)


def answer(habit: str, question: bytes, addresses: Sequence[str], *, over_tcp: bool = False) -> bytes | None:
    """Return the answer of a resolver with one habit, ``None`` for silence."""
    end = question.index(b"\0", 12) + 5
    edns, unchecked = question[11] == 1, bool(question[3] & 0x10)
    if edns and habit == "drops_edns":
        return None
    if edns and habit in {"formerr", "notimp"}:
        return question[:2] + bytes([0x81, 0x81 if habit == "formerr" else 0x84]) + bytes(8)
    tail = _OPT if edns else b""
    subject = b"control" not in question[12:end]
    if habit == "validates" and subject and not unchecked:
        return question[:2] + b"\x81\x82\0\1" + bytes(5) + bytes([edns]) + question[12:end] + tail
    cut = not over_tcp and (habit == "truncates_all" or (habit == "truncates" and subject))
    found = [] if cut or question[end - 4 : end - 2] != b"\0\1" else list(addresses)
    if habit == "long" and subject and found:
        found += [f"45.33.{40 + number // 200}.{number % 200 + 1}" for number in range(MANY)]
    head = question[:2] + (b"\x83\x80" if cut else b"\x81\x80") + b"\0\1" + len(found).to_bytes(2, "big")
    records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(one) for one in found)
    return head + b"\0\0" + bytes([0, edns]) + question[12:end] + records + tail


def serve(habit: str, address: str, addresses: Sequence[str]) -> None:
    """Answer on one address, over UDP and TCP, in threads."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    host, _, zone = address.partition("%")
    where = (host, 53, 0, socket.if_nametoindex(zone)) if zone else (host, 53)
    udp, tcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family)
    udp.bind(where)
    if family == socket.AF_INET:
        udp.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER, IP_PMTUDISC_DONT: fragment here
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind(where)
    tcp.listen()

    def datagrams() -> None:
        while True:
            question, peer = udp.recvfrom(4096)
            reply = answer(habit, question, addresses)
            if reply is not None:
                udp.sendto(reply, peer)

    def streams() -> None:
        while True:
            peer, _ = tcp.accept()
            with peer:
                reply = answer(habit, peer.recv(4096)[2:], addresses, over_tcp=True)
                if reply is not None:
                    peer.sendall(len(reply).to_bytes(2, "big") + reply)

    for work in (datagrams, streams):
        threading.Thread(target=work, daemon=True).start()


def main() -> None:
    """Serve what the first argument names: JSON, a list of habit, address and the addresses that are answered."""
    for habit, address, addresses in json.loads(sys.argv[1]):
        serve(habit, address, addresses)
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
