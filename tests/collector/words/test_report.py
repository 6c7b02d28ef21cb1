"""The incident report: everything a journalist needs to quote, nothing they must not."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from balise_collector.incidents.model import (
    Incident,
    IncidentKind,
    IncidentScope,
    IncidentState,
    Interval,
    Locality,
    MechanismShare,
    ProviderTimes,
    ReferenceCount,
)
from balise_collector.words.report import WIDTH, ReportFacts, report
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
