"""What an experiment is asked: the task of one run, and the narrowing of replies.

Lives here: the frozen task with everything that varies (time-outs, chance as a seed, tables from the assignment). Must
not live here: any one experiment, what an experiment is (experiment.py), the choice of addresses (task_choice.py).
"""

import functools
import hashlib
from collections.abc import Callable, Generator, Sequence
from typing import Final, NamedTuple, ParamSpec, TypeVar

import msgspec

from balise_agent.experiments.steps import Note, Reply, Step
from balise_agent.system.config import Timeouts
from balise_agent.system.proxies import Proxy, ProxyKind
from balise_wire.assignment import Control, StunServer, Target
from balise_wire.experiments.traits import Parameters, Transport
from balise_wire.observations import Observation
from balise_wire.words import AddressSource, Arm, Design, Experiment, Scope

HELPER_PORT: Final = 443
"""Where a helper answers (run/helper.py)."""
K = TypeVar("K", bound=Parameters)
_RELAYED: Final = {
    ProxyKind.WHATSAPP_CHAT: ("whatsapp", "chat", Experiment.TCP),
    ProxyKind.WHATSAPP_MEDIA: ("whatsapp", "media", Experiment.TLS),
}
"""What a relay hands on to: a service, the first word of its roles, and the layer that asks."""


class Endpoint(NamedTuple):
    """What residual censorship sticks to."""

    host: str
    """An address; the name asked for where that is the trigger, whoever is asked."""
    port: int
    transport: Transport = Transport.TCP


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run of one experiment needs to know; chance comes in as ``seed``."""

    target: Target
    design: Design = Design.SENTINEL
    cause: Observation | None = None
    """The failing subject trial that led to a paired run, to be carried along."""
    address: str = ""
    """The one address this run tests; empty where none is known yet (``Traits.needs_address``)."""
    address_source: AddressSource = AddressSource.UNKNOWN
    """Where that address came from."""
    address_age: float | None = None
    """Seconds since it was learned; ``None`` where it was assigned, or is not known."""
    family: int = 4
    addresses: tuple[str, ...] = ()
    """All addresses of the target in this family, assigned or, where the assignment has none, resolved."""
    proved: frozenset[str] = frozenset()
    """Addresses of the target at which a valid certificate was seen within the day."""
    look: bool = True
    """Whether an address that an answer names may be shown the name, to see its certificate."""
    controls: tuple[Control, ...] = ()
    control_name: str = ""
    public_resolvers: tuple[str, ...] = ()
    silent_addresses: tuple[str, ...] = ()
    provider_resolvers: tuple[str, ...] = ()
    """Resolvers of this line's provider, where the operator knows them."""
    helpers: tuple[str, ...] = ()
    """The operator's own servers of the task's family, which answer every name."""
    helper: str = ""
    """The one of them that a series may show the subject's name to; empty where each is hot or in use."""
    proxies: tuple[Proxy, ...] = ()
    """The operator's proxies that this device may contact."""
    laboratory: tuple[str, ...] = ()
    """Prefixes that this laboratory calls public (limits.py)."""
    lan: tuple[str, ...] = ()
    """Prefixes of this machine's own networks, which are never contacted even where they are public."""
    timeouts: Timeouts = Timeouts()
    seed: int = 0
    sources: tuple[tuple[str, AddressSource], ...] = ()
    """Where the addresses of controls came from that the assignment names none of."""
    stun_servers: tuple[StunServer, ...] = ()
    """Public servers of STUN, of operators who have no part in what is measured."""
    lookups: tuple[str, ...] = ()
    """Controls whose name a look at the line asks for anew."""
    full: bool = False
    """Whether a sentinel looks at more than it does every time (``Traits.daily``): of TLS, the certificate chain."""
    line_kbps: float | None = None
    """The usual rate of this line; ``None`` where too little of it is known (measure/line_rate.py)."""
    long: bool = False
    """Whether a sentinel of TLS also says its name in a hello of two segments."""

    def parameters(self, kind: type[K]) -> K:
        """Return what the target says to an experiment, by the type of its record."""
        return self.target.parameters_of(kind)

    def pick(self, choices: Sequence[str], what: str) -> str:
        """Return one of ``choices`` by the seed, or an empty string where there are none."""
        if not choices:
            return ""
        digest = hashlib.sha256(f"{self.seed}|{what}".encode()).digest()
        return choices[int.from_bytes(digest[:8], "big") % len(choices)]

    def name_control(self) -> str:
        """Return the innocuous name to ask in place of the subject's; empty where none is assigned."""
        if self.control_name:
            return self.control_name
        return next((control.name for control in self.controls), "")

    def other_name(self) -> tuple[Arm, str]:
        """Return the best control of a name: one that the same address serves, else one that every home uses.

        Empty, and the arm ``absent``, where neither is assigned.
        """
        if self.target.neighbour:
            return Arm.NEIGHBOUR, self.target.neighbour
        return (Arm.CONTROL, name) if (name := self.name_control()) else (Arm.ABSENT, "")

    def helper_endpoint(self) -> Endpoint | None:
        """Return where a name that fails is shown on neutral ground."""
        return Endpoint(self.helper, HELPER_PORT) if self.helper else None

    def proxy(self, layer: Experiment) -> Proxy | None:
        """Return the proxy by way of which a series asks what failed, another one with each seed.

        A relay of a service is asked for what it hands on to alone: WhatsApp's for chat by the series of ``tcp``, that
        for media by the series of ``tls``.
        """
        table = {proxy.label: proxy for proxy in self.proxies_of(layer)}
        return table.get(self.pick(sorted(table), "proxy"))

    def proxies_of(self, layer: Experiment) -> tuple[Proxy, ...]:
        """Return the proxies that a series may ask for this target."""
        return tuple(proxy for proxy in self.proxies if self._leads_to(proxy.kind, layer))

    def _leads_to(self, kind: ProxyKind, layer: Experiment) -> bool:
        if not kind.is_relay:
            return True
        service, role, by = _RELAYED[kind]
        return (self.target.service, by) == (service, layer) and self.target.role.split("-")[0] == role

    def endpoint_controls(self) -> tuple[tuple[Control, Endpoint], ...]:
        """Return the control endpoints of the task's family, those abroad by preference since most subjects are."""
        here = [
            (control, Endpoint(address, control.port))
            for control in self.controls
            for address in control.addresses
            if (":" in address) == (self.family == 6)
        ]
        abroad = [(control, endpoint) for control, endpoint in here if control.scope is Scope.INTERNATIONAL]
        return tuple(abroad or here)

    def endpoint_control(self) -> Endpoint | None:
        """Return one of the control endpoints, by the seed; on the target's port where one has it.

        Where one port is dead on the whole line, a control on another excuses nothing.
        """
        found = [endpoint for _, endpoint in self.endpoint_controls()]
        alike = [endpoint for endpoint in found if endpoint.port == self.target.port]
        table = {f"{endpoint.host} {endpoint.port}": endpoint for endpoint in alike or found}
        return table.get(self.pick(sorted(table), "endpoint-control"))


R = TypeVar("R", bound=Reply)
T = TypeVar("T", bound=Observation)
P = ParamSpec("P")


def expect(kind: type[R], reply: Reply) -> R:
    """Narrow a reply to the kind that answers the step.

    Raises:
        TypeError: the conductor sent something else: our bug, never the network's.
    """
    if not isinstance(reply, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(reply).__name__}: conductor and experiment disagree")
    return reply


def noting(trial: Callable[P, Generator[Step, Reply, T]]) -> Callable[P, Generator[Step, Reply, T]]:
    """Let a trial note what it observed at its end, so that a later failure of ours does not take it along."""

    @functools.wraps(trial)
    def noted(*args: P.args, **kwargs: P.kwargs) -> Generator[Step, Reply, T]:
        observation = yield from trial(*args, **kwargs)
        yield Note(observation=observation)
        return observation

    return noted


def carried(cause: Observation | None) -> tuple[Observation, ...]:
    """Return the trial that caused a paired run, marked as carried and with its own time."""
    return () if cause is None else (msgspec.structs.replace(cause, carried=True),)
