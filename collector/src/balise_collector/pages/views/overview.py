"""The first page: what is interfered with now, and every incident before, each as one sentence. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from balise_collector.incidents.model import Incident, IncidentState
from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.views import formatting
from balise_collector.pages.views.read_model import View
from balise_collector.system.sentences import gettext_noop
from balise_collector.words import wording

STALE: Final = 900.0
"""Seconds without a result after which a page says so instead of pretending to know the present."""
_MOST: Final = 100
"""Incidents of a section that are shown."""
_SECTIONS: Final = (
    (IncidentState.OPEN, gettext_noop("Going on now")),
    (IncidentState.UNCONFIRMED, gettext_noop("Seen by one probe, not confirmed: no finding, and not published")),
    (IncidentState.STANDING, gettext_noop("Standing: failing since our first measurement")),
    (IncidentState.CLOSED, gettext_noop("Ended incidents")),
    (IncidentState.WITHDRAWN, gettext_noop("Withdrawn: said once, and not confirmed by what arrived later")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewLine:
    """One incident in a list."""

    id: str
    state: VerdictState
    standing: str
    """Where it stands, in a word."""
    sentence: str
    lasted: str
    grade: str
    locality: str
    together: tuple[tuple[str, str], ...]
    """(id, service) of incidents that began together with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Incidents that stand alike."""

    state: IncidentState
    heading: str
    lines: tuple[OverviewLine, ...]
    more: int
    """Older ones that are not shown; the JSON has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """Until when the results reach."""

    as_of: float
    """The moment pages speak of: now, or the newest result where nothing has come for a while."""
    latest: float | None
    """The newest result; ``None`` for no data yet."""
    stale: bool
    expected: float
    """When the first result may be there, where there is none yet."""


def freshness(view: View) -> Freshness:
    """Return until when the results reach."""
    latest = view.store.latest_verdict_at()
    stale = latest is not None and view.now - latest > STALE
    slot = view.interval - view.now % view.interval
    return Freshness(
        as_of=latest if latest is not None and stale else view.now,
        latest=latest,
        stale=stale,
        expected=view.now + slot + view.interval,
    )


def sections(view: View) -> tuple[Section, ...]:
    """Return every incident, those going on first, the newest first among equals."""
    incidents = view.store.incidents()
    places: dict[IncidentState, list[Incident]] = {state: [] for state, _ in _SECTIONS}
    for one in (*incidents, *view.store.withdrawn()):
        found_in = one.state if one.confirmed or one.state is IncidentState.WITHDRAWN else IncidentState.UNCONFIRMED
        places[found_in].append(one)
    found = []
    for state, heading in _SECTIONS:
        held = sorted(places[state], key=lambda one: -one.onset.latest)
        lines = tuple(_line(one, incidents, view) for one in held[:_MOST])
        found.append(Section(state=state, heading=view.gettext(heading), lines=lines, more=len(held) - len(lines)))
    return tuple(found)


def _line(one: Incident, incidents: Sequence[Incident], view: View) -> OverviewLine:
    """Return one incident as a line."""
    return OverviewLine(
        id=one.id,
        state=formatting.state_of(one),
        standing=formatting.standing(one, view),
        sentence=formatting.sentence(one, view),
        lasted=lasted(one, view),
        grade=wording.grade(one.grade, view.language),
        locality=wording.locality(one.locality, view.language),
        together=together(one, incidents, view),
    )


def lasted(one: Incident, view: View) -> str:
    """Say how long it lasted or has lasted."""
    if one.end is not None:
        return view.gettext("lasted {time}").format(time=formatting.duration(one.end.latest - one.onset.latest, view))
    return view.gettext("lasting {time}").format(
        time=formatting.duration(freshness(view).as_of - one.onset.latest, view)
    )


def together(one: Incident, incidents: Sequence[Incident], view: View) -> tuple[tuple[str, str], ...]:
    """Return the incidents that coincide with one."""
    return tuple(
        (o.id, view.service(o.service)) for o in incidents if one.group and o.group == one.group and o.id != one.id
    )


def coverage(view: View) -> str:
    """Say what stands in the field."""
    inside = [member for member in view.members if not member.reference]
    abroad = [member for member in view.members if member.reference]
    if not view.members:
        return view.gettext("No probe is approved yet.")
    networks = {(member.network.country, member.network.asn) for member in inside}
    where = sorted({member.network.country for member in inside})
    elsewhere = sorted({member.network.country for member in abroad})
    said = view.gettext("{probes} on {providers} in {countries}; {references} abroad ({elsewhere}).")
    if not inside:
        said = view.gettext("{references} abroad ({elsewhere}), and no probe in a country yet.")
    elif not abroad:
        said = view.gettext("{probes} on {providers} in {countries}; no reference abroad.")
    return said.format(
        probes=formatting.probes(view, len(inside)),
        providers=formatting.providers(view, len(networks)),
        countries=", ".join(view.country(code) for code in where),
        references=formatting.references(view, len(abroad)),
        elsewhere=", ".join(view.country(code) for code in elsewhere),
    )
