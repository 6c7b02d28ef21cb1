"""The address plan of the lab's internet: who gets which prefix.

Lives here: pure arithmetic on prefixes that no real network routes (RFC 2544, RFC 5737, RFC 9637), which the lab calls
public. What has an IPv6 address has the one that follows from its IPv4 address (`six`).
Must not live here: which networks exist (topology) or how addresses reach an interface (namespaces).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address

from balise_lab.errors import ConfigError

# What agents and collectors must be told to accept: everywhere else these are bogons.
LABORATORY = ("198.18.0.0/15", "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24")
LABORATORY_6 = "3fff::/20"

PROXY = "203.0.113.20"  # of the operator's proxies, abroad
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
HELPER = 8  # of the operator's helper there

MOST_ISPS = 16
MOST_ABROAD = 32
MOST_SERVICES = 60
MOST_PROBES = 200
FIRST_HOST = 10
SIBLING = 200
MOST_HOSTS = 60  # of a service, each with up to MOST_ADDRESSES in its /24: below SIBLING
MOST_ADDRESSES = 3
ROUTER, BEHIND = 1, 2  # in a home, RFC 1918: the router and the probe behind it
RESOLVER = 53  # the first of a network; the others follow it
MOST_RESOLVERS = 3


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


def home(number: int) -> IPv4Network:
    """Prefix inside home number `number` of the lab: a /24 of 192.168.0.0/16, which its router translates."""
    _within(number, MOST_PROBES, "homes with a router")
    return IPv4Network((f"192.168.{1 + number}.0", 24))


def served(prefix: IPv4Network, number: int, count: int) -> tuple[str, ...]:
    """Addresses of the machines, `count` of them, that answer for host number `number` (from 0) of a service."""
    _within(number, MOST_HOSTS, "roles of one service")
    _within(count - 1, MOST_ADDRESSES, "addresses of one host")
    return tuple(host(prefix, FIRST_HOST + number + MOST_HOSTS * each) for each in range(count))


def host(prefix: IPv4Network, number: int) -> str:
    """Address number `number` of a prefix."""
    return str(IPv4Address(int(prefix.network_address) + number))


def probe(prefix: IPv4Network, index: int) -> str:
    """Address of probe number `index` (from 0) in an ISP's or foreign network's prefix."""
    _within(index, MOST_PROBES, "probes")
    # In a /20 the probes live in the second /24, apart from the ISP's own machines.
    return host(prefix, (256 if prefix.prefixlen < 24 else 0) + FIRST_HOST + index)


_SECOND = {(198, 18): 0x18, (198, 19): 0x19, (203, 0): 0x3, (198, 51): 0x51, (192, 0): 0x2}
"""Second group of the IPv6 address of what is in these blocks."""


def six(text: str) -> str:
    """Return the IPv6 address or network of what has this IPv4 one; empty where it has none (in a home, say).

    198.19.64.10 is 3fff:19:40::a: what a /24 holds is a /48, as networks are announced at the longest.
    """
    address, _, length = text.partition("/")
    first, second, third, last = map(int, address.split("."))
    block = _SECOND.get((first, second))
    if block is None:
        return ""
    value = 0x3FFF << 112 | block << 96 | third << 80 | last
    if not length:
        return str(IPv6Address(value))
    bits = int(length)
    longer = bits + (16 if bits <= 16 else 24 if bits <= 24 else 96)
    return f"{IPv6Address(value >> (128 - longer) << (128 - longer))}/{longer}"


def _within(index: int, most: int, key: str) -> None:
    if not 0 <= index < most:
        raise ConfigError(f"{key}: the lab has room for {most}", f"make {key} fewer")
