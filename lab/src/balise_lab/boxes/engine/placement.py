"""Where one box stands and whom it touches, in the kernel's words.

Lives here: the record that a kind's rules are written from, and the pieces of nft that many kinds share. Must not live
here: running nft (run.lab), or rules of one kind alone (its own file).

A packet that a box has looked at carries the box's bit in its mark and goes through the rules again: so several boxes
at one place each see it, although NFQUEUE ends a chain. A packet to strike carries ENFORCE and the bit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from balise_lab.boxes.engine.box import Box, fits
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.errors import ConfigError
from balise_lab.world import addresses
from balise_lab.world.topology import DEFAULT_NAME, UPLINK, Namespace, Topology

ENFORCE = 0x80000000
SERVERS = frozenset({"hosting", "dns", "domestic"})
"""Namespaces that nobody's traffic passes on the way elsewhere: all that arrives is meant for what is in them."""
FIRST_QUEUE = 10
STAND_IN_PORT = 8443
STAND_IN_PLAIN_PORT = 9080
"""Of the web server that the box of slot 0 brings; TLS and in clear."""
COUNT_SEEN = 'counter name "seen"'
COUNT_FIRED = 'counter name "matched" counter name "fired"'
DROP = 'counter name "fired" drop'
TRANSPORT = "meta l4proto { tcp, udp }"

PORTS: Setting[tuple[int, ...]] = Setting("ports", Unit.PORTS, (), "only these ports")


@dataclass(frozen=True)
class Placement:
    """A box in one slot of its namespace."""

    box: Box
    topology: Topology
    namespace: str
    slot: int
    scale: float = 1.0
    """Seconds of the scenario in a real one."""
    family: int = 4
    """The IP version that its rules are written for."""

    @property
    def bit(self) -> int:
        """Of a packet's mark: this box has looked at it."""
        return 1 << self.slot

    @property
    def queue(self) -> int:
        """Number of its NFQUEUE."""
        return FIRST_QUEUE + self.slot

    @property
    def place(self) -> Namespace:
        """The namespace with its address and resolver."""
        return self.topology.namespace(self.namespace)

    @property
    def ip(self) -> str:
        """The family in nft's words."""
        return "ip" if self.family == 4 else "ip6"

    def of_family(self, found: Iterable[str]) -> tuple[str, ...]:
        """Return IPv4 addresses and networks as they are in its IP version; those that have none are left out."""
        own = found if self.family == 4 else map(addresses.six, found)
        return tuple(dict.fromkeys(one for one in own if one))

    @property
    def sources(self) -> tuple[str, ...]:
        """Clients it is restricted to, as prefixes or addresses; empty: everyone below it."""
        box, topology = self.box, self.topology
        if self.place.kind == "home":
            return ()
        probes = tuple(topology.probe(name).address for name in box.probes)
        return self.of_family(probes or topology.prefixes(box.isps))

    @property
    def scope(self) -> str:
        """The nft match for packets of the clients it is about."""
        if self.sources:
            return f"{self.ip} saddr {among(self.sources)}"
        return "" if self.namespace in SERVERS else f'iifname != "{UPLINK}"'

    @property
    def ports(self) -> str:
        """The nft match for the ports it is restricted to; empty: all."""
        ports = PORTS.of(self.box)
        return f"th dport {among(ports)}" if ports else ""

    @property
    def destination(self) -> str:
        """The nft match for the addresses it is about; empty where it names none."""
        named = self.box.match or self.box.addresses
        return f"{self.ip} daddr {among(self.targets())}" if named else ""

    def targets(self) -> tuple[str, ...]:
        """Addresses it is about (ConfigError where there are none)."""
        literal = tuple(one for one in self.box.addresses if (":" in one) == (self.family == 6))
        found = (*literal, *self.of_family(self.topology.addresses_of(self.box.match)))
        return self.some(found, "name a host or service of the scenario, or give addresses")

    def looks_for(self, name: str) -> bool:
        """Whether it looks for a name; a box that has addresses alone looks for every name there."""
        hosts = (end.host for end in self.topology.match(self.box.match))
        return not self.box.match or fits(name or DEFAULT_NAME, (*self.box.match, *hosts))

    def some(self, found: Iterable[str], mend: str) -> tuple[str, ...]:
        """Return addresses, each once (ConfigError with this mend where there are none)."""
        given = tuple(dict.fromkeys(found))
        if not given:
            box = self.box
            raise ConfigError(f"box {box.id} ({box.kind}): {box.match or box.where} has no address", mend)
        return given


def link(box: Box, topology: Topology) -> tuple[str, str]:
    """Namespace and interface of a fault on a link.

    It is held at the link's far end, where packets are passed on and none are made: what a program sends into a chain
    that drops is an error to it (EPERM), which dnsmasq tells its clients as REFUSED. A lost packet tells nobody.
    """
    place = topology.namespace(box.where)
    found = next((link for link in topology.links if link.child == place.name), None)
    return (found.parent, found.parent_interface) if found is not None else (place.name, UPLINK)


def among(values: tuple[str, ...] | tuple[int, ...]) -> str:
    """Return an anonymous set of nft."""
    return "{ " + ", ".join(map(str, values)) + " }"


def chain(name: str, hook: str, priority: int, lines: Iterable[str]) -> Iterator[str]:
    """Return a base chain that accepts what none of its lines takes."""
    kind = "nat" if priority == -100 else "filter"
    yield f"chain {name} {{\ntype {kind} hook {hook} priority {priority}; policy accept;"
    yield from lines
    yield "}"


def addressed(placement: Placement, actions: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Return the chain of a box that looks at addresses and ports only, from pairs of condition and nft verdict."""
    scope = placement.scope
    lines = [f"{scope} {COUNT_SEEN}"]
    lines += [f"{scope} {condition} {COUNT_FIRED} {action}" for condition, action in actions]
    return chain("enforce", "prerouting", -140, lines)
