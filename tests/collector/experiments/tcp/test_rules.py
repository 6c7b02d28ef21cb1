"""The TCP rules: a dead address is blocked only where references reach the very same one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from balise_collector.conclude.judgement import note
from balise_collector.judge import VerdictState
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth, Measurement
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, Design, HopPlace
from tests.testbed.cases import WELL, Case


def _dead(case: Case, *more: Any, **changes: Any) -> Any:
    """The paired TCP plan against a dead address, with the failing sentinel carried along."""
    return case.measured(case.syns(0, at=case.earlier, syns=2, carried=True, **changes), *more, case.syns(0, **changes))


def test_dead_here_and_alive_abroad_is_blocked(case: Case) -> None:
    """0 of 6 SYN-ACKs, the line well, three references through to the same address meanwhile."""
    case.abroad(case.syns(2, syns=2))
    verdict = case.judged(_dead(case))
    assert (verdict.state, verdict.rule) == (VerdictState.BLOCKED, "ip.drop")
    assert verdict.since == case.earlier


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"resets": 6, "failure": Failure.CONNECTION_REFUSED}, "ip.rst"),
        ({"icmp_errors": 6, "failure": Failure.ICMP_ADMIN_PROHIBITED, "icmp_place": HopPlace.LATER}, "ip.icmp"),
    ],
)
def test_the_way_it_dies_names_the_mechanism(case: Case, changes: dict[str, Any], rule: str) -> None:
    """RST on SYN and ICMP administratively prohibited are words of their own."""
    case.abroad(case.syns(2, syns=2))
    assert case.judged(_dead(case, **changes)).rule == rule


def test_another_port_that_answers_makes_it_a_port_filter(case: Case) -> None:
    """The host lives: only the port is shut."""
    case.abroad(case.syns(2, syns=2))
    assert case.judged(_dead(case, case.syns(2, Arm.OTHER_PORT, port=80, syns=2))).rule == "port.drop"


def test_another_port_that_no_longer_answers_after_the_series_accuses_nobody(case: Case) -> None:
    """A server that takes a few connections a minute of one home answers the first that come, and nothing after."""
    case.abroad(case.syns(2, syns=2))
    other = case.syns(2, Arm.OTHER_PORT, port=80, syns=2)
    shut = case.syns(0, Arm.OTHER_PORT, port=80, syns=2)
    series = _dead(case, other)
    for last, rule in ((other, "port.drop"), (shut, "tcp.shut_meanwhile")):
        whole = msgspec.structs.replace(series, observations=(*series.observations, last))
        assert case.judged(whole).rule == rule
    alike = msgspec.structs.replace(_dead(case, shut), observations=(*_dead(case, shut).observations, shut))
    assert case.judged(alike).rule == "ip.drop"


def test_another_port_that_answers_half_of_its_syns_names_no_port(case: Case) -> None:
    """A box on nine flows of ten lets a SYN through now and then, to whatever port."""
    case.abroad(case.syns(2, syns=2))
    half = case.syns(1, Arm.OTHER_PORT, port=80, syns=2)
    whole = case.syns(2, Arm.OTHER_PORT, port=80, syns=2)
    for last, rule in ((half, "ip.drop"), (whole, "port.drop")):
        series = _dead(case, half)
        assert case.judged(msgspec.structs.replace(series, observations=(*series.observations, last))).rule == rule


def test_a_line_that_refuses_the_controls_too_accuses_nobody(case: Case) -> None:
    """A captive portal resets every connection to port 443: neighbours and controls are refused as the subject is."""
    case.abroad(case.syns(2, syns=2))
    reset = {"resets": 2, "failure": Failure.CONNECTION_REFUSED}
    near = case.syns(0, Arm.SIBLING, address="104.244.42.9", **reset)
    refused = case.syns(0, Arm.CONTROL, address="93.184.216.34", **reset)
    answered, silent = (case.syns(alive, Arm.CONTROL, address="93.184.216.35") for alive in (2, 0))
    for controls, rule in (
        ((refused,), "tcp.all_refused"),
        ((refused, refused), "tcp.all_refused"),
        ((refused, answered), "ip.prefix"),
        ((refused, silent), "tcp.all_refused"),
        ((answered,), "ip.prefix"),
    ):
        assert case.judged(_dead(case, near, *controls, resets=6, failure=Failure.CONNECTION_REFUSED)).rule == rule
    assert case.judged(_dead(case, refused)).rule == "ip.drop"


def test_without_references_nothing_is_blocked(case: Case) -> None:
    """One reference, or none, cannot exclude a dead server."""
    assert case.judged(_dead(case)).rule == "tcp.no_reference"
    case.abroad(case.syns(2, syns=2), probes=("de01",))
    assert case.judged(_dead(case)).rule == "tcp.no_reference"


def test_references_before_the_first_failure_do_not_count(case: Case) -> None:
    """What was reachable an hour ago may have died since."""
    case.abroad(case.syns(2, syns=2, at=case.now - 3600), started=case.now - 3600, ended=case.now - 3599)
    assert case.judged(_dead(case)).rule == "tcp.no_reference"


def test_a_server_that_came_back_accuses_nobody(case: Case) -> None:
    """Down for everyone until a moment ago: references through now say nothing of the minutes when the probe failed."""
    later = case.now + 60
    case.abroad(
        case.syns(2, syns=2, at=later), started=later, ended=later + 1, line=LineHealth(at=later, gateway_ok=True)
    )
    assert case.judged(_dead(case)).rule == "tcp.no_reference"


def test_references_that_failed_meanwhile_acquit_the_way(case: Case) -> None:
    """They got through first and failed then, inside the window: the server."""
    case.abroad(case.syns(2, syns=2))
    case.abroad(case.syns(0, at=case.now - 60), started=case.now - 60, ended=case.now - 59)
    assert case.judged(_dead(case)).rule == "tcp.down"


def test_dead_for_the_references_is_down(case: Case) -> None:
    """A server that is off is nobody's interference."""
    case.abroad(case.syns(0))
    verdict = case.judged(_dead(case))
    assert (verdict.state, verdict.rule) == (VerdictState.DOWN, "tcp.down")


def test_one_broken_reference_accuses_nobody_and_silences_nobody(case: Case) -> None:
    """Two through and one dead: still blocked here."""
    case.abroad(case.syns(2, syns=2), probes=("de01", "de02"))
    case.abroad(case.syns(0), probes=("sg01",))
    assert case.judged(_dead(case)).rule == "ip.drop"


def test_an_edge_that_died_is_down_though_the_service_lives(case: Case) -> None:
    """References fail on this address and reach the service at another one."""
    case.abroad(case.syns(0))
    case.abroad(case.syns(2, syns=2, address="104.244.42.2"))
    verdict = case.judged(_dead(case))
    assert (verdict.state, verdict.rule) == (VerdictState.DOWN, "tcp.edge_down")


def test_a_port_refused_everywhere_is_down(case: Case) -> None:
    """RST on SYN for references too: no service there."""
    case.abroad(case.syns(0, resets=2, failure=Failure.CONNECTION_REFUSED))
    assert case.judged(_dead(case, resets=6, failure=Failure.CONNECTION_REFUSED)).rule == "tcp.refused"


@pytest.mark.parametrize(
    ("siblings", "rule"),
    [
        ({"104.244.42.9": 0}, "ip.prefix"),
        ({"104.244.42.9": 2}, "ip.drop"),
        ({"104.244.42.9": 0, "192.48.236.4": 2}, "ip.prefix"),
        ({"104.244.42.9": 0, "192.48.236.4": 0}, "ip.as"),
        ({"192.48.236.4": 2}, "ip.drop"),
    ],
)
def test_the_sibling_ladder_says_how_wide_a_block_is(case: Case, siblings: dict[str, int], rule: str) -> None:
    """The address, its prefix or its whole network; other networks answer, and references reach the address."""
    case.abroad(case.syns(2, syns=2))
    more = [case.syns(alive, Arm.SIBLING, address=address) for address, alive in siblings.items()]
    assert case.judged(_dead(case, *more)).rule == rule


def test_a_sibling_that_is_dead_for_everybody_says_nothing(case: Case) -> None:
    """The catalogue's neighbour was switched off: references cannot reach it either."""
    case.abroad(case.syns(2, syns=2))
    case.abroad(case.syns(0, address="104.244.42.9"))
    assert case.judged(_dead(case, case.syns(0, Arm.SIBLING, address="104.244.42.9"))).rule == "ip.drop"


@pytest.mark.parametrize("place", [HopPlace.FIRST, HopPlace.UNKNOWN])
def test_the_first_hop_is_never_the_censor(case: Case, place: HopPlace) -> None:
    """A home router that says "prohibited" has a rule of its owner's, or no route."""
    case.abroad(case.syns(2, syns=2))
    told = _dead(case, icmp_errors=6, failure=Failure.ICMP_ADMIN_PROHIBITED, icmp_place=place)
    assert case.judged(told).rule == "tcp.local_router"


@pytest.mark.parametrize(
    ("line", "rule"),
    [({"ipv6": 2}, "line.family"), ({"ipv6": 2, "ipv6_ok": 2}, "ip.drop"), ({}, "tcp.unclear")],
)
def test_the_familys_own_control_must_have_answered(case: Case, line: dict[str, int], rule: str) -> None:
    """IPv4 that works excuses no IPv6: a home whose IPv6 is broken is no block, and unknown is no proof."""
    six = "2606:1f80:f000::1"
    case.abroad(case.syns(2, syns=2, address=six), family=6)
    told = case.measured(
        case.syns(0, address=six, at=case.earlier, carried=True),
        case.syns(0, address=six),
        family=6,
        line=msgspec.structs.replace(WELL, ipv4=5, ipv4_ok=5, **line) if line else WELL,
    )
    assert case.judged(told).rule == rule


def test_references_of_one_country_do_not_make_a_fault_the_worlds(case: Case) -> None:
    """Their country may block it, or a route leak there; two countries are needed."""
    case.abroad(case.syns(0), probes=("de01", "de02"))
    assert case.judged(_dead(case)).rule == "tcp.no_reference"


def test_a_probe_at_home_that_gets_through_acquits_the_server(case: Case) -> None:
    """References of two countries fail at an address that another probe at home reaches: no fault of the server."""
    case.abroad(case.syns(0))
    assert case.judged(_dead(case)).rule == "tcp.down"
    good = case.measured(case.syns(2, at=case.earlier + 30), design=Design.SENTINEL)
    verdict = case.judged(good, probe="pk000002")
    note(case.references, verdict, good)
    assert case.judged(_dead(case)).state is VerdictState.INSUFFICIENT


def test_a_few_lost_syns_are_loss(case: Case) -> None:
    """Five per cent of loss takes a SYN now and then."""
    assert case.judged(case.measured(case.syns(5))).state is VerdictState.OK


def test_a_sentinel_alone_is_an_anomaly(case: Case) -> None:
    """Two SYNs lost are no verdict."""
    assert case.judged(case.measured(case.syns(0, syns=2), design=Design.SENTINEL)).rule == "tcp.anomaly"


def test_all_controls_of_the_line_dead_gates_everything(case: Case) -> None:
    """Whatever failed in a minute in which nothing worked says nothing of the target."""
    case.abroad(case.syns(2, syns=2))
    line = LineHealth(at=case.now, gateway_ok=True, international=3)
    verdict = case.judged(case.measured(case.syns(0, at=case.earlier, carried=True), case.syns(0), line=line))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "line.unwell")


@pytest.mark.parametrize("line", [None, LineHealth(at=0.0, gateway_ok=True, international=3, international_ok=3)])
def test_a_line_not_measured_in_the_same_minute_gates_failures(case: Case, line: LineHealth | None) -> None:
    """No health within two minutes: unknown, so insufficient. Success needs no witness."""
    case.abroad(case.syns(2, syns=2))
    assert case.judged(case.measured(case.syns(0), line=line)).rule == "line.unknown"
    assert case.judged(case.measured(case.syns(6), line=line)).rule == "tcp.ok"


def test_another_target_that_answered_meanwhile_is_a_control(case: Case) -> None:
    """A probe without controls knows its line by what else it reached in the same minute, over the same IP version."""
    case.abroad(case.syns(2, syns=2))
    bare = LineHealth(at=case.now - 20, gateway_ok=True)
    dead = case.measured(case.syns(0, at=case.earlier, carried=True), case.syns(0), line=bare)
    assert case.judged(dead).rule == "tcp.unclear"
    other = case.measured(
        case.syns(2, address="192.48.236.4", at=case.now - 5), target="zoom/web/zoom.us/4", design=Design.SENTINEL
    )
    note(case.references, case.judged(msgspec.structs.replace(other, family=6)), other)
    assert case.judged(dead).rule == "tcp.unclear"
    note(case.references, case.judged(other), other)
    assert case.judged(dead).rule == "ip.drop"


def _share(case: Case, answered: int, *besides: TcpObservation, before: int = 0, **changes: Any) -> Measurement:
    """The paired plan where some SYNs are answered, after a sentinel; and those to a control elsewhere."""
    trials = (
        case.syns(before, at=case.earlier, syns=2, carried=True),
        *(besides or (case.syns(2, Arm.CONTROL, syns=2, address="198.51.100.7"),)),
        case.syns(answered, resets=changes.pop("resets", 0), icmp_errors=changes.pop("icmp_errors", 0)),
    )
    return case.measured(*trials, **{"line": msgspec.structs.replace(WELL, ipv4_ok=4, ipv4=4), **changes})


def test_most_syns_that_vanish_are_evidence_and_no_verdict(case: Case) -> None:
    """A box on a share of the flows lets one of six through; half that come through may be loss."""
    case.abroad(case.syns(2, syns=2))
    for answered in (1, 2):
        verdict = case.judged(_share(case, answered))
        assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "ip.drop.share")
        assert (verdict.mechanism, verdict.since) == (Mechanism.IP_DROP, case.earlier)
    assert case.judged(_share(case, 3)).rule == "tcp.ok"
    assert case.judged(_share(case, 6)).rule == "tcp.ok"
    assert case.judged(_share(case, 0)).rule == "ip.drop"
    assert case.judged(_share(case, 2, before=2)).rule == "tcp.ok", "no sentinel failed before"
    assert case.judged(_share(case, 1, before=2)).rule == "tcp.ok"


def test_a_share_is_told_by_what_comes_back(case: Case) -> None:
    """Resets, and a router beyond the home that prohibits; a router at home is never the censor."""
    case.abroad(case.syns(2, syns=2))
    assert case.judged(_share(case, 2, resets=4)).rule == "ip.rst.share"
    assert case.judged(_share(case, 2, resets=1)).rule == "ip.drop.share"
    assert case.judged(_share(case, 2, icmp_errors=4)).rule == "tcp.ok", "nothing says who sent them"
    for place, rule in ((HopPlace.LATER, "ip.icmp.share"), (HopPlace.FIRST, "tcp.ok")):
        errors = case.syns(
            2,
            icmp_errors=4,
            icmp_place=place,
            packets=(Packet(t_us=9, direction=Direction.IN, protocol="icmp", ttl=250, icmp="3/13"),),
        )
        series = _share(case, 2)
        changed = msgspec.structs.replace(series, observations=(*series.observations[:-1], errors))
        assert case.judged(changed).rule == rule


def test_where_other_syns_are_lost_as_well_it_is_no_share(case: Case) -> None:
    """A lossy line loses any of them, a lossy peering its neighbours'; of what was not looked at nothing is known."""
    case.abroad(case.syns(2, syns=2))
    control = case.syns(2, Arm.CONTROL, syns=2, address="198.51.100.7")
    lossy = case.syns(1, Arm.CONTROL, syns=2, address="198.51.100.7")
    near, far = ({"syns": 2, "address": address} for address in ("104.244.42.9", "192.0.2.7"))
    assert case.judged(_share(case, 2, lossy)).rule == "tcp.ok"
    assert case.judged(_share(case, 2, control, case.syns(1, Arm.NEAR_SIBLING, **near))).rule == "tcp.ok"
    assert case.judged(_share(case, 2, control, case.syns(0, Arm.SIBLING, **far))).rule == "tcp.ok"
    assert case.judged(_share(case, 2, case.syns(2, Arm.SIBLING, **far))).rule == "tcp.ok", "no control"
    assert case.judged(_share(case, 2, control, case.syns(2, Arm.SIBLING, **far))).rule == "ip.drop.share"
    for answered, asked in ((3, 4), (0, 0), (1, 1)):
        line = msgspec.structs.replace(WELL, ipv4_ok=answered, ipv4=asked)
        assert case.judged(_share(case, 2, line=line)).rule == "tcp.ok"


def test_a_server_that_drops_syns_drops_everybodys(case: Case) -> None:
    """References that lost one of two SYNs say that it is the server; and without references nothing is known."""
    assert case.judged(_share(case, 2)).rule == "tcp.ok"
    case.abroad(case.syns(1, syns=2))
    assert case.judged(_share(case, 2)).rule == "tcp.ok"


def test_a_server_that_drops_most_syns_of_everybody_is_no_block(case: Case) -> None:
    """Each reference gets through at the second try; six lost in a row are the same server's."""
    case.abroad(case.syns(1, syns=2))
    assert case.judged(_dead(case)).rule == "tcp.lossy_abroad"
    case = Case()
    case.abroad(case.syns(2, syns=2))
    assert case.judged(_dead(case)).rule == "ip.drop"


def test_a_board_that_lost_packets_says_nothing_of_a_share(case: Case) -> None:
    """What did not come may have come; what did come, as a reset, stands."""
    case.abroad(case.syns(2, syns=2))
    assert case.judged(_share(case, 2, tap_drops=9)).rule == "board.limited"
