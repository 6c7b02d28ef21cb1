"""How words become sentences, in the reader's language: closed words, lists, moments, odds, providers.

Pure but for the catalogues, which are read once. Must not live here: the words (tables.py), layout (pages, report) or
judgement.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

from balise_collector.incidents.model import WITNESSES as ENOUGH
from balise_collector.incidents.model import (
    FlowShare,
    Incident,
    IncidentKind,
    IncidentState,
    Interval,
    Locality,
    MechanismShare,
    RateShare,
)
from balise_collector.incidents.parts import PartWord
from balise_collector.words.tables import (
    DOUBTS,
    GRADES,
    INCIDENT_STATES,
    KINDS,
    LOCALITIES,
    MECHANISMS,
    ONLY,
    PARTS,
    PHRASES,
    ROLES,
    WAYS,
    WITNESSES,
)
from balise_collector.words.translation import ENGLISH, Language, translated
from balise_wire.mechanisms import Mechanism
from balise_wire.words import TargetRole

_MOST_ODDS: Final = 1_000_000
_FEW: Final = 0.1
"""A share below this is told with a decimal."""


def mechanism(word: Mechanism, language: Language = ENGLISH) -> str:
    """Return a mechanism in words."""
    return translated(language, MECHANISMS[word], "mechanism")


def kind(word: IncidentKind, language: Language = ENGLISH) -> str:
    """Return a kind of incident in words."""
    return translated(language, KINDS[word], "kind")


def what(incidents: Sequence[Incident], language: Language = ENGLISH) -> str:
    """Say what is the matter with one service, or with several together, in no more words than the signs bear.

    *Blocked* is said of grades A and B alone; IP version, port and range are named where the rest was seen to work.
    """
    first = incidents[0]
    if first.kind is not IncidentKind.INTERFERENCE:
        return kind(first.kind, language)
    ways = {share.mechanism for one in incidents for share in one.mechanisms}
    if ways and ways <= _SLOW:
        said = translated(language, WAYS["slowed"], "way")
    elif any(one.doubtful for one in incidents):
        said = translated(language, WAYS[_way(ways - _SLOW)], "way")
    else:
        said = kind(first.kind, language)
    if ways & _SLOW and not ways <= _SLOW:
        said = translated(language, WAYS["partly"], "way").format(what=said)
    only = _only(incidents, ways)
    return translated(language, ONLY[only], "only").format(what=said) if only else said


_SLOW: Final = frozenset({Mechanism.RATE_LIMIT, Mechanism.RATE_POLICE, Mechanism.RATE_SHAPE})
_BY: Final = {"sni": "name", "http": "name", "tls": "name", "quic": "name", "dns": "dns", "ip": "address"}
"""How a service fails, by the first part of a mechanism's word."""
_EXTENSIONS: Final = frozenset({Mechanism.TLS_ECH, Mechanism.TLS_ESNI})
"""What dies is a form of greeting, whatever it names."""
_WITH: Final = {Mechanism.PORT_DROP: "port", Mechanism.IP_PREFIX: "range", Mechanism.IP_AS: "network"}


def _way(ways: Collection[Mechanism]) -> str:
    """Return how it fails, where all mechanisms say the same."""
    found = {"failing" if one in _EXTENSIONS else _BY.get(one.value.split(".")[0], "failing") for one in ways}
    return found.pop() if len(found) == 1 else "failing"


def _only(incidents: Sequence[Incident], ways: Collection[Mechanism]) -> str:
    """Return what of it fails where that is not the whole; empty for the whole, or not known."""
    if len(ways) == 1 and (limited := _WITH.get(next(iter(ways)))):
        return limited
    families = {one.families for one in incidents}
    if len(families) == 1 and all(one.spared_family for one in incidents):
        (family,) = families.pop() or (0,)
        return {4: "ipv4", 6: "ipv6"}.get(family, "")
    if ways and all(one.value.startswith("vpn.") for one in ways):
        return "handshakes"
    return "calls" if {role for one in incidents for role in one.roles} == {TargetRole.CALL_MEDIA} else ""


def role(word: TargetRole, language: Language = ENGLISH) -> str:
    """Return a role of a target in words."""
    return translated(language, ROLES[word], "role")


def part(word: PartWord, language: Language = ENGLISH) -> str:
    """Return how one part of a service does, in words."""
    return translated(language, PARTS[word], "part")


def doubt_of_hosts(confidence: str, language: Language = ENGLISH) -> str:
    """Say what is not sure of a part's hosts; empty where nothing is doubted."""
    return translated(language, DOUBTS[confidence], "doubt") if confidence in DOUBTS else ""


def locality(word: Locality, language: Language = ENGLISH) -> str:
    """Return a locality in words."""
    return translated(language, LOCALITIES[word], "locality")


def grade(word: str, language: Language = ENGLISH) -> str:
    """Return a grade with its reason; one that this version does not know as it stands."""
    return translated(language, GRADES[word], "grade") if word in GRADES else word


def _phrase(name: str, language: Language) -> str:
    return translated(language, PHRASES[name], "phrase")


def join_words(words: Iterable[str], language: Language = ENGLISH) -> str:
    """Join words as a sentence does: ``a``, ``a and b``, ``a, b and c``."""
    *items, last = list(words) or [""]
    return _phrase("and", language).format(words=", ".join(items), last=last) if items else last


def standing(incident: Incident) -> tuple[str, ...]:
    """Return where an incident stands, in words that go together: that it is not confirmed comes before all else."""
    going_on = incident.state in {IncidentState.UNCONFIRMED, IncidentState.OPEN}
    word = INCIDENT_STATES[IncidentState.OPEN if going_on else incident.state][0]
    if incident.confirmed or incident.state is IncidentState.WITHDRAWN:
        return (word,)
    why = _unconfirmed(incident)
    return (WITNESSES[why],) if why == "weighed" and going_on else (WITNESSES[why], word)


def _unconfirmed(incident: Incident) -> str:
    """Return why it is no finding: nobody can know, several saw it and it is not borne out, or one alone saw it."""
    if incident.witnesses < 1:
        return "unknown"
    return "weighed" if incident.witnesses >= ENOUGH else "alone"


def standing_means(incident: Incident) -> tuple[str, ...]:
    """Return what the words of ``standing`` mean."""
    if incident.confirmed or incident.state is IncidentState.WITHDRAWN:
        return (INCIDENT_STATES[incident.state][1],)
    means = {"unknown": WITNESSES["unknown_means"], "weighed": WITNESSES["weighed_means"]}
    return (means.get(_unconfirmed(incident), INCIDENT_STATES[IncidentState.UNCONFIRMED][1]),)


def clock(at: float, zone: tzinfo, language: Language = ENGLISH, *, day: bool = True) -> str:
    """Return a moment in a zone, e.g. ``17 May 2020 22:00``; without ``day`` only ``22:00``.

    Args:
        at: UNIX seconds.
        zone: the zone to show it in.
        language: the language of the month's name.
        day: whether to say the date too.
    """
    moment = datetime.fromtimestamp(at, zone)
    return f"{format_date(moment, 'd MMM y', locale=language)} {moment:%H:%M}" if day else f"{moment:%H:%M}"


def interval(moment: Interval, zone: tzinfo, language: Language = ENGLISH) -> str:
    """Say when, as honestly as it is known: a point, a span or ``before ...``, with UTC in brackets."""
    last = clock(moment.latest, zone, language)
    if moment.earliest is None:
        return _phrase("before", language).format(last=last)
    first = clock(moment.earliest, zone, language)
    utc = clock(moment.latest, UTC, day=False)
    if first == last:
        return _phrase("point", language).format(last=last, utc=utc)
    if not _crosses_midnight(moment.earliest, moment.latest, zone):
        last = clock(moment.latest, zone, day=False)
    utc = f"{clock(moment.earliest, UTC, day=False)}-{utc}"
    span = _phrase("span", language).format(first=first, last=last, utc=utc)
    flags = (("staggered", moment.staggered), ("masked", moment.masked))
    return span + "".join(_phrase(word, language) for word, present in flags if present)


def clock_face(moment: Interval, zone: tzinfo) -> float | None:
    """Return the full hour (by the clock of the zone) that lies in a moment; ``None`` where none does, or it is wide.

    Args:
        moment: when; a span of half an hour and more holds a full hour by chance more often than not.
        zone: whose clock: half of the world's hours begin elsewhere than UTC's.
    """
    if moment.earliest is None or moment.latest - moment.earliest >= _HALF_HOUR:
        return None
    offset = datetime.fromtimestamp(moment.latest, zone).utcoffset()
    ahead = offset.total_seconds() if offset is not None else 0.0
    hour = math.floor((moment.latest + ahead) / _HOUR) * _HOUR - ahead
    return hour if hour >= moment.earliest else None


_HOUR: Final = 3_600.0
_HALF_HOUR: Final = 1_800.0


def rate(seen: RateShare, language: Language = ENGLISH) -> str:
    """Say how fast slowed transfers were: the rate, its share of the control's with its interval, and who agrees."""

    def share(value: float) -> str:
        return format_percent(value, format="#,##0.#%" if value < _FEW else "#,##0%", locale=language)

    kbps = format_decimal(float(f"{seen.kbps:.2g}"), locale=language)
    said = _phrase("rate_up" if seen.up else "rate", language).format(kbps=kbps, ratio=share(seen.ratio))
    if seen.low is not None and seen.high is not None:
        said = _phrase("rate_between", language).format(rate=said, low=share(seen.low), high=share(seen.high))
    if seen.spread is None:
        return said
    return _phrase("rate_one", language).format(rate=said, spread=share(seen.spread))


def flows(seen: FlowShare, language: Language = ENGLISH) -> str:
    """Say which share of the connections fails, with its interval, in tens of a hundred."""

    def tens(value: float) -> str:
        return format_percent(round(value, 1), format="#,##0%", locale=language)

    low, high = math.floor(seen.low * 10) / 10, math.ceil(seen.high * 10) / 10
    return _phrase("flows", language).format(share=tens(seen.share), low=tens(low), high=tens(high))


def share_times(share: MechanismShare, zone: tzinfo, language: Language = ENGLISH) -> str:
    """Say when one mechanism was seen; empty where that is not told."""
    if share.onset is None:
        return ""
    began = interval(share.onset, zone, language)
    if share.end is None:
        return _phrase("share_since", language).format(began=began)
    return _phrase("share_until", language).format(began=began, ended=interval(share.end, zone, language))


def odds(nats: float, language: Language = ENGLISH) -> str:
    """Say a likelihood ratio, given as its natural logarithm, in two digits: ``about 2,400 to 1``."""
    if nats > math.log(_MOST_ODDS):
        return _phrase("odds_more", language).format(n=format_decimal(_MOST_ODDS, locale=language))
    ratio = float(f"{math.exp(nats):.1e}")
    return _phrase("odds", language).format(n=format_decimal(ratio, locale=language))


def _crosses_midnight(earliest: float, latest: float, zone: tzinfo) -> bool:
    """Tell whether two moments lie on different days in ``zone``."""
    return datetime.fromtimestamp(earliest, zone).date() != datetime.fromtimestamp(latest, zone).date()


def others(language: Language = ENGLISH) -> str:
    """Return what stands in a list for those that are not published."""
    return _phrase("others", language)


def providers(asns: Sequence[int], language: Language = ENGLISH, *, withheld: bool = False) -> str:
    """Name providers by their autonomous systems; ``none`` where there are none.

    Args:
        asns: those that are told.
        language: the reader's.
        withheld: there are others, which are not told.
    """
    named = [f"AS{asn}" for asn in asns]
    if withheld:
        return ", ".join([*named, _phrase("others", language)]) if named else _phrase("withheld", language)
    return ", ".join(named) or _phrase("none", language)
