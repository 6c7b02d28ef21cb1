"""The address plan of the lab's internet: who gets which prefix.

Lives here: pure arithmetic on prefixes that no real network routes (RFC 2544, RFC 5737), which the lab calls public.
Must not live here: which networks exist (topology) or how addresses reach an interface (namespaces).
"""

from ipaddress import IPv4Address, IPv4Network

from balise_lab.errors import ConfigError

# What agents and collectors must be told to accept: everywhere else these are bogons.
LABORATORY = ("198.18.0.0/15", "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24")

EXCHANGE = "203.0.113.1"
CENTRE = "203.0.113.10"
GATEWAY = "198.19.1.1"
DOMESTIC = IPv4Network("198.19.0.0/24")
DNS_PREFIX = IPv4Network("192.0.2.0/24")
DNS_ROUTER = "192.0.2.1"
AUTHORITY_COUNTRY = "192.0.2.20"  # answers the country's resolvers: regional edges where a host has one
AUTHORITY_WORLD = "192.0.2.21"  # answers everyone else
PUBLIC_RESOLVER = "192.0.2.53"
SILENT = "192.0.2.99"  # host up, nothing listens on port 53 and no ICMP says so
HOSTING_ROUTER = "198.51.100.1"
HOSTING_PREFIX = IPv4Network("198.51.100.0/24")
INTERNATIONAL_CONTROLS = 10  # first host number in 198.51.100.0/24

MOST_ISPS = 16
MOST_ABROAD = 32
MOST_SERVICES = 60
MOST_PROBES = 200
FIRST_HOST = 10
SIBLING = 200
RESOLVER = 53


def isp_prefix(index: int) -> IPv4Network:
    """Prefix of the country's ISP number `index`: a /20 of 198.18.0.0/16."""
    _within(index, MOST_ISPS, "isps")
    return IPv4Network((f"198.18.{16 * index}.0", 20))


def abroad_prefix(index: int) -> IPv4Network:
    """Prefix of the network number `index` in another country."""
    _within(index, MOST_ABROAD, "abroad")
    return IPv4Network((f"198.19.{16 + index}.0", 24))


def service_prefix(index: int) -> IPv4Network:
    """Prefix in which service number `index` is hosted: one /24, one autonomous system."""
    _within(index, MOST_SERVICES, "services")
    return IPv4Network((f"198.19.{64 + index}.0", 24))


def edge_prefix(index: int) -> IPv4Network:
    """Prefix of the regional edge of service number `index`: what the country is told when the service has one."""
    _within(index, MOST_SERVICES, "services")
    return IPv4Network((f"198.19.{128 + index}.0", 24))


def host(prefix: IPv4Network, number: int) -> str:
    """Address number `number` of a prefix."""
    return str(IPv4Address(int(prefix.network_address) + number))


def probe(prefix: IPv4Network, index: int) -> str:
    """Address of probe number `index` (from 0) in an ISP's or foreign network's prefix."""
    _within(index, MOST_PROBES, "probes")
    # In a /20 the probes live in the second /24, apart from the ISP's own machines.
    return host(prefix, (256 if prefix.prefixlen < 24 else 0) + FIRST_HOST + index)


def _within(index: int, most: int, key: str) -> None:
    if not 0 <= index < most:
        raise ConfigError(f"{key}: the lab has room for {most}", f"make {key} fewer")
