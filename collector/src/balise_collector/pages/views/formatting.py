"""Sentences and times that several pages share, made of the words in wording.py. Pure."""

from datetime import UTC, datetime, tzinfo
from typing import Final

from balise_collector.incidents.model import Incident, IncidentKind, IncidentState
from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.views.read_model import View
from balise_collector.words import wording
from balise_collector.words.report import headline
from balise_collector.words.translation import ENGLISH, Language
from balise_wire.mechanisms import Mechanism

_SLOW: Final = frozenset({Mechanism.RATE_LIMIT, Mechanism.RATE_POLICE, Mechanism.RATE_SHAPE})
_STATES: Final = {
    IncidentKind.SERVICE_FAULT: VerdictState.DOWN,
    IncidentKind.EDGE_FAULT: VerdictState.DOWN,
    IncidentKind.OUTAGE: VerdictState.DOWN,
    IncidentKind.SERVER_SIDE: VerdictState.SERVER_SIDE,
    IncidentKind.OWN_FAULT: VerdictState.INSUFFICIENT,
}


def is_slow(incident: Incident) -> bool:
    """Whether all that was seen of an incident is that it is slow."""
    return bool(incident.mechanisms) and all(one.mechanism in _SLOW for one in incident.mechanisms)


def state_of(incident: Incident) -> VerdictState:
    """Return the state whose colour and shape an incident is shown with; only findings are told as such.

    Of what the service may do itself we cannot tell that it is blocked.
    """
    if not incident.confirmed or incident.doubtful or incident.state is IncidentState.WITHDRAWN:
        return VerdictState.INSUFFICIENT
    if incident.kind in _STATES:
        return _STATES[incident.kind]
    return VerdictState.THROTTLED if is_slow(incident) else VerdictState.BLOCKED


def standing(incident: Incident, view: View) -> str:
    """Say where an incident stands, and first of all if it is not confirmed."""
    return "; ".join(view.gettext(word) for word in wording.standing(incident))


def sentence(incident: Incident, view: View) -> str:
    """Say one incident in one sentence, with its times."""
    zone, language = view.zone(incident.country), view.language
    said = view.gettext("{headline}; it began {began}.")
    if incident.end:
        said = view.gettext("{headline}; it began {began} and ended {ended}.")
    return said.format(
        headline=headline(incident, view.facts(incident), language),
        began=wording.interval(incident.onset, zone, language),
        ended=wording.interval(incident.end, zone, language) if incident.end else "",
    )


def both_times(at: float, zone: tzinfo, language: Language = ENGLISH) -> str:
    """Return a moment in local time and UTC: ``17 May 2020 22:00 Asia/Karachi (17:00 UTC)``."""
    utc = datetime.fromtimestamp(at, UTC)
    if datetime.fromtimestamp(at, zone).utcoffset() == utc.utcoffset():
        return f"{wording.clock(at, UTC, language)} UTC"
    same_day = datetime.fromtimestamp(at, zone).date() == utc.date()
    return f"{wording.clock(at, zone, language)} {zone} ({wording.clock(at, UTC, language, day=not same_day)} UTC)"


def machine_time(at: float) -> str:
    """Return a moment as the ``datetime`` attribute of ``<time>`` wants it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def query_time(at: float) -> str:
    """Return a moment as the pages' own ``at`` parameter takes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")


def duration(seconds: float, view: View | None = None) -> str:
    """Say a length of time: ``3 h 30 min``, ``2 days 4 h``, ``5 min``."""
    minutes = max(0, round(seconds / 60))
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    if days:
        many = view.ngettext("{n} day", "{n} days", days) if view else "{n} day" if days == 1 else "{n} days"
        return many.format(n=days) + (f" {hours} h" if hours else "")
    if hours:
        return f"{hours} h" + (f" {minutes} min" if minutes else "")
    return f"{minutes} min"


def provider(asn: int) -> str:
    """Name a provider by its autonomous system."""
    return f"AS{asn}"


def count(number: int, one: str, many: str = "") -> str:
    """Return ``1 probe`` or ``3 probes``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def probes(view: View, number: int) -> str:
    """Return ``1 probe`` or ``3 probes`` in the reader's language."""
    return view.ngettext("{n} probe", "{n} probes", number).format(n=number)


def providers(view: View, number: int) -> str:
    """Return ``1 provider`` or ``3 providers`` in the reader's language."""
    return view.ngettext("{n} provider", "{n} providers", number).format(n=number)


def measurements(view: View, number: int) -> str:
    """Return ``1 measurement`` or ``3 measurements`` in the reader's language."""
    return view.ngettext("{n} measurement", "{n} measurements", number).format(n=number)


def references(view: View, number: int) -> str:
    """Return ``1 reference`` or ``3 references`` in the reader's language."""
    return view.ngettext("{n} reference", "{n} references", number).format(n=number)
