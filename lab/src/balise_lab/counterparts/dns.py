"""dnsmasq: two authorities abroad, a public resolver, and one resolver in every access network.

Lives here: configuration texts. A resolver keeps no cache and asks an authority across the gateway each time, so a
forged answer reaches it (and stops reaching it) at once; domestic names it knows itself, so that they work while the
country is cut off. The country's authority tells regional edges, the world's does not.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from balise_lab.counterparts.engine.counterpart import Counterpart, Roots, Server
from balise_lab.world import addresses, tools
from balise_lab.world.reachable import resolves
from balise_lab.world.topology import CONTROL_NAME, UPLINK, Namespace, Topology
from balise_wire.words import Experiment

TTL = 60
PUBLIC = "resolver-public"
_ROUTER_CACHE = 150
"""Names: dnsmasq's own default, which home routers have."""
_ROUTER_KEEPS = 1
"""Real seconds: a minute at scale 60. A lie that a router keeps outlasts its end by so much."""


def authority(address: str, records: Mapping[str, tuple[str, ...]]) -> str:
    """A server that knows these names and answers NXDOMAIN to all others."""
    return "\n".join([*_common(address), "address=/#/", *_records(records), ""])


def resolver(address: str, upstream: str, own: Mapping[str, tuple[str, ...]]) -> str:
    """A resolver that forwards to an authority all it does not know itself."""
    return "\n".join([*_common(address), f"server={upstream}", "all-servers", *_records(own), ""])


def router(address: str, upstream: Sequence[str]) -> str:
    """A home's router: it asks the provider's resolvers in turn, and keeps what they said for a moment."""
    cache = [f"cache-size={_ROUTER_CACHE}", f"max-cache-ttl={_ROUTER_KEEPS}", f"max-ttl={TTL}", "strict-order"]
    common = [line for line in _common(address) if not line.startswith("cache-size")]
    return "\n".join([*common, *cache, *(f"server={one}" for one in upstream), ""])


def translation(home: Namespace) -> str:
    """nft script of a home's router: the internet sees its address in the place of those behind it (RFC 3022)."""
    return (
        "table ip translation {\nchain out {\ntype nat hook postrouting priority 100; policy accept;\n"
        f'oifname "{UPLINK}" ip saddr 192.168.0.0/16 snat to {home.address}\n}}\n}}'
    )


@dataclass(frozen=True, slots=True)
class Configured:
    """One dnsmasq."""

    place: str
    """Its namespace."""
    address: str
    text: str
    """Its configuration."""
    rules: str = ""
    """An nft script for its namespace."""


AUTHORITIES = ("authority-country", "authority-world")


def plan(topology: Topology, moved: Collection[str] = ()) -> dict[str, Configured]:
    """Every dnsmasq of a topology, by id; ``moved`` are the hosts that have their new addresses."""
    home = {
        control.name: topology.told((control.address,)) for control in topology.controls if control.scope == "domestic"
    }
    country, world, public = addresses.AUTHORITY_COUNTRY, addresses.AUTHORITY_WORLD, addresses.PUBLIC_RESOLVER
    found = {
        AUTHORITIES[0]: Configured("dns", country, authority(country, _known(topology, moved, in_country=True))),
        AUTHORITIES[1]: Configured("dns", world, authority(world, _known(topology, moved, in_country=False))),
        PUBLIC: Configured("dns", public, resolver(public, world, {})),
    }
    for each in topology.namespaces:
        upstream, own = (country, home) if each.kind == "isp" else (world, {})
        if each.kind == "home":
            text = router(each.inside, each.resolvers)
            found[f"router-{each.name}"] = Configured(each.name, each.inside, text, translation(each))
        if each.kind in {"isp", "abroad"}:
            for number, address in enumerate(each.resolvers):
                identifier = f"resolver-{each.name}" + (f"-{number + 1}" if number else "")
                found[identifier] = Configured(each.name, address, resolver(address, upstream, own))
    return found


def _known(topology: Topology, moved: Collection[str], *, in_country: bool) -> dict[str, tuple[str, ...]]:
    """Name -> what it is told of it, A and AAAA: its questions travel over IPv4 whatever they ask for."""
    return {name: topology.told(found) for name, found in topology.records(in_country=in_country, moved=moved).items()}


def servers(topology: Topology) -> Iterator[Server]:
    """The same, as programs; with the public resolver comes the address beside it that says nothing."""
    for identifier, configured in plan(topology).items():
        yield _server(identifier, configured)


def authorities(topology: Topology, moved: Collection[str]) -> Iterator[Server]:
    """The two authorities, as they answer when these hosts have moved."""
    found = plan(topology, moved)
    return (_server(identifier, found[identifier]) for identifier in AUTHORITIES)


def _server(identifier: str, configured: Configured) -> Server:
    return Server(
        id=identifier,
        place=configured.place,
        prepare=partial(_prepare, configured.text),
        ready=partial(resolves, configured.address, CONTROL_NAME),
        rules=silent_rules() if identifier == PUBLIC else configured.rules,
    )


def _prepare(text: str, folder: Path, _roots: Roots) -> Sequence[str]:
    path = folder / "dnsmasq.conf"
    path.write_text(text, encoding="utf-8")
    return [tools.find("dnsmasq"), f"--conf-file={path}", "--pid-file="]


def silent_rules() -> str:
    """nft script for the namespace `dns`: the silent address takes questions and says nothing, not even by ICMP."""
    return (
        "table ip silent {\nchain input {\ntype filter hook input priority 0; policy accept;\n"
        f"ip daddr {addresses.SILENT} udp dport 53 drop\nip daddr {addresses.SILENT} tcp dport 53 drop\n}}\n}}"
    )


def _common(address: str) -> list[str]:
    return [
        "user=root",
        "group=",  # no change of group: a user namespace forbids setgroups(2)
        "no-resolv",
        "no-hosts",
        "keep-in-foreground",  # not no-daemon: that serves TCP without forking, and one dead client stops everything
        "log-facility=-",
        "bind-interfaces",
        f"listen-address={address}",
        "cache-size=0",
        "no-negcache",
        f"local-ttl={TTL}",
    ]


def _records(records: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [f"host-record={name},{address}" for name, found in sorted(records.items()) for address in found]


COUNTERPART = Counterpart(
    name="dns",
    means="dnsmasq: two authorities abroad, a public resolver, and one resolver in every access network",
    experiments=(Experiment.DNS,),
    servers=servers,
    over_six=True,
)
