"""The book: one incident per country, service and kind; every version kept; nothing claimed beyond the measured."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from balise_collector.detect import CellEvent, CellEventKind, Detector, DetectorConfig
from balise_collector.incidents import ChangeKind, Incident, IncidentBook, IncidentKind, IncidentState, Locality
from balise_collector.incidents.findings import told
from balise_collector.incidents.model import UNTOLD
from balise_collector.judge import Verdict, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment, TargetRole
from tests.collector.detect.conftest import Play, Seat
from tests.collector.incidents.conftest import Story

TWO_PROVIDERS = (64501, 64502)


def _evening(story: Story, service: str = "twitter", first: int = 20, last: int = 45, **changes: Any) -> list[Any]:
    """Seven probes on three providers and three references, one service blocked on two providers."""
    play = story.play
    block = play.between(first, last, TWO_PROVIDERS)
    seed = len(service)
    return [
        *play.slots(0, 70, play.seven, block, seed=seed, service=service, **changes),
        *play.slots(0, 70, play.abroad, seed=seed + 100, service=service, **changes),
    ]


def test_a_block_on_two_of_three_providers(story: Story) -> None:
    """pk-2020 in small: scope counts, mechanism, local by three references in two countries, brackets, grade."""
    story.tell(_evening(story))
    (one,) = story.incidents
    assert (one.kind, one.state, one.country, one.service) == (
        IncidentKind.INTERFERENCE,
        IncidentState.CLOSED,
        "PK",
        "twitter",
    )
    assert (one.scope.affected, one.scope.clean, one.scope.not_measured) == (TWO_PROVIDERS, (64503,), (64504,))
    assert (one.scope.affected_probes, one.scope.measured_probes) == (5, 7)
    assert [share.mechanism for share in one.mechanisms] == [Mechanism.SNI_DROP]
    assert one.locality is Locality.LOCAL
    assert (one.references.ok, one.references.countries_ok) == (3, ("DE", "SG"))
    assert one.onset.earliest is not None
    assert one.end is not None
    assert one.end.earliest is not None
    assert one.onset.earliest - 60 <= story.play.at(20) <= one.onset.latest + 60
    assert one.end.earliest - 60 <= story.play.at(45) <= one.end.latest + 60
    # Hellos that vanish by name may be the service's own front's doing: without a proof it is never more.
    assert one.grade == "C"
    assert one.evidence
    assert story.changes[0].kind is ChangeKind.OPENED
    assert story.changes[-1].kind is ChangeKind.CLOSED
    assert [c.incident.revision for c in story.changes] == list(range(1, len(story.changes) + 1))


def test_proof_makes_it_grade_a(story: Story) -> None:
    """A forged packet is nothing a server or edge can produce; that a neighbour lives, every front can."""
    story.tell(
        msgspec.structs.replace(v, proof=("forged_packet", "neighbour_ok")) if v.state is VerdictState.BLOCKED else v
        for v in _evening(story)
    )
    assert story.incidents[0].grade == "A"


def test_two_layers_of_one_service_are_one_incident(story: Story) -> None:
    """Forged DNS on one provider and SNI drops on another: two mechanisms of one event, each with its providers."""
    play = story.play
    dns = {"layer": Experiment.DNS, "target": "twitter/web"}
    names = [
        msgspec.structs.replace(v, rule="dns.injected", mechanism=Mechanism.DNS_INJECT)
        if v.state is VerdictState.BLOCKED
        else v
        for v in play.slots(0, 70, play.seven, play.between(20, 45, (64502,)), seed=9, **dns)
    ]
    story.tell([*play.slots(0, 70, play.seven, play.between(20, 45, (64501,))), *names])
    (one,) = story.incidents
    assert {share.mechanism: share.asns for share in one.mechanisms} == {
        Mechanism.SNI_DROP: (64501,),
        Mechanism.DNS_INJECT: (64502,),
    }
    assert one.layers == ("dns", "tls")
    assert one.scope.affected == TWO_PROVIDERS


def test_roles_of_one_service_are_one_incident(story: Story) -> None:
    """The image servers and the website: one event, both parts named."""
    image: dict[str, Any] = {"role": TargetRole.MEDIA_IMAGE, "target": "twitter/media-image"}
    story.tell([*_evening(story), *_evening(story, **image)])
    (one,) = story.incidents
    assert set(one.roles) == {TargetRole.WEB, TargetRole.MEDIA_IMAGE}


def test_blocks_that_begin_together_are_grouped(story: Story) -> None:
    """Twitter, Periscope and Zoom: one group, with the likelihood ratio stated; a later one stays out."""
    services = ("twitter", "periscope", "zoom")
    later = _evening(story, "whatsapp", first=34, last=50)
    story.tell([v for service in services for v in _evening(story, service)] + later)
    groups = {one.service: one.group for one in story.incidents}
    assert groups["twitter"] == groups["periscope"] == groups["zoom"] != ""
    assert groups["whatsapp"] == ""
    assert all((one.group_llr or 0) > 3 for one in story.incidents if one.group)


def test_a_global_fault_first_and_a_local_block_later_are_two(story: Story) -> None:
    """Zoom, 17 May 2020: its own fault in the afternoon, the block in the evening."""
    play = story.play
    zoom: dict[str, Any] = {"service": "zoom", "layer": Experiment.TCP}
    faulty = play.between(10, 20, (64700, 64800))
    story.tell(
        [
            *play.slots(0, 90, play.abroad, faulty, **zoom),
            *play.slots(0, 90, play.seven, play.between(50, 80), seed=2, **zoom),
        ]
    )
    first, second = story.incidents
    assert (first.kind, first.country, first.locality) == (IncidentKind.SERVICE_FAULT, "**", Locality.GLOBAL)
    assert (second.kind, second.country) == (IncidentKind.INTERFERENCE, "PK")
    assert first.end is not None
    assert not second.onset.masked


def _of_the_world(story: Story, after: int, homes: tuple[int, int]) -> list[bool]:
    """Play a fault of the world from slot 10 to 20; return whether each of its revisions was confirmed.

    What homes saw meanwhile was set aside, as nobody can tell a dead service from a block at home.

    Args:
        story: to be told.
        after: slot before which references look for the last time.
        homes: slots from and before which homes reach it.
    """
    play = story.play
    zoom: dict[str, Any] = {"service": "zoom", "layer": Experiment.TCP}
    changes = story.tell(
        [
            *play.slots(0, after, play.abroad, play.between(10, 20, (64700, 64800)), **zoom),
            *play.slots(0, 10, play.seven, seed=2, **zoom),
            *play.slots(*homes, play.seven, seed=3, **zoom),
        ]
    )
    return [one.incident.confirmed for one in changes if one.incident.kind is IncidentKind.SERVICE_FAULT]


@pytest.mark.parametrize("after", [20, 21, 40])
def test_a_fault_of_the_world_that_is_over_is_not_taken_back(story: Story, after: int) -> None:
    """Homes reach it again before the references' cell has closed, or while no reference looks: that is its end."""
    confirmed = _of_the_world(story, after, (20, 40))
    assert confirmed
    assert all(confirmed)


def test_a_fault_that_homes_never_met_is_taken_back(story: Story) -> None:
    """They reach it while references go on failing: it is the references' own way to it that is down."""
    confirmed = _of_the_world(story, 20, (14, 20))
    assert confirmed[0]
    assert not confirmed[-1]


def test_an_onset_that_another_fault_hides_is_masked(story: Story) -> None:
    """The service was down for the world when the block began: its moment is not known to the probes alone."""
    play = story.play
    zoom: dict[str, Any] = {"service": "zoom"}
    faulty = play.between(10, 24, (64700, 64800))
    story.tell(
        [
            *play.slots(0, 70, play.abroad, faulty, **zoom),
            # Nobody at home reaches it meanwhile either; that it is down for the world is no evidence of a block.
            *play.slots(0, 10, play.seven, seed=2, **zoom),
            *play.slots(20, 70, play.three, play.between(20, 60), seed=2, **zoom),
            *play.slots(25, 70, play.seven[3:], seed=4, **zoom),
        ]
    )
    (block,) = [one for one in story.incidents if one.kind is IncidentKind.INTERFERENCE]
    assert block.onset.masked


def test_without_enough_references_it_is_not_called_local(story: Story) -> None:
    """Local needs three vantages in two other countries; else the grade falls to C."""
    play = story.play
    two = play.abroad[:2]
    story.tell([*play.slots(0, 60, play.seven, play.between(20, 40)), *play.slots(0, 60, two, seed=3)])
    (one,) = story.incidents
    assert (one.locality, one.grade) == (Locality.UNKNOWN, "C")


def test_one_probe_only_is_unconfirmed_and_graded_nothing(story: Story) -> None:
    """Never published as a finding."""
    seats = (story.play.seat("pk01"),)
    story.tell(story.play.slots(0, 40, seats, story.play.between(20, 40)))
    (one,) = story.incidents
    assert (one.state, one.grade) == (IncidentState.UNCONFIRMED, "")


def test_what_failed_from_the_start_is_standing_and_its_end_is_told(story: Story) -> None:
    """Long blocked: no alarm; the lift is an event."""
    play = story.play
    changes = story.tell(play.slots(0, 60, play.three, lambda _seat, at: at < play.at(40)))
    assert changes[0].incident.state is IncidentState.STANDING
    assert changes[0].incident.onset.earliest is None
    assert changes[-1].kind is ChangeKind.CLOSED


def test_a_new_block_beside_a_standing_one_is_told(story: Story) -> None:
    """One provider has blocked it for years; another begins tonight: two events, and the new one has an onset."""
    play = story.play

    def failing(seat: Seat, at: float) -> bool:
        return seat.asn == 64503 or bool(play.between(30, 60, (64501,))(seat, at))

    story.tell(play.slots(0, 90, play.seven, failing))
    states = {one.state: one for one in story.incidents}
    assert set(states) == {IncidentState.STANDING, IncidentState.CLOSED}
    assert states[IncidentState.CLOSED].scope.affected == (64501,)
    assert states[IncidentState.CLOSED].onset.earliest is not None


def test_a_standing_one_whose_beginning_turns_out_goes_on_as_itself(story: Story) -> None:
    """A third probe had it well before the two others looked for the first time: the same incident, with an onset."""
    play = story.play
    first, second, third = play.three
    changes = story.tell(
        [
            *play.slots(30, 60, (first, second), lambda _seat, _at: True),
            *play.slots(0, 26, (third,)),
            *play.slots(36, 60, (third,), lambda _seat, _at: True),
        ]
    )
    (one,) = story.incidents
    assert one.state is IncidentState.OPEN
    assert one.onset.earliest is not None
    told = [change for change in changes if change.incident.witnesses > 1]
    assert told[0].incident.state is IncidentState.STANDING
    assert {change.incident.id for change in told} == {one.id}


def test_a_provider_with_one_probe_joins_what_others_confirm(story: Story) -> None:
    """Alone it would be unconfirmed; beginning with the others it is among the affected, and never among the clean."""
    play = story.play
    lonely = play.seat("pk09", 64509)
    story.tell(
        [
            *play.slots(0, 60, play.three, play.between(20, 45)),
            *play.slots(0, 60, play.seven[3:], seed=2),
            *play.slots(0, 60, (lonely,), play.between(20, 45, (64509,)), seed=3, layer=Experiment.DNS),
        ]
    )
    (one,) = story.incidents
    assert one.scope.affected == (64501, 64509)


def test_a_probe_switched_on_during_a_block_makes_no_event_of_its_own(story: Story) -> None:
    """It fails from its first measurement; the others tell since when."""
    play = story.play
    block = play.between(20, 50, (64501, 64502))
    story.tell([*play.slots(0, 70, play.seven[:3], block), *play.slots(24, 70, play.seven[3:4], block, seed=2)])
    (one,) = story.incidents
    assert one.scope.affected == (64501, 64502)
    assert one.onset.earliest is not None


def test_a_roll_out_in_three_ways_began_with_the_first_of_them(story: Story) -> None:
    """Names are denied, addresses close later, hellos die last: what began second must not date the whole."""
    play = story.play
    seats = [[play.seat(f"pk{asn}{n}", asn) for n in (1, 2, 3)] for asn in (64501, 64502, 64503)]
    ways = (
        (20, 64501, Experiment.DNS, "dns.nxdomain", Mechanism.DNS_NXDOMAIN),
        (26, 64502, Experiment.TCP, "ip.rst", Mechanism.IP_RST),
        (32, 64503, Experiment.TLS, "sni.rst", Mechanism.SNI_RST),
    )
    told = []
    for (first, asn, layer, rule, mechanism), ours in zip(ways, seats, strict=True):
        for verdict in play.slots(0, 45, (*ours,), play.between(first, 45, (asn,)), seed=asn, layer=layer):
            failed = verdict.state is VerdictState.BLOCKED
            told.append(msgspec.structs.replace(verdict, rule=rule, mechanism=mechanism) if failed else verdict)
    story.tell(told)
    (one,) = story.incidents
    assert one.onset.earliest is not None
    assert one.onset.earliest <= play.at(20) <= one.onset.latest


def test_a_first_look_during_a_block_says_how_late_it_began(story: Story) -> None:
    """What is looked at rarely: a home that never looked before meets it an hour before the others look again."""
    play = story.play
    first, second, third = play.three

    def looks(seat: Seat, *slots: int) -> list[Verdict]:
        return [play.verdict(seat, play.at(slot), ok=slot < 20) for slot in slots]

    after = range(36, 60)
    story.tell([*looks(first, 4, 16, *after), *looks(second, 8, *after), *looks(third, *range(24, 60))])
    (one,) = story.incidents
    assert (one.onset.earliest, one.onset.latest) == (play.at(16), play.at(24))


def test_a_home_that_never_had_it_does_not_move_the_onset_of_others(story: Story) -> None:
    """It met it while another home of its provider still had it: a trouble of its own."""
    play = story.play
    first, second, third = play.three
    block = play.between(20, 60)
    story.tell([*play.slots(0, 60, (first, second), block), *play.slots(10, 60, (third,), lambda _seat, _at: True)])
    told = [one for one in story.incidents if one.confirmed]
    assert all(one.onset.latest >= play.at(20) for one in told)
    assert told


def test_a_liar_of_yesterday_does_not_move_todays_onset(story: Story) -> None:
    """One probe that has cried for hours stays an unconfirmed event of its own."""
    play = story.play
    liar = play.seat("pk09", 64509)
    story.tell(
        [
            *play.slots(0, 90, play.three, play.between(60, 80)),
            *play.slots(0, 90, (liar,), play.between(5, 90, (64509,)), seed=3),
        ]
    )
    told = {one.state: one for one in story.incidents}
    assert set(told) == {IncidentState.UNCONFIRMED, IncidentState.CLOSED}
    assert told[IncidentState.CLOSED].onset.latest >= play.at(59)


def test_on_and_off_is_one_incident_with_a_duty_cycle(story: Story) -> None:
    """An hour on, an hour off, all day."""
    play = story.play

    def failing(_seat: Any, at: float) -> bool:
        return any(play.at(20 + 20 * n) <= at < play.at(30 + 20 * n) for n in range(4))

    story.tell(play.slots(0, 130, play.three, failing))
    (one,) = story.incidents
    assert one.duty_cycle is not None
    assert 0.4 <= one.duty_cycle <= 0.7


def test_a_second_block_days_later_is_a_recurrence(story: Story) -> None:
    """Counted, and an incident of its own."""
    play = story.play

    def failing(seat: Seat, at: float) -> bool:
        return play.between(20, 40)(seat, at) or play.between(300, 320)(seat, at)

    story.tell(play.slots(0, 340, play.three, failing))
    assert [one.recurrences for one in story.incidents] == [0, 1]


def test_late_data_revise_a_closed_incident_and_keep_what_it_said(story: Story) -> None:
    """A second provider's probes were cut off and deliver afterwards: the scope grows, as a new revision."""
    play = story.play
    late = play.seven[3:5]
    others = tuple(s for s in play.seven if s not in late)
    story.tell([*play.slots(0, 70, others, play.between(20, 45, TWO_PROVIDERS)), *play.slots(0, 15, late, seed=2)])
    (before,) = story.incidents
    assert before.scope.affected == (64501,)
    for verdict in play.slots(15, 70, late, play.between(20, 45, TWO_PROVIDERS), seed=3):
        play.detector.observe(verdict)
    story.step(play.at(72))
    (after,) = story.incidents
    assert after.id == before.id
    assert after.scope.affected == TWO_PROVIDERS
    assert after.revision > before.revision
    assert after.opened_at == before.opened_at


def test_a_book_goes_on_from_stored_incidents(story: Story) -> None:
    """After a restart the same event is the same incident."""
    verdicts = sorted(_evening(story), key=lambda v: v.at)
    cut = story.play.at(35)
    story.tell([v for v in verdicts if v.at < cut])
    (before,) = story.incidents
    story.book = IncidentBook(story.incidents)
    story.tell([v for v in verdicts if v.at >= cut])
    (after,) = story.incidents
    assert after.id == before.id
    assert after.state is IncidentState.CLOSED
    assert after.revision > before.revision


def test_a_quiet_evening_tells_nothing(story: Story) -> None:
    """No event, no incident, no revision."""
    assert not story.tell(_evening(story, first=200, last=200))


@pytest.mark.parametrize("state", [VerdictState.SERVER_SIDE])
def test_a_refusal_of_the_server_is_its_own_kind(story: Story, state: VerdictState) -> None:
    """Never called interference."""
    play = story.play
    refused = [
        msgspec.structs.replace(v, state=state, rule="server.geo", mechanism=Mechanism.SERVER_REFUSES)
        if v.state is VerdictState.BLOCKED
        else v
        for v in play.slots(0, 50, play.seven, play.between(20, 50, (64501, 64502, 64503)), layer=Experiment.HTTP)
    ]
    story.tell(refused)
    assert {one.kind for one in story.incidents} == {IncidentKind.SERVER_SIDE}


# ---------------------------------------------------------------- one witness


def _told_of(story: Story) -> list[IncidentState]:
    """Return the states in which anything may be told of any incident of a story."""
    return [one.state for each in _histories(story).values() for _, one in told(each)]


def _histories(story: Story) -> dict[str, list[tuple[float, Incident]]]:
    """Return every revision of every incident of a story."""
    found: dict[str, list[tuple[float, Incident]]] = {}
    for change in story.changes:
        found.setdefault(change.incident.id, []).append((change.at, change.incident))
    return found


def test_what_one_probe_saw_stays_unconfirmed_when_it_ends(story: Story) -> None:
    """At a430c09 it was published from the moment it closed."""
    play = story.play
    (one, *_) = play.three
    story.tell(play.slots(0, 80, play.three, lambda seat, at: seat == one and play.between(20, 50)(seat, at)))
    story.step(play.at(90))
    assert {each.state for each in story.incidents} <= {IncidentState.CLOSED}
    assert all(each.witnesses == 1 and not each.confirmed and each.grade == "" for each in story.incidents)
    assert _told_of(story) == []


def test_what_one_probe_saw_stays_unconfirmed_when_it_stands(story: Story) -> None:
    """Failing from its first measurement, going on for ever: known to the operator, and no finding."""
    seats = (story.play.seat("pk01"),)
    story.tell(story.play.slots(0, 60, seats, lambda _seat, _at: True))
    (one,) = story.incidents
    assert (one.state, one.witnesses, one.confirmed) == (IncidentState.STANDING, 1, False)
    assert _told_of(story) == []


def test_one_unplugged_box_is_no_outage(story: Story) -> None:
    """The only probe of a provider falls silent: at a430c09 the public page read "Pakistan: network outage"."""
    play = story.play
    lonely = play.seat("pk09", 64509)
    line: dict[str, Any] = {"service": "internet", "layer": Experiment.LINE, "role": TargetRole.LINE, "target": "line"}
    verdicts = [
        *play.slots(0, 80, play.three, seed=2, **line),
        *play.slots(0, 20, (lonely,), seed=3, **line),
    ]
    network = verdicts[-1].network
    waiting = sorted(verdicts, key=lambda v: v.at)
    for slot in range(82):
        now = play.at(slot + 1)
        while waiting and waiting[0].at < now:
            play.detector.observe(waiting.pop(0))
        if slot > 23:
            play.detector.silence("pk09", network, play.at(20))
        story.step(now)
    (one,) = story.incidents
    assert (one.kind, one.scope.affected) == (IncidentKind.OWN_FAULT, (64509,))
    assert (one.witnesses, one.confirmed) == (1, False)
    assert _told_of(story) == []


def test_boards_of_one_operator_are_one_witness(story: Story) -> None:
    """Two boxes in one flat saw it, open, standing and ended: no finding; a box of somebody else makes it one."""
    play = story.play
    play.detector = Detector(DetectorConfig(operators={"pk01": "ali", "pk02": "ali"}))
    seats = play.three[:2]
    story.tell(play.slots(0, 70, seats, play.between(20, 45)))
    assert story.incidents
    assert all((one.witnesses, one.confirmed, one.grade) == (1, False, "") for one in story.incidents)
    assert _told_of(story) == []


def test_the_second_operator_confirms(story: Story) -> None:
    """Of three boxes two are one person's: two witnesses."""
    play = story.play
    play.detector = Detector(DetectorConfig(operators={"pk01": "ali", "pk02": "ali"}))
    story.tell(play.slots(0, 70, play.three, play.between(20, 45)))
    (one,) = story.incidents
    assert (one.witnesses, one.confirmed, one.scope.affected_probes) == (2, True, 3)
    assert one.mechanisms[0].witnesses == 2


def test_late_data_that_take_the_second_witness_away_take_the_finding_back(story: Story) -> None:
    """A provider's two lines fall silent, which is told; one had only lost its way to us, and delivers later."""
    play = story.play
    pair = (play.seat("pk08", 64508), play.seat("pk09", 64508))
    line: dict[str, Any] = {"service": "internet", "layer": Experiment.LINE, "role": TargetRole.LINE, "target": "line"}
    living = [*play.slots(0, 80, play.three, seed=2, **line), *play.slots(0, 20, pair, seed=3, **line)]
    networks = {v.probe: v.network for v in living}
    waiting = sorted(living, key=lambda v: v.at)
    for slot in range(60):
        while waiting and waiting[0].at < play.at(slot + 1):
            play.detector.observe(waiting.pop(0))
        for seat in pair if slot > 23 else ():
            play.detector.silence(seat.probe, networks[seat.probe], play.at(20))
        story.step(play.at(slot + 1))
    (told_of,) = (one for one in story.incidents if one.kind is IncidentKind.OUTAGE)
    assert told_of.confirmed
    for verdict in play.slots(20, 60, pair[:1], seed=4, **line):
        play.detector.observe(verdict)
    story.step(play.at(61))
    known = _histories(story)[told_of.id]
    assert not known[-1][1].confirmed or known[-1][1].state is IncidentState.WITHDRAWN
    said = [one.state for _, one in told(known)]
    assert (said[0], said[-1]) == (IncidentState.OPEN, IncidentState.WITHDRAWN)
    assert said.count(IncidentState.WITHDRAWN) == 1


def test_what_one_probe_saw_is_in_no_group_and_masks_nothing(story: Story) -> None:
    """A group or a masked onset would tell of it through the findings that began with it."""
    play = story.play
    lonely = play.seat("pk09", 64509)
    alone: dict[str, Any] = {"service": "periscope", "target": "periscope/web"}
    story.tell(
        [
            *_evening(story),
            *play.slots(0, 70, (lonely,), play.between(20, 45, (64509,)), seed=5, **alone),
            *play.slots(0, 70, (play.abroad[0],), play.between(10, 24, (64700,)), seed=6),
        ]
    )
    by_service = {one.service: one for one in story.incidents if one.country == "PK"}
    assert not by_service["periscope"].confirmed
    assert by_service["twitter"].confirmed
    assert (by_service["twitter"].group, by_service["periscope"].group) == ("", "")
    assert not by_service["twitter"].onset.masked


def test_a_part_that_one_probe_alone_found_is_not_among_the_parts(story: Story) -> None:
    """Beginning together it joins the event; what is affected of the service is what two witnesses saw."""
    play = story.play
    lonely = play.seat("pk09", 64509)
    image: dict[str, Any] = {"role": TargetRole.MEDIA_IMAGE, "target": "twitter/media-image", "layer": Experiment.DNS}
    story.tell([*_evening(story), *play.slots(0, 70, (lonely,), play.between(20, 45, (64509,)), seed=5, **image)])
    (one,) = story.incidents
    assert (one.roles, one.layers) == ((TargetRole.WEB,), ("tls",))


def test_a_probe_that_always_failed_does_not_join_what_others_know_to_stand(story: Story) -> None:
    """Nobody saw it begin, so nothing says that it is the same event: it stays one probe's word."""
    play = story.play
    lonely = play.seat("pk09", 64509)
    other: dict[str, Any] = {"layer": Experiment.DNS}
    story.tell(
        [
            *play.slots(0, 60, play.three, lambda _seat, _at: True),
            *play.slots(0, 60, (lonely,), lambda _seat, _at: True, seed=4, **other),
        ]
    )
    found = {one.confirmed: one for one in story.incidents}
    assert set(found) == {True, False}
    assert found[True].scope.affected == (64501,)
    assert found[False].scope.affected == (64509,)


def test_after_a_restart_no_finding_changes_places_with_one_probes_word(story: Story) -> None:
    """Both stand on one service at one time: the stored ids go on with what each was."""
    play = story.play
    lonely = play.seat("pk09", 64509)
    verdicts = [
        *play.slots(0, 60, play.three, lambda _seat, _at: True),
        *play.slots(0, 60, (lonely,), lambda _seat, _at: True, seed=4, layer=Experiment.DNS),
    ]
    story.tell(verdicts)
    before = {one.id: one.confirmed for one in story.incidents}
    assert set(before.values()) == {True, False}
    for order in (sorted(story.incidents, key=lambda one: one.confirmed), story.incidents):
        again = IncidentBook(order)
        known = [CellEvent(kind=CellEventKind.GREW, episode=e, at=0.0) for e in play.detector.episodes]
        again.apply(known, play.detector, story.fleet, play.at(62))
        assert {one.id: one.confirmed for one in again.incidents} == before


def test_what_an_earlier_version_kept_is_confirmed_anew_by_what_the_detector_remembers(story: Story) -> None:
    """A database of a430c09 says nothing of witnesses: the episodes do, at the first start."""
    story.tell(_evening(story))
    old = [msgspec.structs.replace(one, witnesses=UNTOLD, mechanisms=()) for one in story.incidents]
    again = IncidentBook(old)
    known = [CellEvent(kind=CellEventKind.GREW, episode=e, at=0.0) for e in story.play.detector.episodes]
    (change,) = again.apply(known, story.play.detector, story.fleet, story.play.at(72))
    assert change.incident.confirmed
    assert change.incident.id == old[0].id


def _by_proxy(story: Story, signs: dict[int, tuple[str, ...]]) -> Incident:
    """Return the incident of an evening whose blocked verdicts bear signs, by provider."""
    story.tell(
        msgspec.structs.replace(v, proof=signs.get(v.network.asn, ())) if v.state is VerdictState.BLOCKED else v
        for v in _evening(story)
    )
    (one,) = story.incidents
    return one


WORKS, FAILS, RELAYED = ("through_proxy",), ("through_proxy_failed",), ("through_relay",)


@pytest.mark.parametrize(
    ("signs", "told"),
    [
        (dict.fromkeys(TWO_PROVIDERS, WORKS), [True]),
        (dict.fromkeys(TWO_PROVIDERS, FAILS), [False]),
        ({64501: WORKS, 64502: FAILS}, [True]),
        (dict.fromkeys(TWO_PROVIDERS, RELAYED), [True]),
        ({64501: RELAYED, 64502: FAILS}, [True]),
        ({}, []),
    ],
)
def test_what_two_witnesses_found_by_way_of_a_proxy_is_told(
    story: Story, signs: dict[int, tuple[str, ...]], told: list[bool]
) -> None:
    """Where some reached it, it works: others' way to the proxy may be read; what nobody asked is told of no part."""
    one = _by_proxy(story, signs)
    assert [(path.role, path.works) for path in one.other_path] == [(TargetRole.WEB, works) for works in told]


@pytest.mark.parametrize("signs", [WORKS, FAILS, RELAYED])
def test_a_proxy_makes_no_grade_and_no_kind(signs: tuple[str, ...]) -> None:
    """It works for whoever stands abroad, also where the service itself refuses the country: at most C, as without."""
    without, with_it = (_by_proxy(Story(Play()), each) for each in ({}, dict.fromkeys(TWO_PROVIDERS, signs)))
    assert (with_it.kind, with_it.grade, with_it.locality) == (without.kind, without.grade, without.locality)
    assert with_it.grade == "C"
