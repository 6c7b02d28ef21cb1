"""What the pages may ask: a read-only view of what was concluded, and the names to tell it by.

Lives here: the Protocol that the store satisfies, and the frozen View that a request is answered from. Must not live
here: SQL, files, clocks; the caller of ``create_app`` brings them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from balise_collector.conclude.store import HistoryCell
from balise_collector.conclude.tally import TallySeries
from balise_collector.conclude.whereabouts import Whereabouts
from balise_collector.fleet.members import Member
from balise_collector.fleet.watches import WatchWindow
from balise_collector.incidents.model import Incident
from balise_collector.journal import JournalRow
from balise_collector.judge.verdict import Verdict
from balise_collector.system import harmless
from balise_collector.words import translation
from balise_collector.words.countries import WORLD, country_name, zone_of
from balise_collector.words.report import ReportFacts
from balise_collector.words.translation import ENGLISH, Language
from balise_wire.words import TargetRole

_LONGEST: Final = 120
"""Characters of a name."""
INTERNET = "internet"
"""The pseudo-service that outages belong to (judge/verdict.py)."""


class ReadStore(Protocol):
    """What the derived store answers; ``store.Store`` does."""

    def incidents(self) -> list[Incident]:
        """Return the newest revision of every incident, by onset."""
        ...

    def withdrawn(self) -> list[Incident]:
        """Return the newest revision of every incident that was said once and taken back, by onset."""
        ...

    def revisions(self, incident_id: str) -> list[tuple[float, Incident]]:
        """Return every revision of an incident with the time it was noted; empty where there is none."""
        ...

    def verdicts(
        self,
        since: float | None = None,
        until: float | None = None,
        probe: str | None = None,
        service: str | None = None,
    ) -> list[Verdict]:
        """Return verdicts by time, oldest first; times are UNIX seconds, both ends belong to it."""
        ...

    def history(self, since: float, until: float, step: float, service: str | None = None) -> list[HistoryCell]:
        """Return the verdicts of [since, until) as counts in bins of ``step`` seconds."""
        ...

    def series(self, since: float, columns: int, service: str | None = None) -> list[TallySeries]:
        """Return the same in ``columns`` bins of five minutes, packed, for each part of a service on each provider."""
        ...

    def verdict(self, measurement: str) -> Verdict | None:
        """Return the verdict on one measurement."""
        ...

    def measurement_row(self, measurement: str) -> JournalRow | None:
        """Return one measurement with when and how it arrived."""
        ...

    def latest_verdict_at(self) -> float | None:
        """Return the time of the newest verdict; ``None`` for an empty store."""
        ...

    def told(self, country: str, service: str) -> list[tuple[float, Incident]]:
        """Return all that was ever said of a service in a country or everywhere, withdrawn or not, oldest first."""
        ...


@dataclass(frozen=True, kw_only=True)
class View:
    """Everything one request is answered from."""

    store: ReadStore
    now: float
    """UNIX seconds on the collector's clock."""
    services: Mapping[str, str]
    """Service id of the catalogue -> the name people know."""
    members: tuple[Member, ...] = ()
    """The approved probes."""
    interval: float = 300.0
    """Seconds between two measurements of a target."""
    country_names: Mapping[str, str] = field(default_factory=dict)
    """What the operator calls a country otherwise than CLDR does."""
    rules: str = ""
    """Version of the rules that judge now."""
    roles: Mapping[str, tuple[TargetRole, ...]] = field(default_factory=dict)
    """The parts of each service that the catalogue has."""
    watches: tuple[WatchWindow, ...] = ()
    """When the operator had services looked at more often."""
    confidence: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """How sure the least sure host of a part is, by service and role."""
    language: Language = ENGLISH
    """The reader's."""
    where: Callable[[Incident], tuple[Whereabouts, ...]] = lambda _: ()
    """Where on the way what cuts an incident's service stands, by the runs that were asked for. For the operator alone:
    routers before the border can find a probe."""

    def gettext(self, text: str) -> str:
        """Return a sentence of ours in the reader's language."""
        return translation.translations(self.language).gettext(text)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """Return the form of a sentence that a number asks for, in the reader's language."""
        return translation.translations(self.language).ngettext(one, many, number)

    def service(self, name: str) -> str:
        """Return the name people know."""
        if name == INTERNET:
            return self.gettext("Internet line")
        return harmless.value(self.services.get(name, name), _LONGEST)

    def country(self, code: str, language: Language | None = None) -> str:
        """Return a country's name, in the reader's language where no other is asked for."""
        named = self.country_names.get(code) or country_name(code, language or self.language)
        return harmless.value(named, _LONGEST)

    def zone(self, code: str) -> ZoneInfo:
        """Return the zone that times of a country are told in."""
        return zone_of(code)

    def facts(self, incident: Incident, language: Language | None = None) -> ReportFacts:
        """Return what the report of one incident needs, in the reader's language where no other is asked for."""
        home = incident.country
        codes = {home, WORLD, *incident.references.countries_ok}
        return ReportFacts(
            services={name: self.service(name) for name in (*self.services, INTERNET)},
            countries={code: self.country(code, language) for code in codes},
            zones={code: self.zone(code) for code in codes},
            written_at=self.now,
            home=home,
            rules=incident.rules_version or self.rules,
        )
