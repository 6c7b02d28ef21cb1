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
    NEAR_SIBLING = "near_sibling"
    """Another host in the subject's own prefix: the same /24, the same /48 of IPv6."""
    RANDOM_LABEL = "random_label"
    """A label that nobody has, under the control's name: no cache holds it, so that its answer comes from upstream."""
    LONG_HELLO = "long_hello"
    """The subject's name in a ClientHello of two segments (with a post-quantum key share), as new browsers send it."""
    LONG_CONTROL = "long_control"
    """The control's name in such a hello."""
    AFTER = "after"
    """The control's name at the subject's endpoint once more, after the subject failed there: whether the endpoint is
    still blocked for every name (residual blocking). No control: it follows what it would excuse."""
    NEUTRAL = "neutral"
    """The subject's name at a server of the operator's own (a helper), which answers whatever name it is asked for:
    what dies there dies on the way."""
    NEUTRAL_CONTROL = "neutral_control"
    """The control's name at the same helper, just before."""
    THROUGH = "through"
    """The subject's name and bytes at its own address, by way of a proxy of the operator's: only the path differs."""
    THROUGH_CONTROL = "through_control"
    """A control's name at the control's address by way of the same proxy, just before: whether the proxy works."""
    NOISE = "noise"
    """Random bytes in the place of the subject's greeting: same size, address and port, nobody's protocol."""
    OTHER_TRANSPORT = "other_transport"
    """The subject's address and port over another transport: TCP, where the subject is asked over UDP."""
    SHAPE = "shape"
    """A request of the same length and purpose without what marks its protocol on the wire, at the same address."""
    ELSEWHERE = "elsewhere"
    """A server of another operator, on the subject's port: whether the line carries that port at all."""
    UNKNOWN = "unknown"
    """A side that a newer probe has: never taken for the subject or for a control."""


class Resolver(Word):
    """Who was asked, in a DNS trial."""

    PROVIDER = "provider"
    """The resolver that the network handed to this machine."""
    PUBLIC = "public"
    """A well-known public resolver."""
    UPSTREAM = "upstream"
    """The provider's own resolver, asked past a resolver in the home (a router's, a filter's)."""
    SILENT = "silent"
    """An address known to run no resolver: any answer is forged on the way (detectors.md 2.1, Q3)."""
    UNKNOWN = "unknown"


class ResolverPlace(Word):
    """Where the resolver stands that the network handed to this machine."""

    HOME = "home"
    """On the probe's own network: a router, a filter, a program of the machine. It may say what no provider says."""
    BEYOND = "beyond"
    """Past the home: the provider's, or a public one."""
    CHOSEN = "chosen"
    """A public one that filters for whoever chooses it (families, advertising): its word is the household's own."""
    UNKNOWN = "unknown"


class Proof(Word):
    """What became of the look at the certificate of an address that an answer named."""

    VERIFIED = "verified"
    """A chain was shown and is valid for the name."""
    REFUSED = "refused"
    """A chain was shown and is not."""
    NOT_SHOWN = "not_shown"
    """No chain was shown: nothing connected, the handshake was cut, or the server speaks another dialect. It says
    nothing of the address, and nothing for it."""
    NOT_ASKED = "not_asked"
    UNKNOWN = "unknown"
    """Not told: an older probe, or a newer word."""


class GatewayState(Word):
    """What is known of the default gateway."""

    ANSWERED = "answered"
    MUTE = "mute"
    """It was asked and did not answer: many answer nobody where there is no ARP (PPP, modems)."""
    NONE = "none"
    """The machine has no default gateway: a tunnel or a modem has none, and neither has a line that is down."""
    NOT_ASKED = "not_asked"
    UNKNOWN = "unknown"
    """Not told: an older probe, or a newer word."""


class Portal(Word):
    """What became of the look for a captive portal."""

    CLEAN = "clean"
    """The control's page was the one that is known."""
    CAPTIVE = "captive"
    """Something answered in the control's place: sent elsewhere, asked for a login, or showed another page."""
    NO_ANSWER = "no_answer"
    """The control did not answer over HTTP: no portal does that, and no proof that there is none."""
    PLAUSIBLE = "plausible"
    """An answer as a control gives it, where its known page is not assigned: a portal that answers 200 looks so."""
    NOT_ASKED = "not_asked"
    UNKNOWN = "unknown"
    """Not told: an older probe, or a newer word."""


class HopPlace(Word):
    """Which machine sent an ICMP error, seen from the probe."""

    FIRST = "first"
    """The first hop, the home's own router: never a censor."""
    LATER = "later"
    """A router further on."""
    TARGET = "target"
    """The host itself."""
    UNKNOWN = "unknown"


class AddressSource(Word):
    """Where the address under test came from."""

    ASSIGNED = "assigned"
    PROVEN = "proven"
    """An answer of the probe's resolver whose certificate is valid for the name."""
    UNPROVEN = "unproven"
    """Such an answer, whose certificate could not be shown."""
    KEPT = "kept"
    """Learned by an earlier run of this probe, before a restart."""
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


class TransferDirection(Word):
    """Which way bytes moved, seen from the probe."""

    DOWN = "down"
    UP = "up"
    UNKNOWN = "unknown"


class TransferEnd(Word):
    """Why a transfer ended."""

    ENOUGH = "enough"
    """As many bytes moved as were asked for."""
    STEADY = "steady"
    """The rate was known before that."""
    WHOLE = "whole"
    """The server had no more to send."""
    TIME = "time"
    """Bytes went on moving until the time was up."""
    FROZEN = "frozen"
    """Bytes stopped moving, and nothing ended the connection."""
    FAILED = "failed"
    """The connection failed, or never stood."""
    UNKNOWN = "unknown"


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
    """At most 6 MB a day: names, connections and hellos of a service's endpoints in turn, each service in minutes."""
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
    QUIC = "quic"
    THROUGHPUT = "throughput"
    STUN = "stun"
    CALL = "call"
    VPN = "vpn"
    CLIENTHELLO = "clienthello"
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
    MEETING = "meeting"
    REGISTRATION = "registration"
    DOWNLOAD = "download"
    VPN = "vpn"
    CONTROL = "control"
    LINE = "line"
    UNKNOWN = "unknown"
