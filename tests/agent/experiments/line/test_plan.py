"""The line experiment: gateway, controls, resolver, portal; and its summary."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.line.plan import health, with_clock
from balise_agent.experiments.steps import AskGateway, EchoProbe, Exchange, Reply
from balise_agent.experiments.task import Task
from balise_agent.testing import ANY_PORT, FakeNetwork, FakeSession
from balise_wire.assignment import Control
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.experiments.line import LineObservation
from balise_wire.failures import Failure
from balise_wire.words import ClockState, Experiment, GatewayState, Portal, ResolverPlace, Scope

LINE = REGISTRY[Experiment.LINE]


def test_a_well_line(network: FakeNetwork, task: Task) -> None:
    """Every control gets two SYNs, not in a row; the summary counts both sides of the border."""
    (only,) = network.play(LINE.plan.sentinel(task), LineObservation)
    (exchange,) = [step for step in network.steps if isinstance(step, Exchange)]
    assert [probe.address for probe in exchange.packets] == ["198.18.9.1", "198.18.9.2"] * 2
    assert exchange.enough
    assert (only.failure, only.gateway_ok, only.resolver_ok, only.loss, only.captive) == (None, True, True, 0.0, None)
    summary = health(only)
    assert (summary.international_ok, summary.international) == (1, 1)
    assert (summary.domestic_ok, summary.domestic) == (1, 1)
    assert summary.at == only.at


def test_a_cut_border(network: FakeNetwork, task: Task) -> None:
    """Controls abroad dead, those at home alive: that is what the summary must show, and nothing more."""
    network.refuse("198.18.9.1", 443, Failure.GENERIC_TIMEOUT)
    (only,) = network.play(LINE.plan.sentinel(task), LineObservation)
    summary = health(only)
    assert (summary.international_ok, summary.domestic_ok) == (0, 1)
    assert only.loss == pytest.approx(0.5)
    assert only.failure is None


def test_a_dead_line(network: FakeNetwork, task: Task) -> None:
    """Nothing answers: a failure, and an honest gateway."""
    network.gateway = False
    for address in ("198.18.9.1", "198.18.9.2"):
        network.refuse(address, ANY_PORT, Failure.GENERIC_TIMEOUT)
    network.dns["control.example", ""] = ()
    (only,) = network.play(LINE.plan.sentinel(task), LineObservation)
    assert (only.failure, only.gateway_ok, only.resolver_ok) == (Failure.GENERIC_TIMEOUT, False, False)


def test_a_refusing_control_is_alive(network: FakeNetwork, task: Task) -> None:
    """A RST comes from a living host: the line carries."""
    network.refuse("198.18.9.1", 443, Failure.CONNECTION_REFUSED)
    (only,) = network.play(LINE.plan.sentinel(task), LineObservation)
    assert all(control.failure is None for control in only.controls)


@pytest.mark.parametrize(
    ("response", "captive"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", None),
        (b"HTTP/1.1 301 Moved\r\nLocation: https://portal.example/\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/?mac=1\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n", True),
    ],
)
def test_captive_portal(network: FakeNetwork, task: Task, response: bytes, captive: bool | None) -> None:
    """A control on port 80 is the permission to look for a portal, by redirects elsewhere and RFC 6585's status.

    Without a known page anything else is plausible, and no proof that there is none.
    """
    control = Control(name="portal.example", addresses=("198.18.9.3",), port=80)
    network.pages["portal.example"] = response
    (only,) = network.play(
        LINE.plan.sentinel(msgspec.structs.replace(task, controls=(*task.controls, control))), LineObservation
    )
    assert only.captive is captive


def test_without_controls_nothing_is_claimed(network: FakeNetwork, task: Task) -> None:
    """An assignment without controls gives a line of which little is known, not a dead one."""
    (only,) = network.play(
        LINE.plan.sentinel(msgspec.structs.replace(task, controls=(), control_name="")), LineObservation
    )
    assert (only.loss, only.resolver_ok, only.failure) == (None, None, None)


def test_the_clock_is_the_callers(network: FakeNetwork, task: Task) -> None:
    """A plan knows no clock; who does fills it in."""
    (only,) = network.play(LINE.plan.sentinel(task), LineObservation)
    assert with_clock(only, ClockState.SYNCED, 3.0).clock_state is ClockState.SYNCED


@pytest.mark.parametrize(
    ("asked", "answer", "ok"),
    [
        (False, None, None),
        (True, DnsAnswer(rtt_ms=1.0, rcode=2), True),
        (True, DnsAnswer(rtt_ms=1.0, malformed=True), True),
        (True, None, False),
    ],
)
def test_a_resolver_that_was_not_asked_is_not_down(
    network: FakeNetwork, task: Task, asked: bool, answer: DnsAnswer | None, ok: bool | None
) -> None:
    """No resolver known, or no way to it: unknown. Whatever it answers, it lives."""
    network.resolver = asked
    network.dns["control.example", ""] = () if answer is None else (answer,)
    (only,) = network.play(LINE.plan.sentinel(task), LineObservation)
    assert only.resolver_ok is ok
    network.dns.clear()
    network.set_aside["control.example"] = (DnsAnswer(rtt_ms=1.0, tc=True),)
    (aside,) = network.play(LINE.plan.sentinel(task), LineObservation)
    assert aside.resolver_ok is (True if asked else None)


def test_what_is_not_asked_is_not_told_as_a_no(network: FakeNetwork, task: Task) -> None:
    """Gateway, portal and resolver each have a word for what nobody asked, or nobody has."""
    (well,) = network.play(LINE.plan.sentinel(task), LineObservation)
    assert (well.gateway, well.portal, well.others) == (GatewayState.ANSWERED, Portal.NOT_ASKED, None)
    network.gateway = False
    (mute,) = network.play(LINE.plan.sentinel(task), LineObservation)
    assert (mute.gateway, mute.gateway_ok) == (GatewayState.MUTE, False)
    network.gateway = None
    (none,) = network.play(LINE.plan.sentinel(task), LineObservation)
    assert (none.gateway, none.gateway_ok) == (GatewayState.NONE, None)
    network.on(AskGateway, lambda _step, session: session.failed(Failure.NETWORK_DOWN))
    (unasked,) = network.play(LINE.plan.sentinel(task), LineObservation)
    assert (unasked.gateway, unasked.gateway_ok) == (GatewayState.NOT_ASKED, None)


def test_a_family_is_told_by_its_own_controls(network: FakeNetwork, task: Task) -> None:
    """IPv4 that works excuses no IPv6: the summary counts both, and the scopes count a control once."""
    controls = (
        Control(name="far.example", addresses=("198.18.9.1", "2a00::1")),
        Control(name="near.example", addresses=("198.18.9.2",), scope=Scope.DOMESTIC),
    )
    network.refuse("2a00::1", 443, Failure.GENERIC_TIMEOUT)
    dual = msgspec.structs.replace(task, controls=controls)
    (only,) = network.play(LINE.plan.sentinel(dual), LineObservation)
    assert [(one.name, one.family, one.port) for one in only.controls] == [
        ("far.example", 4, 443),
        ("near.example", 4, 443),
        ("far.example", 6, 443),
    ]
    told = health(only)
    assert (told.ipv4_ok, told.ipv4, told.ipv6_ok, told.ipv6) == (2, 2, 0, 1)
    assert (told.international_ok, told.international) == (1, 1)


def test_the_summary_says_what_the_look_says(network: FakeNetwork, task: Task) -> None:
    """Every fact with three values rides in the measurements of the minute."""
    network.resolvers = ("192.168.7.1",)
    at_home = msgspec.structs.replace(task, lan=("192.168.7.0/24",))
    (only,) = network.play(LINE.plan.sentinel(at_home), LineObservation)
    told = health(with_clock(only, ClockState.HINTED, None))
    assert (told.gateway, told.portal, told.resolver_place, told.clock) == (
        GatewayState.ANSWERED, Portal.NOT_ASKED, ResolverPlace.HOME, ClockState.HINTED,
    )  # fmt: skip


def test_a_line_on_which_one_port_is_dead_is_no_dead_line(network: FakeNetwork, task: Task) -> None:
    """Where no control answers on its port they are asked on 80 and by echo, before anything is called dead."""
    for address in ("198.18.9.1", "198.18.9.2"):
        network.refuse(address, 443, Failure.GENERIC_TIMEOUT)
    network.dns["control.example", ""] = ()
    (only,) = network.play(LINE.plan.sentinel(task), LineObservation)
    assert only.failure is None
    dead, alive = Failure.GENERIC_TIMEOUT, None
    assert [(one.port, one.failure) for one in only.others or ()] == [
        (443, dead), (443, dead), (80, alive), (80, alive), (0, alive), (0, alive),
    ]  # fmt: skip
    assert (health(only).others_ok, health(only).others) == (4, 6)


def test_a_line_that_comes_back_in_the_midst_of_a_look_has_no_dead_port(network: FakeNetwork, task: Task) -> None:
    """What was silent is asked again beside what answers: silence before and an answer after are not one moment."""
    for address in ("198.18.9.1", "198.18.9.2"):
        network.refuse(address, ANY_PORT, Failure.GENERIC_TIMEOUT)

    def comes_back(step: Exchange, session: FakeSession) -> Reply:
        if any(isinstance(one, EchoProbe) for one in step.packets):
            network.heal()
        return network._exchange(step, session)

    network.on(Exchange, comes_back)
    (only,) = network.play(LINE.plan.sentinel(task), LineObservation)
    assert {(one.port, one.failure) for one in only.controls} == {(443, Failure.GENERIC_TIMEOUT)}
    assert {(one.port, one.failure) for one in only.others or ()} == {(443, None), (80, None), (0, None)}


def test_the_other_ways_are_asked_in_one_moment(network: FakeNetwork, task: Task) -> None:
    """A line that came back between the first packet and the last would seem to have a dead port."""
    spaced: list[float] = []

    def look(step: Exchange, session: FakeSession) -> Reply:
        if any(isinstance(one, EchoProbe) for one in step.packets):
            spaced.append(step.spacing)
        return network._exchange(step, session)

    for address in ("198.18.9.1", "198.18.9.2"):
        network.refuse(address, ANY_PORT, Failure.GENERIC_TIMEOUT)
    network.on(Exchange, look)
    network.play(LINE.plan.sentinel(task), LineObservation)
    assert spaced[-1:] == [0.0]
