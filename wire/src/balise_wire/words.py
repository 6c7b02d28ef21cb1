"""The other closed word lists that messages use: arms, access types, clock states, probe states and roles.

Only words live here; the structures that carry them are in their own modules.
"""

from balise_wire.word import Word


class Arm(Word):
    """Which side of a paired experiment a trial is; arms of one measurement differ from ``subject`` in one variable."""

    SUBJECT = "subject"
    """The name or address under test."""
    CONTROL = "control"
    """A name every home uses, in the place of the subject's name."""
    NEIGHBOUR = "neighbour"
    """Another name that the subject's own address serves: the best control."""
    SCRAMBLED = "scrambled"
    """The subject's name with its registrable label scrambled: same length, same shape, nobody's name."""
    ABSENT = "absent"
    """No name at all (a ClientHello without SNI)."""
    OTHER_PORT = "other_port"
    """The subject's address, another port."""
    SIBLING = "sibling"
    """Another address in the same autonomous system, or the next rung of the sibling ladder."""
    UNKNOWN = "unknown"
    """A side that a newer probe has: never taken for the subject or for a control."""


class Resolver(Word):
    """Who was asked, in a DNS trial."""

    PROVIDER = "provider"
    """The resolver that the network handed to this machine."""
    PUBLIC = "public"
    """A well-known public resolver."""
    SILENT = "silent"
    """An address known to run no resolver: any answer is forged on the way (detectors.md 2.1, Q3)."""
    UNKNOWN = "unknown"


class Way(Word):
    """How a DNS question was asked."""

    EDNS = "edns"
    """Over UDP, with an EDNS record (RFC 6891): as everybody's program asks."""
    PLAIN = "plain"
    """Over UDP without it: some old resolvers refuse or drop every question that has one."""
    TCP = "tcp"
    """Over TCP (RFC 7766), after an answer that was too long for UDP."""
    UNKNOWN = "unknown"
    """A word that this program does not know."""


class Access(Word):
    """How the probe's line reaches its provider."""

    FIXED = "fixed"
    MOBILE = "mobile"
    SATELLITE = "satellite"
    UNKNOWN = "unknown"


class ClockState(Word):
    """What the probe knows of its own clock when it dates something."""

    SYNCED = "synced"
    """The kernel says that a time protocol disciplines the clock (adjtimex without STA_UNSYNC)."""
    HINTED = "hinted"
    """Set by the collector's signed time hint, or within its tolerance."""
    UNSYNCED = "unsynced"
    """Nobody vouches for it: a board without RTC after a power cut."""
    LABORATORY = "laboratory"
    """A scenario drives it (BALISE_CLOCK)."""
    UNKNOWN = "unknown"
    """Nobody that we know of vouches for it."""

    @property
    def vouched(self) -> bool:
        """Whether somebody that we know of vouches for the clock."""
        return self in {ClockState.SYNCED, ClockState.HINTED, ClockState.LABORATORY}


class ProbeRole(Word):
    """What a probe is for."""

    PROBE = "probe"
    """Measures from inside the country it stands in."""
    REFERENCE = "reference"
    """Measures the same endpoints from abroad, to tell local from global."""
    UNKNOWN = "unknown"


class Profile(Word):
    """How much of the host's line a probe may use (attribution.md section 4 gives the bytes)."""

    LEAN = "lean"
    """At most 6 MB a day: names and connections every five or ten minutes, hellos in turn, one an hour at most."""
    STANDARD = "standard"
    """At most 20 MB a day."""
    METERED = "metered"
    """At most 1 MB a day, for lines that are paid by the byte."""
    UNKNOWN = "unknown"
    """One that this program does not know: held to the least that any has."""


class Lifecycle(Word):
    """The state a probe says it is in (retained; ``lost`` is its last will)."""

    INIT = "init"
    READY = "ready"
    SLEEPING = "sleeping"
    DISCONNECTED = "disconnected"
    LOST = "lost"
    UNKNOWN = "unknown"
    """It speaks, and says something that we cannot read."""


class Experiment(Word):
    """The experiments that a measurement can come from; each is a folder entry of the agent's registry."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    PATH = "path"
    LINE = "line"
    UNKNOWN = "unknown"


class Design(Word):
    """How a measurement was laid out."""

    SENTINEL = "sentinel"
    """Subject only, cheap, on schedule; a failure here is an anomaly, never a verdict."""
    PAIRED = "paired"
    """Controls first, then the subject at least twice, with the failing trial that caused it carried along."""
    MANUAL = "manual"
    """Asked for by a person at the probe."""
    ON_DEMAND = "on_demand"
    """Laid out as a paired run, and asked for once by the collector (request.py); no failing trial led to it."""
    UNKNOWN = "unknown"
    """Whether there were controls cannot be told: an anomaly at most, never a verdict."""

    @property
    def controlled(self) -> bool:
        """Whether controls were laid out beside the subject."""
        return self in {Design.PAIRED, Design.MANUAL, Design.ON_DEMAND}


class Scope(Word):
    """On which side of the border a control stands, seen from the probe."""

    DOMESTIC = "domestic"
    INTERNATIONAL = "international"
    UNKNOWN = "unknown"
    """On neither side."""


class TargetRole(Word):
    """The part of a service that an endpoint plays (mission.md S2); people see these words."""

    WEB = "web"
    API = "api"
    MEDIA_IMAGE = "media-image"
    MEDIA_VIDEO = "media-video"
    SIGNALLING = "signalling"
    CHAT = "chat"
    CALL_MEDIA = "call-media"
    REGISTRATION = "registration"
    DOWNLOAD = "download"
    VPN = "vpn"
    CONTROL = "control"
    LINE = "line"
    UNKNOWN = "unknown"
