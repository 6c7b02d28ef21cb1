"""One home's side of a field: its line and ways, its chance, and what acts on it now.

Lives here: the fate of packets to an endpoint, residual blocking, loss, round trips. Must not live here: steps
(session.py and the files that it names).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from random import Random
from typing import Final, NamedTuple, Protocol

from balise_lab.field.network import acting, passing
from balise_lab.field.network.acting import Acting, Now
from balise_lab.field.network.homes import Home
from balise_lab.field.network.hosts import Host, Server, World
from balise_lab.field.network.passing import SILENT, Fate, Way

_WEB: Final = frozenset({80, 443})
_OF_TCP: Final = frozenset({"ip.rst", "server.rate"})
"""Effects on addresses that know connections alone."""
_PROXY_HOPS: Final = 2
_MINUTE: Final = 60.0
_JITTER_MS: Final = 1.5
_FIRST_SOURCE: Final = 62_000
_MOST_FLOWS: Final = 1_000


class Clock(Protocol):
    """The probe's own clock, which may be wrong."""

    def now(self) -> float:
        """Return UNIX seconds."""


class Account(Protocol):
    """The gate that every packet of a probe passes (the agent's ``policy.egress.Gate``)."""

    def allow(self, address: str, port: int, size: int, *, local: bool = False) -> None:
        """Let bytes go, or raise."""

    def pause(self, address: str, connections: int) -> float:
        """Return the seconds to wait before connections to a host."""

    def received(self, size: int) -> None:
        """Count bytes that came."""


class Open:
    """An account that lets everything pass and counts nothing."""

    def allow(self, address: str, port: int, size: int, *, local: bool = False) -> None:
        """Let it pass."""

    def pause(self, address: str, connections: int) -> float:  # noqa: ARG002 - as in Account
        """Never wait."""
        return 0.0

    def received(self, size: int) -> None:
        """Forget it."""


class Common(NamedTuple):
    """What all homes of a field share."""

    world: World
    effects: Sequence[Acting]
    now: Callable[[], float]
    """The true time."""
    seed: int


class HomeNetwork:
    """What the steps of one probe need of the field."""

    def __init__(self, common: Common, home_id: str, clock: Clock, gate: Account) -> None:
        self.world = common.world
        self.home = common.world.homes[home_id]
        self.clock = clock
        self.gate = gate
        self.chance = Random(f"{common.seed}|{home_id}")  # noqa: S311 - a model's chance must repeat
        self._common = common
        self.no_edns: dict[str, float] = {}
        """Servers that were seen to refuse EDNS, and until when that is remembered."""
        self._residual: dict[tuple[str, int, str], float] = {}
        self._ways: dict[tuple[str, str], Way] = {}
        self._taken: dict[str, list[float]] = {}
        self._now: Now | None = None
        self._flows: OrderedDict[int, int] = OrderedDict()
        """Datagrams of a flow so far, both ways, by the source port."""
        self._sources = 0
        self._beyond: dict[str, HomeNetwork] = {}

    def flow(self, source: int) -> tuple[int, int]:
        """Return the source port of a flow and its datagrams so far; 0: a fresh one."""
        if not source:
            self._sources += 1
            source = _FIRST_SOURCE + self._sources % _MOST_FLOWS
            self._flows.pop(source, None)
        return source, self._flows.get(source, 0)

    def passed(self, source: int, datagrams: int) -> None:
        """Note how many datagrams of a flow there were."""
        self._flows[source] = datagrams
        self._flows.move_to_end(source)
        while len(self._flows) > _MOST_FLOWS:
            self._flows.popitem(last=False)

    def seen_from(self, server: Server) -> "HomeNetwork":
        """Return the network as a machine at another server's place sees it: nothing of this home's acts on it."""
        known = self._beyond.get(server.address)
        if known is None:
            stands = Home(id=f"at {server.address}", country=server.country, asn=server.asn, loss=0.0, v6=True)
            known = HomeNetwork(self._common, self.home.id, self.clock, Open())
            known.home, known.chance = stands, self.chance
            self._beyond[server.address] = known
        return known

    @property
    def time(self) -> float:
        """The true time."""
        return self._common.now()

    @property
    def now(self) -> Now:
        """What acts on this home now."""
        moment = self._common.now()
        if self._now is None or moment >= self._now.until:
            self._now = acting.now(self.home, self._common.effects, moment)
        return self._now

    def server(self, address: str) -> Server | None:
        """Return what stands at an address."""
        return self.world.servers.get(passing.seen_address(address))

    def way(self, address: str) -> Way:
        """Return the way to an address as it is now, with a little jitter."""
        seen, line = self.now.seen, self.now.line
        known = self._ways.get((seen.country, address))
        if known is None:
            known = passing.way(seen.country, seen.access_ms, self.home.id, address, self.server(address))
            self._ways[seen.country, address] = known
        jitter = self.chance.expovariate(1.0 / _JITTER_MS) + line.ms * (0.5 + self.chance.random())
        return known._replace(seconds=known.seconds + jitter / 1000.0)

    def hop(self, number: int, *, v6: bool) -> str:
        """Return the address of the router at a hop."""
        return passing.router(self.now.seen.asn, v6=v6, place=f"hop {number}")

    def lost(self) -> bool:
        """Whether a packet or its answer is lost this time."""
        loss = self.now.line.loss
        return loss > 0.0 and self.chance.random() < 1.0 - (1.0 - loss) ** 2

    def lost_towards(self, address: str, port: int) -> bool:
        """Whether a packet of a connection that stands, or its answer, is lost this time: by the line or on its way."""
        if self.lost():
            return True
        server, seen = self.server(address), self.now.seen
        return any(
            self.chance.random() < 1.0 - (1.0 - one.effect.loss) ** 2
            for one in self.now.syns
            if one.kind == "path.loss" and one.hits(passing.seen_address(address), server, port, seen)
        )

    def fate(
        self, address: str, port: int, there: Way, *, protocol: str = "tcp", stands: bool = False, exists: bool = False
    ) -> Fate | None:
        """Return what becomes of one packet to an endpoint; ``None`` where a living port takes it.

        Args:
            address: of the server.
            port: of the server; 0 for an echo.
            there: the way to it.
            protocol: ``tcp``, ``udp`` or ``icmp``.
            exists: whoever stands there does not matter, only whether the packet comes there.
            stands: a connection stands: what acts on a share of the flows has let it pass.
        """
        now = self.now
        v6 = ":" in address
        by_line = passing.by_line(now, v6=v6)
        if by_line is not None:
            return by_line
        if not stands and self._is_proxied(port, protocol):
            return None
        if self._residual and self._is_residual(address, port, protocol):
            return SILENT
        server = self.server(address)
        if now.syns:
            # A box beyond the NAT64 sees the IPv4 address.
            onward = passing.seen_address(address)
            for one in now.syns:
                if stands and (one.effect.share < 1.0 or one.kind in _SPARE_STANDING):
                    continue
                if not _knows(one, protocol) or not self._concerns(one, onward, server, port):
                    continue
                fate = passing.by_effect(one, now, self.chance, there, v6=v6)
                if fate is not None:
                    return fate
        if exists:
            return None
        if server is None:
            return SILENT
        if port and port not in server.ports and protocol == "tcp":
            return SILENT if server.host.closed == "drop" else Fate("refused", there.seconds, ttl=there.ttl)
        return None

    def _is_proxied(self, port: int, protocol: str) -> bool:
        return self.home.pep and protocol == "tcp" and port in _WEB

    def syn_way(self, port: int, there: Way) -> Way:
        """Return the way to whoever answers a SYN: the server, or the provider's proxy."""
        if not self._is_proxied(port, "tcp"):
            return there
        return Way((self.now.seen.access_ms + self.chance.random()) / 1000.0, _PROXY_HOPS, 64 - _PROXY_HOPS)

    def end_of(self, address: str, port: int) -> Server | None:
        """Return the server at the other end of a connection; behind a proxy there is always one."""
        server = self.server(address)
        if server is None and self._is_proxied(port, "tcp"):
            return Server(address, Host(name=address, ports=()))
        return server

    def _concerns(self, one: Acting, address: str, server: Server | None, port: int) -> bool:
        if one.kind == "whitelist":
            allowed = server is not None and any(name in one.effect.allow for name in server.names)
            return not allowed and port != 53 and one.hits(address, server, port, self.now.seen)
        if one.kind == "server.rate":
            return one.hits(address, server, port, self.now.seen) and self._over(address, one.effect.per_minute)
        return one.hits(address, server, port, self.now.seen)

    def _over(self, address: str, per_minute: int) -> bool:
        moment = self.time
        taken = [at for at in self._taken.get(address, ()) if at > moment - _MINUTE]
        self._taken[address] = [*taken, moment]
        return len(taken) >= per_minute

    def remember(self, address: str, port: int, seconds: float, protocol: str = "tcp") -> None:
        """Let an endpoint stay closed to this home for a while (residual censorship)."""
        self._residual[address, port, protocol] = self.time + seconds

    def _is_residual(self, address: str, port: int, protocol: str) -> bool:
        until = self._residual.get((address, port, protocol))
        if until is None:
            return False
        if until <= self.time:
            del self._residual[address, port, protocol]
            return False
        return True


_SPARE_STANDING: Final = frozenset({"server.rate", "path.loss"})
"""What leaves a connection that stands alone: a lost segment is sent again."""


def _knows(one: Acting, protocol: str) -> bool:
    """Whether an effect on addresses acts on a protocol."""
    return one.effect.protocol in {"", protocol} and not (protocol == "udp" and one.kind in _OF_TCP)
