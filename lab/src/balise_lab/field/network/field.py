"""The modelled network of one situation: its world, what happens in it, and the door through which probes reach it.

Lives here: effects worked out against a world, and the sessions of the conductor. Must not live here: how a step ends
(tcp_steps.py, dns_step.py, datagram_step.py, crafted.py).
"""

from collections.abc import Callable, Iterable
from typing import Final

from balise_agent.experiments.steps import (
    AskGateway,
    Close,
    Connect,
    Datagram,
    Exchange,
    Handshake,
    Inject,
    Query,
    Receive,
    Reply,
    Send,
    Step,
    Transfer,
)
from balise_agent.system.task import Steps
from balise_lab.field.network import crafted, datagram_step, dns_step, tcp_steps, transfers
from balise_lab.field.network.acting import Acting
from balise_lab.field.network.connections import Connection
from balise_lab.field.network.effects import Effect
from balise_lab.field.network.home_network import Account, Clock, Common, HomeNetwork, Open
from balise_lab.field.network.hosts import World

Operation = Steps[Reply]


class Field:
    """One world in which things happen."""

    def __init__(
        self, world: World, effects: Iterable[Effect], now: Callable[[], float], start: float = 0.0, seed: int = 1
    ) -> None:
        """Build it.

        Args:
            world: homes and hosts.
            effects: what happens; their times count from ``start``.
            now: the true time, UNIX seconds; it never goes back.
            start: UNIX seconds.
            seed: of all chance.

        Raises:
            ValueError: an effect contradicts itself, or names a host or a probe that nobody has.
        """
        self.world = world
        acting: list[Acting] = []
        for effect in effects:
            complaint = effect.complaint() or _stranger(effect, world)
            if complaint:
                raise ValueError(complaint)
            acting.append(Acting(effect, world, start))
        self._common = Common(world, acting, now, seed)
        self._homes: dict[str, HomeNetwork] = {}

    def access(self, probe: str, clock: Clock, gate: Account | None = None) -> "Access":
        """Return the network of one probe (``conductor.NetworkAccess``), whose clock dates its replies."""
        home = HomeNetwork(self._common, probe, clock, gate or Open())
        self._homes[probe] = home
        return Access(home)

    def delivers(self, probe: str) -> bool:
        """Whether a home reaches the collector's broker now: TCP 8883, abroad."""
        home = self._home(probe)
        line = home.now.line
        if line.dead or line.no_route or any(one.kind in _WALLS for one in (*home.now.names, *home.now.dns)):
            return False
        if any(one.kind == "whitelist" and BROKER not in one.effect.allow for one in home.now.names):
            return False
        return not any(one.kind == "border.cut" or _stops_broker(one) for one in home.now.syns)

    def seen_as(self, probe: str) -> tuple[str, int]:
        """Return country and AS number that a home's line is seen with now."""
        seen = self._home(probe).now.seen
        return seen.country, seen.asn

    def _home(self, probe: str) -> HomeNetwork:
        known = self._homes.get(probe)
        if known is None:
            known = self._homes[probe] = HomeNetwork(self._common, probe, _Truth(self._common.now), Open())
        return known


BROKER_PORT: Final = 8883
BROKER: Final = "broker"
"""How ``allow`` names the collector's."""
_WALLS: Final = frozenset({"portal.hotel", "portal.topup", "portal.dns"})


class _Truth:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def now(self) -> float:
        return self._now()


def _stops_broker(one: Acting) -> bool:
    """Whether an effect on ports hits the broker's, whatever the address."""
    effect = one.effect
    everywhere = not (
        effect.hosts or effect.services or effect.roles or effect.addresses or effect.prefixes or effect.asns
    )
    if one.kind == "whitelist":
        return BROKER not in effect.allow
    ports = not effect.ports or BROKER_PORT in effect.ports
    return everywhere and ports and effect.share >= 1.0 and one.kind in {"port.drop", "ip.drop"} and effect.family != 6


def _stranger(effect: Effect, world: World) -> str:
    strangers = [each for each in (*effect.probes, *effect.spared) if each not in world.homes]
    if strangers:
        return f"{effect.kind}: no home is called {strangers[0]}"
    names = [each for each in effect.hosts if not each.startswith("*.") and each not in world.hosts]
    return f"{effect.kind}: no host is called {names[0]}" if names else ""


class Access:
    """The network of one probe."""

    def __init__(self, home: HomeNetwork) -> None:
        self.home = home

    def session(self) -> "Session":
        """Return what a new plan works with."""
        return Session(self.home)


class Session:
    """What one plan holds open."""

    __slots__ = ("_connections", "_handles", "_home")

    def __init__(self, home: HomeNetwork) -> None:
        self._home = home
        self._connections: dict[int, Connection] = {}
        self._handles = 0

    def begin(self, step: Step) -> Operation:
        """Return the operation that carries out a step (TypeError for a step that nobody carries out)."""
        home = self._home
        match step:
            case Query():
                return dns_step.query(home, step)
            case Datagram():
                return datagram_step.exchange_datagrams(home, step)
            case Exchange():
                return crafted.exchange(home, step)
            case Connect():
                return tcp_steps.connect(home, step, self._keep)
            case AskGateway():
                return crafted.ask_gateway(home, step)
            case Send() | Receive() | Transfer() | Handshake() | Inject() | Close():
                return self._on_connection(step)
            case _:
                raise TypeError(f"the modelled network carries out no {type(step).__name__}")

    def close(self) -> None:
        """Forget every connection that the plan left open."""
        self._connections.clear()

    def _on_connection(self, step: Send | Receive | Transfer | Handshake | Inject | Close) -> Operation:
        connection = self._connections[step.handle]
        match step:
            case Close():
                del self._connections[step.handle]
                return tcp_steps.close(connection, step)
            case _ if connection.gone:
                return tcp_steps.gone(self._home)
            case Send():
                return tcp_steps.send(connection, step)
            case Receive():
                return tcp_steps.receive(connection, step)
            case Transfer():
                return transfers.transfer(connection, step)
            case Handshake():
                return tcp_steps.handshake(connection, step)
            case _:
                return tcp_steps.inject(connection, step)

    def _keep(self, connection: Connection) -> int:
        self._handles += 1
        self._connections[self._handles] = connection
        return self._handles
