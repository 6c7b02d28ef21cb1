"""The closed lists in words, in English: what gettext looks up in a catalogue for every other language.

Tables and nothing else. One fixed ladder of words is used: *measured* for what probes saw, *consistent with* for what
evidence suggests, *confirmed by* for an artefact. No sentence here names an actor, a motive or people; a test reads
every one. ``make messages`` gathers them all. Where one English word must not be one word elsewhere, its table has a
context (``CONTEXTS``). Must not live here: how words are joined (wording.py), layout.
"""

from collections.abc import Mapping
from typing import Any, Final

from balise_collector import experiments
from balise_collector.fleet.members import HALTED, RETIRED, REVOKED
from balise_collector.fleet.whereabouts import Sign, Where
from balise_collector.incidents.model import IncidentKind, IncidentState, Locality
from balise_collector.incidents.parts import PartWord
from balise_collector.journal import NoticeKind
from balise_collector.judge.verdict import VerdictState
from balise_wire.experiments import REGISTRY
from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism
from balise_wire.status import EventKind
from balise_wire.words import Access, Arm, ClockState, Experiment, Lifecycle, TargetRole

NEVER: Final = "never"
"""State of a probe that was approved and of which nothing was ever heard."""

_SHARED_MECHANISMS: Final = {
    Mechanism.SERVER_DOWN: "the service answers nobody, here or abroad",
    Mechanism.SERVER_REFUSES: "the authentic server refuses",
    Mechanism.EDGE_DOWN: "the service's servers for this region answer nobody",
    Mechanism.UNKNOWN: "in a way that this version has no words for",
}
"""Those that no one experiment recognises alone."""
MECHANISMS: Final[dict[Mechanism, str]] = {
    one: words for one in Mechanism if (words := (_SHARED_MECHANISMS | experiments.MECHANISMS).get(one))
}
"""Every mechanism."""

KINDS: Final[dict[IncidentKind, str]] = {
    IncidentKind.INTERFERENCE: "blocked",
    IncidentKind.SERVICE_FAULT: "service fault, everywhere",
    IncidentKind.EDGE_FAULT: "the service's regional servers are down",
    IncidentKind.OUTAGE: "network outage",
    IncidentKind.SERVER_SIDE: "refused by the service",
    IncidentKind.OWN_FAULT: "fault on our side",
}
"""Every kind of incident, as a verdict on a service."""

WAYS: Final[dict[str, str]] = {
    "slowed": "slowed",
    "partly": "{what} or slowed",
    "name": "failing by name",
    "address": "failing by address",
    "dns": "failing in DNS",
    "failing": "failing",
}
"""How a service fails, where it is not settled that the network does it, or that it is blocked and not slowed."""
ONLY: Final[dict[str, str]] = {
    "ipv4": "{what} over IPv4 only",
    "ipv6": "{what} over IPv6 only",
    "port": "{what} on one port only",
    "range": "{what} with its whole range of addresses",
    "network": "{what} with the whole network that it stands in",
    "calls": "{what} for calls",
    "handshakes": "handshakes {what}",
}
"""What of it fails, where the rest was seen to work, or what fails with it. Of calls: nothing else is known to fail. Of
a VPN's protocol: its handshakes do."""

ROLES: Final[dict[TargetRole, str]] = {
    TargetRole.WEB: "site",
    TargetRole.API: "app interface",
    TargetRole.MEDIA_IMAGE: "images",
    TargetRole.MEDIA_VIDEO: "video",
    TargetRole.SIGNALLING: "call set-up",
    TargetRole.CHAT: "chat",
    TargetRole.CALL_MEDIA: "call audio and video",
    TargetRole.MEETING: "joining of meetings",
    TargetRole.REGISTRATION: "registration",
    TargetRole.DOWNLOAD: "download",
    TargetRole.VPN: "VPN",
    TargetRole.CONTROL: "control",
    TargetRole.LINE: "line",
    TargetRole.UNKNOWN: "another part",
}
"""Every role of a target."""

PARTS: Final[dict[PartWord, str]] = {
    PartWord.WORKS: "works",
    PartWord.BLOCKED: "blocked",
    PartWord.SLOWED: "slowed",
    PartWord.FAILING: "failing",
    PartWord.REFUSED: "refused by the service",
    PartWord.CHALLENGED: "behind the service's own test for robots",
    PartWord.UNKNOWN: "we cannot tell",
    PartWord.NOT_MEASURED: "not measured",
}
"""How one part of a service does."""
DOUBTS: Final[dict[str, str]] = {
    "low": "hosts known from traffic only: a name may have moved",
    "none": "hosts known from no public source: a name may have moved",
}
"""What is not sure of a part's hosts, by the catalogue's confidence."""

LOCALITIES: Final[dict[Locality, str]] = {
    Locality.LOCAL: "local: no international outage",
    Locality.GLOBAL: "global: the references abroad failed too",
    Locality.UNKNOWN: "unknown: too few references abroad to say",
}
"""Local or global, and what that rests on."""

GRADES: Final[dict[str, str]] = {
    "A": "A - several probes and providers, and a proof that no server fault can produce",
    "B": "B - several probes, strong evidence",
    "C": "C - consistent evidence without such a proof",
    "": "not graded - too little evidence",
}
"""Every grade with its reason."""

STATES: Final[dict[VerdictState, tuple[str, str]]] = {
    VerdictState.OK: ("●", "reachable"),
    VerdictState.BLOCKED: ("■", "blocked"),
    VerdictState.THROTTLED: ("▲", "slowed"),
    VerdictState.DOWN: ("▼", "down"),
    VerdictState.SERVER_SIDE: ("◆", "refused by the service"),
    VerdictState.INSUFFICIENT: ("○", "we cannot tell"),
}
"""A shape and a word for each state: never a colour alone."""

MEANINGS: Final[dict[VerdictState, str]] = {
    VerdictState.OK: "It worked from this probe.",
    VerdictState.BLOCKED: "It failed every time while controls on the same path worked, in a way that the service "
    "itself cannot cause, or (for dead addresses) while references abroad reached the same address.",
    VerdictState.THROTTLED: "It works, at less than half the rate of a control on the same server at the same time.",
    VerdictState.SERVER_SIDE: "The authentic server answered and refused. That is the service's decision, and is never "
    "called interference.",
    VerdictState.DOWN: "It is unreachable, and nothing says that the network stands in the way.",
    VerdictState.INSUFFICIENT: "A control is missing or failed, the probe's own line was unwell, it failed only once, "
    "or the references are silent. Shown in grey, never in green.",
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
    "weighed": "no finding",
    "weighed_means": "Weighed against all that was seen meanwhile, something at the homes or on our own side explains "
    "it as well or better. It is not published.",
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
    IncidentKind.OWN_FAULT: "Boards, electricity, routers, filters at home or our own program: what failed follows "
    "those, and not the network. It is no finding, and is not published.",
}
"""What each kind of incident means."""

GRADE_NEEDS: Final[dict[str, str]] = {
    "A": "At least three probes on at least two providers (or all that are measured), references abroad that reached "
    "the same endpoints, and one proof that no fault of a server can produce.",
    "B": "At least two probes and strong evidence.",
    "C": "Consistent evidence, without such a proof: the service's own front could do the same; or the references do "
    "not settle whether it is local.",
    "": "Not enough. We say that we cannot tell.",
}
"""What each grade asks for."""

PROOFS: Final[dict[str, str]] = {sign.id: sign.words for sign in experiments.SIGNS.values()}
"""Signs in the evidence, in words; the keys are those of ``Verdict.proof``."""

ARMS: Final[dict[Arm, str]] = {
    Arm.SUBJECT: "subject",
    Arm.CONTROL: "control: a name of no interest",
    Arm.NEIGHBOUR: "control: another name on the same server",
    Arm.SCRAMBLED: "control: the same name, scrambled",
    Arm.ABSENT: "control: no name at all",
    Arm.OTHER_PORT: "control: another port",
    Arm.SIBLING: "control: a neighbouring address",
    Arm.NEAR_SIBLING: "control: an address of the same prefix",
    Arm.RANDOM_LABEL: "control: a name that nobody has",
    Arm.LONG_HELLO: "the same name in a long greeting",
    Arm.LONG_CONTROL: "control: a name of no interest in a long greeting",
    Arm.AFTER: "a name of no interest, after the subject failed there",
    Arm.NEUTRAL: "the same name at a server of our own",
    Arm.NEUTRAL_CONTROL: "control: a name of no interest at a server of our own",
    Arm.THROUGH: "the same by way of a proxy",
    Arm.THROUGH_CONTROL: "control: a name of no interest by way of the same proxy",
    Arm.NOISE: "control: random bytes of the same length",
    Arm.OTHER_TRANSPORT: "control: the same address and port over TCP",
    Arm.SHAPE: "control: a request of the same length without the protocol's mark",
    Arm.ELSEWHERE: "control: another operator's server",
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

_SHARED_FAILURES: Final = {
    Failure.ADDRESS_FAMILY_NOT_SUPPORTED: "this IP version is not to be had",
    Failure.CONNECTION_ABORTED: "connection aborted",
    Failure.CONNECTION_REFUSED: "connection refused",
    Failure.CONNECTION_RESET: "connection reset",
    Failure.EOF: "connection closed without an answer",
    Failure.GENERIC_TIMEOUT: "no answer",
    Failure.HOST_UNREACHABLE: "host unreachable",
    Failure.NETWORK_DOWN: "network down",
    Failure.NETWORK_UNREACHABLE: "network unreachable",
    Failure.UNKNOWN: "failed for a reason we do not know",
    Failure.ICMP_ADMIN_PROHIBITED: "a router says: prohibited",
    Failure.TOO_LARGE: "an answer larger than we take",
    Failure.VPN_MALFORMED: "another answer than our server's",
}
"""Those that a trial of any experiment can end with."""
FAILURES: Final[dict[Failure, str]] = {
    one: words for one in Failure if (words := (_SHARED_FAILURES | experiments.FAILURES).get(one))
}
"""Every failure of a trial, in words."""

WHYS: Final[dict[str, str]] = {
    NEVER: "never heard: see that it runs, and that it reaches the broker",
    Lifecycle.DISCONNECTED: "it said good-bye: switched off or stopped at the probe",
    Lifecycle.LOST: "the broker lost it without a good-bye: power, line, or the way to the broker",
    Lifecycle.SLEEPING: (
        "paused by its host, halted, or its day on the line used up, by its last word, "
        "and not heard for {minutes} minutes"
    ),
    Lifecycle.READY: "connected by its last word, but nothing came for {minutes} minutes: see its log",
    Lifecycle.UNKNOWN: "its last word is newer than this collector, and nothing came for {minutes} minutes",
    HALTED: "its country is halted: it is to measure nothing until the operator lifts that",
    RETIRED: "finished: nobody waits for it",
    REVOKED: "revoked: nothing that it sends is taken",
}
"""Why a probe of a state is silent, and what to do; READY stands for every connected state."""

NOTICES: Final[dict[NoticeKind, str]] = {
    NoticeKind.CLONED: (
        "two boards speak under this id (a copied card, or a replaced board that still runs): switch one of them off"
    ),
    NoticeKind.CLAIMS: "its card names another place than the record; the record counts: mend the one that is wrong",
    NoticeKind.ELSEWHERE: "its line is not where the record says (a tunnel, or it moved): its results are set aside",
    NoticeKind.QUOTA: (
        "it sends more than it can have measured; what is over is not believed: a copied key, or a program gone mad"
    ),
}
"""What the collector noticed of a probe, and what to do."""

LINE_PLACES: Final[dict[Where, str]] = {
    Where.MATCHES: "is where its record says",
    Where.DIFFERS: "is not where its record says",
    Where.UNKNOWN: "not known: no table of origins, or nothing seen",
}
"""What is known of where a line is."""

LINE_SIGNS: Final[dict[Sign, str]] = {
    Sign.BROKER: "by the network from which it connects",
    Sign.ROUND_TRIPS: "by its round trips at home and abroad",
}
"""What that is known by."""

PHRASES: Final[dict[str, str]] = {
    "before": "before {last} (our first measurement)",
    "point": "{last} ({utc} UTC)",
    "span": "between {first} and {last} ({utc} UTC)",
    "staggered": ", staggered",
    "masked": ", hidden by another fault",
    "none": "none",
    "withheld": "not published",
    "others": "others not published",
    "and": "{words} and {last}",
    "odds": "about {n} to 1",
    "odds_more": "more than {n} to 1",
    "everywhere": "Everywhere",
    "rate": "{kbps} kbit/s, {ratio} of a control's on the same server",
    "rate_up": "{kbps} kbit/s upwards, {ratio} of a control's to the same server",
    "rate_between": "{rate} ({low} to {high})",
    "rate_one": "{rate}; the providers' rates differ by {spread}",
    "flows": "a part of the connections fails, about {share} ({low} to {high})",
    "share_since": "from {began}",
    "share_until": "from {began} to {ended}",
}
"""Moments, lists, odds: what functions of wording.py fill in."""

REPORT: Final[dict[str, str]] = {
    "title": "INCIDENT REPORT",
    "written": "written {at} {zone}; rules {rules}; times are {zone}, UTC in brackets",
    "none": "No incident in this period. That means: nothing that our probes measured, by our rules.",
    "headline": "{country}: {services} {kind} on {affected} of {measured} measured providers",
    "headline_some": "{country}: {services} {kind} on {affected} or more providers",
    "headline_none": "{country}: {services} {kind}",
    "headline_world": "{services}: {kind}",
    "headline_net": "{country}: {kind}, {providers}",
    "headline_net_none": "{country}: {kind}",
    "began": "began",
    "ended": "ended",
    "ongoing": "not ended when this was written",
    "parts": "parts",
    "how": "how",
    "affected": "affected",
    "clean": "clean",
    "not_measured": "not measured",
    "where": "where",
    "references": "{ok} of {all} references abroad{countries} reached the same endpoints in the same window",
    "sure": "how sure",
    "probes": "seen by {affected} of {measured} probes that measured",
    "probes_withheld": "how many probes saw it is not published",
    "together": "together",
    "each_part": "each part",
    "part_now": "{part}: {word}",
    "part_since": "{part}: {word}; this began {began}",
    "part_before": "{said}; {n} before",
    "part_doubt": "{said} ({doubt})",
    "shown": "shown only",
    "clock_face": "{time} by the local clock lies in its beginning; that is never scored",
    "watched": "looked at every {minutes} minutes from {since} to {until} (a watch window); that is never scored",
    "before": "before",
    "before_few": "interrupted {n} times before, {shorter} of these for a shorter time; too few to rank this one",
    "before_rank": "longer than {shorter} of {dated} earlier interruptions: percentile {percentile}",
    "before_so_far": "{said}, so far",
    "baseline": "it fails since our first measurement: the usual state here, and its length is not known",
    "unblock": "an unblock: it had failed since our first measurement, and works again",
    "coincide": "their beginnings coincide: a likelihood ratio of {odds} for one common cause over chance",
    "doubtful": "{headline}; it is not known whether the network or the service does it",
    "unclaimed": "NO FINDING: {headline}",
    "unmeasured": "{providers}; on providers without our probes: unknown",
    "dark": "nothing from our references in {countries}",
    "forged": "there is a packet or an answer in the evidence that the service cannot have sent",
    "by_proxy": "by proxy",
    "proxy_works": "{parts}: reachable through a proxy; direct blocked [proxy.works]",
    "proxy_works_direct_fails": "{parts}: reachable through a proxy; direct fails [proxy.works]",
    "proxy_fails": "{parts}: not reachable through a proxy that works, either [proxy.fails]",
    "rolled_out": "provider by provider: {times}",
    "unconfirmed": "UNCONFIRMED (one probe only): {headline}",
    "standing": "STANDING (failing since our first measurement): {headline}",
    "withdrawn": "WITHDRAWN (measurements that arrived later do not confirm it): {headline}",
    "unknown": "We do not know who or what caused this, or why. Probes and providers are counted, not people.",
}
"""The incident report's own texts."""

CONTEXTS: Final[Mapping[str, Mapping[Any, str]]] = {
    "mechanism": MECHANISMS,
    "kind": KINDS,
    "role": ROLES,
    "way": WAYS,
    "only": ONLY,
    "part": PARTS,
    "doubt": DOUBTS,
    "locality": LOCALITIES,
    "grade": GRADES,
    "phrase": PHRASES,
    "report": REPORT,
}
"""Tables whose entries are looked up under a context (gettext's ``msgctxt``), by that context."""
