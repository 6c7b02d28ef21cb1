"""What leaves of a sweep, what it costs, and how it reads."""

from __future__ import annotations

from balise_agent.experiments.path.outcome import READER
from balise_agent.experiments.task import Endpoint
from balise_agent.policy.scrub import Allowed, scrub
from balise_wire.experiments.path import CONNECTION, COPY, Hop, HopReply, PathObservation
from balise_wire.words import Arm

HOPS = (
    Hop(ttl=1, address="192.168.1.1", answer="exceeded"),
    Hop(ttl=2, address="9.9.9.9", answer="exceeded"),
    Hop(ttl=3, copies=3),
    Hop(ttl=4, replies=(HopReply(kind="rst", ttl=60),)),
)
TRIAL = PathObservation(
    arm=Arm.SUBJECT, at=1.0, address="8.8.8.8", port=443, payload="hello", connect_ms=9.0, hops=HOPS
)


def hop(address: str, ttl: int = 2) -> PathObservation:
    """Return a sweep of one hop."""
    return PathObservation(
        arm=Arm.CONTROL, at=1.0, address="8.8.8.8", port=443, hops=(Hop(ttl=ttl, address=address, answer="exceeded"),)
    )


def left(address: str, ttl: int = 2, own: tuple[str, ...] = ()) -> str:
    """Return what leaves of a router's address."""
    rules = {PathObservation: READER.scrub}
    (seen,) = scrub((hop(address, ttl),), Allowed(own=own), rules)
    assert isinstance(seen, PathObservation)
    return seen.hops[0].address


def test_hops_are_blurred_and_the_home_is_a_word() -> None:
    """A router's address can name a household; its prefix names a provider."""
    seen = READER.scrub(TRIAL, Allowed())
    assert seen["address"] == ""
    assert [one.address for one in seen["hops"]] == ["private", "9.9.9.0/24", "", ""]
    assert READER.scrub(TRIAL, Allowed(addresses=frozenset({"8.8.8.8"})))["address"] == "8.8.8.8"


def test_no_router_of_the_home_leaves() -> None:
    """The first hop whatever its address; private ones, shared ones and the home's site of IPv6 wherever they stand."""
    assert left("9.9.9.9", ttl=1) == "private"
    assert left("2600:db::1", ttl=1) == "private"
    assert [left(one) for one in ("10.1.2.3", "100.64.3.1", "169.254.0.1", "fd00::1", "fe80::1")] == ["private"] * 5
    own = ("2600:1:2:301::7/64", "9.9.9.8/29")
    assert left("2600:1:2:3ff::1", own=own) == "private"
    assert left("9.9.9.9", own=own) == "private"
    assert left("fe80::1%eth0") == "private"
    assert left("2600:1:2:4ff::1", own=own) == "2600:1:2::/48"
    assert left("no address") == ""


def test_words_of_a_stranger_do_not_leave() -> None:
    """The kinds are ours."""
    odd = PathObservation(
        arm=Arm.SUBJECT, at=1.0, address="", port=443, payload="a\nb",
        hops=(Hop(ttl=2, answer="<b>", replies=(HopReply(kind="\x00", ttl=1),)),),
    )  # fmt: skip
    seen = READER.scrub(odd, Allowed())
    assert (seen["payload"], seen["hops"][0].answer, seen["hops"][0].replies[0].kind) == ("", "", "")


def test_a_sweep_is_no_anomaly_and_heats_where_the_name_was_shown() -> None:
    """It says where, not whether; the box that saw the name remembers it all the same."""
    assert READER.anomaly((TRIAL,)) is None
    assert READER.heated((TRIAL, hop("9.9.9.9"))) == [Endpoint("8.8.8.8", 443)]
    assert READER.spent((TRIAL,)) == CONNECTION + 6 * COPY


def test_a_person_reads_every_hop() -> None:
    """Router, silence, and what came in the server's name."""
    told = READER.describe(TRIAL)
    assert told.sent == "hello of the subject to 8.8.8.8, TTL 1 to 4"
    assert told.back == "1 192.168.1.1 exceeded; 2 9.9.9.9 exceeded; 3 silent (3); 4 rst (TTL 60)"
    assert READER.describe(hop("9.9.9.9")).back == ""
