"""Every number and every text of a measurement has a bound, and what the network wrote cannot mute a probe."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.intake.believable import unbelievable
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.line import LineObservation
from balise_wire.experiments.path import Hop, PathObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import Certificate, TlsObservation
from balise_wire.words import Arm
from tests.collector.field_probe import FieldProbe

AT = 1_589_733_000.0
TCP: dict[str, Any] = {"arm": Arm.SUBJECT, "at": AT, "address": "198.18.0.10", "port": 443}
DNS: dict[str, Any] = {"arm": Arm.SUBJECT, "at": AT, "name": "twitter.com"}


def answer(**changes: Any) -> DnsObservation:
    """Return a question with one answer."""
    return DnsObservation(**DNS, answers=(DnsAnswer(rtt_ms=1.0, **changes),))


@pytest.mark.parametrize(
    ("observation", "field"),
    [
        (answer(addresses=("198.18.0.10", "not an address")), "addresses"),
        (answer(addresses=("fe80::1%eth0",)), "addresses"),
        (answer(rcode=2**64), "rcode"),
        (answer(ttl=256), "ttl"),
        (TcpObservation(**{**TCP, "address": "198.18.0.010.1"}), "address"),
        (TcpObservation(**{**TCP, "port": 65_536}), "port"),
        (TcpObservation(**TCP, rtt_ms=math.nan), "rtt_ms"),
        (TcpObservation(**TCP, elapsed_ms=math.inf), "elapsed_ms"),
        (TcpObservation(**TCP, syns=10**400), "syns"),
        (TlsObservation(**TCP, sni="x" * 301), "sni"),
        (TlsObservation(**TCP, sni="a\nb"), "sni"),
        (TlsObservation(**TCP, sni=None, chain=(Certificate(sha256="no hex"),)), "sha256"),
        (TlsObservation(**TCP, sni=None, chain=(Certificate(sha256="", not_after=1e13),)), "not_after"),
        (HttpObservation(**TCP, host="twitter.com", status=1000), "status"),
        (HttpObservation(**TCP, host="twitter.com", body_sha256="A" * 64), "body_sha256"),
        (HttpObservation(**TCP, host="twitter.com", title="t" * 2000), "title"),
        (HttpObservation(**TCP, host="twitter.com", headers=(("server", "s"),) * 65), "headers"),
        (PathObservation(**TCP, hops=(Hop(ttl=1, address="my router"),)), "address"),
        (TcpObservation(**TCP, packets=(Packet(t_us=0, direction=Direction.IN, hop="x"),)), "hop"),
        (TcpObservation(**TCP, packets=(Packet(t_us=0, direction=Direction.IN, length=-1),)), "length"),
        (LineObservation(arm=Arm.SUBJECT, at=AT, loss=1.5), "loss"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_no_probe_can_have_seen_is_named(probe: FieldProbe, observation: Any, field: str) -> None:
    """A value outside its bounds is refused with its field: no reader behind the gate meets it."""
    assert field in unbelievable(probe.measurement(observations=(observation,)))


@given(
    title=st.text(max_size=300), name=st.text(max_size=100), value=st.text(max_size=300), issuer=st.text(max_size=256)
)
def test_no_text_of_the_network_makes_a_measurement_unbelievable(
    make_module_probe: Callable[[], Any], title: str, name: str, value: str, issuer: str
) -> None:
    """A page, header or certificate of any characters is a fact: else it could keep its own evidence out."""
    page = HttpObservation(**TCP, host="twitter.com", title=title, headers=((name, value),))
    chain = TlsObservation(
        **TCP, sni="twitter.com", chain=(Certificate(sha256="", subject=issuer[:128], issuer=issuer),)
    )
    assert unbelievable(make_module_probe().measurement(observations=(page, chain))) == ""


def test_what_the_scrubber_leaves_of_routers_is_believed(probe: FieldProbe) -> None:
    """Prefixes of routers, the word for what is inside the home, and silence are no addresses, and right."""
    hops = tuple(Hop(ttl=1, address=one) for one in ("198.18.7.0/24", "2001:db8::/48", "private", ""))
    packets = (Packet(t_us=-5, direction=Direction.IN, protocol="icmp", hop="198.18.7.0/24"),)
    path = PathObservation(**TCP, hops=hops, packets=packets)
    assert unbelievable(probe.measurement(observations=(path,))) == ""
