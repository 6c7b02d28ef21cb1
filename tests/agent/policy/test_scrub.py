"""The scrubber: only what is on the list leaves, whatever a network puts into an observation."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.experiments import SCRUB_RULES
from balise_agent.experiments.http.outcome import without_query
from balise_agent.policy.redaction import redacted
from balise_agent.policy.scrub import Allowed, blurred, scrub
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.experiments.path import Hop, PathObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import Certificate, TlsObservation
from balise_wire.observations import Observation
from balise_wire.words import Arm, Scope

ALLOWED = Allowed(addresses=frozenset({"8.8.8.8"}), own=("192.168.7.0/24", "80.1.2.3"))
CLIENT = "80.1.2.3"


def one(observation: Observation) -> Observation:
    """Return the scrubbed observation."""
    (scrubbed,) = scrub((observation,), ALLOWED, SCRUB_RULES)
    return scrubbed


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Your IP {CLIENT} is blocked", "Your IP [ip] is blocked"),
        ("visitor 80-1-2-3 denied", "visitor [ip] denied"),
        ("from 2a00:1450:4001:800::200e now", "from [ip] now"),
        ("MAC 00:1a:2b:3c:4d:5e", "MAC [mac]"),
        ("subscriber 98-12345-678", "subscriber [id]"),
        ("session 5f2b9c1e-77aa-4d3e-9b1c-0123456789ab", "session [id]"),
        ("call +7 495 123 45 67", "call +[id]"),
        ("write to a.b@isp.example", "write to [mail]"),
        ("404 Not Found", "404 Not Found"),
        ("Twitter. It's what's happening in 2020", "Twitter. It's what's happening in 2020"),
        ("line\r\nbreak\x00", "line break "),
    ],
)
def test_text_names_no_visitor(text: str, left: str) -> None:
    """Block pages print the visitor's address and number: those go, the words stay."""
    assert redacted(text, 120) == left


@given(st.text(max_size=400), st.ip_addresses(), st.text(max_size=20))
def test_no_address_survives_in_text(before: str, address: object, after: str) -> None:
    """An address between any words is gone, and the result is bounded and printable."""
    left = redacted(f"{before} {address} {after}", 4000)
    assert f" {address} " not in left or str(address) == "::"
    assert len(redacted(before, 120)) <= 120
    assert not any(ord(character) < 32 for character in left)


@pytest.mark.parametrize(
    ("location", "left"),
    [
        ("http://block.isp.example/page?ip=80.1.2.3&user=7", "http://block.isp.example/page"),
        ("http://user:secret@block.example/#80.1.2.3", "http://block.example/"),
        ("/login;jsessionid=1", "/login"),
        ("//other.example/x", "//other.example/x"),
    ],
)
def test_redirects_lose_what_names_a_visitor(location: str, left: str) -> None:
    """Host and path are evidence; query, fragment, parameters and credentials are the visitor's."""
    assert without_query(location) == left


def test_http_keeps_what_is_listed() -> None:
    """Headers off the list, cookies first of all, never leave; those on it are redacted and bounded."""
    scrubbed = one(
        HttpObservation(
            arm=Arm.SUBJECT,
            at=1.0,
            address="9.9.9.9",
            port=80,
            host="a.example",
            title=f"Blocked for {CLIENT}",
            headers=(
                ("set-cookie", "id=1"),
                ("x-forwarded-for", CLIENT),
                ("via", "1.1 home-router"),
                ("location", f"http://{CLIENT}.isp.example/?u=1"),
                ("server", "x" * 500),
                ("content-length", "12"),
                ("content-range", "bytes 0-1/2\r\nX: 80.1.2.3"),
            ),
        )
    )
    assert isinstance(scrubbed, HttpObservation)
    assert [name for name, _ in scrubbed.headers] == ["location", "server", "content-length", "content-range"]
    assert len(dict(scrubbed.headers)["server"]) == 200
    assert dict(scrubbed.headers)["content-range"] == ""
    assert scrubbed.address == ""  # nobody assigned it
    assert CLIENT.encode() not in msgspec.json.encode(scrubbed)


def test_dns_answers_leave_unless_they_are_the_households() -> None:
    """A forged private answer is evidence; this machine's own address or LAN in an answer is not told."""
    answer = DnsAnswer(
        rtt_ms=1.0, addresses=("10.10.34.34", "192.168.7.1", CLIENT, "nonsense"), cnames=("a.example", "b c")
    )
    scrubbed = one(
        DnsObservation(arm=Arm.SUBJECT, at=1.0, name="a.example", answers=(answer,) * 40, tls_address="192.168.7.1")
    )
    assert isinstance(scrubbed, DnsObservation)
    assert scrubbed.answers[0].addresses == ("10.10.34.34",)
    assert scrubbed.answers[0].cnames == ("a.example",)
    assert scrubbed.answers[0].household == 2
    assert len(scrubbed.answers) == 16
    assert scrubbed.tls_address == ""


@pytest.mark.parametrize(
    ("own", "address"),
    [
        ("80.1.2.3/32", "80.1.2.3"),
        ("80.1.2.3/32", "::ffff:80.1.2.3"),
        ("80.1.2.3/32", "64:ff9b::5001:203"),
        ("80.1.2.3/32", "2002:5001:203::1"),
        ("80.1.2.3/32", "2a00:1450:4001:800::5001:203"),
        ("2a02:8388:1:2::/64", "2a02:8388:1:2::99"),
        ("2a02:8388:1:2::/64", "2a02:8388:1:77::1"),
        ("2a02:8388:1:2::/64", "2a02:8388:1:ff::1"),
    ],
)
def test_the_household_is_more_than_its_address(own: str, address: str) -> None:
    """Its IPv4 address inside an IPv6 one is its address; of IPv6 a provider hands out a /56 (RFC 6177)."""
    answer = DnsAnswer(rtt_ms=1.0, addresses=(address, "8.8.8.8"))
    dirty = DnsObservation(arm=Arm.SUBJECT, at=1.0, name="a.example", answers=(answer,), set_aside=(answer,))
    (scrubbed,) = scrub((dirty,), Allowed(own=(own,)), SCRUB_RULES)
    assert isinstance(scrubbed, DnsObservation)
    for told in (*scrubbed.answers, *scrubbed.set_aside):
        assert (told.addresses, told.household) == (("8.8.8.8",), 1)


def test_a_stranger_of_another_site_is_told() -> None:
    """The next /56 is somebody else's."""
    answer = DnsAnswer(rtt_ms=1.0, addresses=("2a02:8388:1:100::1",))
    dirty = DnsObservation(arm=Arm.SUBJECT, at=1.0, name="a.example", answers=(answer,))
    (scrubbed,) = scrub((dirty,), Allowed(own=("2a02:8388:1:2::/64",)), SCRUB_RULES)
    assert isinstance(scrubbed, DnsObservation)
    assert scrubbed.answers[0].addresses == answer.addresses


WAYS = (Direction.OUT, Direction.IN, Direction.IN)
DIGESTS = tuple(Packet(t_us=n, direction=direction, sha256="f" * 16) for n, direction in enumerate(WAYS))


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (DnsAnswer(rtt_ms=1.0, addresses=("9.9.9.9",), cnames=("edge.isp.example",)), 3),
        (DnsAnswer(rtt_ms=1.0, addresses=("9.9.9.9", CLIENT)), 1),
        (DnsAnswer(rtt_ms=1.0, addresses=("9.9.9.9",), cnames=("80-1-2-3.isp.example",)), 1),
        (DnsAnswer(rtt_ms=1.0, addresses=("9.9.9.9",), household=1), 1),
    ],
)
def test_an_answers_digest_tells_no_more_than_the_answer(answer: DnsAnswer, kept: int) -> None:
    """A payload that is known but for an address is that address to whoever has its digest."""
    scrubbed = one(DnsObservation(arm=Arm.SUBJECT, at=1.0, name="a.example", answers=(answer,), packets=DIGESTS))
    assert sum(bool(packet.sha256) for packet in scrubbed.packets) == kept
    assert scrubbed.packets[0].sha256


@pytest.mark.parametrize(("record", "kept"), [("other", 1), ("server_hello", 3), ("alert:40", 3), ("", 3)])
def test_a_page_in_the_place_of_tls_has_no_digest(record: str, kept: int) -> None:
    """What came in clear in the place of a ServerHello is a block page: it names its reader."""
    scrubbed = one(
        TlsObservation(arm=Arm.SUBJECT, at=1.0, address="8.8.8.8", port=443, sni=None, record=record, packets=DIGESTS)
    )
    assert sum(bool(packet.sha256) for packet in scrubbed.packets) == kept


def test_certificates_that_name_a_line_have_no_digest() -> None:
    """A router's own certificate stands in public indexes under its digest, beside the address it answers on."""
    own = Certificate(sha256="a" * 64, spki_sha256="b" * 64, subject=in_persian(CLIENT), issuer="CN=router")
    service = Certificate(sha256="c" * 64, spki_sha256="d" * 64, subject="sni123456.cdn.example", issuer="CN=R3")
    scrubbed = one(TlsObservation(arm=Arm.SUBJECT, at=1.0, address="8.8.8.8", port=443, sni=None, chain=(own, service)))
    assert isinstance(scrubbed, TlsObservation)
    assert [(bool(c.sha256), bool(c.spki_sha256)) for c in scrubbed.chain] == [(False, False), (True, True)]
    assert "[ip]" in scrubbed.chain[0].subject


def in_persian(text: str) -> str:
    """Return a text with Persian digits."""
    return "".join(chr(0x6F0 + int(character)) if character.isdigit() else character for character in text)


def test_names_in_answers_lose_what_names_a_line() -> None:
    """A CNAME with the visitor's address in it, as providers name their lines, keeps who runs it."""
    answer = DnsAnswer(rtt_ms=1.0, cnames=("80-1-2-3.block.isp.example", "www.isp.example"))
    scrubbed = one(DnsObservation(arm=Arm.SUBJECT, at=1.0, name="a.example", answers=(answer,)))
    assert isinstance(scrubbed, DnsObservation)
    assert scrubbed.answers[0].cnames == ("redacted.block.isp.example", "www.isp.example")


def test_assigned_addresses_stay() -> None:
    """What the collector assigned it may hear again."""
    scrubbed = one(TcpObservation(arm=Arm.SUBJECT, at=1.0, address="8.8.8.8", port=443))
    assert isinstance(scrubbed, TcpObservation)
    assert scrubbed.address == "8.8.8.8"


def test_packets_are_bounded_and_hops_blurred() -> None:
    """Ten packets a direction; a router is its prefix, and one inside the home only a word."""
    packets = tuple(
        Packet(t_us=n, direction=direction, hop="80.9.9.9" if n % 2 else "192.168.7.1", sha256="f" * 64)
        for n in range(30)
        for direction in Direction.known()
    )
    scrubbed = one(TcpObservation(arm=Arm.SUBJECT, at=1.0, address="8.8.8.8", port=443, packets=packets))
    assert len(scrubbed.packets) == 20
    assert {packet.hop for packet in scrubbed.packets} == {"80.9.9.0/24", "private"}
    assert all(len(packet.sha256) == 16 for packet in scrubbed.packets)


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("80.9.9.9", "80.9.9.0/24"),
        ("2a00:1450:4001:800::1", "2a00:1450:4001::/48"),
        ("fe80::1%eth0", "private"),
        ("100.64.1.1", "private"),
        ("", ""),
        ("router.lan", ""),
    ],
)
def test_blurring(address: str, prefix: str) -> None:
    """/24 and /48 at most; what is inside the home has no address at all."""
    assert blurred(address) == prefix


def test_paths_and_lines() -> None:
    """Hops are blurred one by one; a line names its controls only."""
    path = one(
        PathObservation(arm=Arm.SUBJECT, at=1.0, address="8.8.8.8", port=443, hops=(Hop(ttl=1, address="10.0.0.1"),))
    )
    assert isinstance(path, PathObservation)
    assert path.hops[0].address == "private"
    line = one(
        LineObservation(arm=Arm.SUBJECT, at=1.0, controls=(ControlResult(name="my router", scope=Scope.DOMESTIC),))
    )
    assert isinstance(line, LineObservation)
    assert line.controls[0].name == ""


def test_certificates_are_bounded() -> None:
    """A hostile chain of a hundred kilobyte names costs little and says nothing of the visitor."""
    certificate = Certificate(sha256="a" * 64, subject=f"{CLIENT} " + "s" * 1000, issuer="i" * 1000)
    scrubbed = one(
        TlsObservation(
            arm=Arm.SUBJECT, at=1.0, address="8.8.8.8", port=443, sni="a.example", chain=(certificate,) * 100
        )
    )
    assert isinstance(scrubbed, TlsObservation)
    assert len(scrubbed.chain) == 8
    assert scrubbed.chain[0].subject.startswith("[ip] ")
    assert (len(scrubbed.chain[0].subject), len(scrubbed.chain[0].issuer)) == (128, 256)


junk = st.text(max_size=60)


@given(junk, junk, junk, st.lists(st.tuples(junk, junk), max_size=5))
def test_own_address_never_leaves_by_any_field(a: str, b: str, c: str, headers: list[tuple[str, str]]) -> None:
    """Whatever a network writes around it: the visitor's address is in no field of what leaves."""
    dirty = HttpObservation(
        arm=Arm.SUBJECT,
        at=1.0,
        address=CLIENT,
        port=80,
        host=f"{a}.{CLIENT}",
        title=f"{a} {CLIENT} {b}",
        headers=(*((name, f"{value} {CLIENT}") for name, value in headers), ("server", f"{c} {CLIENT} ")),
    )
    assert CLIENT.encode() not in msgspec.json.encode(one(dirty))
