"""Every box and fault, fired at with clients that know nothing of balise: it does what its name says, and only that."""

from typing import Any

import pytest

from balise_wire.experiments.vpn import CONTROLS, VpnProtocol
from tests.lab.testbed import Testbed

pytestmark = pytest.mark.lab

BLOCKED, OTHER_ISP, REFERENCE = "probe-64501-1", "probe-64502-1", "reference-de-1"
NEIGHBOUR_OF_ISP = "probe-64501-2"
BEHIND, ROUTER = "probe-64503-1", "192.168.1.1"
"""A probe behind a router of its home, and that router."""


def test_everything_answers_without_a_box(testbed: Testbed) -> None:
    """A lab without boxes is a healthy internet: whatever fails in a scenario was made to fail."""
    for place in (BLOCKED, OTHER_ISP, REFERENCE):
        in_country = place != REFERENCE
        for name, title in (("twitter.lab", "twitter web"), ("pbs.twimg.lab", "twitter media-image")):
            assert testbed.tls(place=place, address=testbed.address(name, in_country=in_country), name=name) == title
            assert testbed.http(place=place, address=testbed.address(name), name=name) == f"200 {title}"
    assert testbed.failures() == []


def test_the_lab_is_up_quickly(testbed: Testbed) -> None:
    """Bringing the lab up takes seconds of work, imports included, not minutes; how long they take is the machine's."""
    assert testbed.up_cpu_seconds < 10


def test_ports_and_certificates_are_as_asked(testbed: Testbed) -> None:
    """A role on a port of its own answers there; an expired and an untrusted certificate fail for that reason alone."""
    chat = testbed.address("chat.lab")
    assert testbed.tls(place=BLOCKED, address=chat, name="chat.lab", port=5223) == "chat web"
    expired = testbed.tls(place=BLOCKED, address=testbed.address("old.lab"), name="old.lab")
    assert expired == "certificate: certificate has expired"
    strange = testbed.tls(place=BLOCKED, address=testbed.address("strange.lab"), name="strange.lab")
    assert strange == "certificate: unable to get local issuer certificate"


def test_an_unknown_name_gets_a_certificate_not_a_drop(testbed: Testbed) -> None:
    """A scrambled SNI reaches the server and is answered, so that its failure always means somebody between."""
    said = testbed.tls(place=BLOCKED, address=testbed.address("twitter.lab"), name="twqxter.lab")
    assert said.startswith("certificate: Hostname mismatch")


def test_neighbours_live_on_the_subjects_address(testbed: Testbed) -> None:
    """Every service address serves another name: the control that differs in nothing but the name."""
    endpoint = testbed.topology.endpoints[0]
    address = endpoint.country_addresses[0]
    assert testbed.tls(place=BLOCKED, address=address, name=endpoint.neighbour) == "Neighbour of twitter"
    assert testbed.tls(place=BLOCKED, address=endpoint.sibling, name=endpoint.neighbour) == "Neighbour of twitter"


def test_resolvers_tell_regional_edges(testbed: Testbed) -> None:
    """The country's resolver names the regional edge, a reference's the other address; unknown names do not exist."""
    probe, reference = testbed.topology.probe(BLOCKED), testbed.topology.probe(REFERENCE)
    near, far = testbed.address("pbs.twimg.lab"), testbed.address("pbs.twimg.lab", in_country=False)
    assert near != far
    assert testbed.dns(place=BLOCKED, server=probe.resolver, name="pbs.twimg.lab") == [near]
    assert testbed.dns(place=REFERENCE, server=reference.resolver, name="pbs.twimg.lab") == [far]
    assert testbed.dns(place=BLOCKED, server=probe.resolver, name="no-such.lab") == ["rcode 3"]
    assert testbed.dns(place=BLOCKED, server=testbed.topology.public_resolver, name="twitter.lab") == [
        testbed.address("twitter.lab")
    ]


def test_the_silent_address_is_silent(testbed: Testbed) -> None:
    """The address of the triple probe is up and yet never says anything on port 53: whatever answers is forged."""
    silent = testbed.topology.silent_address
    assert testbed.dns(place=BLOCKED, server=silent, name="twitter.lab") == []
    assert testbed.ping(place=BLOCKED, address=silent, count=2)["share"] == 1.0


def test_a_program_sees_its_own_resolver(testbed: Testbed) -> None:
    """A program in a probe's namespace finds that network's resolver in /etc/resolv.conf, as on a real machine."""
    said = testbed.program(place=OTHER_ISP, argv=["cat", "/etc/resolv.conf"])
    assert said["out"] == f"nameserver {testbed.topology.probe(OTHER_ISP).resolver}\n"


def test_the_broker_answers_from_everywhere(testbed: Testbed) -> None:
    """The broker is reachable on one address from every network."""
    for place in (BLOCKED, OTHER_ISP, REFERENCE):
        assert testbed.tcp(place=place, address=testbed.topology.centre, port=1883) == "connected"


# ------------------------------------------------------------------ names in TLS
def tls(testbed: Testbed, place: str, name: str, **more: Any) -> str:
    """TLS to a name's own address as the country is told it."""
    return str(testbed.tls(place=place, address=testbed.address(name), name=name, **more))


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("sni.drop", "TimeoutError"), ("sni.rst", "ConnectionResetError"), ("sni.fin", "EOFError")],
)
def test_sni_boxes(testbed: Testbed, kind: str, outcome: str) -> None:
    """A name in a ClientHello kills its flow and no other: neither the neighbour's nor the other ISP's."""
    with testbed.box(kind=kind, isps=["asn64501"], match=["*.TWIMG.lab"]) as counted:
        assert tls(testbed, BLOCKED, "pbs.twimg.lab") == outcome
        assert tls(testbed, BLOCKED, "twitter.lab") == "twitter web"
        assert tls(testbed, OTHER_ISP, "pbs.twimg.lab") == "twitter media-image"
        neighbour = testbed.topology.endpoints[1].neighbour
        address = testbed.address("pbs.twimg.lab")
        assert testbed.tls(place=BLOCKED, address=address, name=neighbour) == "Neighbour of twitter"
        assert testbed.http(place=BLOCKED, address=address, name="pbs.twimg.lab") == "200 twitter media-image"
    assert counted["flows"] == 1
    assert counted["fired"] >= 1
    assert counted["seen"] > counted["matched"]
    assert tls(testbed, BLOCKED, "pbs.twimg.lab") == "twitter media-image"


def test_a_split_clienthello_is_put_together(testbed: Testbed) -> None:
    """A name that spans two segments is found: a box that only looks at one packet is a different box."""
    address = testbed.address("twitter.lab")
    with testbed.box(kind="sni.drop", match=["twitter.lab"]) as counted:
        for split in (1, 5, 60, 130):
            said = testbed.hello(place=BLOCKED, address=address, name="twitter.lab", split=split, timeout=0.5)
            assert said == "TimeoutError", split
        assert testbed.hello(place=BLOCKED, address=address, name="neutral.lab", split=60) == "answered"
    assert counted["flows"] == 4


def test_residual_blocking_follows_the_scenarios_clock(testbed: Testbed) -> None:
    """After a hit, (client, address, port) stays dead for the residual's seconds on the scenario's clock (60 x)."""
    address = testbed.address("twitter.lab")
    with testbed.box(kind="sni.drop", match=["twitter.lab"], residual=120.0):
        assert tls(testbed, BLOCKED, "twitter.lab", timeout=0.3) == "TimeoutError"
        assert testbed.tcp(place=BLOCKED, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert testbed.tcp(place=BLOCKED, address=address, port=80) == "connected"
        assert testbed.tcp(place=NEIGHBOUR_OF_ISP, address=address, port=443) == "connected"
        testbed.wait(seconds=2.2)
        assert testbed.tcp(place=BLOCKED, address=address, port=443) == "connected"


def test_on_path_resets_race_and_drop_nothing(testbed: Testbed) -> None:
    """An on-path box injects and lets everything pass: behind a delayed server the forged reset arrives first."""
    testbed.start(id="far", kind="delay", ms=30.0)
    try:
        with testbed.box(kind="sni.rst", match=["twitter.lab"], inline=False, toward_server=False) as counted:
            assert tls(testbed, BLOCKED, "twitter.lab") == "ConnectionResetError"
    finally:
        testbed.stop(identifier="far")
    # A busy machine may send the ClientHello twice before the reset is heard; each gets its three resets.
    assert counted["matched"] >= 1
    assert counted["fired"] == 3 * counted["matched"]


def test_two_boxes_at_one_place_both_see(testbed: Testbed) -> None:
    """A packet one box lets pass is still seen by the next one: NFQUEUE must not end the chain."""
    testbed.start(id="first", kind="sni.drop", match=["chat.lab"])
    testbed.start(id="second", kind="sni.rst", match=["twitter.lab"])
    testbed.start(id="third", kind="http.rst", match=["twitter.lab"])
    try:
        assert tls(testbed, BLOCKED, "twitter.lab") == "ConnectionResetError"
        assert tls(testbed, BLOCKED, "chat.lab", timeout=0.5) == "TimeoutError"
        assert tls(testbed, BLOCKED, "pbs.twimg.lab") == "twitter media-image"
        said = testbed.http(place=BLOCKED, address=testbed.address("twitter.lab"), name="twitter.lab")
        assert said == "ConnectionResetError"
    finally:
        counted = {name: testbed.stop(identifier=name)["flows"] for name in ("first", "second", "third")}
    assert counted == {"first": 1, "second": 1, "third": 1}


def test_a_box_at_an_isp_touches_that_isp_only(testbed: Testbed) -> None:
    """A box inside one ISP never sees the other's packets."""
    with testbed.box(kind="sni.rst", where="asn64502", match=["twitter.lab"]) as counted:
        assert tls(testbed, OTHER_ISP, "twitter.lab") == "ConnectionResetError"
        assert tls(testbed, BLOCKED, "twitter.lab") == "twitter web"
    assert counted["flows"] == 1


# ------------------------------------------------------------------ names in QUIC
def quic(testbed: Testbed, place: str, name: str, at: str = "", **more: Any) -> list[str]:
    """A greeting by QUIC at a name's own address, or at another's, and a question for versions behind it."""
    return testbed.quic(place=place, address=testbed.address(at or name), name=name, **more)


def test_a_name_in_quic_kills_its_flow(testbed: Testbed) -> None:
    """The box decrypts the first packet: neither another name, nor the other ISP, nor TLS over TCP is touched."""
    assert quic(testbed, BLOCKED, "twitter.lab") == ["greeted", "versions"]
    with testbed.box(kind="quic.sni", isps=["asn64501"], match=["twitter.lab"]) as counted:
        assert quic(testbed, BLOCKED, "twitter.lab") == ["silent", "silent"]
        assert quic(testbed, BLOCKED, "neutral.lab", at="twitter.lab") == ["greeted", "versions"]
        assert quic(testbed, OTHER_ISP, "twitter.lab") == ["greeted", "versions"]
        assert tls(testbed, BLOCKED, "twitter.lab") == "twitter web"
    assert counted["matched"] >= 1


def test_a_late_box_lets_the_greeting_pass(testbed: Testbed) -> None:
    """The first exchange succeeds, the flow is dead behind it."""
    with testbed.box(kind="quic.sni", match=["twitter.lab"], passes=1):
        assert quic(testbed, BLOCKED, "twitter.lab") == ["greeted", "silent"]


def test_a_box_on_the_version_leaves_other_datagrams_alone(testbed: Testbed) -> None:
    """Whatever the name: version 1 dies, and what asks for versions is answered on the same flow."""
    with testbed.box(kind="quic.version", match=["twitter"]):
        assert quic(testbed, BLOCKED, "neutral.lab", at="twitter.lab") == ["silent", "versions"]
        assert quic(testbed, BLOCKED, "chat.lab") == ["greeted", "versions"]


def test_a_box_on_udp_leaves_tcp_alone(testbed: Testbed) -> None:
    """All of UDP 443, or that of one address."""
    with testbed.box(kind="udp.drop", ports=[443]):
        assert quic(testbed, BLOCKED, "chat.lab", timeout=0.2) == ["silent", "silent"]
        assert tls(testbed, BLOCKED, "chat.lab") == "chat web"
    with testbed.box(kind="quic.drop", match=["twitter"]):
        assert quic(testbed, BLOCKED, "twitter.lab", timeout=0.2) == ["silent", "silent"]
        assert quic(testbed, BLOCKED, "chat.lab") == ["greeted", "versions"]


# ------------------------------------------------------------------ calls
def stun(testbed: Testbed, place: str, name: str, **more: Any) -> list[str]:
    """Binding requests with and without the magic cookie to a host."""
    return testbed.stun(place=place, address=testbed.address(name), **more)


def test_a_box_on_the_cookie_leaves_other_datagrams_alone(testbed: Testbed) -> None:
    """Who is asked does not matter: what bears STUN's mark dies, as many bytes without it pass, and so does QUIC."""
    assert stun(testbed, BLOCKED, "twitter.lab") == ["bound", "bound"]
    with testbed.box(kind="udp.stun", isps=["asn64501"]) as counted:
        assert stun(testbed, BLOCKED, "twitter.lab") == ["silent", "bound"]
        assert stun(testbed, BLOCKED, "chat.lab") == ["silent", "bound"]
        assert stun(testbed, OTHER_ISP, "twitter.lab") == ["bound", "bound"]
        assert quic(testbed, BLOCKED, "twitter.lab") == ["greeted", "versions"]
    assert counted["matched"] == 2
    with testbed.box(kind="udp.stun", match=["twitter"], ports=[3478]):
        assert stun(testbed, BLOCKED, "twitter.lab") == ["silent", "bound"]
        assert stun(testbed, BLOCKED, "chat.lab") == ["bound", "bound"]


def test_udp_to_a_call_server_dies_and_to_others_passes(testbed: Testbed) -> None:
    """One address and port; the last international control answers on another port too."""
    control = [one for one in testbed.topology.controls if one.scope == "international"][-1]
    with testbed.box(kind="udp.drop", match=["twitter"], ports=[3478]):
        assert stun(testbed, BLOCKED, "twitter.lab") == ["silent", "silent"]
        assert stun(testbed, BLOCKED, "chat.lab") == ["bound", "bound"]
    with testbed.box(kind="udp.drop", ports=[3478]):
        assert testbed.stun(place=BLOCKED, address=control.address) == ["silent", "silent"]
        assert testbed.stun(place=BLOCKED, address=control.address, port=19302) == ["bound", "bound"]


@pytest.mark.parametrize(
    ("kind", "passed"),
    [
        ("call.media_cut_up", {"up": 0, "down": 40}),
        ("call.media_cut_down", {"up": 40, "down": 0}),
        ("call.media_cut", {"up": 0, "down": 0}),
    ],
)
def test_a_box_on_voice_cuts_one_way(testbed: Testbed, kind: str, passed: dict[str, int]) -> None:
    """What looks like a call vanishes that way; as many packets that look like nothing pass, and so does QUIC."""
    assert testbed.call(place=BLOCKED, up="voice", down="voice") == 40
    with testbed.box(kind=kind, isps=["asn64501"]):
        assert testbed.call(place=BLOCKED, up="noise", down="noise") == 40
        assert testbed.call(place=BLOCKED, up="voice", down="noise") == passed["up"]
        assert testbed.call(place=BLOCKED, up="noise", down="voice") == passed["down"]
        assert testbed.call(place=OTHER_ISP, up="voice", down="voice") == 40
        assert quic(testbed, BLOCKED, "twitter.lab") == ["greeted", "versions"]
        assert stun(testbed, BLOCKED, "twitter.lab") == ["bound", "bound"]


@pytest.mark.parametrize(
    ("kind", "more", "rounds"),
    [
        ("vpn.wireguard", {}, {"wireguard": 0}),
        ("vpn.ikev2", {}, {"ikev2": 0}),
        ("vpn.openvpn", {"spared": 0}, {"openvpn": 0}),
        ("vpn.openvpn", {"spared": 2}, {"openvpn": 1}),
        ("vpn.openvpn", {}, {"openvpn": 1}),
        ("vpn.openvpn", {"spared": 7}, {"openvpn": 2}),
        ("vpn.openvpn_tcp", {}, {"openvpn_tcp": 1}),
        ("vpn.openvpn_tcp", {"passed": 3}, {"openvpn_tcp": 2}),
        ("vpn.fully_encrypted", {}, {"fully_encrypted": "TimeoutError", "obfs4": "TimeoutError"}),
    ],
)
def test_a_box_on_a_vpn_leaves_all_else_alone(
    testbed: Testbed, kind: str, more: dict[str, int], rounds: dict[str, int | str]
) -> None:
    """One protocol is cut behind so many packets; the others, what is nobody's in their sizes, calls and QUIC pass."""
    whole = {"openvpn": 3, "wireguard": 2, "ikev2": 2, "openvpn_tcp": 3, "fully_encrypted": 3, "obfs4": 3}
    with testbed.box(kind=kind, isps=["asn64501"], **more) as counted:
        for protocol, count in whole.items():
            assert testbed.vpn(place=BLOCKED, protocol=protocol, shape="protocol") == rounds.get(protocol, count)
            for shape in CONTROLS[VpnProtocol(protocol)]:
                assert testbed.vpn(place=BLOCKED, protocol=protocol, shape=shape) == count
            assert testbed.vpn(place=OTHER_ISP, protocol=protocol, shape="protocol") == count
        assert testbed.call(place=BLOCKED, up="voice", down="voice") == 40
        assert quic(testbed, BLOCKED, "twitter.lab") == ["greeted", "versions"]
    assert counted["fired"] > 0


def test_the_first_packets_of_a_call_may_pass(testbed: Testbed) -> None:
    """So that whoever asks for an answer alone sees none of it."""
    with testbed.box(kind="call.media_cut_up", passes=10):
        assert testbed.call(place=BLOCKED, up="voice", down="noise") == 10


# ------------------------------------------------------------------ names in DNS
FORGED = "203.0.113.66"


def test_dns_injection_answers_first_and_the_truth_follows(testbed: Testbed) -> None:
    """A query that crosses the gateway gets the forged answers, then the true one; even a silent address "answers"."""
    public, silent = testbed.topology.public_resolver, testbed.topology.silent_address
    with testbed.box(kind="dns.inject", match=["twitter.lab"], answer=[FORGED, "203.0.113.67"]) as counted:
        answers = testbed.dns(place=BLOCKED, server=public, name="twitter.lab")
        assert answers == [FORGED, "203.0.113.67", testbed.address("twitter.lab")]
        assert testbed.dns(place=BLOCKED, server=silent, name="TWITTER.lab") == [FORGED, "203.0.113.67"]
        assert testbed.dns(place=BLOCKED, server=public, name="chat.lab") == [testbed.address("chat.lab")]
        # The ISP's resolver asks across the gateway and believes the first answer.
        resolver = testbed.topology.probe(BLOCKED).resolver
        assert testbed.dns(place=BLOCKED, server=resolver, name="twitter.lab") == [FORGED]
        assert testbed.dns(place=REFERENCE, server=public, name="twitter.lab") == [testbed.address("twitter.lab")]
    assert counted["matched"] == 3
    assert counted["fired"] == 6


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("dns.bogus", [FORGED]),
        ("dns.servfail", ["rcode 2"]),
        ("dns.nxdomain", ["rcode 3"]),
        ("dns.refused", ["rcode 5"]),
        ("dns.silent", []),
    ],
)
@pytest.mark.parametrize("where", ["gateway", "asn64501"])
def test_dns_boxes_replace_the_answer(testbed: Testbed, kind: str, answers: list[str], where: str) -> None:
    """These boxes answer instead of the resolver (or nobody does), at the ISP's own resolver and on the path alike."""
    probe = testbed.topology.probe(BLOCKED)
    server = testbed.topology.public_resolver if where == "gateway" else probe.resolver
    with testbed.box(kind=kind, where=where, match=["twitter.lab"]) as counted:
        assert testbed.dns(place=BLOCKED, server=server, name="twitter.lab") == answers
        assert testbed.dns(place=BLOCKED, server=server, name="chat.lab") == [testbed.address("chat.lab")]
    assert counted["matched"] == 1
    assert counted["fired"] == 1 + len(answers)  # the query is dropped as well


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("dns.bogus", FORGED), ("dns.nxdomain", "rcode 3"), ("dns.silent", "TimeoutError"), ("dns.inject", "")],
)
def test_dns_over_tcp(testbed: Testbed, kind: str, outcome: str) -> None:
    """What stands in for a resolver does so over TCP as well; an injector only knows UDP."""
    public = testbed.topology.public_resolver
    with testbed.box(kind=kind, match=["twitter.lab"]):
        said = testbed.dns_tcp(place=BLOCKED, server=public, name="twitter.lab")
        assert said == (outcome or testbed.address("twitter.lab"))
        assert testbed.dns_tcp(place=BLOCKED, server=public, name="chat.lab") == testbed.address("chat.lab")


def test_dns_hijack_answers_for_any_resolver(testbed: Testbed) -> None:
    """Whoever is asked, the ISP's resolver answers in that one's name: even an address that runs none."""
    silent, public = testbed.topology.silent_address, testbed.topology.public_resolver
    with testbed.box(kind="dns.hijack", where="asn64501") as counted:
        near = testbed.address("pbs.twimg.lab")
        assert testbed.dns(place=BLOCKED, server=silent, name="pbs.twimg.lab") == [near]
        assert testbed.dns(place=BLOCKED, server=public, name="pbs.twimg.lab") == [near]
        assert testbed.dns(place=OTHER_ISP, server=silent, name="pbs.twimg.lab") == []
    assert counted["fired"] >= 2


# ------------------------------------------------------------------ names in HTTP
def test_http_block_page(testbed: Testbed) -> None:
    """A blocked Host gets the page of the box in the server's name; another Host on the same address gets its own."""
    address = testbed.address("twitter.lab")
    with testbed.box(kind="http.blockpage", match=["twitter.lab"], title="Surf Safely") as counted:
        assert testbed.http(place=BLOCKED, address=address, name="Twitter.LAB") == "200 Surf Safely"
        neighbour = testbed.topology.endpoints[0].neighbour
        assert testbed.http(place=BLOCKED, address=address, name=neighbour) == "200 Neighbour of twitter"
        assert tls(testbed, BLOCKED, "twitter.lab") == "twitter web"
    assert counted["flows"] == 1
    assert counted["fired"] >= 3


def test_http_redirect_reset_and_drop(testbed: Testbed) -> None:
    """The other ways of an HTTP box."""
    address = testbed.address("twitter.lab")
    with testbed.box(kind="http.redirect", match=["twitter.lab"]):
        assert testbed.http(place=BLOCKED, address=address, name="twitter.lab") == "302"
    with testbed.box(kind="http.rst", match=["twitter.lab"]):
        assert testbed.http(place=BLOCKED, address=address, name="twitter.lab") == "ConnectionResetError"
    with testbed.box(kind="http.drop", match=["twitter.lab"]):
        assert testbed.http(place=BLOCKED, address=address, name="twitter.lab", timeout=0.5) == "TimeoutError"
        assert testbed.http(place=BLOCKED, address=address, name="elsewhere.lab") == "200 Hosting"


# ------------------------------------------------------------------ other ways of TLS
def test_tls_interception_shows_a_strangers_certificate(testbed: Testbed) -> None:
    """An interceptor answers in the server's name under a root nobody trusts; other names are as usual."""
    with testbed.box(kind="tls.mitm", where="asn64501", match=["twitter.lab"]) as counted:
        assert tls(testbed, BLOCKED, "twitter.lab") == "certificate: unable to get local issuer certificate"
        assert tls(testbed, BLOCKED, "chat.lab") == "chat web"
        assert tls(testbed, OTHER_ISP, "twitter.lab") == "twitter web"
        neighbour = testbed.topology.endpoints[0].neighbour
        assert testbed.tls(place=BLOCKED, address=testbed.address("twitter.lab"), name=neighbour) == "twitter web"
    assert counted["fired"] == 2
    assert tls(testbed, BLOCKED, "twitter.lab") == "twitter web"


def test_rate_police_slows_the_named_flow_only(testbed: Testbed) -> None:
    """A flow with the name gets the policer's rate, the same page under another name the line's."""
    address, host = testbed.address("pbs.twimg.lab"), "pbs.twimg.lab"
    neighbour = testbed.topology.endpoints[1].neighbour
    with testbed.box(kind="rate.police", match=[host], kbit=500) as counted:
        slow = testbed.fetch_tls(place=BLOCKED, address=address, name=host)
        fast = testbed.fetch_tls(place=BLOCKED, address=address, name=neighbour)
    assert slow["bytes"] > 200_000
    assert fast["bytes"] > 200_000
    assert slow["seconds"] > 1.0
    assert fast["seconds"] < slow["seconds"] / 4
    assert counted["flows"] == 1
    assert counted["fired"] > 5


def test_rate_shape_lets_the_named_flow_wait(testbed: Testbed) -> None:
    """A flow with the name gets the shaper's rate, another name the line's; then all is as usual."""
    address, host = testbed.address("pbs.twimg.lab"), "pbs.twimg.lab"
    neighbour = testbed.topology.endpoints[1].neighbour
    with testbed.box(kind="rate.shape", match=[host], kbit=1000) as counted:
        slow = testbed.fetch_tls(place=BLOCKED, address=address, name=host)
        fast = testbed.fetch_tls(place=BLOCKED, address=address, name=neighbour)
    again = testbed.fetch_tls(place=BLOCKED, address=address, name=host)
    assert slow["bytes"] > 200_000
    assert slow["seconds"] > 1.0
    assert fast["seconds"] < slow["seconds"] / 2
    assert again["seconds"] < slow["seconds"] / 2
    assert counted["matched"] >= 1


# ------------------------------------------------------------------ addresses
@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("ip.drop", "TimeoutError"), ("ip.rst", "ConnectionRefusedError 111"), ("ip.icmp", "OSError 113")],
)
def test_ip_boxes(testbed: Testbed, kind: str, outcome: str) -> None:
    """An address is unreachable for the ISP under the box, in the way its name says, and for nobody else."""
    address, other = testbed.address("twitter.lab"), testbed.address("chat.lab")
    with testbed.box(kind=kind, isps=["asn64501"], match=["twitter.lab"]) as counted:
        assert testbed.tcp(place=BLOCKED, address=address, port=443, timeout=0.5) == outcome
        assert testbed.tcp(place=BLOCKED, address=other, port=443) == "connected"
        assert testbed.tcp(place=OTHER_ISP, address=address, port=443) == "connected"
        assert testbed.tcp(place=REFERENCE, address=address, port=443) == "connected"
    assert counted["fired"] >= 1
    assert counted["matched"] == counted["fired"]


def test_port_drop_touches_its_ports_only(testbed: Testbed) -> None:
    """A port is dead, another one of the same address is not."""
    address = testbed.address("chat.lab")
    with testbed.box(kind="port.drop", match=["chat"], ports=[5223]):
        assert testbed.tcp(place=BLOCKED, address=address, port=5223, timeout=0.3) == "TimeoutError"
        assert testbed.tcp(place=BLOCKED, address=address, port=443) == "connected"


# ------------------------------------------------------------------ shutdowns
def test_isp_shutdown(testbed: Testbed) -> None:
    """One ISP is cut off from abroad, its own machines still answer; the other ISP notices nothing."""
    address = testbed.address("twitter.lab")
    with testbed.box(kind="isp.shutdown", where="asn64501") as counted:
        assert testbed.tcp(place=BLOCKED, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert testbed.ping(place=BLOCKED, address=testbed.topology.probe(BLOCKED).resolver, count=2)["share"] == 1
        assert testbed.tcp(place=OTHER_ISP, address=address, port=443) == "connected"
    assert counted["fired"] >= 1
    with testbed.box(kind="isp.shutdown", isps=["asn64501"]):
        assert testbed.tcp(place=BLOCKED, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert testbed.tcp(place=OTHER_ISP, address=address, port=443) == "connected"


def test_country_shutdown_leaves_the_country_inside(testbed: Testbed) -> None:
    """Nothing crosses the border, while domestic servers answer and domestic names resolve."""
    home = next(control for control in testbed.topology.controls if control.scope == "domestic")
    resolver = testbed.topology.probe(BLOCKED).resolver
    with testbed.box(kind="country.shutdown"):
        address = testbed.address("twitter.lab")
        assert testbed.tcp(place=OTHER_ISP, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert testbed.tls(place=BLOCKED, address=home.address, name=home.name) == f"Control {home.name}"
        assert testbed.dns(place=BLOCKED, server=resolver, name=home.name) == [home.address]
        assert testbed.tcp(place=REFERENCE, address=address, port=443) == "connected"


def test_district_shutdown(testbed: Testbed) -> None:
    """Only the probes of the district are dark, also towards their own ISP."""
    address = testbed.address("twitter.lab")
    with testbed.box(kind="district.shutdown", where="asn64501", probes=[BLOCKED]):
        assert testbed.tcp(place=BLOCKED, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert testbed.tcp(place=NEIGHBOUR_OF_ISP, address=address, port=443) == "connected"


# ------------------------------------------------------------------ ordinary faults
def test_loss_is_as_large_as_asked(testbed: Testbed) -> None:
    """Loss on an ISP's uplink, each way: 20 % each way leaves 64 % of the round trips."""
    with testbed.box(kind="loss", where="asn64501", percent=20.0) as counted:
        share = testbed.ping(place=BLOCKED, address=testbed.address("twitter.lab"), count=400, interval=0.002)["share"]
        assert 0.50 < share < 0.78
        assert testbed.ping(place=OTHER_ISP, address=testbed.address("twitter.lab"), count=20)["share"] == 1.0
    assert counted["fired"] > 40


def test_delay_is_as_long_as_asked_and_carries_traffic(testbed: Testbed) -> None:
    """100 ms are a round trip's, and a page of 200 kB still arrives whole in a few of them."""
    address = testbed.address("pbs.twimg.lab")
    with testbed.box(kind="delay", where="asn64501", ms=100.0):
        assert 99 < testbed.ping(place=BLOCKED, address=address, count=5)["least_ms"] < 130
        assert testbed.ping(place=OTHER_ISP, address=address, count=5)["ms"] < 30
        fetched = testbed.fetch(place=BLOCKED, address=address, name="pbs.twimg.lab")
    assert fetched["bytes"] > 200_000
    assert fetched["seconds"] < 5
    with testbed.box(kind="delay", where=BLOCKED, ms=40.0, jitter=20.0):
        assert 40 < testbed.ping(place=BLOCKED, address=address, count=10)["ms"] < 80
        assert testbed.ping(place=NEIGHBOUR_OF_ISP, address=address, count=5)["ms"] < 20


def test_wifi_kills_one_probes_access_link(testbed: Testbed) -> None:
    """The probe is alone, its neighbour is not."""
    address = testbed.address("twitter.lab")
    with testbed.box(kind="wifi", where=BLOCKED):
        assert testbed.tcp(place=BLOCKED, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert testbed.tcp(place=NEIGHBOUR_OF_ISP, address=address, port=443) == "connected"


@pytest.mark.parametrize("kind", ["wifi", "power"])
def test_a_dead_link_answers_no_arp(testbed: Testbed, kind: str) -> None:
    """Who has lost the router itself must not look like a home behind a dead provider."""
    router = testbed.topology.probe(BLOCKED).resolver

    def forget() -> None:
        testbed.program(place=BLOCKED, argv=["ip", "neigh", "flush", "all"])

    with testbed.box(kind=kind, where=BLOCKED):
        forget()
        testbed.tcp(place=BLOCKED, address=router, port=53, timeout=0.3)
        assert "REACHABLE" not in testbed.program(place=BLOCKED, argv=["ip", "neigh", "show"])["out"]
    forget()
    assert testbed.dns(place=BLOCKED, server=router, name="twitter.lab")


@pytest.mark.parametrize(
    ("act", "outcome"), [("reset", "ConnectionResetError"), ("close", "EOFError"), ("alert", "SSLError")]
)
def test_a_front_turns_a_country_away_by_name(testbed: Testbed, act: str, outcome: str) -> None:
    """The service's own doing: the country is cut, the reference is served, the neighbour's name as well."""
    with testbed.box(kind="server.hello", isps=["asn64501"], match=["twitter.lab"], act=act) as counted:
        assert tls(testbed, BLOCKED, "twitter.lab") == outcome
        assert tls(testbed, BLOCKED, "pbs.twimg.lab") == "twitter media-image"
        assert tls(testbed, OTHER_ISP, "twitter.lab") == "twitter web"
        far = testbed.address("twitter.lab", in_country=False)
        assert testbed.tls(place=REFERENCE, address=far, name="twitter.lab") == "twitter web"
        # The operator's helper stands beside the service: what carries the name there is not the service's business.
        said = testbed.tls(place=BLOCKED, address=testbed.topology.helper, name="twitter.lab")
        assert said == "certificate: self-signed certificate"
    assert counted["flows"] == 1


@pytest.mark.parametrize(("kind", "passes", "fails"), [
    ("sni.drop", "twitter web", "TimeoutError"), ("ip.rst", "twitter web", "ConnectionRefusedError"),
])  # fmt: skip
def test_a_box_on_a_share_of_flows(testbed: Testbed, kind: str, passes: str, fails: str) -> None:
    """Half of the flows are struck, each from its first packet on or never."""
    with testbed.box(kind=kind, match=["twitter.lab"], share=50.0):
        said = [tls(testbed, BLOCKED, "twitter.lab", timeout=0.4) for _ in range(24)]
    assert set(said) <= {passes, fails}
    assert 3 <= said.count(passes) <= 21


def test_a_prefix_takes_its_neighbours_along(testbed: Testbed) -> None:
    """A null-routed network darkens the sibling address too; the other provider reaches both."""
    endpoint = testbed.topology.endpoints[0]
    with testbed.box(kind="ip.prefix", isps=["asn64501"], match=["twitter.lab"]):
        for address in (testbed.address("twitter.lab"), endpoint.sibling):
            assert testbed.tcp(place=BLOCKED, address=address, port=443, timeout=0.3) == "TimeoutError"
            assert testbed.tcp(place=OTHER_ISP, address=address, port=443) == "connected"


@pytest.mark.parametrize("kind", ["tcp.freeze", "server.stall"])
def test_connections_freeze_after_some_bytes(testbed: Testbed, kind: str) -> None:
    """The handshake passes, the page does not; other providers have all of it."""
    with testbed.box(kind=kind, isps=["asn64501"], match=["pbs.twimg.lab"], after=15_000):
        address = testbed.address("pbs.twimg.lab")
        assert testbed.whole(place=BLOCKED, address=address, name="pbs.twimg.lab") == "TimeoutError late"
        assert testbed.whole(place=OTHER_ISP, address=address, name="pbs.twimg.lab") == "whole"


@pytest.mark.parametrize(("mode", "outcome"), [("drop", "TimeoutError"), ("refuse", "ConnectionRefusedError 111")])
def test_a_firewall_of_the_service_takes_no_connection(testbed: Testbed, mode: str, outcome: str) -> None:
    """The country is refused at the SYN, the reference is served."""
    with testbed.box(kind="server.syn", match=["twitter.lab"], isps=["asn64501", "asn64502"], mode=mode):
        address = testbed.address("twitter.lab")
        assert testbed.tcp(place=BLOCKED, address=address, port=443, timeout=0.3) == outcome
        assert testbed.tcp(place=REFERENCE, address=address, port=443) == "connected"


def test_a_forged_alert_ends_a_handshake(testbed: Testbed) -> None:
    """The client is told by an alert; another name passes."""
    with testbed.box(kind="sni.alert", isps=["asn64501"], match=["twitter.lab"]) as counted:
        assert tls(testbed, BLOCKED, "twitter.lab") not in {"twitter web", "TimeoutError"}
        assert tls(testbed, BLOCKED, "pbs.twimg.lab") == "twitter media-image"
    assert counted["flows"] == 1


def test_a_list_of_permitted_names(testbed: Testbed) -> None:
    """Every name dies but those that are permitted."""
    with testbed.box(kind="sni.allow", isps=["asn64501"], match=["twitter.lab"]):
        assert tls(testbed, BLOCKED, "twitter.lab") == "twitter web"
        assert tls(testbed, BLOCKED, "chat.lab", timeout=0.5) == "TimeoutError"


def test_every_greeting_to_an_address_dies(testbed: Testbed) -> None:
    """The connection stands, and any ClientHello ends it; other addresses are left alone."""
    with testbed.box(kind="tls.drop", isps=["asn64501"], match=["twitter.lab"]):
        assert tls(testbed, BLOCKED, "twitter.lab", timeout=0.5) == "TimeoutError"
        assert testbed.tcp(place=BLOCKED, address=testbed.address("twitter.lab"), port=443) == "connected"
        assert tls(testbed, BLOCKED, "pbs.twimg.lab") == "twitter media-image"


def test_a_hoster_is_cut_with_all_its_services(testbed: Testbed) -> None:
    """Services of the same hoster that nobody named are gone as well; home and the other provider are not."""
    with testbed.box(kind="ip.as", isps=["asn64501"], match=["twitter.lab"]):
        for name in ("twitter.lab", "chat.lab"):
            assert testbed.tcp(place=BLOCKED, address=testbed.address(name), port=443, timeout=0.3) == "TimeoutError"
        assert testbed.tcp(place=OTHER_ISP, address=testbed.address("twitter.lab"), port=443) == "connected"
        assert testbed.tcp(place=BLOCKED, address=testbed.address("cdn.lab"), port=443) == "connected"


def test_a_portal_answers_every_page(testbed: Testbed) -> None:
    """Whatever name is asked, the page is the portal's; the neighbour's home has none."""
    with testbed.box(kind="portal", where="asn64501", probes=[BLOCKED], title="Log in"):
        for name in ("twitter.lab", "chat.lab"):
            assert testbed.http(place=BLOCKED, address=testbed.address(name), name=name) == "200 Log in"
        assert tls(testbed, BLOCKED, "twitter.lab").startswith("Connection")
        assert tls(testbed, NEIGHBOUR_OF_ISP, "twitter.lab") == "twitter web"


def test_a_box_touches_the_probes_it_names(testbed: Testbed) -> None:
    """One home is blocked and its neighbour at the same provider is not."""
    with testbed.box(kind="sni.rst", match=["twitter.lab"], probes=[BLOCKED]):
        assert tls(testbed, BLOCKED, "twitter.lab") == "ConnectionResetError"
        assert tls(testbed, NEIGHBOUR_OF_ISP, "twitter.lab") == "twitter web"


def test_server_down_is_down_for_everyone(testbed: Testbed) -> None:
    """A dead server is dead for the country and for the references; other hosts of the service are not."""
    address = testbed.address("twitter.lab")
    for mode, outcome in (("drop", "TimeoutError"), ("refuse", "ConnectionRefusedError 111")):
        with testbed.box(kind="server.down", where="abroad", match=["twitter/web"], mode=mode):
            for place in (BLOCKED, REFERENCE):
                assert testbed.tcp(place=place, address=address, port=443, timeout=0.3) == outcome
            image = testbed.address("pbs.twimg.lab")
            assert testbed.tcp(place=BLOCKED, address=image, port=443) == "connected"


def test_edge_down_hits_the_regional_address_only(testbed: Testbed) -> None:
    """The country's edge is dead, also when a reference asks that very address; the rest of the world has its own."""
    near, far = testbed.address("pbs.twimg.lab"), testbed.address("pbs.twimg.lab", in_country=False)
    with testbed.box(kind="edge.down", match=["pbs.twimg.lab"]):
        assert testbed.tcp(place=BLOCKED, address=near, port=443, timeout=0.3) == "TimeoutError"
        assert testbed.tcp(place=REFERENCE, address=near, port=443, timeout=0.3) == "TimeoutError"
        assert testbed.tcp(place=REFERENCE, address=far, port=443) == "connected"


@pytest.mark.parametrize("status", [403, 451])
def test_a_service_that_denies_the_country_is_itself(testbed: Testbed, status: int) -> None:
    """The refusal comes under the service's own certificate, to the country and to nobody else: no censor did it."""
    address = testbed.address("twitter.lab")
    with testbed.box(kind="server.denies", match=["twitter.lab"], status=status) as counted:
        assert testbed.http(place=BLOCKED, address=address, name="twitter.lab") == f"{status} Not available"
        assert tls(testbed, OTHER_ISP, "twitter.lab") == "Not available"
        assert testbed.http(place=REFERENCE, address=address, name="twitter.lab") == "200 twitter web"
        assert tls(testbed, BLOCKED, "chat.lab") == "chat web"
        neighbour = testbed.topology.endpoints[0].neighbour
        assert testbed.http(place=BLOCKED, address=address, name=neighbour) == "200 twitter web"
    assert counted["fired"] == 3


def test_resolver_down(testbed: Testbed) -> None:
    """One ISP's resolver says nothing (or refuses), the public one does."""
    resolver = testbed.topology.probe(BLOCKED).resolver
    with testbed.box(kind="resolver.down", where="asn64501"):
        assert testbed.dns(place=BLOCKED, server=resolver, name="chat.lab") == []
        public = testbed.topology.public_resolver
        assert testbed.dns(place=BLOCKED, server=public, name="chat.lab") == [testbed.address("chat.lab")]
    with testbed.box(kind="resolver.down", where="asn64501", mode="refuse"):
        assert testbed.dns(place=BLOCKED, server=resolver, name="chat.lab") == ["ConnectionRefusedError"]


def test_one_of_two_resolvers_fails_or_lies(testbed: Testbed) -> None:
    """The other one, which homes ask next, is sound; without ``which`` both are meant."""
    first, second = testbed.topology.probe(BLOCKED).resolvers
    for kind, said in (("resolver.servfail", "rcode 2"), ("dns.nxdomain", "rcode 3")):
        match = {"match": ["chat.lab"]} if kind.startswith("dns") else {}
        with testbed.box(kind=kind, where="asn64501", which=2, **match) as counted:
            assert testbed.dns(place=BLOCKED, server=first, name="chat.lab") == [testbed.address("chat.lab")]
            assert testbed.dns(place=BLOCKED, server=second, name="chat.lab") == [said]
            assert testbed.dns_tcp(place=BLOCKED, server=second, name="chat.lab") == said
        assert counted["matched"] == 2
    with testbed.box(kind="resolver.servfail", where="asn64501"):
        assert testbed.dns(place=BLOCKED, server=first, name="twitter.lab") == ["rcode 2"]
        public = testbed.topology.public_resolver
        assert testbed.dns(place=BLOCKED, server=public, name="chat.lab") == [testbed.address("chat.lab")]


def test_a_resolver_that_answers_a_share_of_questions(testbed: Testbed) -> None:
    """Now and then it is silent, and neither always nor never."""
    resolver = testbed.topology.probe(BLOCKED).resolver
    with testbed.box(kind="resolver.down", where="asn64501", share=50.0):
        said = [bool(testbed.dns(place=BLOCKED, server=resolver, name="chat.lab", window=0.15)) for _ in range(24)]
    assert 4 <= sum(said) <= 20


def test_broken_signatures_fail_resolvers_that_check(testbed: Testbed) -> None:
    """Everybody's resolver fails for the name; asked not to check it tells the address (RFC 4035 section 3.2.2)."""
    with testbed.box(kind="dnssec.broken", match=["twitter.lab"]):
        for place in (BLOCKED, REFERENCE):
            for server in (testbed.topology.probe(place).resolver, testbed.topology.public_resolver):
                assert testbed.dns(place=place, server=server, name="twitter.lab") == ["rcode 2"]
                told = testbed.address("twitter.lab")
                assert testbed.dns(place=place, server=server, name="twitter.lab", cd=True) == [told]
                assert testbed.dns(place=place, server=server, name="chat.lab") == [testbed.address("chat.lab")]


def test_a_host_with_several_addresses_answers_on_each(testbed: Testbed) -> None:
    """The resolver tells all of them, and each serves the host's page; a tenant lives on another service's address."""
    told = testbed.topology.records(in_country=True)["cdn.lab"]
    (said,) = testbed.dns(place=BLOCKED, server=testbed.topology.public_resolver, name="cdn.lab")
    assert len(told) == 3
    assert set(said.split(",")) == set(told)
    for address in told:
        assert testbed.tls(place=BLOCKED, address=address, name="cdn.lab") == "cdn web"
    assert testbed.address("tenant.lab") == testbed.address("twitter.lab")
    assert tls(testbed, BLOCKED, "tenant.lab") == "cdn api"
    assert tls(testbed, BLOCKED, "twitter.lab") == "twitter web"


def test_servers_answer_the_country_otherwise(testbed: Testbed) -> None:
    """Another page, or another place, under the service's own certificate; the rest of the world has its page."""
    address = testbed.address("twitter.lab")
    with testbed.box(kind="server.page", match=["twitter.lab"], title="It's $1 here", status=503):
        assert testbed.http(place=BLOCKED, address=address, name="twitter.lab") == "503 It&#39;s &#36;1 here"
        assert tls(testbed, OTHER_ISP, "twitter.lab") == "It&#39;s &#36;1 here"
        assert tls(testbed, REFERENCE, "twitter.lab") == "twitter web"
        assert tls(testbed, BLOCKED, "chat.lab") == "chat web"
    with testbed.box(kind="server.redirect", match=["twitter.lab"], location="https://pk.twitter.lab/a?b=$c"):
        assert testbed.http(place=BLOCKED, address=address, name="twitter.lab").startswith("302")
        assert testbed.http(place=REFERENCE, address=address, name="twitter.lab") == "200 twitter web"


# ------------------------------------------------------------------ proxies that nobody asked for
def test_a_proxy_of_a_provider_answers_every_syn(testbed: Testbed) -> None:
    """Who is dead seems to take connections; pages and names pass, and what a name meets it meets still."""
    twitter = testbed.address("twitter.lab")
    testbed.start(id="satellite", kind="pep", where="asn64502")
    try:
        assert tls(testbed, OTHER_ISP, "twitter.lab") == "twitter web"
        assert testbed.http(place=OTHER_ISP, address=twitter, name="twitter.lab") == "200 twitter web"
        with testbed.box(kind="ip.drop", match=["twitter.lab"]):
            assert testbed.tcp(place=OTHER_ISP, address=twitter, port=443) == "connected"
            assert testbed.tcp(place=BLOCKED, address=twitter, port=443, timeout=0.3) == "TimeoutError"
            assert tls(testbed, OTHER_ISP, "twitter.lab", timeout=0.5) == "TimeoutError"
        with testbed.box(kind="server.down", match=["twitter.lab"], mode="refuse"):
            assert tls(testbed, OTHER_ISP, "twitter.lab") in {"ConnectionResetError", "EOFError"}
        with testbed.box(kind="sni.rst", match=["twitter.lab"]):
            assert tls(testbed, OTHER_ISP, "twitter.lab") in {"ConnectionResetError", "EOFError"}
        assert testbed.failures() == []
    finally:
        testbed.stop(identifier="satellite")


@pytest.mark.parametrize(("behind", "outcome"), [("alive", "twitter web"), ("dead", "TimeoutError")])
def test_a_front_answers_every_syn_whoever_is_behind(testbed: Testbed, behind: str, outcome: str) -> None:
    """The connection stands, for the country and abroad, and says nothing of the server; others are as ever."""
    with testbed.box(kind="server.synproxy", match=["twitter.lab"], behind=behind) as counted:
        address = testbed.address("twitter.lab")
        for place in (BLOCKED, REFERENCE):
            assert testbed.tcp(place=place, address=address, port=443) == "connected"
            assert tls(testbed, place, "twitter.lab", timeout=0.5) == outcome
        assert tls(testbed, BLOCKED, "chat.lab") == "chat web"
    assert counted["fired"] == 4


# ------------------------------------------------------------------ homes with a router
def test_a_home_behind_a_router_reaches_everything(testbed: Testbed) -> None:
    """The router translates and resolves; boxes upstream know the home by its address in the internet."""
    assert testbed.program(place=BEHIND, argv=["cat", "/etc/resolv.conf"])["out"] == f"nameserver {ROUTER}\n"
    assert testbed.dns(place=BEHIND, server=ROUTER, name="chat.lab") == [testbed.address("chat.lab")]
    assert tls(testbed, BEHIND, "twitter.lab") == "twitter web"
    assert testbed.ping(place=BEHIND, address=ROUTER, count=2)["share"] == 1.0
    assert testbed.ping(place=BEHIND, address=testbed.topology.centre, count=2)["share"] == 1.0
    with testbed.box(kind="sni.rst", match=["twitter.lab"], probes=[BEHIND]):
        assert tls(testbed, BEHIND, "twitter.lab") == "ConnectionResetError"
        assert tls(testbed, "probe-64503-2", "twitter.lab") == "twitter web"
    with testbed.box(kind="line", where=BEHIND):
        assert testbed.tcp(place=BEHIND, address=testbed.address("chat.lab"), port=443, timeout=0.3) == "TimeoutError"


@pytest.mark.parametrize(
    ("says", "answer"),
    [
        ("zero", "0.0.0.0"),  # noqa: S104 - what filters answer
        ("nodata", "rcode 0"),
        ("nxdomain", "rcode 3"),
        ("refused", "rcode 5"),
        ("fake", "10.66.66.66"),
    ],
)
def test_a_home_filters_for_itself(testbed: Testbed, says: str, answer: str) -> None:
    """The provider's own resolver, asked past the router, tells the address; no other name is filtered."""
    provider = testbed.topology.namespace("asn64503").resolver
    with testbed.box(kind="router.filter", where=BEHIND, match=["twitter.lab"], says=says):
        assert testbed.dns(place=BEHIND, server=ROUTER, name="twitter.lab") == [answer]
        assert testbed.dns(place=BEHIND, server=ROUTER, name="chat.lab") == [testbed.address("chat.lab")]
        assert testbed.dns(place=BEHIND, server=provider, name="twitter.lab") == [testbed.address("twitter.lab")]


def test_a_router_that_answers_all_dns_itself(testbed: Testbed) -> None:
    """Whomever a question is sent to, the router answers, from an address without resolver as well."""
    silent = testbed.topology.silent_address
    with testbed.box(kind="router.proxy", where=BEHIND):
        assert testbed.dns(place=BEHIND, server=silent, name="chat.lab") == [testbed.address("chat.lab")]
        assert testbed.dns(place=BLOCKED, server=silent, name="chat.lab") == []


def test_a_mute_router_carries(testbed: Testbed) -> None:
    """Neither ARP nor echo is answered, and everything passes."""
    with testbed.box(kind="router.mute", where=BEHIND):
        assert not testbed.arp(place=BEHIND, address=ROUTER)
        assert testbed.ping(place=BEHIND, address=ROUTER, count=2)["share"] == 0.0
        assert tls(testbed, BEHIND, "twitter.lab") == "twitter web"
    assert testbed.arp(place=BEHIND, address=ROUTER)
    assert testbed.ping(place=BEHIND, address=ROUTER, count=2)["share"] == 1.0


def test_a_box_of_a_router_needs_one(testbed: Testbed) -> None:
    """A probe that stands at its provider's router has none of its own."""
    with pytest.raises(RuntimeError, match="has no router of its own; mend: say where"):
        testbed.start(id="nobody", kind="router.mute", where=BLOCKED)


# ------------------------------------------------------------------ when the lab itself fails
def test_a_server_can_be_killed_and_raised(testbed: Testbed) -> None:
    """A scenario may kill the broker: it is gone for everybody, and back with its address."""
    centre = testbed.topology.centre
    testbed.kill_server(identifier="broker")
    assert testbed.tcp(place=BLOCKED, address=centre, port=1883) == "ConnectionRefusedError 111"
    with pytest.raises(RuntimeError, match="server broker is not running"):
        testbed.kill_server(identifier="broker")
    testbed.restart_server(identifier="broker")
    answers = (testbed.tcp(place=BLOCKED, address=centre, port=1883) for _ in range(10_000))
    assert "connected" in answers
    assert testbed.failures() == []


def test_a_killed_box_fails_open_and_says_so(testbed: Testbed) -> None:
    """When a box's program dies, traffic passes, and the lab tells: a scenario must not pass for the wrong reason."""
    with testbed.box(kind="sni.rst", match=["twitter.lab"]) as counted:
        assert tls(testbed, BLOCKED, "twitter.lab") == "ConnectionResetError"
        testbed.kill(identifier="under-test")
        assert tls(testbed, BLOCKED, "twitter.lab") == "twitter web"
        assert testbed.failures() == ["box under-test ended with -9; traffic passes"]
        assert tls(testbed, BLOCKED, "twitter.lab") == "twitter web"
    assert counted["flows"] == 1
    assert testbed.failures() == []


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "sni.drop"}, "match is empty"),
        ({"kind": "ip.drop", "match": ["nobody.lab"]}, "name a host or service of the scenario"),
        ({"kind": "sni.drop", "match": ["a"], "where": "nowhere"}, "the lab has no place nowhere"),
        ({"kind": "resolver.down"}, "say where"),
        ({"kind": "loss", "percent": 0.0}, "percent"),
    ],
)
def test_what_cannot_be_is_refused_with_its_mend(testbed: Testbed, fields: dict[str, Any], says: str) -> None:
    """A box that cannot do what it says is the operator's error, named with its mend, before anything is started."""
    with pytest.raises(RuntimeError, match=says):
        testbed.start(id="wrong", **fields)
    assert "wrong" not in testbed.counters()
