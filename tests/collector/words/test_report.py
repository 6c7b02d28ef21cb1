"""The incident report: everything a journalist needs to quote, nothing they must not."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from balise_collector.fleet.watches import WatchWindow
from balise_collector.incidents.lengths import Past
from balise_collector.incidents.model import (
    Incident,
    IncidentKind,
    IncidentScope,
    IncidentState,
    Interval,
    Locality,
    MechanismShare,
    OtherPath,
    ProviderTimes,
    ReferenceCount,
)
from balise_collector.incidents.parts import Part, PartWord
from balise_collector.words import wording
from balise_collector.words.report import WIDTH, ReportFacts, by_proxy, report
from balise_collector.words.translation import Language, languages
from balise_wire.mechanisms import Mechanism
from balise_wire.words import TargetRole

FACTS = ReportFacts(
    services={"twitter": "Twitter", "zoom": "Zoom"},
    countries={"PK": "Pakistan"},
    zones={"PK": ZoneInfo("Asia/Karachi")},
    written_at=1589750000.0,
    home="PK",
    rules="7",
)


def _incident(name: str, **changes: Any) -> Incident:
    """An incident of the Pakistan kind, with fields changed."""
    one = Incident(
        id=f"PK-{name}",
        kind=IncidentKind.INTERFERENCE,
        state=IncidentState.CLOSED,
        country="PK",
        service=name,
        roles=(TargetRole.WEB, TargetRole.MEDIA_IMAGE),
        onset=Interval(earliest=1589734500.0, latest=1589734800.0),
        end=Interval(earliest=1589747100.0, latest=1589747400.0),
        scope=IncidentScope(affected=(64501, 64502), clean=(64503,), affected_probes=4, measured_probes=6),
        mechanisms=(
            MechanismShare(mechanism=Mechanism.SNI_DROP, asns=(64501,), roles=(TargetRole.WEB,), verdicts=10),
            MechanismShare(mechanism=Mechanism.DNS_INJECT, asns=(64502,), roles=(TargetRole.WEB,), verdicts=8),
        ),
        locality=Locality.LOCAL,
        references=ReferenceCount(ok=3, countries_ok=("DE", "SG")),
        grade="A",
        group="g1",
        group_llr=5.2,
    )
    return msgspec.structs.replace(one, **changes)


def test_the_report_names_services_scope_mechanism_times_and_locality() -> None:
    """One read gives who is affected and who is not, how, from when to when, and whether it is local."""
    text = report([_incident("twitter"), _incident("zoom")], FACTS)
    for fact in (
        "Pakistan: Twitter and Zoom blocked on 2 of 3 measured providers",
        "between 17 May 2020 21:55 and 22:00 (16:55-17:00 UTC)",
        "sni.drop]: AS64501",
        "[dns.inject]: AS64502",
        "affected      AS64501, AS64502",
        "clean         AS64503",
        "not measured  none",
        "local: no international outage; 3 of 3 references abroad",
        "a likelihood ratio of about 180 to 1 for one common cause over chance",
    ):
        assert fact in text or fact in " ".join(text.split()), fact


@pytest.mark.parametrize("language", languages())
def test_no_line_is_wider_than_a_terminal(language: Language) -> None:
    """The report is read in terminals and pasted into mails."""
    lines = report([_incident("twitter"), _incident("zoom", group="")], FACTS, language).splitlines()
    assert max(map(len, lines)) <= WIDTH


def test_nothing_happened_is_said_with_its_limits() -> None:
    """An empty report does not claim that all was well."""
    assert "nothing that our probes measured, by our rules" in " ".join(report([], FACTS).split())


def test_a_fleet_that_saw_nothing_yet_has_a_report_too() -> None:
    """A report about no country at all is dated in UTC."""
    blank = ReportFacts(services={}, countries={}, zones={}, written_at=1589750000.0, home="", rules="7")
    assert "written 17 May 2020 21:13 UTC" in " ".join(report([], blank).split())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"end": None, "state": IncidentState.OPEN}, "not ended when this was written"),
        ({"state": IncidentState.UNCONFIRMED}, "UNCONFIRMED (one probe only)"),
        ({"state": IncidentState.STANDING, "onset": Interval(earliest=None, latest=1589734800.0)}, "STANDING"),
        (
            {"kind": IncidentKind.SERVICE_FAULT, "country": "**", "locality": Locality.GLOBAL},
            "service fault, everywhere",
        ),
        ({"kind": IncidentKind.OUTAGE, "service": "internet"}, "Pakistan: network outage, AS64501, AS64502"),
    ],
)
def test_each_kind_and_state_is_said_for_what_it_is(changes: dict[str, Any], said: str) -> None:
    """Unconfirmed is never told as a finding, a service fault never as a block."""
    assert said in report([_incident("zoom", group="", **changes)], FACTS)


_RESET = MechanismShare(mechanism=Mechanism.SNI_RST, asns=(64501,), roles=(TargetRole.WEB,), verdicts=10)
_PORT = MechanismShare(mechanism=Mechanism.PORT_DROP, asns=(64501,), roles=(TargetRole.WEB,), verdicts=10)
_RANGE = MechanismShare(mechanism=Mechanism.IP_PREFIX, asns=(64501,), roles=(TargetRole.WEB,), verdicts=10)
_SLOW = MechanismShare(mechanism=Mechanism.RATE_POLICE, asns=(64501,), roles=(TargetRole.WEB,), verdicts=10)
_DOUBT = "it is not known whether the network or the service does it"


def _said(**changes: Any) -> str:
    """Return a report in one line."""
    return " ".join(report([_incident("zoom", group="", witnesses=2, **changes)], FACTS).split())


@pytest.mark.parametrize("grade", ["C", ""])
def test_what_the_service_may_do_itself_is_not_called_blocked(grade: str) -> None:
    """Words follow the signs: below B it fails by name, and by whose doing is not known."""
    said = _said(grade=grade, mechanisms=(_RESET,))
    assert "Zoom failing by name on 2 of 3 measured providers" in said
    assert _DOUBT in said
    assert "blocked" not in said.split("how sure")[0].lower()


def test_blocked_is_said_from_b_on_and_forged_only_with_a_forged_packet() -> None:
    """Resets are resets; a forgery is told where two witnesses have one in evidence."""
    said = _said(grade="B", mechanisms=(_RESET,))
    assert "Zoom blocked on" in said
    assert _DOUBT not in said
    assert "forged" not in said
    assert "cannot have sent" not in said
    assert "the service cannot have sent" in _said(grade="A", mechanisms=(_RESET,), forged=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"families": (6,), "spared_family": True, "mechanisms": (_RESET,)}, "blocked over IPv6 only"),
        ({"families": (4,), "spared_family": True, "mechanisms": (_RESET,)}, "blocked over IPv4 only"),
        ({"families": (4,), "mechanisms": (_RESET,)}, "Zoom blocked on 2"),
        ({"mechanisms": (_PORT,)}, "blocked on one port only"),
        ({"mechanisms": (_RANGE,)}, "blocked with its whole range of addresses"),
        ({"mechanisms": (_SLOW,)}, "Zoom slowed on 2"),
        ({"roles": (TargetRole.CALL_MEDIA,)}, "Zoom blocked for calls on 2"),
        ({"roles": (TargetRole.CALL_MEDIA, TargetRole.CHAT)}, "Zoom blocked on 2"),
    ],
)
def test_family_port_and_range_are_named(changes: dict[str, Any], words: str) -> None:
    """What was seen to work beside it is not said to be blocked."""
    assert words in _said(grade="B", **changes)


def test_providers_without_our_probes_are_never_counted_as_none() -> None:
    """We look from where we have probes."""
    assert "not measured none; on providers without our probes: unknown" in _said()


def test_a_dark_reference_is_named() -> None:
    """Which one says nothing belongs to what the others say."""
    assert "nothing from our references in NL" in _said(references=ReferenceCount(ok=2, countries_dark=("NL",)))


def test_a_roll_out_is_told_provider_by_provider() -> None:
    """One beginning for all would be true of none."""
    times = tuple(
        ProviderTimes(asn=asn, onset=Interval(earliest=1589734500.0 + late, latest=1589734800.0 + late))
        for asn, late in ((64501, 0.0), (64502, 3000.0))
    )
    assert "provider by provider: AS64501 between 17 May 2020 21:55 and 22:00" in _said(providers=times)
    assert "provider by provider" not in _said(providers=times[:1])


def test_what_hypotheses_do_not_bear_out_is_no_finding() -> None:
    """Several saw it, and it is no more than that."""
    assert "NO FINDING: Pakistan: Zoom fault on our side" in _said(kind=IncidentKind.OWN_FAULT)


def test_the_limits_of_the_knowledge_are_the_last_words() -> None:
    """Who and why are never ours to say (mission S9)."""
    assert report([_incident("zoom")], FACTS).rstrip().endswith("not people.")


def test_each_part_is_told_while_it_goes_on() -> None:
    """Text works, calls fail, media are not measured: nobody reads one of them as the whole service."""
    since = Interval(earliest=1589734500.0, latest=1589734800.0)
    parts = (
        Part(role=TargetRole.CHAT, word=PartWord.WORKS, confidence="low"),
        Part(role=TargetRole.CALL_MEDIA, word=PartWord.BLOCKED, since=since, times=3),
        Part(role=TargetRole.MEDIA_IMAGE, word=PartWord.NOT_MEASURED),
    )
    facts = msgspec.structs.replace(FACTS, parts={"PK-zoom": parts})
    going = _incident("zoom", end=None, state=IncidentState.OPEN, group="", witnesses=2)
    text = " ".join(report([going], facts).split())
    assert "chat: works (hosts known from traffic only: a name may have moved)" in text
    assert "call audio and video: blocked; this began between 17 May 2020 21:55 and 22:00" in text
    assert "(16:55-17:00 UTC); 3 before" in text
    assert "images: not measured" in text
    assert max(map(len, report([going], facts).splitlines())) <= WIDTH
    french = " ".join(report([going], facts, Language("fr")).split())
    assert "images : non mesurée" in french
    assert "son et image des appels : bloquée ; cela a commencé" in french


@pytest.mark.parametrize(
    ("changes", "known", "said"),
    [
        ({}, Past(least=9.0), ()),
        ({}, Past(least=9.0, earlier=2, dated=2, shorter=2), ("interrupted 2 times before, 2 of these",)),
        ({}, Past(least=9.0, earlier=8, dated=8, shorter=6, longer=2), ("longer than 6 of 8 earlier", "percentile 75")),
        (
            {"end": None},
            Past(least=9.0, earlier=8, dated=8, shorter=8),
            ("longer than 8 of 8", "percentile 100, so far"),
        ),
        (
            {"end": None},
            Past(least=9.0, baseline=True),
            ("it fails since our first measurement: the usual state here",),
        ),
        ({}, Past(least=9.0, baseline=True), ("an unblock: it had failed since our first measurement",)),
    ],
)
def test_its_length_is_told_beside_earlier_ones(changes: dict[str, Any], known: Past, said: tuple[str, ...]) -> None:
    """S20 and S21: a rank where there are enough, a count where there are not, and a baseline for what it is."""
    one = _incident("zoom", group="", witnesses=2, **changes)
    text = " ".join(report([one], msgspec.structs.replace(FACTS, past={one.id: known})).split())
    assert all(each in text for each in said)
    lines = report([one], msgspec.structs.replace(FACTS, past={one.id: known})).splitlines()
    assert any(line.startswith("    before") for line in lines) is bool(said)


def test_the_clock_face_and_a_watch_window_are_shown_as_never_scored() -> None:
    """S11: it began with the hour, and we looked more often; both stand there with what they are worth."""
    window = WatchWindow(
        id="0", country="PK", services=("zoom",), since=1589731200.0, until=1589745600.0, interval=300, made=0.0
    )
    one = _incident("zoom", group="", witnesses=2)
    text = " ".join(report([one], msgspec.structs.replace(FACTS, watched={one.id: (window,)})).split())
    assert "22:00 by the local clock lies in its beginning; that is never scored" in text
    assert (
        "looked at every 5 minutes from 17 May 2020 21:00 to 18 May 2020 01:00 (a watch window); that is never" in text
    )


@pytest.mark.parametrize(
    ("zone", "earliest", "latest", "found"),
    [
        ("Asia/Karachi", 1589734500.0, 1589734800.0, True),
        ("Asia/Karachi", 1589734500.0, 1589734799.0, False),
        ("Asia/Kathmandu", 1589734500.0, 1589734800.0, False),
        ("Asia/Kathmandu", 1589735600.0, 1589735800.0, True),
        ("UTC", 1589732900.0, 1589734801.0, False),
        ("UTC", None, 1589734800.0, False),
    ],
)
def test_the_clock_face_is_the_local_one_and_of_narrow_beginnings(
    zone: str, earliest: float | None, latest: float, *, found: bool
) -> None:
    """Nepal's hours begin a quarter past; a beginning that is half an hour wide holds one by chance."""
    at = wording.clock_face(Interval(earliest=earliest, latest=latest), ZoneInfo(zone))
    assert (at is not None) is found


CHAT, PICTURES, SITE = (
    OtherPath(role=TargetRole.CHAT, works=True),
    OtherPath(role=TargetRole.MEDIA_IMAGE, works=True),
    OtherPath(role=TargetRole.WEB, works=False),
)


@pytest.mark.parametrize(
    ("grade", "kind", "said"),
    [
        ("A", IncidentKind.INTERFERENCE, "chat and images: reachable through a proxy; direct blocked [proxy.works]"),
        ("C", IncidentKind.INTERFERENCE, "chat and images: reachable through a proxy; direct fails [proxy.works]"),
        ("A", IncidentKind.SERVER_SIDE, "chat and images: reachable through a proxy; direct fails [proxy.works]"),
    ],
)
def test_what_a_proxy_reached_is_told_by_part_and_no_more_than_is_known(
    grade: str, kind: IncidentKind, said: str
) -> None:
    """S10 and S17: each part by itself, with an id; *blocked* only where the grade bears the word."""
    one = _incident("twitter", grade=grade, kind=kind, other_path=(CHAT, PICTURES, SITE))
    assert by_proxy(one) == (said, "site: not reachable through a proxy that works, either [proxy.fails]")
    text = " ".join(report([one], FACTS).split())
    assert f"by proxy {said}" in text


def test_of_what_nobody_asked_by_way_of_a_proxy_nothing_is_told() -> None:
    """Not asked is neither works nor fails."""
    assert by_proxy(_incident("twitter")) == ()
    assert "proxy" not in report([_incident("twitter")], FACTS)


def test_a_proxy_is_told_in_french() -> None:
    """Words in both languages, the id in one."""
    (said,) = by_proxy(_incident("twitter", other_path=(CHAT,)), Language("fr"))
    assert "joignable par un proxy ;" in said
    assert said.endswith("bloqué [proxy.works]")
