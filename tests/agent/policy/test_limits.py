"""The device-side limits: no assignment, however hostile, moves a probe beyond them."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.policy.limits import (
    MAX_ADDRESSES,
    MAX_CONTROLS,
    MAX_FETCH_BYTES,
    MAX_TARGETS,
    Accepted,
    Bucket,
    Limits,
    RefusedPart,
    check_assignment,
    refuse_address,
    refuse_name,
    take,
    tightened,
    wait,
)
from balise_agent.system import config
from balise_wire.assignment import Assignment, Budget, Control, StunServer, Target, Timetable
from balise_wire.words import Experiment, Profile, TargetRole

LIMITS = Limits()
NOW = 1_000.0


def target(**changes: object) -> Target:
    """Return a harmless target with changes."""
    fine = Target(id="s/web/a.example/4", service="s", role=TargetRole.WEB, host="a.example", addresses=("8.8.4.4",))
    return msgspec.structs.replace(fine, **changes)


def assignment(*targets: Target, **changes: object) -> Assignment:
    """Return an assignment of these targets with changes."""
    fine = Assignment(version=1, catalogue="c", expires=NOW + 1, targets=targets)
    return msgspec.structs.replace(fine, **changes)


def accepted(given_assignment: Assignment, limits: Limits = LIMITS) -> Accepted:
    """Return the acceptance; a refusal fails the test."""
    checked = check_assignment(given_assignment, limits, NOW)
    assert isinstance(checked, Accepted)
    return checked


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "0.0.0.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.9",
        "::1", "::", "fe80::1", "fe80::1%eth0", "2001:4860:4860::8888%1", "fc00::1", "fd12::1", "ff02::1",
        "::ffff:192.168.1.1", "::ffff:8.8.8.8", "::192.168.1.1", "64:ff9b::192.168.1.1", "64:ff9b::7f00:1",
        "64:ff9b:1::1", "2001:db8::1", "2002:c0a8:101::1", "2001::1", "3fff::1", "4000::1",
        "", "localhost", "192.168.1", "0x7f.1", "0177.0.0.1", "1.2.3.4:80", "1.2.3.4 ", "8.8.8.8\r\n",
    ],
)  # fmt: skip
def test_destinations_that_are_never_contacted(address: str) -> None:
    """Private, link-local, multicast, loopback and reserved ranges, in every spelling and disguise."""
    assert refuse_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2001:4860:4860::8888", "64:ff9b::8.8.8.8", "2a00:1450::1"])
def test_public_destinations_are_fine(address: str) -> None:
    """What the internet routes may be contacted, NAT64 of it too (RFC 6052)."""
    assert refuse_address(address) is None


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_no_private_ipv4_passes_in_any_disguise(number: int) -> None:
    """What Python itself does not call global is refused, bare or inside IPv6."""
    address = ipaddress.IPv4Address(number)
    if not address.is_global:
        assert refuse_address(str(address))
        assert refuse_address(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + number)))
    assert refuse_address(f"::ffff:{address}")


def test_a_laboratory_is_the_operators_word() -> None:
    """Prefixes of a laboratory count as public, multicast never does, and the machine's own LAN stays refused."""
    assert refuse_address("198.18.0.1", ("198.18.0.0/15",)) is None
    assert refuse_address("10.0.0.1", ("198.18.0.0/15",))
    assert refuse_address("224.0.0.1", ("0.0.0.0/0",))
    assert refuse_address("8.8.8.8", (), ("8.8.8.0/24",))
    assert refuse_address("198.18.0.1", ("198.18.0.0/15",), ("198.18.0.0/24",))


@pytest.mark.parametrize(
    "name", ["", "a b.example", "a\r\nHost: b", "a.example\0", "-a.example", "a..b", "ä.example", "x" * 254, "1.2.3.4"]
)
def test_names_that_are_none(name: str) -> None:
    """A name goes into SNI, Host and questions as it is: nothing that could become something else."""
    assert refuse_name(name)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"host": "a.example\r\nX: y"}, "host"),
        ({"neighbour": "b example"}, "neighbour"),
        ({"path": "/ HTTP/1.1\r\nHost: evil"}, "path"),
        ({"path": "relative"}, "path"),
        ({"path": "/" + "a" * 2_000}, "path"),
        ({"id": "a\nb"}, "id"),
        ({"service": "s\x1b[31m"}, "service"),
        ({"port": 0}, "port"),
        ({"http_port": 99_999}, "port"),
        ({"other_port": -1}, "port"),
        ({"experiments": ()}, "experiment"),
        ({"experiments": (Experiment.LINE,)}, "line"),
        ({"addresses": ("192.168.1.1",)}, "private"),
        ({"addresses": ("::1", "10.0.0.1")}, "loopback"),
    ],
)
def test_hostile_targets_are_refused_one_by_one(changes: dict[str, object], reason: str) -> None:
    """One bad target costs itself, with its reason; its neighbours are measured."""
    good = target(id="s/web/good.example/4", host="good.example")
    checked = accepted(assignment(target(**changes), good))
    assert checked.assignment.targets == (good,)
    ((identity, why),) = checked.refused
    assert reason in why
    assert identity.isprintable()


def test_bad_addresses_of_a_good_target() -> None:
    """A mixed list keeps what may be contacted, once each and not without end."""
    many = tuple(f"8.8.{n}.1" for n in range(40))
    checked = accepted(assignment(target(addresses=("192.168.0.1", "8.8.0.1", *many), sibling="127.0.0.1")))
    (kept,) = checked.assignment.targets
    assert kept.addresses == many[:MAX_ADDRESSES]
    assert kept.sibling == ""
    assert len(checked.refused) == 3


def test_absurd_rates_and_sizes_are_clamped() -> None:
    """A timetable of every second and bodies of gigabytes become the device's own bounds, and the event says so."""
    checked = accepted(
        assignment(
            target(fetch_bytes=10**12),
            timetable=Timetable(interval=1, hello_every=0, http_every=-5, line=0, health=0),
            budget=Budget(bytes_per_day=10**15, bytes_per_incident=10**15),
        )
    )
    (kept,) = checked.assignment.targets
    assert kept.fetch_bytes == MAX_FETCH_BYTES
    assert checked.assignment.timetable == Timetable(interval=60, hello_every=1, http_every=1, line=30, health=30)
    assert checked.assignment.budget.bytes_per_day == LIMITS.bytes_per_day
    assert len(checked.clamped) == 8


@pytest.mark.parametrize(
    "bad",
    [assignment(*(target() for _ in range(MAX_TARGETS + 1))), assignment(target(), expires=NOW)],
    ids=["too many", "expired"],
)
def test_whole_refusals(bad: Assignment) -> None:
    """An assignment that is out of all proportion, or out of date, is not used at all."""
    assert isinstance(check_assignment(bad, LIMITS, NOW), RefusedPart)
    assert isinstance(check_assignment(msgspec.structs.replace(bad, expires=float("nan")), LIMITS, NOW), RefusedPart)


def test_controls_and_resolvers_pass_the_same_gate() -> None:
    """Controls, resolvers and silent addresses could aim at the LAN as well as targets could."""
    checked = accepted(
        assignment(
            target(),
            controls=(
                Control(name="fine.example", addresses=("192.168.1.1", "8.8.8.8")),
                Control(name="bad name", addresses=("8.8.8.8",)),
                Control(name="lan.example", addresses=("192.168.1.1",)),
                Control(name="port.example", addresses=("8.8.8.8",), port=0),
            ),
            public_resolvers=("8.8.8.8", "10.0.0.53"),
            silent_addresses=("fe80::1",),
            helpers=("9.9.9.9", "192.168.1.1"),
            control_name="bad\r\nname",
        )
    ).assignment
    assert [control.name for control in checked.controls] == ["fine.example"]
    assert checked.controls[0].addresses == ("8.8.8.8",)
    assert (checked.public_resolvers, checked.silent_addresses, checked.control_name) == (("8.8.8.8",), (), "")
    assert checked.helpers == ("9.9.9.9",)


def test_servers_of_stun_pass_the_same_gate() -> None:
    """One without an address is looked up; one whose addresses are all refused is not, and each is told."""
    servers = (
        StunServer(name="fine.example", addresses=("192.168.1.1", "8.8.8.8")),
        StunServer(name="bare.example"),
        StunServer(name="bad name"),
        StunServer(name="lan.example", addresses=("192.168.1.1",)),
        StunServer(name="port.example", port=0),
    )
    found = accepted(assignment(target(), stun_servers=servers))
    assert [(one.name, one.addresses) for one in found.assignment.stun_servers] == [
        ("fine.example", ("8.8.8.8",)), ("bare.example", ()),
    ]  # fmt: skip
    assert [what for what, _ in found.refused] == [
        f"STUN server {name}" for name in ("'bad name'", "'lan.example'", "'port.example'")
    ]
    many = assignment(target(), stun_servers=tuple(StunServer(name=f"s{n}.example") for n in range(MAX_CONTROLS + 1)))
    assert len(accepted(many).assignment.stun_servers) == MAX_CONTROLS


def test_the_story_of_refusals_is_bounded() -> None:
    """Five hundred refusals make an event, not a flood."""
    checked = accepted(assignment(*(target(id=f"t{n}", host="bad name") for n in range(MAX_TARGETS))))
    assert len(checked.refused) == 51
    assert checked.refused[-1] == ("...", "and 450 more")


words = st.text(max_size=30) | st.sampled_from(["a.example", "/", "8.8.8.8", "192.168.1.1", "s/web/a/4"])
targets = st.builds(
    Target,
    id=words,
    service=words,
    role=st.sampled_from(TargetRole),
    host=words,
    port=st.integers(),
    addresses=st.lists(words, max_size=4).map(tuple),
    neighbour=words,
    sibling=words,
    other_port=st.integers(),
    experiments=st.lists(st.sampled_from(Experiment), max_size=4).map(tuple),
    path=words,
    http_port=st.integers(),
    fetch_bytes=st.integers(),
)


@pytest.mark.slow
@given(st.lists(targets, max_size=6), st.integers(), st.integers(), words)
def test_whatever_comes_nothing_private_is_left(
    given_targets: list[Target], interval: int, day: int, name: str
) -> None:
    """Any assignment: either refused, or every destination, name and number in it is within limits."""
    hostile = assignment(
        *given_targets,
        timetable=Timetable(interval=interval, line=interval),
        budget=Budget(bytes_per_day=day),
        control_name=name,
        public_resolvers=(name,),
    )
    kept = accepted(hostile).assignment
    for one in kept.targets:
        assert all(refuse_address(address) is None for address in (*one.addresses, *filter(None, [one.sibling])))
        assert refuse_name(one.host) is None
        assert not set("\r\n\0 ") & set(one.path)
        assert 0 <= one.fetch_bytes <= MAX_FETCH_BYTES
    assert kept.timetable.interval >= 60
    assert 0 <= kept.budget.bytes_per_day <= LIMITS.bytes_per_day
    assert all(refuse_address(address) is None for address in kept.public_resolvers)


def test_the_operator_only_tightens() -> None:
    """A larger number in the file changes nothing; a smaller one holds; 0 keeps the built-in."""
    wide = tightened(
        config.LimitSettings(bytes_per_day=10**12, connections_per_host_per_minute=999), config.NetworkSettings()
    )
    assert (wide.bytes_per_day, wide.connections_per_host_per_minute) == (20_000_000, 12)
    tight = tightened(
        config.LimitSettings(bytes_per_day=1_000),
        config.NetworkSettings(laboratory=("198.18.0.0/15",)),
        ("10.0.0.0/8",),
    )
    assert (tight.bytes_per_day, tight.laboratory, tight.lan) == (1_000, ("198.18.0.0/15",), ("10.0.0.0/8",))


@pytest.mark.parametrize(
    ("profile", "size"), [(Profile.LEAN, 6_000_000), (Profile.STANDARD, 20_000_000), (Profile.METERED, 1_000_000)]
)
def test_each_profile_has_its_share_of_the_line_and_no_assignment_lifts_it(profile: Profile, size: int) -> None:
    """attribution.md 3: 20 MB a day by default, 6 lean, 1 on a metered line; an incident costs a part of it."""
    share = tightened(config.LimitSettings(), config.NetworkSettings(), profile=profile)
    assert share.bytes_per_day == size
    assert share.bytes_per_incident < size
    greedy = Assignment(
        version=1,
        catalogue="c",
        expires=9e9,
        targets=(),
        budget=Budget(bytes_per_day=10**12, bytes_per_incident=10**12),
    )
    kept = check_assignment(greedy, share, 0.0)
    assert isinstance(kept, Accepted)
    assert kept.assignment.budget == Budget(bytes_per_day=size, bytes_per_incident=share.bytes_per_incident)


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 6)), max_size=60))
def test_a_host_gets_no_more_than_its_rate(calls: list[tuple[float, int]]) -> None:
    """Over any stretch the bucket gives at most its capacity and what flowed in since."""
    bucket: Bucket | None = None
    now, given_out = 0.0, 0
    for pause, count in calls:
        now += pause
        taken = take(bucket, count, 12, now)
        if taken is None:
            assert wait(bucket, count, 12, now) > 0
        else:
            bucket, given_out = taken, given_out + count
        assert given_out <= 12 + now * 12 / 60 + 1e-6


def test_a_clock_that_goes_back_fills_nothing() -> None:
    """Time that runs backwards is no income; a burst above capacity waits for a full bucket and then owes."""
    emptied = take(None, 12, 12, 100.0)
    assert emptied is not None
    assert take(emptied, 1, 12, 50.0) is None
    owing = take(None, 20, 12, 0.0)
    assert owing is not None
    assert wait(owing, 1, 12, 0.0) == pytest.approx(45.0)
