"""The net layer on a real network of namespaces: probe - near - far - server (netns_plays.py)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.netns

Play = Callable[[str], Any]


def text(reply: dict[str, Any]) -> bytes:
    """Return the bytes of a reply's data."""
    return base64.b64decode(reply["data"])


def flags(reply: dict[str, Any]) -> list[tuple[str, str]]:
    """Return direction and flags of each captured TCP packet."""
    return [(packet["direction"], packet["flags"]) for packet in reply["packets"] if "flags" in packet]


@pytest.mark.parametrize("key", ["", "6"])
def test_a_whole_connection_is_carried_and_captured(play: Play, key: str) -> None:
    """A request is carried in both families, and the capture begins with the very first SYN."""
    replies = play("steps")["replies"]
    assert text(replies[f"head{key}"]).startswith(b"HTTP/1.1 200 OK")
    assert text(replies[f"head{key}"] if not replies[f"rest{key}"]["data"] else replies[f"rest{key}"]).endswith(
        b"hello"
    )
    heard = flags(replies[f"close{key}"])
    assert heard[:3] == [("out", "S"), ("in", "SA"), ("out", "A")]
    sent = next(packet for packet in replies[f"close{key}"]["packets"] if packet.get("length") == 18)
    assert (sent["seq"], sent["direction"]) == (1, "out")
    assert replies[f"close{key}"]["packets"][1]["ttl"] == 62


@pytest.mark.parametrize("key", ["", "6"])
def test_every_crafted_packet_gets_its_own_answer(play: Play, key: str) -> None:
    """An Exchange tells SYN-ACK, RST, time exceeded and echo reply apart, and which router spoke."""
    answers = play("steps")["replies"][f"syn{key}"]["answers"]
    assert [(answer["probe"], answer["kind"]) for answer in answers] == [
        (0, "synack"),
        (1, "rst"),
        (2, "icmp"),
        (3, "echo"),
    ]
    assert answers[2]["packet"]["hop"] == ("2001:db8:1::2" if key else "198.18.1.2")
    assert answers[2]["packet"]["icmp"] == ("3/0" if key else "11/0")
    assert answers[2]["packet"]["place"] == "first"
    assert "place" not in answers[3]["packet"]
    assert all(0.0 < answer["rtt_ms"] < 1000.0 for answer in answers)


def test_what_has_no_way_out_takes_nobody_along(play: Play) -> None:
    """A home without IPv6 has its IPv4 asked all the same, and waits for no window; where nothing leaves it fails."""
    replies = play("steps")["replies"]
    assert [answer["probe"] for answer in replies["mixed"]["answers"]] == [0]
    assert replies["mixed"]["unsent"] in ([[1, "host_unreachable"]], [[1, "network_unreachable"]])
    assert replies["mixed"]["elapsed_ms"] < 4000.0
    assert replies["nowhere"]["failure"] in {"host_unreachable", "network_unreachable"}


@pytest.mark.parametrize("key", ["", "6"])
def test_the_kernel_answers_a_crafted_synack_with_one_reset(play: Play, key: str) -> None:
    """Half-open connections are taken down by the kernel, once, with the number of the SYN-ACK's acknowledgement."""
    packets = play("steps")["replies"][f"syn{key}"]["packets"]
    resets = [packet for packet in packets if packet.get("flags") == "R" and packet["direction"] == "out"]
    assert [packet["seq"] for packet in resets] == [1]


@pytest.mark.parametrize("key", ["", "6"])
def test_every_answer_to_one_question_is_kept(play: Play, key: str) -> None:
    """A forged answer in front of the genuine one: both are there, in arrival order, with their packets' marks."""
    answers = play("steps")["replies"][f"query{key}"]["answers"]
    assert [answer["addresses"] for answer in answers] == [["192.0.2.66"], ["192.0.2.1"]]
    assert [answer["ttl"] for answer in answers] == [62, 62]
    assert answers[0]["rtt_ms"] < answers[1]["rtt_ms"]


def test_the_window_stays_open_after_the_first_answer(play: Play) -> None:
    """A Query ends ``linger`` after its first answer, not with it and not at its time-out."""
    reply = play("steps")["replies"]["query"]
    assert 200.0 <= reply["elapsed_ms"] < 1500.0


def test_the_provider_resolver_is_asked_where_no_server_is_named(play: Play) -> None:
    """An empty server means the resolver that the network handed out."""
    assert play("steps")["replies"]["provider"]["answers"][0]["addresses"] == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("key", "failure", "detail"),
    [
        ("refused", "connection_refused", ""),
        ("prohibited", "icmp_admin_prohibited", "icmp 3/13"),
        ("unreachable", "host_unreachable", "icmp 3/1"),
        ("black", "generic_timeout_error", ""),
        ("reset", "connection_reset", ""),
        ("silence", "generic_timeout_error", ""),
        ("tls nonsense", "tls_malformed_response", "wrong_version_number"),
    ],
)
def test_failures_have_their_word(play: Play, key: str, failure: str, detail: str) -> None:
    """A failure of the network is a reply with a word of the vocabulary, its detail and the capture."""
    reply = play("steps")["replies"][key]
    assert (reply["failure"], reply["detail"]) == (failure, detail)
    assert reply["packets"][0]["direction"] == "out"


def test_a_lost_question_is_asked_again(play: Play) -> None:
    """As every stub resolver does (RFC 1123 6.1.3.3): one lost datagram in ten must not look like a silent resolver."""
    replies = play("steps")["replies"]
    assert (replies["deaf"]["questions"], replies["provider"]["questions"]) == (3, 1)
    assert replies["deaf"]["answers"][0]["addresses"] == ["192.0.2.1"]
    assert replies["deaf"]["answers"][0]["rtt_ms"] >= 600.0, "timed from the first question, so that none looks early"
    questions = [packet for packet in replies["deaf"]["packets"] if packet["direction"] == "out"]
    assert len(questions) == 3


def test_a_closed_udp_port_is_no_silence(play: Play) -> None:
    """ICMP port unreachable about a question is a failure below DNS."""
    reply = play("steps")["replies"]["closed"]
    assert (reply["failure"], reply["answers"]) == ("connection_refused", [])


def test_a_failed_connection_can_still_be_closed(play: Play) -> None:
    """Close after a failure gives the capture again, so that a plan need not know who closed it."""
    replies = play("steps")["replies"]
    assert replies["after"]["packets"] == replies["reset"]["packets"]


def test_the_gateway_answers(play: Play) -> None:
    """The default gateway gives a sign of life."""
    reply = play("steps")["replies"]["gateway"]
    assert reply["ok"] is True
    assert 0.0 < reply["rtt_ms"] < 2000.0


def test_one_handshake_yields_chain_and_verdict(play: Play) -> None:
    """The chain is known whether or not it convinces, and the page can be read in either case."""
    replies = play("steps")["replies"]
    good, wrong = replies["tls www.play.lab"], replies["tls other.lab"]
    assert (good["verify_failure"], wrong["verify_failure"]) == (None, "ssl_invalid_hostname")
    assert good["chain"] == wrong["chain"]
    assert good["chain"][0]["issuer"] == "CN=Play Root"
    assert good["alpn"] == "http/1.1"
    assert text(replies["page other.lab"]).endswith(b"hello")


def test_nothing_of_ours_is_lost_or_foreign(play: Play) -> None:
    """The tap reads what it is meant to and drops nothing."""
    assert play("steps")["counters"]["drops"] == 0


@pytest.mark.parametrize("key", ["4", "6"])
def test_inject_leaves_exactly_one_packet(play: Play, key: str) -> None:
    """The raw copy is sent once, dies at the first router, and its one ICMP comes back; no retransmission follows."""
    packets = play("inject")["replies"][f"injected{key}"]["packets"]
    copies = [packet for packet in packets if packet["direction"] == "out"]
    errors = [packet for packet in packets if packet["direction"] == "in"]
    assert [(packet["length"], packet["ttl"], packet["flags"]) for packet in copies] == [(15, 1, "PA")]
    assert [packet["icmp"] for packet in errors] == ["3/0" if key == "6" else "11/0"]


@pytest.mark.parametrize("key", ["4", "6"])
def test_inject_reaches_no_server_and_harms_no_connection(play: Play, key: str) -> None:
    """The server never sees the payload, what the kernel sends after it arrives, and the ICMP ends no connection."""
    replies = play("inject")["replies"]
    seen = replies[f"seen{key}"]
    connections = 1 if key == "4" else 2
    assert seen == {"bytes": 4 * connections, "resets": connections, "ends": connections}
    assert replies[f"waited{key}"]["failure"] == "generic_timeout_error"
    sent = [packet for packet in replies[f"closed{key}"]["packets"] if packet.get("length") == 4]
    assert [packet["seq"] for packet in sent] == [1]


def test_a_forged_reset_leaves_its_evidence(play: Play) -> None:
    """The forged RST's odd TTL is kept, and so is the server's own answer that came after it."""
    replies = play("forged")["replies"]
    assert text(replies["control"]).endswith(b"hello")
    subject = replies["subject"]
    assert subject["failure"] == "connection_reset"
    incoming = [packet for packet in subject["packets"] if packet["direction"] == "in"]
    reset = next(packet for packet in incoming if "R" in packet["flags"])
    late = next(packet for packet in incoming if packet.get("length"))
    assert reset["ttl"] == 200
    assert reset["ip_id"] == 0x9916
    assert late["ttl"] == incoming[0]["ttl"] == 62
    assert late["t_us"] > reset["t_us"]


def test_a_burst_is_heard_whole(play: Play) -> None:
    """P5: 5,000 packets of 1,200 bytes at full speed, none lost; evidence keeps ten each direction."""
    found = play("burst")
    assert (found["heard"], found["drops"]) == (found["sent"], 0)
    assert found["kept"] <= 20


def test_the_rest_of_the_machine_is_not_heard(play: Play) -> None:
    """The filter in the kernel lets nothing of another program's traffic reach us."""
    assert play("filter") == {"heard": 0, "drops": 0}


def test_batteries_take_as_long_as_their_slowest_plan(play: Play) -> None:
    """P6: 50 plans in which everything times out take at most 1.3 times as long as one."""
    found = play("batteries")
    assert found["together"] <= 1.3 * found["alone"]


def test_round_trips_are_the_wires(play: Play) -> None:
    """P4: our round trip agrees with the other end of the wire within 20 us at the median, however busy we are."""
    found = play("rtt")
    errors = sorted(abs(error) for error in found["errors_us"])
    assert len(errors) >= 150
    assert errors[len(errors) // 2] <= 20.0


def test_a_pcap_holds_our_flows(play: Play) -> None:
    """The pcap file holds every packet of our flows, whole, readable by scapy, and nobody else's."""
    found = play("pcap")
    assert found["link_type"] == 101
    assert found["flags"][:3] == ["S", "SA", "A"]
    assert found["ports"] == [80]
    assert "GET / HTTP/1.1" in found["payloads"]


def test_gateways_of_every_kind(play: Play) -> None:
    """ARP and neighbour discovery get their answer; no gateway is ``None``; a dead one is false, in time."""
    found = play("gateway")
    for key in ("v4", "v6", "link-local"):
        assert found[key][:2] == [True, True], key
    assert found["none"][:2] == [None, False]
    for key in ("dead", "dead6"):
        assert found[key][:2] == [False, False], key
        assert 250 <= found[key][2] < 2000


def test_cancelled_plans_leave_nothing_open(play: Play) -> None:
    """Whatever step a plan is in, cancelling it gives back its sockets, its ports and its place at the tap."""
    found = play("cancel")
    assert found["more than before"] > 0
    assert (found["cancelled"], found["left open"], found["flows"], found["busy"]) == (8, 0, 0, 0)


def test_an_interface_that_goes_down_is_data_and_comes_back(play: Play) -> None:
    """Tied to one interface: its loss is the network's failure, keeps no core busy, and ends with the loss."""
    found = play("down")
    assert found["errors"] == []
    assert found["answers"]["before"] == 5
    assert found["answers"]["down"] == 0
    assert found["answers"]["after"] >= 1
    assert found["turns while down"] < 20
