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


def test_the_limits_of_the_knowledge_are_the_last_words() -> None:
    """Who and why are never ours to say (mission S9)."""
    assert report([_incident("zoom")], FACTS).rstrip().endswith("not people.")
