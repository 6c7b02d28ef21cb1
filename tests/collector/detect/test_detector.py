"""Opening, closing, silence, late data: what the detector promises, one play each."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from balise_collector.detect import CellEvent, CellEventKind, Detector, Scale
from balise_collector.detect.model import Parts
from balise_collector.judge import Level, Verdict, VerdictState
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment, TargetRole
from tests.collector.detect.conftest import Play, Seat

_WEB = Parts(["web"], [4], ["tls"])


def _of(events: Iterable[CellEvent], kind: CellEventKind, scale: Scale | None = None) -> list[Any]:
    return [e.episode for e in events if e.kind is kind and (scale is None or e.episode.scale is scale)]


def test_a_block_of_one_provider_opens_and_closes(play: Play) -> None:
    """Onset and end are brackets around the truth; the provider's cell and the country's both tell."""
    events = play.run(play.slots(0, 80, play.seven, play.between(20, 50)))
    (opened,) = _of(events, CellEventKind.OPENED, Scale.ASN)
    (closed,) = _of(events, CellEventKind.CLOSED, Scale.ASN)
    assert opened.key.asn == 64501
    assert {m.probe for m in closed.members} == {"pk01", "pk02", "pk03"}
    assert closed.onset.earliest <= play.at(20) <= closed.onset.latest + 60
    assert closed.end.earliest - 60 <= play.at(50) <= closed.end.latest + 60
    assert closed.onset.latest - closed.onset.earliest <= 600
    first = next(e for e in events if e.kind is CellEventKind.OPENED)
    assert first.at - play.at(20) <= 900


def test_five_providers_with_one_probe_each_open_at_country_level(play: Play) -> None:
    """No provider's cell has two witnesses; the country has five."""
    seats = tuple(play.seat(f"pk{n:02}", 64500 + n) for n in range(5))
    block = play.between(20, 50, tuple(64500 + n for n in range(5)))
    events = play.run(play.slots(0, 60, seats, block))
    (country,) = _of(events, CellEventKind.OPENED, Scale.COUNTRY)
    assert country.confirmed
    assert len(country.members) == 5
    assert all(not episode.confirmed for episode in _of(events, CellEventKind.OPENED, Scale.ASN))


def test_a_single_probe_is_never_confirmed(play: Play) -> None:
    """One probe in the whole country: told, and marked as what it is."""
    seats = (play.seat("pk01"),)
    opened = _of(play.run(play.slots(0, 50, seats, play.between(20, 50))), CellEventKind.OPENED)
    assert opened
    assert not any(episode.confirmed for episode in opened)


def test_one_liar_among_many_opens_nothing(play: Play) -> None:
    """A hostile probe that always cries."""
    events = play.run(play.slots(0, 100, play.seven, lambda seat, at: seat.probe == "pk01" and at > play.at(5)))
    assert not _of(events, CellEventKind.OPENED)


def test_two_of_ten_open_in_time(play: Play) -> None:
    """A block of two small providers among many is not lost in the country's cell: it must last an hour and a half.

    Of ten homes some pair falls into trouble of one service within the same minutes once in a few years; at forty
    minutes, as before, ten homes opened once a year for nothing.
    """
    seats = tuple(play.seat(f"pk{n:02}", 64500 + n) for n in range(10))
    events = play.run(play.slots(0, 60, seats, play.between(20, 60, (64500, 64501))))
    (country,) = _of(events, CellEventKind.OPENED, Scale.COUNTRY)
    assert {m.asn for m in country.members} == {64500, 64501}
    at = next(e.at for e in events if e.episode.scale is Scale.COUNTRY)
    assert at - play.at(20) <= 6300


def test_one_persons_three_boards_are_one_witness(make_play: Callable[..., Play]) -> None:
    """From three probes on, distinct hosts are counted."""
    play = make_play(operators={"pk01": "ali", "pk02": "ali", "pk03": "ali"})
    assert not _of(play.run(play.slots(0, 60, play.three, play.between(20, 60))), CellEventKind.OPENED)


def test_one_persons_boards_do_not_add_up_to_a_second_witness(make_play: Callable[..., Play]) -> None:
    """Five boards of one liar and an honest probe that fails for ten minutes, a quarter of an hour later, are no block.

    Where it fails in the very minutes in which he begins, these are two witnesses of one moment.
    """
    liars = tuple(f"pk{n:02}" for n in range(10, 15))
    honest = ("pk01", "pk02", "pk03")

    def failing(play: Play) -> Any:
        return lambda seat, at: (
            (seat.probe in liars and at > play.at(20)) or (seat.probe == "pk01" and play.at(23) < at < play.at(25))
        )

    known = make_play(operators=dict.fromkeys(liars, "mallory"))
    seats = tuple(known.seat(name) for name in (*honest, *liars))
    assert not _of(known.run(known.slots(0, 60, seats, failing(known))), CellEventKind.OPENED)
    strangers = make_play()
    assert _of(strangers.run(strangers.slots(0, 60, seats, failing(strangers))), CellEventKind.OPENED)


def test_one_persons_boards_neither_close_nor_hold_open(make_play: Callable[..., Play]) -> None:
    """Two boards of one host that are well again are one voice: a block goes on while the others fail."""
    play = make_play(operators={"pk04": "mallory", "pk05": "mallory"})
    seats = tuple(play.seat(f"pk{n:02}") for n in range(1, 6))

    def failing(seat: Seat, at: float) -> bool:
        return bool(play.at(20) <= at < play.at(30 if seat.probe in {"pk04", "pk05"} else 50))

    events = play.run(play.slots(0, 70, seats, failing))
    closed = [event for event in events if event.kind is CellEventKind.CLOSED and event.episode.scale is Scale.ASN]
    assert len(closed) == 1
    assert closed[0].at >= play.at(50)


def test_a_changed_table_of_hosts_is_taken_into_account(make_play: Callable[..., Play]) -> None:
    """The operator writes down that two boards are one person's: what they alone confirmed is confirmed no more."""
    play = make_play()
    pair = (play.seat("pk01"), play.seat("pk02"))
    play.run(play.slots(0, 40, pair, play.between(20, 60)))
    assert any(episode.confirmed for episode in play.detector.episodes)
    play.detector.keep({"pk01": "ali", "pk02": "ali"})
    play.detector.advance(play.at(41))
    assert play.detector.episodes
    assert not any(episode.confirmed for episode in play.detector.episodes)


def test_a_probe_that_always_fails_does_not_take_in_what_others_see_later(play: Play) -> None:
    """It was the only one of its country once, and its episode stood; the block that begins later is one of its own."""
    liar, others = play.seat("pk09", 64509), play.seven
    events = play.run(
        [
            *play.slots(0, 20, (liar,), lambda _seat, _at: True),
            *play.slots(20, 120, (*others, liar), lambda s, at: s == liar or play.between(60, 100)(s, at), seed=2),
        ]
    )
    assert _of(events, CellEventKind.WITHDRAWN, Scale.COUNTRY)
    (country,) = [e for e in play.detector.episodes if e.scale is Scale.COUNTRY and e.confirmed]
    assert not country.standing
    assert country.closed_bin is not None
    assert country.onset.latest == pytest.approx(play.at(60), abs=300.0)


def test_a_lasting_trouble_does_not_confirm_the_next_one(play: Play) -> None:
    """One home is broken for good, another has a bad hour five hours later: these did not begin together."""

    def failing(seat: Seat, at: float) -> bool:
        return bool(
            (seat.probe == "pk01" and at >= play.at(10)) or (seat.probe == "pk04" and play.at(70) <= at < play.at(82))
        )

    events = play.run(play.slots(0, 110, play.seven, failing))
    assert not [episode for episode in _of(events, CellEventKind.OPENED) if episode.confirmed]


def test_a_probe_switched_on_during_a_block_is_together_with_those_who_saw_it_begin(play: Play) -> None:
    """It has no last success; the others tell when it began, and it is one of them."""
    late = play.seat("pk08")
    play.run(
        [
            *play.slots(0, 60, (play.seat("pk01"),), play.between(20, 60)),
            *play.slots(40, 60, (late,), lambda _seat, _at: True, seed=2),
        ]
    )
    (found,) = [e for e in play.detector.episodes if e.scale is Scale.ASN]
    assert {m.probe for m in found.members} == {"pk01", "pk08"}


def test_a_long_gap_in_an_open_episode_costs_nothing(play: Play) -> None:
    """A verdict dated months back leaves a gap of tens of thousands of bins, in which nothing can change."""
    start = time.process_time()
    old = play.verdict(play.seat("pk01"), play.start - 400 * 86_400.0, ok=False)
    play.detector.observe(old)
    play.run(play.slots(0, 12, (play.seat("pk01"),), lambda _seat, _at: True))
    assert time.process_time() - start < 1.0


def test_local_faults_at_different_times_open_nothing(play: Play) -> None:
    """Each home has its bad twenty minutes, one after the other."""

    def failing(seat: Seat, at: float) -> bool:
        begin = 10 + 12 * int(seat.probe[-1])
        return bool(play.at(begin) <= at < play.at(begin + 4))

    assert not _of(play.run(play.slots(0, 110, play.seven, failing)), CellEventKind.OPENED)


def test_silence_neither_closes_nor_decays(play: Play) -> None:
    """Two hours without a word in a block: it goes on, and ends at the first success that is observed."""
    before = [*play.slots(0, 30, play.three, play.between(20, 90))]
    after = [*play.slots(54, 100, play.three, play.between(20, 90), seed=2)]
    events = play.run(before + after)
    assert len(_of(events, CellEventKind.OPENED, Scale.ASN)) == 1
    (closed,) = _of(events, CellEventKind.CLOSED, Scale.ASN)
    assert closed.end.earliest - 60 <= play.at(90) <= closed.end.latest + 60


def test_what_fails_from_the_first_measurement_is_standing(play: Play) -> None:
    """Known, no alarm; but its end is an event."""
    events = play.run(play.slots(0, 60, play.three, lambda _seat, at: at < play.at(40)))
    (opened,) = _of(events, CellEventKind.OPENED, Scale.ASN)
    (closed,) = _of(events, CellEventKind.CLOSED, Scale.ASN)
    assert opened.standing
    assert opened.onset.earliest is None
    assert closed.end.earliest - 60 <= play.at(40) <= closed.end.latest + 60


def _looking_late(play: Play, well_until: int) -> list[Any]:
    """Return two that look for the first time during a block, and a third that had looked until ``well_until``."""
    first, second, third = play.three
    return [
        *play.slots(30, 60, (first, second), lambda _seat, _at: True),
        *play.slots(0, well_until, (third,)),
        *play.slots(36, 60, (third,), lambda _seat, _at: True),
    ]


def test_a_beginning_that_one_witness_saw_is_no_standing_matter(play: Play) -> None:
    """Two looked for the first time behind it, and know of none; the third had it well shortly before they did."""
    events = play.run(_looking_late(play, 26))
    told = [event.episode for event in events if event.episode.scale is Scale.ASN and event.episode.confirmed]
    assert told[0].standing
    assert told[0].onset.earliest is None
    assert not told[-1].standing
    assert told[-1].onset.earliest is not None
    assert play.at(25) <= told[-1].onset.earliest < play.at(26)
    assert play.at(30) <= told[-1].onset.latest < play.at(31)


def test_a_witness_that_had_it_well_while_others_met_it_saw_no_beginning(play: Play) -> None:
    """It is let through, or not blocked yet: what the others met stands since nobody knows when."""
    events = play.run(_looking_late(play, 33))
    told = [event.episode for event in events if event.episode.scale is Scale.ASN and event.episode.confirmed]
    assert told[-1].standing
    assert told[-1].onset.earliest is None


def test_on_and_off_within_two_hours_is_one_episode(play: Play) -> None:
    """A block that comes and goes is told once: after the first return it takes a longer calm to call it ended."""

    def failing(_seat: Any, at: float) -> bool:
        return any(play.at(20 + 16 * n) <= at < play.at(28 + 16 * n) for n in range(4))

    events = play.run(play.slots(0, 140, play.three, failing))
    assert len(_of(events, CellEventKind.OPENED, Scale.ASN)) == 1
    assert len(_of(events, CellEventKind.REOPENED, Scale.ASN)) == 1
    (final,) = _of(events, CellEventKind.CLOSED, Scale.ASN)[1:]
    assert final.reopened == 1
    assert final.end.earliest - 60 <= play.at(76) <= final.end.latest + 60
    assert all(m.failing_bins < m.observed_bins for m in final.members)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_told_is_taken_back_by_the_rest_of_its_bin(play: Play, seed: int) -> None:
    """Ten minutes on, ten off, looked at each minute: one opening, and no more than one close before the last one.

    Before, openings and closings were decided on half-filled bins and taken back minutes later: 7 to 9 announcements.
    """

    def failing(_seat: Any, at: float) -> bool:
        return play.at(20) <= at < play.at(60) and int((at - play.at(20)) // 600) % 2 == 0

    waiting = sorted(play.slots(0, 80, play.three, failing, seed=seed), key=lambda v: v.at)
    events: list[CellEvent] = []
    for minute in range(80 * 5):
        now = play.at(0) + minute * 60.0
        while waiting and waiting[0].at < now:
            play.detector.observe(waiting.pop(0))
        events.extend(play.detector.advance(now))
    assert len(_of(events, CellEventKind.OPENED, Scale.ASN)) == 1
    assert not _of(events, CellEventKind.WITHDRAWN)
    assert len(_of(events, CellEventKind.CLOSED, Scale.ASN)) <= 2


def test_one_false_verdict_of_a_clean_provider_makes_it_not_affected(play: Play) -> None:
    """Membership is earned as the opening is: in an open incident one verdict of another provider is one verdict."""

    def failing(seat: Seat, at: float) -> bool:
        return play.between(20, 100)(seat, at) or (seat.probe == "pk04" and play.at(60) <= at < play.at(61))

    play.run(play.slots(0, 110, play.seven, failing))
    (country,) = [e for e in play.detector.episodes if e.scale is Scale.COUNTRY]
    assert {m.asn for m in country.members} == {64501}
    assert country.onset.latest - (country.onset.earliest or 0.0) <= 600


def test_an_affected_probe_that_leaves_does_not_hold_it_open(play: Play) -> None:
    """Switched off during the block and heard no more: it is set aside, and the others end it."""
    leaves, stay = play.three[0], play.three[1:]
    block = play.between(20, 60)
    play.run([*play.slots(0, 30, (leaves,), block), *play.slots(0, 100, stay, block, seed=2)])
    (one,) = [e for e in play.detector.episodes if e.scale is Scale.ASN]
    assert one.end is not None
    assert one.end.earliest is not None
    assert one.end.earliest - 60 <= play.at(60) <= one.end.latest + 60


def test_a_lasting_block_that_ends_is_told_within_minutes_at_any_age(play: Play) -> None:
    """Two days old: the close waits for two bins of success, and for nothing else."""
    events = play.run(play.slots(0, 640, play.three, play.between(20, 600)))
    (closed,) = [e for e in events if e.kind is CellEventKind.CLOSED and e.episode.scale is Scale.ASN]
    assert closed.at - play.at(600) <= 16 * 60.0


def test_a_fault_of_the_service_opens_the_worlds_cell_only(play: Play) -> None:
    """References fail; the probes' verdicts are down, which accuses nobody at home."""
    layer: dict[str, Any] = {"layer": Experiment.TCP}
    down = [
        msgspec.structs.replace(v, state=VerdictState.DOWN, rule="tcp.down", mechanism=Mechanism.SERVER_DOWN)
        if v.state is VerdictState.BLOCKED
        else v
        for v in play.slots(0, 60, play.seven, play.between(20, 40, (64501, 64502, 64503)), **layer)
    ]
    abroad = [*play.slots(0, 60, play.abroad, play.between(20, 40, (64700, 64800)), seed=3, **layer)]
    events = play.run(down + abroad)
    assert {e.episode.scale for e in events} == {Scale.WORLD}
    assert len(_of(events, CellEventKind.OPENED)) == len(_of(events, CellEventKind.CLOSED)) == 1


def test_what_homes_met_is_asked_of_the_same_ip_version(play: Play) -> None:
    """An edge that is dead over IPv4 explains no failure over IPv6."""
    down = [
        msgspec.structs.replace(v, state=VerdictState.DOWN, rule="tcp.down", mechanism=Mechanism.SERVER_DOWN)
        if v.state is VerdictState.BLOCKED
        else v
        for v in play.slots(0, 40, play.three, play.between(20, 40), layer=Experiment.TCP)
    ]
    play.run(down)
    one = down[0]

    def met(family: int, after: int = 20) -> bool:
        return play.detector.met_by_homes(one.service, Parts({one.role}, {family}, {one.layer}), play.at(after))

    assert met(one.family)
    assert not met(6 if one.family == 4 else 4)
    assert not met(one.family, after=60)


# ---------------------------------------------------------------- order and late data


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_verdicts_does_not_matter(make_play: Callable[..., Play], seed: int) -> None:
    """The same set of verdicts gives the same episodes, whoever was delivered first."""
    timely, shuffled = make_play(), make_play()
    verdicts = [
        *timely.slots(0, 70, timely.seven, timely.between(20, 45, (64501, 64502))),
        *timely.slots(0, 70, timely.abroad, seed=2),
    ]
    timely.run(verdicts)
    by_probe: dict[str, list[Any]] = {}
    for verdict in verdicts:
        by_probe.setdefault(verdict.probe, []).append(verdict)
    chance = random.Random(seed)
    names = list(by_probe)
    while names:  # Probes interleave in any way; each delivers its own in order, as spools do.
        name = chance.choice(names)
        shuffled.detector.observe(by_probe[name].pop(0))
        names = [n for n in names if by_probe[n]]
    shuffled.detector.advance(timely.at(72))
    timely.detector.advance(timely.at(72))
    assert shuffled.detector.episodes == timely.detector.episodes


def test_repeats_change_nothing(play: Play) -> None:
    """A batch delivered twice is one batch."""
    verdicts = [*play.slots(0, 60, play.three, play.between(20, 40))]
    play.run(verdicts)
    before = play.detector.episodes
    for verdict in verdicts:
        play.detector.observe(verdict)
    play.detector.advance(play.at(61))
    assert play.detector.episodes == before


def test_late_data_open_and_close_a_past_episode(play: Play) -> None:
    """A whole block measured behind a shutdown and delivered the next day."""
    play.run([*play.slots(0, 20, play.three), *play.slots(200, 220, play.three, seed=5)])
    assert not play.detector.episodes
    for verdict in play.slots(20, 200, play.three, play.between(60, 100)):
        play.detector.observe(verdict)
    events = play.detector.advance(play.at(221))
    assert [e.kind for e in events if e.episode.scale is Scale.ASN] == [CellEventKind.OPENED, CellEventKind.CLOSED]
    (episode,) = [e.episode for e in events if e.kind is CellEventKind.CLOSED and e.episode.scale is Scale.ASN]
    assert episode.onset.earliest is not None
    assert episode.onset.earliest <= play.at(60) <= episode.onset.latest + 60


def test_late_data_widen_an_episode(play: Play) -> None:
    """The third probe of the provider was cut off and delivers later: it joins, and the onset tightens or stays."""
    two, third = play.three[:2], play.three[2:]
    block = play.between(20, 60)
    play.run([*play.slots(0, 80, two, block), *play.slots(0, 18, third, seed=4)])
    for verdict in play.slots(18, 80, third, block, seed=5):
        play.detector.observe(verdict)
    events = play.detector.advance(play.at(81))
    grown = [e.episode for e in events if e.episode.scale is Scale.ASN][-1]
    assert {m.probe for m in grown.members} == {"pk01", "pk02", "pk03"}


def test_what_is_older_than_the_history_moves_nothing(play: Play) -> None:
    """Back-dated verdicts open no past event: of that time nothing is kept to hold against them."""
    now = 60 * 288
    play.run(play.slots(now - 40, now, play.three))
    for verdict in play.slots(100, 200, play.three, play.between(110, 160)):
        play.detector.observe(verdict)
    assert play.detector.advance(play.at(now + 1)) == ()
    assert not any(series.runs[1] * 300 < play.at(now - 50) for series in play.detector.index.histories())
    for verdict in play.slots(now - 1500, now - 40, play.three, play.between(now - 1000, now - 900), seed=3):
        play.detector.observe(verdict)
    assert play.detector.advance(play.at(now + 2)), "what lies within a week is told as ever"


@pytest.mark.slow
def test_a_past_that_comes_verdict_by_verdict_costs_few_walks(play: Play) -> None:
    """A probe that delivers one old verdict a minute makes its cells walk their history each ten minutes, not each."""
    now = 7 * 288
    play.run(play.slots(0, now, play.seven, play.between(now - 3, now)))
    rewinds = set()
    for minute in range(60):
        at = play.at(now) + minute * 60.0
        play.detector.observe(play.verdict(play.three[0], play.at(100 + minute * 7), ok=False))
        play.detector.advance(at + 60.0)
        rewinds |= {(cell.key, cell.rewound) for cell in play.detector.index.cells.values() if cell.rewound}
    cells = len({key for key, _ in rewinds})
    assert len(rewinds) <= 7 * cells
    play.detector.advance(play.at(now) + 3600.0 + 700.0)
    (series,) = [one for one in play.detector.index.histories() if one.probe == "pk01"]
    assert len([run for run in series.list() if run.code]) >= 60, "and none is lost"
    assert all(cell.dirty_from is None for cell in play.detector.index.cells.values())


def test_what_is_no_more_is_let_go(play: Play) -> None:
    """A probe that left takes its histories and cells with it, two months later; a fleet of years stays its size."""
    play.run(play.slots(0, 20, play.seven))
    stays = play.three[:1]
    for day in range(1, 80, 7):
        play.run(play.slots(day * 288, day * 288 + 2, stays, seed=day))
        play.detector.forget(play.at(day * 288 + 3))
    assert {series.probe for series in play.detector.index.histories()} == {"pk01"}
    assert set(play.detector.index.probes) == {"pk01"}
    assert {key.asn for key in play.detector.index.cells} == {0, 64501}


def test_a_snapshot_goes_on_where_it_was_taken(make_play: Callable[..., Play]) -> None:
    """A restart in the middle of a block changes nothing and repeats no event."""
    play = make_play()
    verdicts = sorted(play.slots(0, 70, play.seven, play.between(20, 45)), key=lambda v: v.at)
    whole = make_play()
    whole.run(verdicts)
    cut = play.at(30)
    play.run([v for v in verdicts if v.at < cut], until=cut - 300)
    fresh = Detector()
    fresh.restore(play.detector.snapshot())
    assert not fresh.advance(cut)
    play.detector = fresh
    now = cut
    for verdict in (v for v in verdicts if v.at >= cut):
        if verdict.at >= now + 300:
            now += 300
            fresh.advance(now)
        fresh.observe(verdict)
    fresh.advance(play.at(72))
    whole.detector.advance(play.at(72))
    assert fresh.episodes == whole.detector.episodes


@pytest.mark.slow
def test_forgetting_keeps_what_is_going_on(play: Play) -> None:
    """History older than a week goes; a block that has run for ten days stays open."""
    play.run(play.slots(0, 2900, play.three[:2], play.between(20, 2900)))
    play.detector.forget(play.at(2900))
    play.detector.advance(play.at(2900))
    assert [e for e in play.detector.episodes if e.closed_bin is None and e.scale is Scale.ASN]


def test_forgetting_tells_nothing(play: Play) -> None:
    """What ended more than a week ago is let go, not taken back; what comes later is told as ever."""
    play.run(play.slots(0, 100, play.three, play.between(20, 40)))
    later = 8 * 288
    events: list[CellEvent] = []
    for verdict in play.slots(later, later + 10, play.three, seed=2):
        play.detector.observe(verdict)
    play.detector.forget(play.at(later + 10))
    events.extend(play.detector.advance(play.at(later + 10)))
    events.extend(
        play.run(play.slots(later + 10, later + 90, play.three, play.between(later + 30, later + 60), seed=3))
    )
    asn = [e for e in events if e.episode.scale is Scale.ASN]
    assert [e.kind for e in asn if e.kind is not CellEventKind.GREW] == [CellEventKind.OPENED, CellEventKind.CLOSED]
    assert asn[0].episode.onset.latest > play.at(later)
    assert not asn[0].episode.standing


# ---------------------------------------------------------------- silence of probes


def _lines(play: Play, first: int, last: int, seats: Any, dead: bool = False, seed: int = 7) -> list[Any]:
    changes = {"service": "internet", "layer": Experiment.LINE, "role": TargetRole.LINE, "target": "internet/line"}
    rule = (
        {"rule": "line.dead", "state": VerdictState.DOWN, "mechanism": Mechanism.SHUTDOWN_ISP}
        if dead
        else {"rule": "line.ok"}
    )
    return [*play.slots(first, last, seats, lambda _s, _a: dead, seed=seed, **changes, **rule)]


def _quiet(play: Play, first: int, last: int, silent: Any, talking: Any) -> list[Any]:
    """Slots in which some probes say nothing and the pipeline says so."""
    events: list[Any] = []
    for slot in range(first, last):
        for verdict in _lines(play, slot, slot + 1, talking, seed=slot):
            play.detector.observe(verdict)
        now = play.at(slot + 1)
        for seat in silent:
            play.detector.silence(seat.probe, Network(country=seat.country, asn=seat.asn), play.at(first) - 10)
        events.extend(play.detector.advance(now))
    return events


def test_a_silent_provider_opens_an_outage_and_late_lines_confirm_it(play: Play) -> None:
    """Silence is data; what the probes measured meanwhile replaces it and keeps the episode."""
    play.run(_lines(play, 0, 20, play.seven), until=play.at(19))
    events = _quiet(play, 20, 32, play.three, play.seven[3:])
    opened = _of(events, CellEventKind.OPENED, Scale.ASN)
    assert [e.key.service for e in opened] == ["internet"]
    assert {r.rule for m in opened[0].members for r in m.rules} == {"line.silent"}
    for verdict in [*_lines(play, 20, 32, play.three, dead=True), *_lines(play, 32, 40, play.seven)]:
        play.detector.observe(verdict)
    play.detector.advance(play.at(40))
    (told,) = [e for e in play.detector.episodes if e.scale is Scale.ASN]
    assert {r.rule for m in told.members for r in m.rules} == {"line.dead"}
    assert told.onset.earliest is not None
    assert told.onset.earliest <= play.at(20) <= told.onset.latest + 60
    assert told.end is not None
    assert told.end.earliest is not None
    assert told.end.earliest - 60 <= play.at(32) <= told.end.latest + 60


def test_late_lines_that_were_fine_withdraw_the_outage(play: Play) -> None:
    """The broker's road was cut, not the homes': what seemed an outage never was."""
    play.run(_lines(play, 0, 20, play.seven), until=play.at(19))
    assert _of(_quiet(play, 20, 32, play.three, play.seven[3:]), CellEventKind.OPENED)
    for verdict in _lines(play, 20, 34, play.three):
        play.detector.observe(verdict)
    events = play.detector.advance(play.at(35))
    assert _of(events, CellEventKind.WITHDRAWN)
    assert not play.detector.episodes


def test_a_deaf_collector_is_no_outage(play: Play) -> None:
    """When nobody at all is heard it is we who are cut off."""
    play.run(_lines(play, 0, 20, play.seven), until=play.at(19))
    assert not _quiet(play, 20, 40, play.seven, ())


def test_one_silent_probe_of_three_is_a_home_without_power(play: Play) -> None:
    """Two of a provider's probes, or all there are."""
    play.run(_lines(play, 0, 20, play.seven), until=play.at(19))
    assert not _quiet(play, 20, 40, play.three[:1], play.seven[1:])


def test_a_silent_reference_is_no_outage_of_its_country(play: Play) -> None:
    """A reference tells of others."""
    play.run([*_lines(play, 0, 20, play.seven), *play.slots(0, 20, play.abroad)], until=play.at(19))
    assert not _quiet(play, 20, 40, play.abroad, play.seven)


# ---------------------------------------------------------------- what others ask


def test_coverage_counts_bins_of_each_probe(play: Play) -> None:
    """Who saw what in a window: the base of scope and locality."""
    play.run([*play.slots(0, 40, play.seven, play.between(20, 40)), *play.slots(0, 40, play.abroad)])
    seen = play.detector.coverage(("PK", "twitter"), _WEB, play.at(20), play.at(39))
    assert {c.probe for c in seen if c.failed} == {"pk01", "pk02", "pk03"}
    assert all(c.ok == 20 for c in seen if c.asn == 64502)
    abroad = play.detector.coverage(("**", "twitter"), _WEB, play.at(20), play.at(39))
    assert {c.country for c in abroad} == {"DE", "SG"}


def test_who_reaches_a_service_over_the_other_ip_version_says_nothing_of_this_one(play: Play) -> None:
    """A home without IPv6 does not vouch for what only IPv6 is kept from."""
    over_six = [
        msgspec.structs.replace(v, family=6, target="twitter/web/6", measurement=f"{v.measurement}-6")
        for v in play.slots(0, 40, play.three)
    ]
    play.run([*over_six, *play.slots(0, 40, play.seven)])
    six, four = (
        play.detector.coverage(("PK", "twitter"), _WEB._replace(families=[one]), play.at(20), play.at(39))
        for one in (6, 4)
    )
    assert {c.probe for c in six} == {seat.probe for seat in play.three}
    assert {c.probe for c in four} == {seat.probe for seat in play.seven}


def test_notes_are_the_strongest_failures_of_the_episode(play: Play) -> None:
    """Evidence for the page: proof first."""
    verdicts = [*play.slots(0, 40, play.three, play.between(20, 40))]
    strong = next(v for v in verdicts if v.state is VerdictState.BLOCKED)
    verdicts.append(msgspec.structs.replace(strong, measurement="strong", proof=("forged_packet",), score=9.0))
    play.run(verdicts)
    episode = next(e for e in play.detector.episodes if e.scale is Scale.ASN)
    assert play.detector.notes(episode)[0].measurement == "strong"


def test_each_provider_has_its_own_onset_and_end(play: Play) -> None:
    """A roll-out reaches the second provider half an hour after the first, and leaves it an hour later."""

    def failing(seat: Seat, at: float) -> bool:
        return bool(play.between(20, 50, (64501,))(seat, at) or play.between(26, 62, (64502,))(seat, at))

    play.run(play.slots(0, 90, play.seven, failing))
    (country,) = [e for e in play.detector.episodes if e.scale is Scale.COUNTRY]
    assert [(one.asn, one.probes, one.witnesses) for one in country.providers] == [
        (64501, ("pk01", "pk02", "pk03"), 3),
        (64502, ("pk04", "pk05"), 2),
    ]
    for one, (first, last) in zip(country.providers, ((20, 50), (26, 62)), strict=True):
        assert one.end is not None
        assert one.onset.earliest is not None
        assert one.end.earliest is not None
        assert one.onset.earliest - 60 <= play.at(first) <= one.onset.latest + 60
        assert one.end.earliest - 60 <= play.at(last) <= one.end.latest + 60


def test_a_failure_that_was_the_services_own_does_not_date_the_block(play: Play) -> None:
    """Down for everybody from slot 10, blocked at home from slot 35: the first paired verdict carries a trial along."""
    before: dict[str, float] = {}

    def judged(verdict: Any) -> Any:
        since, before[verdict.probe] = before.get(verdict.probe, verdict.at), verdict.at
        if verdict.state is VerdictState.OK:
            return verdict
        told = msgspec.structs.replace(verdict, since=since)
        if verdict.at >= play.at(35):
            return told
        return msgspec.structs.replace(told, state=VerdictState.DOWN, rule="tcp.down", mechanism=None)

    play.run(judged(v) for v in play.slots(0, 80, play.three, play.between(10, 60)))
    (one,) = [e for e in play.detector.episodes if e.scale is Scale.ASN]
    assert one.onset.earliest is not None
    assert one.onset.earliest <= play.at(35) <= one.onset.latest


@pytest.mark.parametrize("dead", [True, False])
def test_a_failure_from_before_a_dead_line_does_not_date_the_block(play: Play, dead: bool) -> None:
    """The line is dead from slot 10 to 34, blocked from slot 30; where only nobody looked at it, the first counts."""

    def judged(verdict: Verdict) -> Verdict:
        if verdict.state is VerdictState.OK:
            return verdict
        if verdict.at >= play.at(34):
            return msgspec.structs.replace(verdict, since=play.at(10.2))
        return msgspec.structs.replace(
            verdict, state=VerdictState.INSUFFICIENT, rule="line.unwell", mechanism=None, level=Level.DISCARDED
        )

    def line(verdict: Verdict) -> Verdict:
        if dead and verdict.state is not VerdictState.OK:
            return msgspec.structs.replace(
                verdict, rule="line.dead", state=VerdictState.DOWN, mechanism=Mechanism.SHUTDOWN_ISP
            )
        return msgspec.structs.replace(verdict, rule="line.ok", state=VerdictState.OK, mechanism=None)

    lines = {"service": "internet", "layer": Experiment.LINE, "role": TargetRole.LINE, "target": "internet/line"}
    services = [judged(v) for v in play.slots(0, 80, play.three, play.between(10, 60))]
    play.run([*services, *(line(v) for v in play.slots(0, 80, play.three, play.between(10, 34), seed=3, **lines))])
    (onset,) = [e.onset for e in play.detector.episodes if e.scale is Scale.ASN and e.key.layer == Experiment.TLS]
    assert onset.earliest is not None
    assert onset.earliest <= play.at(30 if dead else 10) <= onset.latest
