"""Plays of ordinary life on the ground of netns_plays.py: old TLS servers, and what else the field has.

``netns_field.py NAME`` plays like netns_plays.py does. Lives here: the services of these plays, which run in the
server's namespace beside the others, and the plays. Must not live here: what they ought to be (the tests).
"""

import base64
import datetime as dt
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from balise_agent.delivery.dial import task
from balise_agent.delivery.lookup import lookup_through
from balise_agent.experiments import steps
from balise_agent.experiments.task import Task
from balise_agent.experiments.tls.plan import full_trial
from balise_agent.measure.conductor import Conductor, Outcome
from balise_agent.net.link import Link
from balise_agent.net.resolvers import Resolvers
from balise_agent.system.clock import Clock
from balise_agent.system.config import Timeouts
from balise_agent.system.reactor import Reactor
from balise_agent.testing import OpenGate
from balise_wire.assignment import Target
from balise_wire.words import Arm, TargetRole

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # as pytest's settings do
from tests.testbed.neighbours import beside, load

OldServer = beside(__file__, "old_server").OldServer
GROUND = load(Path(os.environ.get("BALISE_GROUND") or Path(__file__).with_name("netns_plays.py")))
"""Another checkout's programs are tried on its own ground."""
READY, SERVER, main, perform, say = GROUND.READY, GROUND.SERVER, GROUND.main, GROUND.perform, GROUND.say
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
NAME = "old.play.lab"
KINDS = ("no_rfc5746", "tls10", "tls11", "small_dh", "static_rsa", "small_key", "modern", "reset", "refuses_name")
PORT = {kind: 4430 + number for number, kind in enumerate(KINDS)}
_DH_1024 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
)
"""The prime of RFC 2409 6.2; its generator is 2."""


# --- services ---------------------------------------------------------------------------------------------------------


def serve_old_tls() -> None:
    """Serve one kind of TLS a port; every certificate is valid for the name but that of ``small_key``."""
    root = _root()
    ordinary, small = _certificate(2048, *root), _certificate(1024, *root)
    # PKCS #3: SEQUENCE of two INTEGERs.
    parameters = b"\x02\x81\x81\0" + bytes.fromhex(_DH_1024) + b"\x02\x01\x02"
    der = b"\x30\x81" + bytes([len(parameters)]) + parameters
    body = base64.encodebytes(der).decode()
    Path("/run/dh.pem").write_text(f"-----BEGIN DH PARAMETERS-----\n{body}-----END DH PARAMETERS-----\n")
    chain = x509.load_pem_x509_certificates(ordinary.read_bytes())
    key = load_pem_private_key(ordinary.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    _listen(PORT["no_rfc5746"], lambda peer: OldServer(peer, key, chain).serve(PAGE))
    _listen(PORT["tls10"], _with(_context(ordinary, most=ssl.TLSVersion.TLSv1)))
    _listen(PORT["tls11"], _with(_context(ordinary, most=ssl.TLSVersion.TLSv1_1)))
    small_dh = _context(ordinary, most=ssl.TLSVersion.TLSv1_2, ciphers="DHE-RSA-AES128-SHA")
    small_dh.load_dh_params("/run/dh.pem")
    _listen(PORT["small_dh"], _with(small_dh))
    _listen(PORT["static_rsa"], _with(_context(ordinary, most=ssl.TLSVersion.TLSv1_2, ciphers="AES128-SHA")))
    _listen(PORT["small_key"], _with(_context(small, most=ssl.TLSVersion.TLSv1_2)))
    _listen(PORT["modern"], _with(_context(ordinary, most=ssl.TLSVersion.TLSv1_3)))
    _listen(PORT["reset"], _reset)
    _listen(PORT["refuses_name"], _refuse_name)
    say(READY)
    signal.pause()


def _context(certificate: Path, *, most: ssl.TLSVersion, ciphers: str = "ALL") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = most
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.load_cert_chain(certificate)
    return context


def _with(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def handler(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as tls:
            tls.recv(65536)
            tls.sendall(PAGE)

    return handler


def _reset(peer: socket.socket) -> None:
    """Read a hello and reset: what a censor does."""
    peer.recv(65536)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def _refuse_name(peer: socket.socket) -> None:
    """Answer a hello with unrecognized_name (RFC 6066 3)."""
    peer.recv(65536)
    peer.sendall(b"\x15\x03\x03\x00\x02\x02\x70")
    peer.recv(65536)


def _listen(port: int, handler: Callable[[socket.socket], None]) -> None:
    """Serve a port, one connection after the other."""
    listener = socket.create_server((SERVER, port))

    def accept() -> None:
        while True:
            peer, _ = listener.accept()
            with peer:
                try:
                    handler(peer)
                except OSError:
                    continue

    threading.Thread(target=accept, daemon=True).start()


def _root() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Make the root that the plays' programs believe."""
    now, span = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.timedelta(days=20000)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Old Root")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - span)
        .not_valid_after(now + span)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    Path("/run/root.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return made, key


def _certificate(bits: int, root: x509.Certificate, signer: ec.EllipticCurvePrivateKey) -> Path:
    """Write a leaf with an RSA key of so many bits, signed by the root; return its file."""
    key = rsa.generate_private_key(65537, bits)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(root.not_valid_before_utc)
        .not_valid_after(root.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    file = Path(f"/run/rsa{bits}.pem")
    file.write_bytes(
        leaf.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return file


def start_beside(part: str, namespace: str = "server") -> subprocess.Popen[str]:
    """Start services of this file in a namespace."""
    command = ["ip", "netns", "exec", namespace, sys.executable, __file__, part, namespace]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == READY
    return child


# --- name servers -----------------------------------------------------------------------------------------------------

RESOLVERS = {
    "ok": "198.18.3.20",
    "formerr": "198.18.3.21",
    "notimp": "198.18.3.22",
    "servfail_edns": "198.18.3.23",
    "drop_edns": "198.18.3.24",
    "truncated": "198.18.3.25",
    "truncated_part": "198.18.3.26",
    "no_tcp": "198.18.3.27",
    "fragmented": "198.18.3.28",
    "fragmented6": "2001:db8:3::28",
    "lost_fragments": "198.18.3.29",
    "validating": "198.18.3.30",
    "servfail": "198.18.3.31",
    "dead": "198.18.4.3",
    "closed": "198.18.3.3",
    "link_local": "fe80::53%probe1",
    "link_local_bare": "fe80::53",
}
"""By what is wrong with them."""
ADDRESS = "192.0.2.1"
MANY = tuple(f"192.0.2.{number}" for number in range(1, 101))
"""An answer of 1,600 bytes."""


def serve_names() -> None:
    """Run every resolver of this namespace: the server's, or with an argument the router's link-local one."""
    if sys.argv[2:] == ["near"]:
        _serve_names("ok", "fe80::53%near1")
    else:
        for kind, address in RESOLVERS.items():
            if kind not in {"dead", "closed", "link_local", "link_local_bare"}:
                _serve_names(kind, address)
    say(READY)
    signal.pause()


def _serve_names(kind: str, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    host, _, zone = address.partition("%")
    where = (host, 53, 0, socket.if_nametoindex(zone)) if zone else (host, 53)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind(where)
    if family == socket.AF_INET:
        udp.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER, IP_PMTUDISC_DONT: fragment here

    def over_udp() -> None:
        while True:
            question, peer = udp.recvfrom(4096)
            reply = answer(kind, question)
            if reply is not None:
                udp.sendto(reply, peer)

    threading.Thread(target=over_udp, daemon=True).start()
    if kind == "no_tcp":
        return
    tcp = socket.socket(family)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind(where)
    tcp.listen()

    def over_tcp() -> None:
        while True:
            peer, _ = tcp.accept()
            with peer:
                question = peer.recv(4096)[2:]
                reply = answer("ok" if not kind.startswith("fragmented") else kind, question)
                assert reply is not None
                peer.sendall(len(reply).to_bytes(2, "big") + reply)

    threading.Thread(target=over_tcp, daemon=True).start()


def answer(kind: str, question: bytes) -> bytes | None:
    """Return what a resolver of this kind answers over UDP; everybody knows every name."""
    end = question.index(b"\0", 12) + 5
    edns, unchecked = question[11] == 1, bool(question[3] & 0x10)
    if edns and kind == "drop_edns":
        return None
    if edns and kind in {"formerr", "notimp", "servfail_edns"}:
        rcode = {"formerr": 1, "notimp": 4, "servfail_edns": 2}[kind]
        return question[:2] + bytes([0x81, 0x80 | rcode]) + bytes(8)
    if kind == "servfail" or (kind == "validating" and not unchecked):
        return question[:2] + b"\x81\x82\0\1" + bytes(5) + bytes([edns]) + question[12:end] + OPT[: 11 * edns]
    long = kind.startswith(("fragmented", "lost"))
    addresses = MANY if long else () if kind in {"truncated", "no_tcp"} else (ADDRESS,)
    flags = b"\x83\x80" if kind in {"truncated", "truncated_part", "no_tcp"} else b"\x81\x80"
    counts = b"\0\1" + len(addresses).to_bytes(2, "big") + b"\0\0" + bytes([0, edns])
    records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(one) for one in addresses)
    return question[:2] + flags + counts + question[12:end] + records + OPT[: 11 * edns]


OPT = b"\0\0\x29\x04\xd0" + bytes(6)


# --- plays ------------------------------------------------------------------------------------------------------------


def play_old_tls() -> dict[str, Any]:
    """Look at the chain and fetch the page of each kind of server."""
    told: dict[str, Any] = {}

    def plan(kind: str) -> Generator[Any, Any, tuple[()]]:
        target = Target(
            id=kind, service="old", role=TargetRole.WEB, host=NAME, port=PORT[kind], http_port=443, addresses=(SERVER,)
        )
        timeouts = Timeouts(connect=3.0, answer=3.0)
        task = Task(target=target, address=SERVER, timeouts=timeouts)
        told[kind] = yield from full_trial(task, Arm.SUBJECT, NAME)
        return ()

    def long_hello() -> Generator[Any, Any, tuple[()]]:
        connected = yield steps.Connect(address=SERVER, port=PORT["modern"], timeout=3.0)
        alpn = ("http/1.1", *(f"{number:03}" + "x" * 200 for number in range(15)))
        told["long_hello"] = yield steps.Handshake(handle=connected.handle, sni=NAME, timeout=3.0, alpn=alpn)
        told["long_hello_closed"] = yield steps.Close(handle=connected.handle)
        return ()

    server = start_beside("serve-old-tls")
    try:
        perform(*(plan(kind) for kind in KINDS), long_hello(), timeout=40.0)
    finally:
        server.kill()
        server.wait()
    return {"trials": msgspec.to_builtins(told)}


def prepare_names() -> None:
    """Give the resolvers their addresses, and the way back an MTU of 576 for those that fragment."""
    lines = [
        f"addr add {address}/{64 if ':' in address else 24} dev server3 {'nodad' if ':' in address else ''}"
        for kind, address in RESOLVERS.items()
        if kind not in {"dead", "closed", "link_local", "link_local_bare"}
    ]
    lines += [
        "route replace 198.18.1.0/24 via 198.18.3.1 mtu 576",
        "route replace 2001:db8:1::/64 via 2001:db8:3::1 mtu 1280",
    ]
    subprocess.run(["ip", "-n", "server", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    subprocess.run(["ip", "-n", "near", "addr", "add", "fe80::53/64", "dev", "near1", "nodad"], check=True)
    lost = f"ip saddr {RESOLVERS['lost_fragments']} ip frag-off & 0x1fff != 0 drop"
    rules = f"table ip play {{ chain forward {{ type filter hook forward priority 0; {lost}; }}\n}}\n"
    subprocess.run(["ip", "netns", "exec", "near", "nft", "-f", "-"], input=rules, text=True, check=True)


def names_with(plans: list[tuple[str, tuple[str, ...], Any]]) -> dict[str, Any]:
    """Carry out steps or plans, each with resolvers of its own; return replies or observations by name."""
    told: dict[str, Any] = {}

    def one(key: str, step: Any) -> Generator[Any, Any, tuple[()]]:
        told[key] = (yield step) if isinstance(step, steps.Step) else (yield from step)
        return ()

    for key, resolvers, step in plans:
        reactor = Reactor(Clock.from_environment())
        link = Link(reactor, OpenGate(), resolvers=resolvers)
        conductor = Conductor(link, reactor)
        ended: list[Outcome] = []
        conductor.start(one(key, step), on_done=ended.append)
        assert conductor.run_until(partial(bool, ended), 20.0), key
        if ended[0].error is not None:
            raise ended[0].error
        link.close()
    return told


QUESTION = steps.Query(name="www.play.lab", timeout=1.5, linger=0.1)


def play_names() -> dict[str, Any]:
    """Ask each resolver, alone and as the second of two."""
    prepare_names()
    near, server = start_beside("serve-names", "near"), start_beside("serve-names")
    try:
        plans: list[tuple[str, tuple[str, ...], Any]] = [
            (kind, (address,), QUESTION) for kind, address in RESOLVERS.items()
        ]
        ok = RESOLVERS["ok"]
        plans += [
            (f"{first} first", (RESOLVERS[first], ok), QUESTION)
            for first in ("dead", "closed", "link_local", "drop_edns")
        ]
        plans += [
            ("two first", (RESOLVERS["dead"], RESOLVERS["closed"], ok), QUESTION),
            ("no such zone", ("fe80::53%nowhere", ok), QUESTION),
            ("unchecked", (RESOLVERS["validating"],), msgspec.structs.replace(QUESTION, unchecked=True)),
        ]
        replies = names_with(plans)
        found = broker_names({key: resolvers for key, resolvers, _ in plans})
    finally:
        for child in (near, server):
            child.kill()
            child.wait()
    return {"replies": msgspec.to_builtins(replies), "found": found}


def broker_names(asked: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Look a broker's name up as the agent does before it dials, with each set of resolvers at once."""
    reactor = Reactor(Clock.from_environment())
    found: dict[str, tuple[str, ...]] = {}
    for key, resolvers in asked.items():
        lookup = lookup_through(Resolvers(resolvers).addresses, Path("/nowhere"))
        task(
            lookup("broker.play.lab"),
            reactor=reactor,
            done=partial(found.__setitem__, key),
            failed=lambda _, key=key: found.__setitem__(key, ("?",)),  # type: ignore[misc]
        ).start()
    reactor.run_until(lambda: len(found) == len(asked), 30.0)
    reactor.close()
    return found


PLAYS: dict[str, Callable[[], dict[str, Any]]] = {"old_tls": play_old_tls, "names": play_names}

if __name__ == "__main__":
    services = {"serve-old-tls": serve_old_tls, "serve-names": serve_names}
    if sys.argv[1] in services:
        services[sys.argv[1]]()
    else:
        main(__file__, PLAYS)
