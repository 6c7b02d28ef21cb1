"""From a broker's name to addresses without blocking: the address itself, the hosts file, then our own DNS question.

``getaddrinfo`` is banned: on a silent resolver it stopped the only thread for 6.1 s. What this does not know is mDNS
and search domains: a broker is named in full. An answer that lies leads to a TLS failure and to the next broker.
"""

import errno
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from balise_agent.codec import dns
from balise_agent.delivery.dial import Lookup
from balise_agent.net.routes import sockaddr
from balise_agent.system.reactor import READ, WRITE
from balise_agent.system.task import Steps, file_ready
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.words import Way

HOSTS: Final = Path("/etc/hosts")
_TCP_SECONDS: Final = 3.0
_MOST_JUNK: Final = 8
"""Datagrams that answer nothing of ours, after which a resolver is as good as silent: it must not hold us for ever."""
_MOST_PIECES: Final = 32
"""Reads of one answer over TCP; a message of 64 KB needs a few."""
_SERVFAIL: Final = 2
_PORT: Final = 53


class _Form(NamedTuple):
    """One way to put the question, and how long its answer is waited for."""

    way: Way
    seconds: float
    unchecked: bool = False


_ORDINARY: Final = (_Form(Way.EDNS, 1.0), _Form(Way.EDNS, 1.5), _Form(Way.PLAIN, 1.5))
"""While nothing comes back: twice as everybody asks, and once without EDNS, which some resolvers drop."""
_UNCHECKED: Final = _Form(Way.EDNS, 2.0, unchecked=True)


def lookup_through(resolvers: Callable[[], Sequence[str]], hosts: Path = HOSTS, port: int = _PORT) -> Lookup:
    """Return the lookup that asks the resolvers of the moment, in order, IPv4 before IPv6."""

    def lookup(name: str) -> Steps[tuple[str, ...]]:
        known = literal(name) or from_hosts(name, hosts)
        if known:
            return known
        for server in resolvers():
            found = yield from _ask(server, port, name, "A")
            if found is not None:  # one that is silent to the first question is not asked the second
                found += (yield from _ask(server, port, name, "AAAA")) or ()
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


def _ask(server: str, port: int, name: str, qtype: str) -> Steps[tuple[str, ...] | None]:
    """Ask one resolver one question, in another way where it dislikes the first; ``None``: it cannot be asked.

    Refusals of EDNS, truncated answers and signatures that do not hold are the resolver's trouble or the name's, and no
    reason to go without our broker, whose certificate is checked anyhow.
    """
    found: tuple[str, ...] | None = None
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            # A connected socket hears this server only, and its refusal (ICMP) as an error.
            sock.connect(sockaddr(server, port))
            left, asked = list(_ORDINARY), dict[int, _Form]()
            while left:
                form = left.pop(0)
                answer = yield from _exchange(sock, asked, form, name, qtype)
                if answer is None:
                    continue
                if dns.refuses_form(answer):
                    left = [_ORDINARY[-1]]
                    continue
                found = answer.addresses
                if answer.tc:
                    found = (yield from _over_tcp(server, port, name, qtype)) or found
                left = [_UNCHECKED] if answer.rcode == _SERVFAIL and form is not _UNCHECKED else []
    except OSError:
        return found
    return found


def _exchange(
    sock: socket.socket, asked: dict[int, _Form], form: _Form, name: str, qtype: str
) -> Steps[DnsAnswer | None]:
    """Send one question and return the first answer to it or to an earlier one; ``None`` after silence (OSError)."""
    identifier = secrets.randbelow(0x10000)
    asked[identifier] = form
    sock.send(dns.query(identifier, name, qtype, edns=form.way is Way.EDNS, unchecked=form.unchecked))
    for _ in range(_MOST_JUNK):
        if not (yield file_ready(sock, READ, form.seconds)):
            break
        message = sock.recv(65535)
        known = next((asked[number] for number in asked if dns.answers_to(number, message)), None)
        if known is not None:
            answer = dns.read_answer(message, name, qtype, rtt_ms=0.0, ttl=0, ip_id=0, way=known.way)
            if not answer.malformed:
                return answer
    return None


def _over_tcp(server: str, port: int, name: str, qtype: str) -> Steps[tuple[str, ...]]:
    """Ask over TCP (RFC 7766) what was too long for UDP; nothing where that fails as well."""
    identifier = secrets.randbelow(0x10000)
    question = dns.query(identifier, name, qtype)
    with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        try:
            code = sock.connect_ex(sockaddr(server, port))
            if code not in {0, errno.EINPROGRESS} or not (yield file_ready(sock, WRITE, _TCP_SECONDS)):
                return ()
            sock.send(len(question).to_bytes(2, "big") + question)
            data = b""
            for _ in range(_MOST_PIECES):
                if len(data) >= 2 and len(data) >= 2 + int.from_bytes(data[:2], "big"):
                    break
                if not (yield file_ready(sock, READ, _TCP_SECONDS)):
                    return ()
                more = sock.recv(65535)
                if not more:
                    return ()
                data += more
        except OSError:
            return ()
    if not dns.answers_to(identifier, data[2:]):
        return ()
    return dns.read_answer(data[2:], name, qtype, rtt_ms=0.0, ttl=0, ip_id=0, way=Way.TCP).addresses
