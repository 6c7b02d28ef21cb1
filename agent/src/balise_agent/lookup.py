"""From a broker's name to addresses without blocking: the address itself, the hosts file, then our own DNS question.

``getaddrinfo`` is banned: on a silent resolver it stopped the only thread for 6.1 s. What this does not know is mDNS
and search domains: a broker is named in full. An answer that lies leads to a TLS failure and to the next broker.
"""

import secrets
import socket
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Final

from balise_agent.codec import dns
from balise_agent.dial import Lookup, Wait
from balise_agent.reactor import READ

HOSTS: Final = Path("/etc/hosts")
_ANSWER_SECONDS: Final = 3.0
_PORT: Final = 53


def lookup_through(resolvers: Callable[[], Sequence[str]], hosts: Path = HOSTS, port: int = _PORT) -> Lookup:
    """Return the lookup that asks the resolvers of the moment, in order, IPv4 before IPv6."""

    def lookup(name: str) -> Generator[Wait, bool, tuple[str, ...]]:
        known = literal(name) or from_hosts(name, hosts)
        if known:
            return known
        for server in resolvers():
            found: tuple[str, ...] = ()
            for qtype in ("A", "AAAA"):
                found += yield from _ask(server, port, name, qtype)
            if found:
                return found
        return ()

    return lookup


def literal(name: str) -> tuple[str, ...]:
    """Return the name itself where it is an address already."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name)
        except OSError:
            continue
        return (name,)
    return ()


def from_hosts(name: str, hosts: Path) -> tuple[str, ...]:
    """Return the addresses that the hosts file (hosts(5)) gives the name."""
    try:
        lines = hosts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    fields = (line.partition("#")[0].split() for line in lines)
    return tuple(entry[0] for entry in fields if name.lower() in (alias.lower() for alias in entry[1:]))


def _ask(server: str, port: int, name: str, qtype: str) -> Generator[Wait, bool, tuple[str, ...]]:
    """Ask one resolver one question; silence and refusal are no addresses."""
    identifier = secrets.randbelow(0x10000)
    question = dns.query(identifier, name, qtype)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            # A connected socket hears this server only, and its refusal (ICMP) as an error.
            sock.connect((server, port))
            sock.send(question)
            while (yield Wait(sock, READ, _ANSWER_SECONDS)):
                message = sock.recv(65535)
                if dns.answers_to(identifier, message):
                    return dns.read_answer(message, name, qtype, rtt_ms=0.0, ttl=0, ip_id=0).addresses
        except OSError:
            return ()
    return ()
