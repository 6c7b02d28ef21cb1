"""The assignment: what the collector asks of a probe. Signed, versioned, and bounded by limits the probe alone holds.

A probe refuses an assignment that is unsigned, expired, older than the one it has, addressed to another probe, or that
names destinations or rates outside its own limits. What it cannot read of one costs that part, never the halt.
"""

from typing import TYPE_CHECKING, Final, Self, TypeVar

import msgspec

from balise_wire.bins import BIN
from balise_wire.experiments import OF_TARGETS, PARAMETERS, REGISTRY, WORD_OF
from balise_wire.experiments.registry import module_name
from balise_wire.experiments.traits import Parameters
from balise_wire.words import Experiment, Scope, TargetRole

P = TypeVar("P", bound=Parameters)
FLAT: Final = {
    Experiment.TCP: {"other_port": "other_port"},
    Experiment.HTTP: {"path": "path", "port": "http_port", "fetch_bytes": "fetch_bytes"},
}
"""Parameters that the first assignments (commits a430c09 to 3e87f94) have among a target's own fields. Never grows."""

if TYPE_CHECKING:

    class ParameterTable(msgspec.Struct, frozen=True):
        """One optional record an experiment."""
else:
    ParameterTable = msgspec.defstruct(
        "ParameterTable",
        [(module_name(word), PARAMETERS[word] | None, None) for word in OF_TARGETS],
        namespace={"__doc__": "What a target says to each experiment, by the experiment's word; absent: nothing."},
        module=__name__,
        rename={module_name(word): word.value for word in OF_TARGETS},
        frozen=True,
        omit_defaults=True,
        kw_only=True,
    )


class Target(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One endpoint of a service in one role."""

    id: str
    service: str
    role: TargetRole
    host: str
    port: int = 443
    addresses: tuple[str, ...] = ()
    """The addresses that probes and references alike must test; IPv4 and IPv6 in text form."""
    neighbour: str = ""
    """Another name served by the same addresses; empty where none is known."""
    sibling: str = ""
    """Another address of the same autonomous system, for the sibling ladder."""
    other_port: int = 0
    """A second port that the addresses answer on; 0 where there is none."""
    experiments: tuple[Experiment, ...] = (Experiment.DNS, Experiment.TCP, Experiment.TLS)
    path: str = "/"
    """Path of the HTTP experiment."""
    http_port: int = 80
    """Port of the HTTP experiment; 443 means over TLS."""
    fetch_bytes: int = 16384
    """Most bytes of a body that the HTTP experiment asks for."""
    spki: tuple[str, ...] = ()
    """SHA-256 of expected public keys, where the catalogue pins them."""
    authorities: tuple[str, ...] = ()
    """Certificates (DER, in base64) of its vendor's own authorities. Its chain is believed where it leads to one of
    them, or to a public root; nobody else's is."""
    parameters: ParameterTable | None = None
    """What the target says to each experiment. The fields above that say the same are for programs up to commit
    3e87f94; where an experiment has no record here, they hold."""

    def parameters_of(self, kind: type[P]) -> P:
        """Return what the target says to one experiment, by the type of its record."""
        word = WORD_OF[kind]
        record = getattr(self.parameters, module_name(word), None)
        if isinstance(record, kind):
            return record
        return kind(**{name: getattr(self, flat) for name, flat in FLAT.get(word, {}).items()})

    def saying(self, *records: Parameters) -> Self:
        """Return the target with these records, and with the fields in which older programs look for the same."""
        table = {} if self.parameters is None else msgspec.structs.asdict(self.parameters)
        flat: dict[str, object] = {}
        for record in records:
            word = WORD_OF[type(record)]
            table[module_name(word)] = record
            flat |= {field: getattr(record, name) for name, field in FLAT.get(word, {}).items()}
        return msgspec.structs.replace(self, parameters=ParameterTable(**table), **flat)

    def complaint(self) -> str:
        """Say which parameter of its experiments is out of bounds; empty where none is."""
        for word in self.experiments:
            if word in PARAMETERS:
                record = self.parameters_of(PARAMETERS[word])
                try:
                    msgspec.convert(msgspec.to_builtins(record), type(record))
                except msgspec.ValidationError as error:
                    return f"{word}: {error}"
        return ""

    def port_of(self, word: Experiment) -> int:
        """Return the port that an experiment speaks to; 0 where it has no endpoint of the target's, or is not known."""
        if word not in REGISTRY:
            return 0
        traits = REGISTRY[word]
        if traits.port or not traits.of_target:
            return traits.port
        return int(getattr(self.parameters_of(PARAMETERS[word]), "port", self.port))


class KnownPage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page whose answer is known: how operating systems tell a captive portal."""

    path: str = "/"
    status: int = 200
    begins: str = ""
    """With what the body begins, behind white space; empty: with anything. With status 204 there is no body."""


class Control(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A name every home uses: popular, never sensitive, in its own autonomous system."""

    name: str
    addresses: tuple[str, ...]
    port: int = 443
    scope: Scope = Scope.INTERNATIONAL
    page: "KnownPage | None" = None
    """What it is known to answer over HTTP; only a control with it tells a portal that answers 200."""
    quic: bool = False
    """Whether its servers speak QUIC on the same port of UDP: they tell a line that carries no such datagram."""


class StunServer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A public server of STUN, of an operator who has no part in what is measured."""

    name: str
    addresses: tuple[str, ...] = ()
    """Empty: a series asks the provider's resolver for the name."""
    port: int = 3_478


class Timetable(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How often, in seconds of the probe's clock."""

    interval: int = BIN
    hello_every: int = 1
    """A TLS hello in each n-th interval of a target; the others run the cheaper experiments only."""
    http_every: int = 1
    quic_every: int = 1
    throughput_every: int = 12
    call_every: int = 12
    vpn_every: int = 12
    clienthello_every: int = 288
    """Once a day, on an interval of five minutes."""
    line: int = 60
    """A line result older than this is renewed before a target is measured."""
    health: int = 300
    chain: int = 86_400
    """The certificate chain of one endpoint of each service is looked at at least once in so many seconds, beside each
    endpoint's daily look."""
    all_addresses: bool = False
    """Each address of a target has a place of its own: references measure all that any probe was given."""

    def every(self, word: Experiment) -> int:
        """Return in which n-th interval of a target an experiment has a turn; 1: in each."""
        figure = REGISTRY[word].cadence if word in REGISTRY else ""
        return int(getattr(self, figure)) if figure else 1


class Watch(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """For a time some services are looked at more often: because something is expected, and for no other reason.

    It ends by itself, also where no newer assignment comes, and it raises no budget.
    """

    services: tuple[str, ...]
    since: float
    """UNIX seconds."""
    until: float
    """UNIX seconds; no look is planned for then or later."""
    interval: int = BIN
    """Seconds between two looks at each target, by what is cheap: page fetches and transfers keep their timetable."""


class Budget(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the operator allows; a device's own limits are never exceeded by it."""

    bytes_per_day: int = 20_000_000
    bytes_per_incident: int = 2_000_000


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe reads of an assignment before anything else, and obeys whatever else is in the message.

    So a halt holds for a reader of every age. The collector sends a halted assignment without targets and controls,
    because the first probes (up to commit a430c09) read the whole message or nothing.
    """

    version: int
    expires: object = 0.0
    halt: object = ""
    """Any type: what is no text is a halt all the same, unless it is empty."""
    sealed_to: object = ""
    """As in the assignment, which a halted probe goes on by; any type: what is no text names no key."""

    @property
    def recipient(self) -> str:
        """The key that the probe boxes what it keeps to; empty where there is none."""
        return self.sealed_to if isinstance(self.sealed_to, str) else ""

    @property
    def reason(self) -> str:
        """Why everything stops; empty where nothing does."""
        if isinstance(self.halt, str):
            return self.halt
        return "stopped by the operator" if self.halt else ""


class Assignment(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The whole task of one probe until the next assignment."""

    version: int
    """Grows with every change; an older one is ignored."""
    catalogue: str
    expires: float
    """UNIX seconds."""
    targets: tuple[Target, ...]
    controls: tuple[Control, ...] = ()
    public_resolvers: tuple[str, ...] = ()
    silent_addresses: tuple[str, ...] = ()
    """Addresses known to run no resolver."""
    provider_resolvers: tuple[str, ...] = ()
    """Resolvers of the probe's own provider, where the operator knows them: asked past a resolver in the home."""
    helpers: tuple[str, ...] = ()
    """Addresses of the operator's own servers that answer every name over TLS on port 443 (``balise-agent helper``): a
    name that fails is shown there as well, where nobody but the way can mind it. Never in anything published."""
    stun_servers: tuple[StunServer, ...] = ()
    """Asked where a service's call server does not answer: whether the line carries UDP, and to which ports. No
    controls: many answer over UDP alone, and older programs would take them for dead ones."""
    control_name: str = ""
    """The name asked where a DNS control is needed."""
    halt: str = ""
    """The kill switch: not empty, the probe measures nothing until a newer assignment says otherwise; the reason in
    a few neutral words, for the host."""
    sealed_to: str = ""
    """X25519 public key, 64 hex digits, that the probe boxes what it keeps to (box.py); empty: this collector opens no
    boxes. A probe goes by the newest word that the collector signed."""
    timetable: Timetable = Timetable()
    watches: tuple[Watch, ...] = ()
    budget: Budget = Budget()
