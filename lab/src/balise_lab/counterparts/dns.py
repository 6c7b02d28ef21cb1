"""dnsmasq: two authorities abroad, a public resolver, and one resolver in every access network.

Lives here: configuration texts. A resolver keeps no cache and asks an authority across the gateway each time, so a
forged answer reaches it (and stops reaching it) at once; domestic names it knows itself, so that they work while the
country is cut off. The country's authority tells regional edges, the world's does not.
"""

from collections.abc import Mapping

from balise_lab.world import addresses
from balise_lab.world.topology import Topology

TTL = 60


def authority(address: str, records: Mapping[str, tuple[str, ...]]) -> str:
    """A server that knows these names and answers NXDOMAIN to all others."""
    return "\n".join([*_common(address), "address=/#/", *_records(records), ""])


def resolver(address: str, upstream: str, own: Mapping[str, tuple[str, ...]]) -> str:
    """A resolver that forwards to an authority all it does not know itself."""
    return "\n".join([*_common(address), f"server={upstream}", "all-servers", *_records(own), ""])


def plan(topology: Topology) -> dict[str, tuple[str, str]]:
    """Every dnsmasq of the lab: id -> (namespace, configuration). Pure."""
    home = {control.name: (control.address,) for control in topology.controls if control.scope == "domestic"}
    country, world = addresses.AUTHORITY_COUNTRY, addresses.AUTHORITY_WORLD
    found = {
        "authority-country": ("dns", authority(country, topology.records(in_country=True))),
        "authority-world": ("dns", authority(world, topology.records(in_country=False))),
        "resolver-public": ("dns", resolver(addresses.PUBLIC_RESOLVER, world, {})),
    }
    for each in topology.namespaces:
        if each.kind == "isp":
            found[f"resolver-{each.name}"] = (each.name, resolver(each.resolver, country, home))
        if each.kind == "abroad":
            found[f"resolver-{each.name}"] = (each.name, resolver(each.resolver, world, {}))
    return found


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
