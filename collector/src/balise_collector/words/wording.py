"""The words people read: mechanisms, states, localities, grades and dates, in English and French.

Pure tables and small functions. Here must not live: layout (pages, report) or judgement. One fixed ladder of words is
used: *measured* for what probes saw, *consistent with* for what evidence suggests, *confirmed by* for an artefact. No
sentence here names an actor, a motive or people; a test reads every one.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Final

from babel.dates import format_date
from babel.numbers import format_decimal

from balise_collector.experiments import SIGNS
from balise_collector.incidents.model import Incident, IncidentKind, IncidentState, Interval, Locality
from balise_collector.judge.verdict import State
from balise_wire.experiments import REGISTRY
from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism
from balise_wire.status import EventKind
from balise_wire.words import Access, Arm, ClockState, Experiment, Lifecycle, TargetRole


class Language(StrEnum):
    """The languages reports are written in."""

    EN = "en"
    FR = "fr"


MECHANISMS: Final[dict[Language, dict[Mechanism, str]]] = {
    Language.EN: {
        Mechanism.DNS_INJECT: "forged DNS answers",
        Mechanism.DNS_NXDOMAIN: "the provider's resolver says that the name does not exist",
        Mechanism.DNS_BOGUS: "the provider's resolver gives a false address",
        Mechanism.DNS_REFUSED: "the provider's resolver refuses the name",
        Mechanism.DNS_SILENT: "DNS questions about the name stay unanswered",
        Mechanism.DNS_HIJACK: "DNS questions are intercepted on the way",
        Mechanism.IP_DROP: "packets to the address vanish on the way",
        Mechanism.IP_RST: "connections to the address are cut by forged resets",
        Mechanism.IP_ICMP: "a router on the way refuses the address",
        Mechanism.PORT_DROP: "one port of the address is unreachable while another answers",
        Mechanism.SNI_RST: "connections are cut by forged resets as soon as they name the service",
        Mechanism.SNI_DROP: "connections go dead as soon as they name the service",
        Mechanism.SNI_FIN: "connections are closed on the way as soon as they name the service",
        Mechanism.TLS_MITM: "connections are intercepted with a foreign certificate",
        Mechanism.HTTP_BLOCKPAGE: "another page is shown in the service's place",
        Mechanism.HTTP_REDIRECT: "requests are redirected elsewhere on the way",
        Mechanism.HTTP_RST: "requests are cut by forged resets",
        Mechanism.HTTP_DROP: "requests stay unanswered as soon as they name the service",
        Mechanism.QUIC_DROP: "QUIC connections go dead as soon as they name the service",
        Mechanism.RATE_POLICE: "the rate is cut by dropping packets above a limit",
        Mechanism.RATE_SHAPE: "the rate is held down by delaying packets",
        Mechanism.UDP_DROP: "UDP packets vanish on the way",
        Mechanism.VPN_DROP: "VPN handshakes are cut on the way",
        Mechanism.SHUTDOWN_ISP: "the provider's line is dead beyond the home",
        Mechanism.SERVER_DOWN: "the service answers nobody, here or abroad",
        Mechanism.SERVER_REFUSES: "the authentic server refuses",
        Mechanism.EDGE_DOWN: "the service's servers for this region answer nobody",
        Mechanism.UNKNOWN: "in a way that this version has no words for",
    },
    Language.FR: {
        Mechanism.DNS_INJECT: "réponses DNS falsifiées",
        Mechanism.DNS_NXDOMAIN: "le résolveur du fournisseur dit que le nom n'existe pas",
        Mechanism.DNS_BOGUS: "le résolveur du fournisseur donne une fausse adresse",
        Mechanism.DNS_REFUSED: "le résolveur du fournisseur refuse le nom",
        Mechanism.DNS_SILENT: "les questions DNS sur ce nom restent sans réponse",
        Mechanism.DNS_HIJACK: "les questions DNS sont interceptées en route",
        Mechanism.IP_DROP: "les paquets vers l'adresse disparaissent en route",
        Mechanism.IP_RST: "les connexions vers l'adresse sont coupées par des paquets RST falsifiés",
        Mechanism.IP_ICMP: "un routeur en chemin refuse l'adresse",
        Mechanism.PORT_DROP: "un port de l'adresse est injoignable alors qu'un autre répond",
        Mechanism.SNI_RST: "les connexions sont coupées par des paquets RST falsifiés dès qu'elles nomment le service",
        Mechanism.SNI_DROP: "les connexions restent muettes dès qu'elles nomment le service",
        Mechanism.SNI_FIN: "les connexions sont fermées en route dès qu'elles nomment le service",
        Mechanism.TLS_MITM: "les connexions sont interceptées avec un certificat étranger",
        Mechanism.HTTP_BLOCKPAGE: "une autre page est montrée à la place de celle du service",
        Mechanism.HTTP_REDIRECT: "les requêtes sont redirigées ailleurs en route",
        Mechanism.HTTP_RST: "les requêtes sont coupées par des paquets RST falsifiés",
        Mechanism.HTTP_DROP: "les requêtes restent sans réponse dès qu'elles nomment le service",
        Mechanism.QUIC_DROP: "les connexions QUIC restent muettes dès qu'elles nomment le service",
        Mechanism.RATE_POLICE: "le débit est coupé : les paquets au-dessus d'une limite sont jetés",
        Mechanism.RATE_SHAPE: "le débit est retenu : les paquets sont retardés",
        Mechanism.UDP_DROP: "les paquets UDP disparaissent en route",
        Mechanism.VPN_DROP: "les établissements de VPN sont coupés en route",
        Mechanism.SHUTDOWN_ISP: "la ligne du fournisseur est morte au-delà du domicile",
        Mechanism.SERVER_DOWN: "le service ne répond à personne, ni ici ni à l'étranger",
        Mechanism.SERVER_REFUSES: "le serveur authentique refuse",
        Mechanism.EDGE_DOWN: "les serveurs du service pour cette région ne répondent à personne",
        Mechanism.UNKNOWN: "d'une manière pour laquelle cette version n'a pas de mots",
    },
}
"""Every mechanism in words; a test checks that none is missing in any language."""

KINDS: Final[dict[Language, dict[IncidentKind, str]]] = {
    Language.EN: {
        IncidentKind.INTERFERENCE: "blocked",
        IncidentKind.SERVICE_FAULT: "service fault, everywhere",
        IncidentKind.EDGE_FAULT: "the service's regional servers are down",
        IncidentKind.OUTAGE: "network outage",
        IncidentKind.SERVER_SIDE: "refused by the service",
    },
    Language.FR: {
        IncidentKind.INTERFERENCE: "blocage",
        IncidentKind.SERVICE_FAULT: "panne du service, partout",
        IncidentKind.EDGE_FAULT: "panne des serveurs régionaux du service",
        IncidentKind.OUTAGE: "coupure de réseau",
        IncidentKind.SERVER_SIDE: "refus par le service",
    },
}

STATES: Final[dict[State, tuple[str, str]]] = {
    State.OK: ("●", "reachable"),
    State.BLOCKED: ("■", "blocked"),
    State.THROTTLED: ("▲", "slowed"),
    State.DOWN: ("▼", "down"),
    State.SERVER_SIDE: ("◆", "refused by the service"),
    State.INSUFFICIENT: ("○", "we cannot tell"),
}
"""A shape and a word for each state: never a colour alone."""

ROLES: Final[dict[Language, dict[TargetRole, str]]] = {
    Language.EN: {
        TargetRole.WEB: "site",
        TargetRole.API: "app interface",
        TargetRole.MEDIA_IMAGE: "images",
        TargetRole.MEDIA_VIDEO: "video",
        TargetRole.SIGNALLING: "call set-up",
        TargetRole.CHAT: "chat",
        TargetRole.CALL_MEDIA: "call audio and video",
        TargetRole.REGISTRATION: "registration",
        TargetRole.DOWNLOAD: "download",
        TargetRole.VPN: "VPN",
        TargetRole.CONTROL: "control",
        TargetRole.LINE: "line",
        TargetRole.UNKNOWN: "another part",
    },
    Language.FR: {
        TargetRole.WEB: "site",
        TargetRole.API: "interface de l'application",
        TargetRole.MEDIA_IMAGE: "images",
        TargetRole.MEDIA_VIDEO: "vidéo",
        TargetRole.SIGNALLING: "établissement des appels",
        TargetRole.CHAT: "messages",
        TargetRole.CALL_MEDIA: "son et image des appels",
        TargetRole.REGISTRATION: "inscription",
        TargetRole.DOWNLOAD: "téléchargement",
        TargetRole.VPN: "VPN",
        TargetRole.CONTROL: "témoin",
        TargetRole.LINE: "ligne",
        TargetRole.UNKNOWN: "une autre partie",
    },
}
"""Every role in words."""

LOCALITIES: Final[dict[Language, dict[Locality, str]]] = {
    Language.EN: {
        Locality.LOCAL: "local: no international outage",
        Locality.GLOBAL: "global: the references abroad failed too",
        Locality.UNKNOWN: "unknown: too few references abroad to say",
    },
    Language.FR: {
        Locality.LOCAL: "local : pas de panne internationale",
        Locality.GLOBAL: "mondial : les références à l'étranger ont échoué aussi",
        Locality.UNKNOWN: "inconnu : trop peu de références à l'étranger pour le dire",
    },
}

GRADES: Final[dict[Language, dict[str, str]]] = {
    Language.EN: {
        "A": "A - several probes and providers, and a proof that no server fault can produce",
        "B": "B - several probes, strong evidence",
        "C": "C - consistent evidence without such a proof",
        "": "not graded - too little evidence",
    },
    Language.FR: {
        "A": "A - plusieurs sondes et fournisseurs, et une preuve qu'aucune panne de serveur ne peut produire",
        "B": "B - plusieurs sondes, indices forts",
        "C": "C - indices concordants sans une telle preuve",
        "": "sans note - trop peu d'indices",
    },
}


MEANINGS: Final[dict[State, str]] = {
    State.OK: "It worked from this probe.",
    State.BLOCKED: "It failed every time while controls on the same path worked, in a way that the service itself "
    "cannot cause, or (for dead addresses) while references abroad reached the same address.",
    State.THROTTLED: "It works, at less than half the rate of a control on the same server at the same time.",
    State.SERVER_SIDE: "The authentic server answered and refused. That is the service's decision, and is never "
    "called interference.",
    State.DOWN: "It is unreachable, and nothing says that the network stands in the way.",
    State.INSUFFICIENT: "A control is missing or failed, the probe's own line was unwell, it failed only once, or the "
    "references are silent. Shown in grey, never in green.",
}
"""What each state of a measurement means, worst after the best, in the order in which legends show them."""

INCIDENT_STATES: Final[dict[IncidentState, tuple[str, str]]] = {
    IncidentState.OPEN: ("going on", "Several probes measured it, and it has not ended."),
    IncidentState.UNCONFIRMED: ("unconfirmed", "One probe only measured it. It is no finding, and is not published."),
    IncidentState.STANDING: (
        "standing",
        "It failed from our first measurement on. It is known and raises no alarm; that it ends would be news.",
    ),
    IncidentState.CLOSED: ("ended", "It was measured to work again."),
    IncidentState.WITHDRAWN: ("withdrawn", "Measurements that arrived later do not confirm it: we no longer say it."),
}
"""Where an incident stands: a word, and what it means. ``standing`` and ``standing_means`` know of witnesses too."""
WITNESSES: Final[dict[str, str]] = {
    "alone": "seen by one probe, not confirmed",
    "unknown": "not confirmed",
    "unknown_means": "An earlier version kept it without saying how many probes saw it. It is not published; a replay "
    "can tell.",
}
"""The words of what no second witness confirms, wherever it stands, and of what it is not known of any more."""

KIND_MEANINGS: Final[dict[IncidentKind, str]] = {
    IncidentKind.INTERFERENCE: "Blocked or slowed for probes in a country while references abroad reach it.",
    IncidentKind.SERVICE_FAULT: "Unreachable for the references too: the service's own fault, everywhere.",
    IncidentKind.EDGE_FAULT: "The addresses that serve this region are dead from abroad as well; elsewhere the service "
    "works.",
    IncidentKind.OUTAGE: "The network itself: probes silent, or their lines dead behind a living gateway.",
    IncidentKind.SERVER_SIDE: "The authentic server refuses this country and accepts others.",
}
"""What each kind of incident means."""

GRADE_NEEDS: Final[dict[str, str]] = {
    "A": "At least three probes on at least two providers (or all that are measured), references abroad that reached "
    "the same endpoints, and one proof that no fault of a server can produce.",
    "B": "At least two probes and strong evidence.",
    "C": "Consistent evidence, without such a proof; or the references do not settle whether it is local.",
    "": "Not enough. We say that we cannot tell.",
}
"""What each grade asks for."""

PROOFS: Final[dict[str, str]] = {sign.id: sign.words for sign in SIGNS.values()}
"""Signs in the evidence, in words; the keys are those of ``Verdict.proof``."""

ARMS: Final[dict[Arm, str]] = {
    Arm.SUBJECT: "subject",
    Arm.CONTROL: "control: a name of no interest",
    Arm.NEIGHBOUR: "control: another name on the same server",
    Arm.SCRAMBLED: "control: the same name, scrambled",
    Arm.ABSENT: "control: no name at all",
    Arm.OTHER_PORT: "control: another port",
    Arm.SIBLING: "control: a neighbouring address",
    Arm.UNKNOWN: "a side that this version does not know",
}
"""Each side of a paired measurement."""

LAYERS: Final[dict[Experiment, str]] = {word: traits.title for word, traits in REGISTRY.items()} | {
    Experiment.UNKNOWN: "an experiment that this version does not know"
}
"""Each layer that a verdict speaks of."""

ACCESSES: Final[dict[Access, str]] = {
    Access.FIXED: "fixed line",
    Access.MOBILE: "mobile",
    Access.SATELLITE: "satellite",
    Access.UNKNOWN: "another kind of line",
}
"""How a probe's line reaches its provider."""

CLOCKS: Final[dict[ClockState, str]] = {
    ClockState.SYNCED: "kept by a time server",
    ClockState.HINTED: "set by the collector",
    ClockState.UNSYNCED: "nobody vouches for it",
    ClockState.LABORATORY: "a scenario's",
    ClockState.UNKNOWN: "in a state that this version does not know",
}
"""What a probe knows of its own clock."""

LIFECYCLES: Final[dict[Lifecycle, str]] = {
    Lifecycle.INIT: "starting",
    Lifecycle.READY: "measuring",
    Lifecycle.SLEEPING: "asleep",
    Lifecycle.DISCONNECTED: "said good-bye",
    Lifecycle.LOST: "lost without a good-bye",
    Lifecycle.UNKNOWN: "in a state that this version does not know",
}
"""What a probe said of its state, or the broker of a dead one."""

LIMITS: Final[dict[str, str]] = {
    "cpu": "its processor was busy",
    "temperature": "it was hot",
    "undervoltage": "it had too little voltage",
    "budget": "its share of the line was used up",
    "drops": "it lost packets",
}
"""What limits a board, by the words of ``Measurement.limited_by``."""

EVENTS: Final[dict[EventKind, str]] = {
    EventKind.STARTED: "its program started",
    EventKind.REBOOT: "the board started anew",
    EventKind.ASSIGNMENT_ACCEPTED: "took up a task",
    EventKind.ASSIGNMENT_REFUSED: "refused a task",
    EventKind.TARGET_REFUSED: "refused a target",
    EventKind.BUDGET_EXHAUSTED: "its share of the line is used up",
    EventKind.CLOCK_JUMP: "its clock jumped",
    EventKind.CONSENT_MISSING: "the host's consent is missing",
    EventKind.PAUSED: "paused by its host",
    EventKind.RESUMED: "goes on",
    EventKind.HALTED: "halted",
    EventKind.WIPED: "wiped",
    EventKind.ENROLLED: "enrolled",
    EventKind.RENEWED: "renewed its certificate",
    EventKind.LINK_UNUSABLE: "could not measure",
    EventKind.SPOOL_FULL: "had no room for results, and let some go",
    EventKind.STOPPED: "its program stopped",
    EventKind.REQUEST_ANSWERED: "answered a request",
    EventKind.UNKNOWN: "something that this collector has no word for",
}
"""What a probe tells of itself."""

FAILURES: Final[dict[Failure, str]] = {
    Failure.ADDRESS_FAMILY_NOT_SUPPORTED: "this IP version is not to be had",
    Failure.CONNECTION_ABORTED: "connection aborted",
    Failure.CONNECTION_REFUSED: "connection refused",
    Failure.CONNECTION_RESET: "connection reset",
    Failure.DNS_BOGON: "an address that no public service has",
    Failure.DNS_NO_ANSWER: "an answer without an address",
    Failure.DNS_NXDOMAIN: "told that the name does not exist",
    Failure.DNS_REFUSED: "question refused",
    Failure.DNS_SERVER_MISBEHAVING: "a malformed answer",
    Failure.DNS_SERVFAIL: "the resolver failed",
    Failure.EOF: "connection closed without an answer",
    Failure.GENERIC_TIMEOUT: "no answer",
    Failure.HOST_UNREACHABLE: "host unreachable",
    Failure.NETWORK_DOWN: "network down",
    Failure.NETWORK_UNREACHABLE: "network unreachable",
    Failure.SSL_FAILED_HANDSHAKE: "greeting failed",
    Failure.SSL_INVALID_CERTIFICATE: "certificate not valid",
    Failure.SSL_INVALID_HOSTNAME: "certificate of another name",
    Failure.SSL_UNKNOWN_AUTHORITY: "certificate of an unknown issuer",
    Failure.UNKNOWN: "failed for a reason we do not know",
    Failure.HTTP_MALFORMED: "an answer that is no HTTP",
    Failure.ICMP_ADMIN_PROHIBITED: "a router says: prohibited",
    Failure.TLS_ALERT: "the server answered with a TLS alert",
    Failure.TLS_MALFORMED: "an answer that is no TLS",
    Failure.TOO_LARGE: "an answer larger than we take",
}
"""Every failure of a trial, in words."""


def join_words(words: Iterable[str], language: Language = Language.EN) -> str:
    """Join words as a sentence does: ``a``, ``a and b``, ``a, b and c``."""
    items = list(words)
    last = {Language.EN: " and ", Language.FR: " et "}[language]
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + last + items[-1] if items else ""


_INTERVALS: Final[dict[Language, dict[str, str]]] = {
    Language.EN: {
        "before": "before {last} (our first measurement)",
        "point": "{last} ({utc} UTC)",
        "span": "between {first} and {last} ({utc} UTC)",
        "staggered": ", staggered",
        "masked": ", hidden by another fault",
        "none": "none",
        "withheld": "not published",
        "others": "others not published",
    },
    Language.FR: {
        "before": "avant {last} (notre première mesure)",
        "point": "{last} ({utc} UTC)",
        "span": "entre {first} et {last} ({utc} UTC)",
        "staggered": ", échelonné",
        "masked": ", caché par une autre panne",
        "none": "aucun",
        "withheld": "non publié",
        "others": "d'autres non publiés",
    },
}


def standing(incident: Incident) -> tuple[str, ...]:
    """Return where an incident stands, in words that go together: that it is not confirmed comes before all else."""
    going_on = incident.state in {IncidentState.UNCONFIRMED, IncidentState.OPEN}
    word = INCIDENT_STATES[IncidentState.OPEN if going_on else incident.state][0]
    if incident.confirmed or incident.state is IncidentState.WITHDRAWN:
        return (word,)
    return (WITNESSES["unknown" if incident.witnesses < 1 else "alone"], word)


def standing_means(incident: Incident) -> tuple[str, ...]:
    """Return what the words of ``standing`` mean."""
    if incident.confirmed or incident.state is IncidentState.WITHDRAWN:
        return (INCIDENT_STATES[incident.state][1],)
    alone = INCIDENT_STATES[IncidentState.UNCONFIRMED][1]
    return (WITNESSES["unknown_means"] if incident.witnesses < 1 else alone,)


def clock(at: float, zone: tzinfo, language: Language = Language.EN, *, day: bool = True) -> str:
    """Return a moment in a zone, e.g. ``17 May 2020 22:00``; without ``day`` only ``22:00``.

    Args:
        at: UNIX seconds.
        zone: the zone to show it in.
        language: the language of the month's name.
        day: whether to say the date too.
    """
    moment = datetime.fromtimestamp(at, zone)
    return f"{format_date(moment, 'd MMM y', locale=language.value)} {moment:%H:%M}" if day else f"{moment:%H:%M}"


def interval(moment: Interval, zone: tzinfo, language: Language = Language.EN) -> str:
    """Say when, as honestly as it is known: a point, a span or ``before ...``, with UTC in brackets."""
    texts = _INTERVALS[language]
    last = clock(moment.latest, zone, language)
    if moment.earliest is None:
        return texts["before"].format(last=last)
    first = clock(moment.earliest, zone, language)
    utc = clock(moment.latest, UTC, day=False)
    if first == last:
        return texts["point"].format(last=last, utc=utc)
    if not _crosses_midnight(moment.earliest, moment.latest, zone):
        last = clock(moment.latest, zone, day=False)
    span = texts["span"].format(first=first, last=last, utc=f"{clock(moment.earliest, UTC, day=False)}-{utc}")
    flags = (("staggered", moment.staggered), ("masked", moment.masked))
    return span + "".join(texts[word] for word, present in flags if present)


_ODDS: Final[dict[Language, tuple[str, str]]] = {
    Language.EN: ("about {n} to 1", "more than {n} to 1"),
    Language.FR: ("environ {n} contre 1", "plus de {n} contre 1"),
}
_MOST_ODDS: Final = 1_000_000


def odds(nats: float, language: Language = Language.EN) -> str:
    """Say a likelihood ratio, given as its natural logarithm, in two digits: ``about 2,400 to 1``."""
    about, more = _ODDS[language]
    if nats > math.log(_MOST_ODDS):
        return more.format(n=format_decimal(_MOST_ODDS, locale=language.value))
    ratio = float(f"{math.exp(nats):.1e}")
    return about.format(n=format_decimal(ratio, locale=language.value))


def _crosses_midnight(earliest: float, latest: float, zone: tzinfo) -> bool:
    """Tell whether two moments lie on different days in ``zone``."""
    return datetime.fromtimestamp(earliest, zone).date() != datetime.fromtimestamp(latest, zone).date()


def others(language: Language = Language.EN) -> str:
    """Return what stands in a list for those that are not published."""
    return _INTERVALS[language]["others"]


def providers(asns: Sequence[int], language: Language = Language.EN, *, withheld: bool = False) -> str:
    """Name providers by their autonomous systems; ``none`` where there are none.

    Args:
        asns: those that are told.
        language: the reader's.
        withheld: there are others, which are not told.
    """
    texts = _INTERVALS[language]
    named = [f"AS{asn}" for asn in asns]
    if withheld:
        return ", ".join([*named, texts["others"]]) if named else texts["withheld"]
    return ", ".join(named) or texts["none"]
