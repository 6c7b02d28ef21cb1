"""Every box and fault, fired at with clients that know nothing of balise: it does what its name says, and only that."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.lab

BLOCKED, OTHER_ISP, REFERENCE = "probe-64501-1", "probe-64502-1", "reference-de-1"
NEIGHBOUR_OF_ISP = "probe-64501-2"


def test_everything_answers_without_a_box(ground: Any) -> None:
    """A lab without boxes is a healthy internet: whatever fails in a scenario was made to fail."""
    for place in (BLOCKED, OTHER_ISP, REFERENCE):
        in_country = place != REFERENCE
        for name, title in (("twitter.lab", "twitter web"), ("pbs.twimg.lab", "twitter media-image")):
            assert ground("tls", place=place, address=ground.address(name, in_country=in_country), name=name) == title
            assert ground("http", place=place, address=ground.address(name), name=name) == f"200 {title}"
    assert ground("failures") == []


def test_the_lab_is_up_quickly(ground: Any) -> None:
    """Bringing the lab up takes seconds, not minutes, also on a busy machine."""
    assert ground.up_seconds < 10


def test_ports_and_certificates_are_as_asked(ground: Any) -> None:
    """A role on a port of its own answers there; an expired and an untrusted certificate fail for that reason alone."""
    chat = ground.address("chat.lab")
    assert ground("tls", place=BLOCKED, address=chat, name="chat.lab", port=5223) == "chat web"
    expired = ground("tls", place=BLOCKED, address=ground.address("old.lab"), name="old.lab")
    assert expired == "certificate: certificate has expired"
    strange = ground("tls", place=BLOCKED, address=ground.address("strange.lab"), name="strange.lab")
    assert strange == "certificate: unable to get local issuer certificate"


def test_an_unknown_name_gets_a_certificate_not_a_drop(ground: Any) -> None:
    """A scrambled SNI reaches the server and is answered, so that its failure always means somebody between."""
    said = ground("tls", place=BLOCKED, address=ground.address("twitter.lab"), name="twqxter.lab")
    assert said.startswith("certificate: Hostname mismatch")


def test_neighbours_live_on_the_subjects_address(ground: Any) -> None:
    """Every service address serves another name: the control that differs in nothing but the name."""
    endpoint = ground.topology.endpoints[0]
    address = endpoint.country_addresses[0]
    assert ground("tls", place=BLOCKED, address=address, name=endpoint.neighbour) == "Neighbour of twitter"
    assert ground("tls", place=BLOCKED, address=endpoint.sibling, name=endpoint.neighbour) == "Neighbour of twitter"


def test_resolvers_tell_regional_edges(ground: Any) -> None:
    """The country's resolver names the regional edge, a reference's the other address; unknown names do not exist."""
    probe, reference = ground.topology.probe(BLOCKED), ground.topology.probe(REFERENCE)
    near, far = ground.address("pbs.twimg.lab"), ground.address("pbs.twimg.lab", in_country=False)
    assert near != far
    assert ground("dns", place=BLOCKED, server=probe.resolver, name="pbs.twimg.lab") == [near]
    assert ground("dns", place=REFERENCE, server=reference.resolver, name="pbs.twimg.lab") == [far]
    assert ground("dns", place=BLOCKED, server=probe.resolver, name="no-such.lab") == ["rcode 3"]
    assert ground("dns", place=BLOCKED, server=ground.topology.public_resolver, name="twitter.lab") == [
        ground.address("twitter.lab")
    ]


def test_the_silent_address_is_silent(ground: Any) -> None:
    """The address of the triple probe is up and yet never says anything on port 53: whatever answers is forged."""
    silent = ground.topology.silent_address
    assert ground("dns", place=BLOCKED, server=silent, name="twitter.lab") == []
    assert ground("ping", place=BLOCKED, address=silent, count=2)["share"] == 1.0


def test_a_program_sees_its_own_resolver(ground: Any) -> None:
    """A program in a probe's namespace finds that network's resolver in /etc/resolv.conf, as on a real machine."""
    said = ground("program", place=OTHER_ISP, argv=["cat", "/etc/resolv.conf"])
    assert said["out"] == f"nameserver {ground.topology.probe(OTHER_ISP).resolver}\n"


def test_the_broker_answers_from_everywhere(ground: Any) -> None:
    """The broker is reachable on one address from every network."""
    for place in (BLOCKED, OTHER_ISP, REFERENCE):
        assert ground("tcp", place=place, address=ground.topology.centre, port=1883) == "connected"


# ------------------------------------------------------------------ names in TLS
def tls(ground: Any, place: str, name: str, **more: Any) -> str:
    """TLS to a name's own address as the country is told it."""
    return str(ground("tls", place=place, address=ground.address(name), name=name, **more))


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("sni.drop", "TimeoutError"), ("sni.rst", "ConnectionResetError"), ("sni.fin", "EOFError")],
)
def test_sni_boxes(ground: Any, kind: str, outcome: str) -> None:
    """A name in a ClientHello kills its flow and no other: neither the neighbour's nor the other ISP's."""
    with ground.box(kind=kind, isps=["asn64501"], match=["*.TWIMG.lab"]) as counted:
        assert tls(ground, BLOCKED, "pbs.twimg.lab") == outcome
        assert tls(ground, BLOCKED, "twitter.lab") == "twitter web"
        assert tls(ground, OTHER_ISP, "pbs.twimg.lab") == "twitter media-image"
        neighbour = ground.topology.endpoints[1].neighbour
        address = ground.address("pbs.twimg.lab")
        assert ground("tls", place=BLOCKED, address=address, name=neighbour) == "Neighbour of twitter"
        assert ground("http", place=BLOCKED, address=address, name="pbs.twimg.lab") == "200 twitter media-image"
    assert counted["matched"] == 1
    assert counted["fired"] >= 1
    assert counted["seen"] > counted["matched"]
    assert tls(ground, BLOCKED, "pbs.twimg.lab") == "twitter media-image"


def test_a_split_clienthello_is_put_together(ground: Any) -> None:
    """A name that spans two segments is found: a box that only looks at one packet is a different box."""
    address = ground.address("twitter.lab")
    with ground.box(kind="sni.drop", match=["twitter.lab"]) as counted:
        for split in (1, 5, 60, 130):
            said = ground("hello", place=BLOCKED, address=address, name="twitter.lab", split=split, timeout=0.5)
            assert said == "TimeoutError", split
        assert ground("hello", place=BLOCKED, address=address, name="neutral.lab", split=60) == "answered"
    assert counted["matched"] == 4


def test_residual_blocking_follows_the_scenarios_clock(ground: Any) -> None:
    """After a hit, (client, address, port) stays dead for the residual's seconds on the scenario's clock (60 x)."""
    address = ground.address("twitter.lab")
    with ground.box(kind="sni.drop", match=["twitter.lab"], residual=120.0):
        assert tls(ground, BLOCKED, "twitter.lab", timeout=0.3) == "TimeoutError"
        assert ground("tcp", place=BLOCKED, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert ground("tcp", place=BLOCKED, address=address, port=80) == "connected"
        assert ground("tcp", place=NEIGHBOUR_OF_ISP, address=address, port=443) == "connected"
        ground("wait", seconds=2.2)
        assert ground("tcp", place=BLOCKED, address=address, port=443) == "connected"


def test_on_path_resets_race_and_drop_nothing(ground: Any) -> None:
    """An on-path box injects and lets everything pass: behind a delayed server the forged reset arrives first."""
    ground("start", id="far", kind="delay", ms=30.0)
    try:
        with ground.box(kind="sni.rst", match=["twitter.lab"], inline=False, toward_server=False) as counted:
            assert tls(ground, BLOCKED, "twitter.lab") == "ConnectionResetError"
    finally:
        ground("stop", identifier="far")
    # A busy machine may send the ClientHello twice before the reset is heard; each gets its three resets.
    assert counted["matched"] >= 1
    assert counted["fired"] == 3 * counted["matched"]


def test_two_boxes_at_one_place_both_see(ground: Any) -> None:
    """A packet one box lets pass is still seen by the next one: NFQUEUE must not end the chain."""
    ground("start", id="first", kind="sni.drop", match=["chat.lab"])
    ground("start", id="second", kind="sni.rst", match=["twitter.lab"])
    ground("start", id="third", kind="http.rst", match=["twitter.lab"])
    try:
        assert tls(ground, BLOCKED, "twitter.lab") == "ConnectionResetError"
        assert tls(ground, BLOCKED, "chat.lab", timeout=0.5) == "TimeoutError"
        assert tls(ground, BLOCKED, "pbs.twimg.lab") == "twitter media-image"
        said = ground("http", place=BLOCKED, address=ground.address("twitter.lab"), name="twitter.lab")
        assert said == "ConnectionResetError"
    finally:
        counted = {name: ground("stop", identifier=name)["matched"] for name in ("first", "second", "third")}
    assert counted == {"first": 1, "second": 1, "third": 1}


def test_a_box_at_an_isp_touches_that_isp_only(ground: Any) -> None:
    """A box inside one ISP never sees the other's packets."""
    with ground.box(kind="sni.rst", where="asn64502", match=["twitter.lab"]) as counted:
        assert tls(ground, OTHER_ISP, "twitter.lab") == "ConnectionResetError"
        assert tls(ground, BLOCKED, "twitter.lab") == "twitter web"
    assert counted["matched"] == 1


# ------------------------------------------------------------------ names in DNS
FORGED = "203.0.113.66"


def test_dns_injection_answers_first_and_the_truth_follows(ground: Any) -> None:
    """A query that crosses the gateway gets the forged answers, then the true one; even a silent address "answers"."""
    public, silent = ground.topology.public_resolver, ground.topology.silent_address
    with ground.box(kind="dns.inject", match=["twitter.lab"], answer=[FORGED, "203.0.113.67"]) as counted:
        answers = ground("dns", place=BLOCKED, server=public, name="twitter.lab")
        assert answers == [FORGED, "203.0.113.67", ground.address("twitter.lab")]
        assert ground("dns", place=BLOCKED, server=silent, name="TWITTER.lab") == [FORGED, "203.0.113.67"]
        assert ground("dns", place=BLOCKED, server=public, name="chat.lab") == [ground.address("chat.lab")]
        # The ISP's resolver asks across the gateway and believes the first answer.
        resolver = ground.topology.probe(BLOCKED).resolver
        assert ground("dns", place=BLOCKED, server=resolver, name="twitter.lab") == [FORGED]
        assert ground("dns", place=REFERENCE, server=public, name="twitter.lab") == [ground.address("twitter.lab")]
    assert counted["matched"] == 3
    assert counted["fired"] == 6


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("dns.bogus", [FORGED]),
        ("dns.nxdomain", ["rcode 3"]),
        ("dns.refused", ["rcode 5"]),
        ("dns.silent", []),
    ],
)
@pytest.mark.parametrize("where", ["gateway", "asn64501"])
def test_dns_boxes_replace_the_answer(ground: Any, kind: str, answers: list[str], where: str) -> None:
    """These boxes answer instead of the resolver (or nobody does), at the ISP's own resolver and on the path alike."""
    probe = ground.topology.probe(BLOCKED)
    server = ground.topology.public_resolver if where == "gateway" else probe.resolver
    with ground.box(kind=kind, where=where, match=["twitter.lab"]) as counted:
        assert ground("dns", place=BLOCKED, server=server, name="twitter.lab") == answers
        assert ground("dns", place=BLOCKED, server=server, name="chat.lab") == [ground.address("chat.lab")]
    assert counted["matched"] == 1
    assert counted["fired"] == 1 + len(answers)  # the query is dropped as well


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("dns.bogus", FORGED), ("dns.nxdomain", "rcode 3"), ("dns.silent", "TimeoutError"), ("dns.inject", "")],
)
def test_dns_over_tcp(ground: Any, kind: str, outcome: str) -> None:
    """What stands in for a resolver does so over TCP as well; an injector only knows UDP."""
    public = ground.topology.public_resolver
    with ground.box(kind=kind, match=["twitter.lab"]):
        said = ground("dns_tcp", place=BLOCKED, server=public, name="twitter.lab")
        assert said == (outcome or ground.address("twitter.lab"))
        assert ground("dns_tcp", place=BLOCKED, server=public, name="chat.lab") == ground.address("chat.lab")


def test_dns_hijack_answers_for_any_resolver(ground: Any) -> None:
    """Whoever is asked, the ISP's resolver answers in that one's name: even an address that runs none."""
    silent, public = ground.topology.silent_address, ground.topology.public_resolver
    with ground.box(kind="dns.hijack", where="asn64501") as counted:
        near = ground.address("pbs.twimg.lab")
        assert ground("dns", place=BLOCKED, server=silent, name="pbs.twimg.lab") == [near]
        assert ground("dns", place=BLOCKED, server=public, name="pbs.twimg.lab") == [near]
        assert ground("dns", place=OTHER_ISP, server=silent, name="pbs.twimg.lab") == []
    assert counted["fired"] >= 2


# ------------------------------------------------------------------ names in HTTP
def test_http_block_page(ground: Any) -> None:
    """A blocked Host gets the page of the box in the server's name; another Host on the same address gets its own."""
    address = ground.address("twitter.lab")
    with ground.box(kind="http.blockpage", match=["twitter.lab"], title="Surf Safely") as counted:
        assert ground("http", place=BLOCKED, address=address, name="Twitter.LAB") == "200 Surf Safely"
        neighbour = ground.topology.endpoints[0].neighbour
        assert ground("http", place=BLOCKED, address=address, name=neighbour) == "200 Neighbour of twitter"
        assert tls(ground, BLOCKED, "twitter.lab") == "twitter web"
    assert counted["matched"] == 1
    assert counted["fired"] >= 3


def test_http_redirect_reset_and_drop(ground: Any) -> None:
    """The other ways of an HTTP box."""
    address = ground.address("twitter.lab")
    with ground.box(kind="http.redirect", match=["twitter.lab"]):
        assert ground("http", place=BLOCKED, address=address, name="twitter.lab") == "302"
    with ground.box(kind="http.rst", match=["twitter.lab"]):
        assert ground("http", place=BLOCKED, address=address, name="twitter.lab") == "ConnectionResetError"
    with ground.box(kind="http.drop", match=["twitter.lab"]):
        assert ground("http", place=BLOCKED, address=address, name="twitter.lab", timeout=0.5) == "TimeoutError"
        assert ground("http", place=BLOCKED, address=address, name="elsewhere.lab") == "200 Hosting"


# ------------------------------------------------------------------ other ways of TLS
def test_tls_interception_shows_a_strangers_certificate(ground: Any) -> None:
    """An interceptor answers in the server's name under a root nobody trusts; other names are as usual."""
    with ground.box(kind="tls.mitm", where="asn64501", match=["twitter.lab"]) as counted:
        assert tls(ground, BLOCKED, "twitter.lab") == "certificate: unable to get local issuer certificate"
        assert tls(ground, BLOCKED, "chat.lab") == "chat web"
        assert tls(ground, OTHER_ISP, "twitter.lab") == "twitter web"
        other = {"address": ground.address("twitter.lab"), "name": ground.topology.endpoints[0].neighbour}
        assert ground("tls", place=BLOCKED, **other) == "twitter web"
    assert counted["fired"] == 2
    assert tls(ground, BLOCKED, "twitter.lab") == "twitter web"


def test_rate_police_slows_the_named_flow_only(ground: Any) -> None:
    """A flow with the name gets the policer's rate, the same page under another name the line's."""
    address, host = ground.address("pbs.twimg.lab"), "pbs.twimg.lab"
    neighbour = ground.topology.endpoints[1].neighbour
    with ground.box(kind="rate.police", match=[host], kbit=500) as counted:
        slow = ground("fetch_tls", place=BLOCKED, address=address, name=host)
        fast = ground("fetch_tls", place=BLOCKED, address=address, name=neighbour)
    assert slow["bytes"] > 200_000
    assert fast["bytes"] > 200_000
    assert slow["seconds"] > 1.0
    assert fast["seconds"] < 0.5
    assert counted["matched"] == 1
    assert counted["fired"] > 5


# ------------------------------------------------------------------ addresses
@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("ip.drop", "TimeoutError"), ("ip.rst", "ConnectionRefusedError 111"), ("ip.icmp", "OSError 113")],
)
def test_ip_boxes(ground: Any, kind: str, outcome: str) -> None:
    """An address is unreachable for the ISP under the box, in the way its name says, and for nobody else."""
    address, other = ground.address("twitter.lab"), ground.address("chat.lab")
    with ground.box(kind=kind, isps=["asn64501"], match=["twitter.lab"]) as counted:
        assert ground("tcp", place=BLOCKED, address=address, port=443, timeout=0.5) == outcome
        assert ground("tcp", place=BLOCKED, address=other, port=443) == "connected"
        assert ground("tcp", place=OTHER_ISP, address=address, port=443) == "connected"
        assert ground("tcp", place=REFERENCE, address=address, port=443) == "connected"
    assert counted["fired"] >= 1
    assert counted["matched"] == counted["fired"]


def test_port_drop_touches_its_ports_only(ground: Any) -> None:
    """A port is dead, another one of the same address is not."""
    address = ground.address("chat.lab")
    with ground.box(kind="port.drop", match=["chat"], ports=[5223]):
        assert ground("tcp", place=BLOCKED, address=address, port=5223, timeout=0.3) == "TimeoutError"
        assert ground("tcp", place=BLOCKED, address=address, port=443) == "connected"


# ------------------------------------------------------------------ shutdowns
def test_isp_shutdown(ground: Any) -> None:
    """One ISP is cut off from abroad, its own machines still answer; the other ISP notices nothing."""
    address = ground.address("twitter.lab")
    with ground.box(kind="isp.shutdown", where="asn64501") as counted:
        assert ground("tcp", place=BLOCKED, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert ground("ping", place=BLOCKED, address=ground.topology.probe(BLOCKED).resolver, count=2)["share"] == 1
        assert ground("tcp", place=OTHER_ISP, address=address, port=443) == "connected"
    assert counted["fired"] >= 1
    with ground.box(kind="isp.shutdown", isps=["asn64501"]):
        assert ground("tcp", place=BLOCKED, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert ground("tcp", place=OTHER_ISP, address=address, port=443) == "connected"


def test_country_shutdown_leaves_the_country_inside(ground: Any) -> None:
    """Nothing crosses the border, while domestic servers answer and domestic names resolve."""
    home = next(control for control in ground.topology.controls if control.scope == "domestic")
    resolver = ground.topology.probe(BLOCKED).resolver
    with ground.box(kind="country.shutdown"):
        address = ground.address("twitter.lab")
        assert ground("tcp", place=OTHER_ISP, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert ground("tls", place=BLOCKED, address=home.address, name=home.name) == f"Control {home.name}"
        assert ground("dns", place=BLOCKED, server=resolver, name=home.name) == [home.address]
        assert ground("tcp", place=REFERENCE, address=address, port=443) == "connected"


def test_district_shutdown(ground: Any) -> None:
    """Only the probes of the district are dark, also towards their own ISP."""
    address = ground.address("twitter.lab")
    with ground.box(kind="district.shutdown", where="asn64501", probes=[BLOCKED]):
        assert ground("tcp", place=BLOCKED, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert ground("tcp", place=NEIGHBOUR_OF_ISP, address=address, port=443) == "connected"


# ------------------------------------------------------------------ ordinary faults
def test_loss_is_as_large_as_asked(ground: Any) -> None:
    """Loss on an ISP's uplink, each way: 20 % each way leaves 64 % of the round trips."""
    with ground.box(kind="loss", where="asn64501", percent=20.0) as counted:
        share = ground("ping", place=BLOCKED, address=ground.address("twitter.lab"), count=400, interval=0.002)["share"]
        assert 0.50 < share < 0.78
        assert ground("ping", place=OTHER_ISP, address=ground.address("twitter.lab"), count=20)["share"] == 1.0
    assert counted["fired"] > 40


def test_delay_is_as_long_as_asked_and_carries_traffic(ground: Any) -> None:
    """100 ms are a round trip's, and a page of 200 kB still arrives whole in a few of them."""
    address = ground.address("pbs.twimg.lab")
    with ground.box(kind="delay", where="asn64501", ms=100.0):
        assert 99 < ground("ping", place=BLOCKED, address=address, count=5)["ms"] < 130
        assert ground("ping", place=OTHER_ISP, address=address, count=5)["ms"] < 30
        fetched = ground("fetch", place=BLOCKED, address=address, name="pbs.twimg.lab")
    assert fetched["bytes"] > 200_000
    assert fetched["seconds"] < 5
    with ground.box(kind="delay", where=BLOCKED, ms=40.0, jitter=20.0):
        assert 40 < ground("ping", place=BLOCKED, address=address, count=10)["ms"] < 80
        assert ground("ping", place=NEIGHBOUR_OF_ISP, address=address, count=5)["ms"] < 20


def test_wifi_kills_one_probes_access_link(ground: Any) -> None:
    """The probe is alone, its neighbour is not."""
    address = ground.address("twitter.lab")
    with ground.box(kind="wifi", where=BLOCKED):
        assert ground("tcp", place=BLOCKED, address=address, port=443, timeout=0.3) == "TimeoutError"
        assert ground("tcp", place=NEIGHBOUR_OF_ISP, address=address, port=443) == "connected"


def test_server_down_is_down_for_everyone(ground: Any) -> None:
    """A dead server is dead for the country and for the references; other hosts of the service are not."""
    address = ground.address("twitter.lab")
    for mode, outcome in (("drop", "TimeoutError"), ("refuse", "ConnectionRefusedError 111")):
        with ground.box(kind="server.down", where="abroad", match=["twitter/web"], mode=mode):
            for place in (BLOCKED, REFERENCE):
                assert ground("tcp", place=place, address=address, port=443, timeout=0.3) == outcome
            image = ground.address("pbs.twimg.lab")
            assert ground("tcp", place=BLOCKED, address=image, port=443) == "connected"


def test_edge_down_hits_the_regional_address_only(ground: Any) -> None:
    """The country's edge is dead, also when a reference asks that very address; the rest of the world has its own."""
    near, far = ground.address("pbs.twimg.lab"), ground.address("pbs.twimg.lab", in_country=False)
    with ground.box(kind="edge.down", match=["pbs.twimg.lab"]):
        assert ground("tcp", place=BLOCKED, address=near, port=443, timeout=0.3) == "TimeoutError"
        assert ground("tcp", place=REFERENCE, address=near, port=443, timeout=0.3) == "TimeoutError"
        assert ground("tcp", place=REFERENCE, address=far, port=443) == "connected"


@pytest.mark.parametrize("status", [403, 451])
def test_a_service_that_denies_the_country_is_itself(ground: Any, status: int) -> None:
    """The refusal comes under the service's own certificate, to the country and to nobody else: no censor did it."""
    address = ground.address("twitter.lab")
    with ground.box(kind="server.denies", match=["twitter.lab"], status=status) as counted:
        assert ground("http", place=BLOCKED, address=address, name="twitter.lab") == f"{status} Not available"
        assert tls(ground, OTHER_ISP, "twitter.lab") == "Not available"
        assert ground("http", place=REFERENCE, address=address, name="twitter.lab") == "200 twitter web"
        assert tls(ground, BLOCKED, "chat.lab") == "chat web"
        neighbour = ground.topology.endpoints[0].neighbour
        assert ground("http", place=BLOCKED, address=address, name=neighbour) == "200 twitter web"
    assert counted["fired"] == 3


def test_resolver_down(ground: Any) -> None:
    """One ISP's resolver says nothing (or refuses), the public one does."""
    resolver = ground.topology.probe(BLOCKED).resolver
    with ground.box(kind="resolver.down", where="asn64501"):
        assert ground("dns", place=BLOCKED, server=resolver, name="chat.lab") == []
        public = ground.topology.public_resolver
        assert ground("dns", place=BLOCKED, server=public, name="chat.lab") == [ground.address("chat.lab")]
    with ground.box(kind="resolver.down", where="asn64501", mode="refuse"):
        assert ground("dns", place=BLOCKED, server=resolver, name="chat.lab") == ["ConnectionRefusedError"]


# ------------------------------------------------------------------ when the lab itself fails
def test_a_server_can_be_killed_and_raised(ground: Any) -> None:
    """A scenario may kill the broker: it is gone for everybody, and back with its address."""
    centre = ground.topology.centre
    ground("kill_server", identifier="broker")
    assert ground("tcp", place=BLOCKED, address=centre, port=1883) == "ConnectionRefusedError 111"
    with pytest.raises(RuntimeError, match="server broker is not running"):
        ground("kill_server", identifier="broker")
    ground("restart_server", identifier="broker")
    answers = (ground("tcp", place=BLOCKED, address=centre, port=1883) for _ in range(10_000))
    assert "connected" in answers
    assert ground("failures") == []


def test_a_killed_box_fails_open_and_says_so(ground: Any) -> None:
    """When a box's program dies, traffic passes, and the lab tells: a scenario must not pass for the wrong reason."""
    with ground.box(kind="sni.rst", match=["twitter.lab"]) as counted:
        assert tls(ground, BLOCKED, "twitter.lab") == "ConnectionResetError"
        ground("kill", identifier="under-test")
        assert tls(ground, BLOCKED, "twitter.lab") == "twitter web"
        assert ground("failures") == ["box under-test ended with -9; traffic passes"]
        assert tls(ground, BLOCKED, "twitter.lab") == "twitter web"
    assert counted["matched"] == 1
    assert ground("failures") == []


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
def test_what_cannot_be_is_refused_with_its_mend(ground: Any, fields: dict[str, Any], says: str) -> None:
    """A box that cannot do what it says is the operator's error, named with its mend, before anything is started."""
    with pytest.raises(RuntimeError, match=says):
        ground("start", id="wrong", **fields)
    assert "wrong" not in ground("counters")
