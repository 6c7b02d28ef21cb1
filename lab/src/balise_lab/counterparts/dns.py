"""dnsmasq: two authorities abroad, a public resolver, and one resolver in every access network.

Lives here: configuration texts. A resolver keeps no cache and asks an authority across the gateway each time, so a
forged answer reaches it (and stops reaching it) at once; domestic names it knows itself, so that they work while the
country is cut off. The country's authority tells regional edges, the world's does not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from balise_lab.counterparts.engine.counterpart import Counterpart, Roots, Server
from balise_lab.world import addresses, tools
from balise_lab.world.reachable import resolves
from balise_lab.world.topology import CONTROL_NAME, Topology
from balise_wire.words import Experiment

TTL = 60
PUBLIC = "resolver-public"


def authority(address: str, records: Mapping[str, tuple[str, ...]]) -> str:
    """A server that knows these names and answers NXDOMAIN to all others."""
    return "\n".join([*_common(address), "address=/#/", *_records(records), ""])


def resolver(address: str, upstream: str, own: Mapping[str, tuple[str, ...]]) -> str:
    """A resolver that forwards to an authority all it does not know itself."""
    return "\n".join([*_common(address), f"server={upstream}", "all-servers", *_records(own), ""])


@dataclass(frozen=True, slots=True)
class Configured:
    """One dnsmasq."""

    place: str
    """Its namespace."""
    address: str
    text: str
    """Its configuration."""


def plan(topology: Topology) -> dict[str, Configured]:
    """Every dnsmasq of a topology, by id."""
    home = {control.name: (control.address,) for control in topology.controls if control.scope == "domestic"}
    country, world, public = addresses.AUTHORITY_COUNTRY, addresses.AUTHORITY_WORLD, addresses.PUBLIC_RESOLVER
    found = {
        "authority-country": Configured("dns", country, authority(country, topology.records(in_country=True))),
        "authority-world": Configured("dns", world, authority(world, topology.records(in_country=False))),
        PUBLIC: Configured("dns", public, resolver(public, world, {})),
    }
    for each in topology.namespaces:
        upstream, own = (country, home) if each.kind == "isp" else (world, {})
        if each.kind in {"isp", "abroad"}:
            text = resolver(each.resolver, upstream, own)
            found[f"resolver-{each.name}"] = Configured(each.name, each.resolver, text)
    return found


def servers(topology: Topology) -> Iterator[Server]:
    """The same, as programs; with the public resolver comes the address beside it that says nothing."""
    for identifier, configured in plan(topology).items():
        yield Server(
            id=identifier,
            place=configured.place,
            prepare=partial(_prepare, configured.text),
            ready=partial(resolves, configured.address, CONTROL_NAME),
            rules=silent_rules() if identifier == PUBLIC else "",
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
)
