"""Profiles: whatever is measured, the day fits the host's line, and what is missed least is thinned first."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from balise_collector.fleet.assignment import assignment_for, stopped
from balise_collector.fleet.catalogue import default_folder, load
from balise_collector.fleet.members import Member
from balise_collector.fleet.profiles import (
    LADDER,
    PLANNED,
    bytes_per_day,
    delivered_per_day,
    fitted,
    results_per_day,
)
from balise_wire import profiles
from balise_wire.assignment import Assignment, Budget, Control, Target, Timetable
from balise_wire.experiments import dns, http, line, tcp, tls
from balise_wire.measurement import Network
from balise_wire.profiles import PACES, SHARES
from balise_wire.words import Experiment, Profile, TargetRole

EXPERIMENTS = Path(__file__).parents[3] / "docs" / "experiments"
BASIC = (Experiment.DNS, Experiment.TCP, Experiment.TLS)


def task(targets: int, experiments: tuple[Experiment, ...] = BASIC, **timetable: int) -> Assignment:
    """Return a task of so many targets with an address each, and four controls."""
    return Assignment(
        version=0,
        catalogue="x",
        expires=0.0,
        targets=tuple(
            Target(
                id=f"x/{n}",
                service="x",
                role=TargetRole.WEB,
                host=f"{n}.example",
                addresses=("198.18.0.1",),
                experiments=experiments,
            )
            for n in range(targets)
        ),
        controls=tuple(Control(name=f"c{n}.example", addresses=("198.18.1.1",)) for n in range(4)),
        timetable=msgspec.convert(timetable, Timetable),
        budget=Budget(),
    )


@pytest.mark.parametrize(
    ("file", "value", "pattern"),
    [
        ("dns", dns.USUAL_QUESTION[4], r"usually ([\d.]+) KB a question"),
        ("dns", dns.USUAL_HANDSHAKE[4], r"([\d.]+) KB more for a handshake"),
        ("dns", dns.MOST_QUESTION, r"at most ([\d.]+) KB a question"),
        ("dns", dns.HANDSHAKE, r"([\d.]+) KB for a handshake"),
        ("tcp", tcp.SENTINEL_SYNS * tcp.USUAL_SYN[4], r"usually ([\d.]+) KB"),
        ("tls", tls.USUAL_HELLO[4], r"usually ([\d.]+) KB"),
        ("tls", tls.USUAL_CHAIN[4], r"([\d.]+) KB for the chain"),
        ("tls", tls.USUAL_LONG[4], r"([\d.]+) KB more for the long hello"),
        ("tls", tls.UNHEARD, r"at most ([\d.]+) KB"),
        ("http", http.USUAL_HEAD, r": ([\d.]+) KB and a body"),
        ("http", http.USUAL_OVER_TLS, r"([\d.]+) KB more over TLS"),
        ("line", line.USUAL_GATEWAY + dns.USUAL_QUESTION[4], r"three controls: ([\d.]+) KB"),
        ("line", line.USUAL_CONTROL, r"([\d.]+) KB a control"),
        ("line", line.USUAL_PORTAL, r"([\d.]+) KB more for a page"),
    ],
)
def test_the_bytes_are_those_of_the_documents(file: str, value: int, pattern: str) -> None:
    """Each number here is the one that docs/experiments/ tells a host."""
    found = re.search(pattern, (EXPERIMENTS / f"{file}.md").read_text())
    assert found is not None
    assert float(found[1]) == round(value / 1000, len(found[1].partition(".")[2]))


def test_the_arithmetic_of_the_design_holds() -> None:
    """docs/attribution.md section 4: 10 services x 3 roles, a hello each 5 min are 22.6 MB; names and SYNs 4.5 MB."""
    assert bytes_per_day(task(30, (Experiment.TLS,), line=86_400)) == pytest.approx(22_600_000, rel=0.01)
    assert bytes_per_day(task(30, (Experiment.DNS, Experiment.TCP), line=86_400)) == pytest.approx(4_500_000, rel=0.01)


@pytest.mark.parametrize("profile", Profile.known())
@pytest.mark.parametrize("targets", [1, 12, 30, 100, 400])
def test_every_day_fits_the_line(profile: Profile, targets: int) -> None:
    """6, 20 and 1 MB a day, from one service to more than a hundred, with delivery; the rest is for anomalies."""
    thinned = fitted(task(targets, (*BASIC, Experiment.HTTP)), profile)
    share = SHARES[profile]
    assert bytes_per_day(thinned) + delivered_per_day(thinned, profile) <= PLANNED * share.bytes_per_day
    assert thinned.budget.bytes_per_day <= share.bytes_per_day
    assert thinned.budget.bytes_per_incident <= share.bytes_per_incident
    assert thinned.targets == task(targets, (*BASIC, Experiment.HTTP)).targets


def test_a_profile_that_we_do_not_know_is_held_to_the_least() -> None:
    """A registry that a newer collector wrote: nobody's line is used up for a word that we cannot read."""
    assert fitted(task(30), Profile.UNKNOWN) == fitted(task(30), Profile.METERED)


def test_what_is_missed_least_goes_first() -> None:
    """Ten services on a standard line: names and connections in minutes, hellos in turn, pages now and then."""
    thinned = fitted(task(30, (*BASIC, Experiment.HTTP)), Profile.STANDARD).timetable
    assert thinned.interval <= 600
    assert 2 <= thinned.hello_every <= 12
    assert thinned.http_every >= 12
    assert fitted(task(2), Profile.STANDARD).timetable == Timetable(chain=1_200)


def test_a_metered_line_measures_seldom_rather_than_half() -> None:
    """Every target keeps its turn; reports of the board's health become rarer too."""
    metered = fitted(task(30), Profile.METERED).timetable
    assert metered.interval > 300
    assert metered.health == 3600


def test_the_operators_settings_stay_the_upper_bound() -> None:
    """A slower timetable and a smaller budget are never made faster or larger."""
    asked = task(3, interval=900, hello_every=6, line=600)
    thinned = fitted(asked, Profile.STANDARD)
    assert thinned.timetable == msgspec.structs.replace(asked.timetable, chain=1_200)
    rare = task(3, interval=900, hello_every=6, line=600, chain=600)
    assert fitted(rare, Profile.STANDARD).timetable == rare.timetable
    small = Assignment(
        version=0, catalogue="x", expires=0.0, targets=asked.targets, budget=Budget(bytes_per_day=2_000_000)
    )
    assert fitted(small, Profile.STANDARD).budget.bytes_per_day == 2_000_000
    less = fitted(small, Profile.STANDARD)
    assert bytes_per_day(less) + delivered_per_day(less, Profile.STANDARD) <= 1_800_000


@pytest.mark.parametrize("assigned", [False, True])
@pytest.mark.parametrize(("profile", "hello", "chain"), [(Profile.STANDARD, 450, 1_800), (Profile.LEAN, 900, 1_800)])
def test_each_service_has_a_hello_in_minutes(profile: Profile, hello: int, chain: int, assigned: bool) -> None:
    """Of the shipped list, with and without references: by turns, a block by name is noticed on a lean line as well."""
    task = shipped(profile, assigned=assigned)
    timetable = task.timetable
    services = Counter(target.service for target in task.targets if Experiment.TLS in target.experiments)
    assert timetable.interval * timetable.hello_every / min(services.values()) <= hello * 1.35
    assert timetable.interval * timetable.hello_every / max(services.values()) <= hello
    assert timetable.chain <= chain


def test_a_laboratory_pays_for_nothing() -> None:
    """There the standard profile is as the settings say; the others are thinned as anywhere."""
    asked = task(30)
    assert fitted(asked, Profile.STANDARD, laboratory=True) == asked
    assert fitted(asked, Profile.LEAN, laboratory=True) != asked


def test_the_ladder_only_goes_down() -> None:
    """Each rung costs less than the one before, so the first that fits is the richest."""
    costs = [
        bytes_per_day(
            task(
                30,
                (*BASIC, Experiment.HTTP),
                interval=300 * rung.stretch,
                hello_every=rung.lasting,
                http_every=rung.resting,
                line=rung.line,
                chain=rung.chain,
            )
        )
        for rung in LADDER
    ]
    assert costs == sorted(costs, reverse=True)


def shipped(profile: Profile, *, assigned: bool) -> Assignment:
    """Return the shipped catalogue as it goes to a probe; ``assigned``: with an address that a reference found."""
    member = Member(id="k7m2q9xd", public_key="0" * 64, network=Network(country="PK", asn=64501), profile=profile)
    whole = assignment_for(member, load(default_folder()), Timetable(), Budget(), {})
    if assigned:
        targets = tuple(msgspec.structs.replace(target, addresses=("198.18.0.1",)) for target in whole.targets)
        whole = msgspec.structs.replace(whole, targets=targets)
    return fitted(whole, profile)


@pytest.mark.parametrize("assigned", [False, True])
@pytest.mark.parametrize("profile", Profile.known())
def test_what_we_ship_fits_too(profile: Profile, assigned: bool) -> None:
    """Tests and delivery of the shipped list, before a reference has found addresses and after: 90 % of the promise."""
    task = shipped(profile, assigned=assigned)
    assert bytes_per_day(task) + delivered_per_day(task, profile) <= 0.9 * SHARES[profile].bytes_per_day


def test_the_operators_page_has_these_figures() -> None:
    """docs/operator.md section 12: tests, delivery, both and results, for each profile, by the same constants."""
    page = (Path(__file__).parents[3] / "docs" / "operator.md").read_text()
    days = [shipped(profile, assigned=True) for profile in (Profile.STANDARD, Profile.LEAN, Profile.METERED)]
    profiled = list(zip(days, (Profile.STANDARD, Profile.LEAN, Profile.METERED), strict=True))
    tests = [bytes_per_day(day) / 1e6 for day in days]
    sent = [delivered_per_day(day, profile) / 1e6 for day, profile in profiled]
    told = re.search(r"tests ([\d.]+), ([\d.]+) or ([\d.]+) MB; delivery ([\d.]+), ([\d.]+) or ([\d.]+) MB", page)
    assert told is not None
    assert [float(figure) for figure in told.groups()] == pytest.approx([*tests, *sent], abs=0.051)
    results = re.search(r"results a day \| ([\d,]+), ([\d,]+) or ([\d,]+)", page)
    assert results is not None
    figures = [float(figure.replace(",", "")) for figure in results.groups()]
    assert figures == pytest.approx([results_per_day(day) for day in days], rel=0.02)


@pytest.mark.parametrize("profile", Profile.known())
def test_rates_come_as_often_as_the_operator_meant_where_the_day_has_room(profile: Profile) -> None:
    """One in twelve of five minutes is an hour however long an interval is; never more often, and nothing waits for it.

    With what the shipped list leaves of a standard day it is an hour, where it was two.
    """
    timetable = shipped(profile, assigned=True).timetable
    apart = timetable.throughput_every * timetable.interval
    assert apart >= 3_600
    assert apart == 3_600 or profile is not Profile.STANDARD
    asked = task(12, (*BASIC, Experiment.HTTP, Experiment.THROUGHPUT), throughput_every=48)
    rarely = fitted(asked, profile).timetable
    often = fitted(task(12, (*BASIC, Experiment.HTTP, Experiment.THROUGHPUT)), profile).timetable
    assert (rarely.interval, rarely.hello_every, rarely.http_every) == (
        often.interval,
        often.hello_every,
        often.http_every,
    )


def test_delivery_follows_the_documented_model() -> None:
    """Results, batches, keepalives, connections, health: nothing of it is for free, and a longer batch costs less."""
    idle = profiles.delivery_bytes(Profile.METERED, 0, 3600)
    pings = 86_400 / PACES[Profile.METERED].keepalive * profiles.PING
    assert idle == round(pings + 4 * profiles.CONNECTION + 24 * profiles.HEALTH)
    assert profiles.delivery_bytes(Profile.METERED, 1, 3600) - idle == profiles.RESULT + profiles.BATCH
    days = [
        profiles.delivery_bytes(profile, 1000, 300) for profile in (Profile.STANDARD, Profile.LEAN, Profile.METERED)
    ]
    assert days == sorted(days, reverse=True)


def test_a_halt_is_all_that_is_in_an_assignment() -> None:
    """The reason goes to every probe of the country, whatever its profile; no word is beside it that could void it."""
    member = Member(id="k7m2q9xd", public_key="0" * 64, network=Network(country="PK", asn=64501))
    whole = fitted(assignment_for(member, load(default_folder()), Timetable(), Budget(), {}), Profile.METERED)
    halt = stopped(whole.catalogue, "under review", whole.timetable.interval)
    assert (halt.halt, halt.targets, halt.controls, halt.control_name) == ("under review", (), (), "")
    assert halt.timetable.interval == whole.timetable.interval, "how long a silence may last does not change"


@pytest.mark.parametrize("profile", Profile.known())
def test_what_is_asked_once_a_day_is_so_on_any_line(profile: Profile) -> None:
    """Its figure counts intervals, and falls as they grow longer; on the poorest rungs days are left out."""
    made = fitted(task(12, (*BASIC, Experiment.HTTP, Experiment.CLIENTHELLO)), profile).timetable
    apart = made.interval * made.clienthello_every
    assert apart % 300 == 0
    assert 86_400 <= apart <= (4 * 86_400 if profile is Profile.METERED else 90_000)
