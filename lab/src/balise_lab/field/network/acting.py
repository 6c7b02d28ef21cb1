"""Whom and what an effect hits, and which effects act on a home at a moment.

Lives here: selectors made quick, moments at which anything changes, and what is in force in between. Must not live
here: what an effect does (the files that carry steps out).
"""

import functools
import ipaddress
import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from balise_lab.field.network.effects import PLACE, PROVIDER, SERVER, STAGE, Effect
from balise_lab.field.network.homes import Home
from balise_lab.field.network.hosts import Server, World, registered

_BY_ADDRESS: Final = frozenset({"syn", "flow", "udp"})
"""Stages whose effects know servers by address alone: a host's name stands for its addresses."""
_TUNNEL_MS: Final = 60.0


@functools.lru_cache(65_536)
def as_number(address: str) -> int:
    """Return an address as a number; those of IPv6 begin far above those of IPv4."""
    return int(ipaddress.ip_address(address.partition("%")[0]))


class Acting:
    """One effect with its selectors worked out against a world."""

    __slots__ = ("_addresses", "_asns", "_networks", "_suffixes", "effect", "kind", "names", "place", "since", "stage",
                 "until")  # fmt: skip

    def __init__(self, effect: Effect, world: World, start: float) -> None:
        self.effect = effect
        self.kind = effect.kind
        self.stage = "syn" if effect.kind == "whitelist" and effect.act == "syn" else STAGE[effect.kind]
        self.place = PLACE[effect.kind]
        self.since = start + effect.at
        self.until = start + effect.until
        chosen = _chosen(effect, world)
        self.names: frozenset[str] | None = None if chosen is None else frozenset(chosen)
        self._suffixes = _suffixes(effect, chosen or ())
        addresses = set(effect.addresses)
        networks = [ipaddress.ip_network(prefix, strict=False) for prefix in effect.prefixes]
        asns = set(effect.asns)
        if self.stage in _BY_ADDRESS and chosen is not None and effect.kind != "whitelist":
            servers = [world.servers[each] for name in chosen for each in world.addresses_of(name)]
            if effect.kind == "ip.as":
                asns |= {server.asn for server in servers}
            elif effect.kind == "ip.prefix":
                networks += [ipaddress.ip_network(_route(server), strict=False) for server in servers]
            else:
                addresses |= {server.address for server in servers}
        self._addresses = frozenset(addresses)
        self._networks = tuple((int(one.network_address), int(one.broadcast_address)) for one in networks)
        self._asns = frozenset(asns)

    def on(self, moment: float) -> bool:
        """Whether it is in force."""
        if not self.since <= moment < self.until:
            return False
        duty = self.effect.duty
        return duty is None or (moment - self.since) % (duty[0] + duty[1]) < duty[0]

    def changes(self, moment: float) -> float:
        """Return the next moment at which it begins or ends."""
        if moment < self.since:
            return self.since
        if moment >= self.until:
            return math.inf
        duty = self.effect.duty
        if duty is None:
            return self.until
        phase = (moment - self.since) % (duty[0] + duty[1])
        left = duty[0] - phase if phase < duty[0] else duty[0] + duty[1] - phase
        return min(self.until, moment + max(left, 1e-3))

    def selects(self, home: Home, seen: Home) -> bool:
        """Whether it acts on a home.

        Args:
            home: as it is.
            seen: as the network beyond its router sees it; another object where a tunnel leads it elsewhere.
        """
        effect = self.effect
        if home.id in effect.spared:
            return False
        tunnelled = seen is not home and PROVIDER <= self.place < SERVER
        if effect.probes and (home.id not in effect.probes or tunnelled):
            return False
        if tunnelled and (effect.regions or effect.districts):
            return False
        return (
            (not effect.providers or seen.asn in effect.providers)
            and (not effect.countries or seen.country in effect.countries)
            and (not effect.regions or home.region in effect.regions)
            and (not effect.districts or home.district in effect.districts)
            and (not effect.versions or home.version in effect.versions)
        )

    def hits_name(self, name: str | None) -> bool:
        """Whether it concerns a name; without selected names it concerns every one."""
        if self.names is None:
            return True
        if name is None:
            return False
        return name in self.names or (bool(self._suffixes) and name.endswith(self._suffixes))

    def hits(self, address: str, server: Server | None, port: int, home: Home) -> bool:
        """Whether it concerns an endpoint, seen from a home."""
        effect = self.effect
        if effect.ports and port not in effect.ports:
            return False
        if effect.family and effect.family != (6 if ":" in address else 4):
            return False
        if (effect.foreign or self.kind in _FOREIGN) and server is not None and server.country == home.country:
            return False
        if not (self._addresses or self._networks or self._asns):
            return self.names is None or self.stage not in _BY_ADDRESS
        if address in self._addresses or (server is not None and server.asn in self._asns):
            return True
        if not self._networks:
            return False
        number = as_number(address)
        return any(first <= number <= last for first, last in self._networks)


_FOREIGN: Final = frozenset({"border.cut", "whitelist"})


def _chosen(effect: Effect, world: World) -> tuple[str, ...] | None:
    """Return the hosts that are selected; ``None`` for all names there are.

    Raises:
        ValueError: no host is called so.
    """
    if effect.hosts:
        plain = [name for name in effect.hosts if not name.startswith("*.")]
        strangers = [name for name in plain if name not in world.hosts]
        if strangers and STAGE[effect.kind] in _BY_ADDRESS:
            raise ValueError(f"{effect.kind}: no host is called {strangers[0]}")
        below = (
            [name for name in world.hosts if name.endswith(_suffixes(effect, ()))]
            if effect.hosts != tuple(plain)
            else []
        )
        return tuple(dict.fromkeys([*plain, *below]))
    if not effect.services and not effect.roles:
        return None
    return tuple(
        name
        for name, host in world.hosts.items()
        if (not effect.services or host.service in effect.services) and (not effect.roles or host.role in effect.roles)
    )


def _suffixes(effect: Effect, chosen: Iterable[str]) -> tuple[str, ...]:
    below = [name[1:] for name in effect.hosts if name.startswith("*.")]
    return (*below, *(f".{registered(name)}" for name in chosen if effect.wildcard))


def _route(server: Server) -> str:
    first, last = server.network
    size = 128 if ":" in server.address else 32
    return f"{server.address}/{size - (last - first).bit_length()}"


class Line(NamedTuple):
    """What a home's own line is like at a moment."""

    dead: bool = False
    """Nothing comes back from behind the router."""
    adrift: bool = False
    """Nothing comes back from the router either."""
    no_route: bool = False
    eagain: bool = False
    mute: bool = False
    ms: float = 0.0
    loss: float = 0.0
    kbps: float = math.inf
    v6: str = "ok"


class Now:
    """What acts on one home until a moment."""

    __slots__ = ("certs", "dns", "flows", "hijacks", "line", "names", "pages", "quics", "seen", "syns", "udps",
                 "until", "zones")  # fmt: skip

    def __init__(self, home: Home, seen: Home, acting: Iterable[Acting], until: float) -> None:
        by_stage: dict[str, list[Acting]] = {}
        for one in acting:
            by_stage.setdefault(one.stage, []).append(one)
        self.seen = seen
        self.until = until
        self.line = _line(home, by_stage.get("line", ()))
        self.dns = tuple(by_stage.get("dns", ()))
        self.hijacks = tuple(by_stage.get("hijack", ()))
        self.syns = tuple(by_stage.get("syn", ()))
        self.names = tuple(by_stage.get("name", ()))
        self.flows = tuple(by_stage.get("flow", ()))
        self.pages = tuple(by_stage.get("page", ()))
        self.certs = tuple(by_stage.get("cert", ()))
        self.zones = tuple(by_stage.get("zone", ()))
        self.udps = tuple(by_stage.get("udp", ()))
        self.quics = tuple(by_stage.get("quic", ()))


def now(home: Home, effects: Iterable[Acting], moment: float) -> Now:
    """Return what acts on a home at a moment, and until when."""
    every = list(effects)
    until = min((one.changes(moment) for one in every), default=math.inf)
    running = [one for one in every if one.on(moment)]
    seen = home
    for one in running:
        if one.kind == "vpn" and one.selects(home, home):
            effect = one.effect
            seen = msgspec.structs.replace(
                home,
                country=effect.country or "NL",
                asn=effect.asn or 9_009,
                access_ms=home.access_ms + (effect.ms or _TUNNEL_MS),
            )
    acting = sorted((one for one in running if one.selects(home, seen)), key=_order)
    return Now(home, seen, acting, until)


def _order(one: Acting) -> tuple[int, int]:
    """The nearest to the probe first; at one place a race before a resolver's silence, and that before its lies."""
    return one.place, 0 if one.kind == "dns.inject" else 1 if one.kind.startswith("resolver.") else 2


def _line(home: Home, acting: Iterable[Acting]) -> Line:
    line = Line(loss=home.loss, kbps=home.kbps, v6="ok" if home.v6 or home.nat64 else "no_route")
    for one in acting:
        effect = one.effect
        match one.kind:
            case "wifi":
                line = line._replace(adrift=True, dead=True, no_route=line.no_route or effect.act == "no_route")
            case "gateway.mute":
                line = line._replace(mute=True)
            case "eagain":
                line = line._replace(eagain=True)
            case "v6.broken":
                line = line._replace(v6=effect.act or "blackhole")
            case "line.loss":
                line = line._replace(loss=1.0 - (1.0 - line.loss) * (1.0 - effect.loss))
            case "line.slow":
                line = line._replace(ms=line.ms + effect.ms, kbps=min(line.kbps, effect.kbps or math.inf))
            case "vpn":
                pass
            case _:
                line = line._replace(dead=True)
    return line
