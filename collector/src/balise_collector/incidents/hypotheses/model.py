"""The vocabulary of attribution: what may have happened, and the groups whose results speak for or against it.

Frozen types only (attribution.md 2.5). A group that was not asked is not in the evidence: that is *unknown*, and counts
for nothing under any hypothesis. Must not live here: what a hypothesis expects (table.py).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

WITHIN: Final = 0.3
"""rho: how much two probes of one provider, or two references of one country, say the same thing."""


class Hypothesis(StrEnum):
    """What may have happened; exactly one is the case."""

    OK = "ok"
    """Nothing: noise."""
    PROBE_FAULT = "probe_fault"
    """One board or its software is at fault, for whatever it measures."""
    HOME_FILTER = "home_filter"
    """A filter of the host's own: router, Pi-hole, parental control, antivirus."""
    LAN = "lan"
    """The home's own network: Wi-Fi, cable, router."""
    BOARD = "board"
    """Boards that are dead or unplugged, each for itself."""
    POWER = "power"
    """Electricity: homes of one district without it, whoever their provider is."""
    ISP_OUTAGE = "isp_outage"
    DISTRICT_OUTAGE = "district_outage"
    """The network of a district, homes with electricity."""
    SHUTDOWN = "shutdown"
    """The country's links abroad are cut; what is at home works."""
    COUNTRY_OUTAGE = "country_outage"
    """Every provider of the country is gone."""
    SERVICE_FAULT = "service_fault"
    EDGE_FAULT = "edge_fault"
    """The addresses that serve this region are dead, for everybody who asks them."""
    SERVER_GEO = "server_geo"
    """The authentic service answers and refuses the country."""
    SERVER_FRONT = "server_front"
    """The service's own front cuts or drops this country's connections by name."""
    BLOCK_ISP = "svc_block_isp"
    BLOCK_MULTI_ISP = "svc_block_multi_isp"
    BLOCK_NATIONAL = "svc_block_national"
    THROTTLE = "svc_throttle"
    PROTOCOL_BLOCK = "protocol_block"
    PORT_BLOCK = "port_block"
    PREFIX_BLOCK = "prefix_block"
    """A range of addresses, siblings of the service's included."""
    WHITE_LIST = "white_list"
    """Everything foreign but a list is cut."""
    FAMILY_FAULT = "family_fault"
    """One IP version does not work at all from there."""
    FAMILY_BLOCK = "family_block"
    """The service fails over one IP version only, which otherwise works."""
    INSTRUMENT_FAULT = "instrument_fault"
    """Failures follow the version of our program or catalogue, not the provider."""


class Group(StrEnum):
    """Whose results are counted: ``k`` ok of ``n``. Unless said otherwise, *ok* is that it worked."""

    TARGET = "target"
    """The affected parts, from the affected probes."""
    ROLES = "roles"
    """The service's other parts, from the affected probes."""
    SIBLINGS = "siblings"
    """The affected parts, from all homes of the affected providers, the affected ones included."""
    OTHERS = "others"
    """The affected parts, from providers of the country but the one with most affected probes."""
    SERVICES = "services"
    """Other services, from the affected probes."""
    DOMESTIC = "domestic"
    """Controls in the country, from the affected probes."""
    FOREIGN = "foreign"
    """Neutral controls abroad, from the affected probes."""
    GATEWAY = "gateway"
    """The affected probes' own routers."""
    REFERENCES = "references"
    """The affected parts, from references abroad, by country."""
    ADDRESS = "address"
    """The very addresses that the affected probes were given, from references abroad."""
    NEIGHBOUR = "neighbour"
    """Another name on the same address, from the affected probes."""
    SWAP = "swap"
    """The subject's name said to a neutral address of ours, from the affected probes."""
    TUNNEL = "tunnel"
    """What failed directly, at the same address by way of a proxy, from the affected probes."""
    PORT = "port"
    """The same address on another port, where what fails is no name."""
    SIBLING_ADDRESS = "sibling_address"
    """A neighbouring address, of the same range."""
    FAMILY = "family"
    """The same parts over the other IP version, from the affected probes."""
    FAMILY_CONTROL = "family_control"
    """Controls of the affected IP version, from the affected probes."""
    SHAPE = "shape"
    """A payload of another protocol and the same size on the same address and port."""
    OTHER_VERSION = "other_version"
    """The affected parts, from probes of the affected providers with another version of program or catalogue."""
    SAME_VERSION = "same_version"
    """The affected parts, from probes of other providers and countries with the affected probes' version."""
    SPEAKING = "speaking"
    """Of the affected: who still spoke, for the rest was silent."""
    PROVIDER_ALIVE = "provider_alive"
    """Lines of the affected providers, the affected ones included."""
    DISTRICT_ALIVE = "district_alive"
    """Lines of the affected districts at other providers than the one with most affected probes."""
    COUNTRY_ALIVE = "country_alive"
    """Lines of the country elsewhere."""
    ELSEWHERE_ALIVE = "elsewhere_alive"
    """Lines of other providers, where nobody wrote down in which districts the affected stand."""
    SAME_BOOT = "same_boot"
    """Of the silent that spoke again: whose board had run on meanwhile."""
    TOGETHER = "together"
    """Of the affected: whose trouble began within minutes of the others'."""
    UNSLOWED = "unslowed"
    """Of the failing verdicts: those that are no slowness."""
    ONE_RATE = "one_rate"
    """Providers that slow down have one rate: counted once, and left out where they do not."""
    UNREFUSED = "unrefused"
    """Of the failing verdicts: those that are no refusal by the authentic server."""
    UNFORGED = "unforged"
    """Of the affected: without a packet or an answer that no server can have produced."""
    BY_NAME = "by_name"
    """Of the failing verdicts: those that do not act on the name (address, port)."""
    BEYOND_DNS = "beyond_dns"
    """Of the failing verdicts: those that are about more than a DNS answer of the home's own resolver."""


class Count(msgspec.Struct, frozen=True):
    """How many were ok, of how many; effective numbers, so not whole ones."""

    ok: float
    n: float


Evidence = Mapping[Group, Count]
"""What each group that was asked saw."""


def effective(shares: Mapping[str, Sequence[float]], within: float = WITHIN) -> Count | None:
    """Return what probes in clusters saw, each cluster of m counting as m / (1 + (m - 1) rho) (Kish 1965, 8.2).

    Args:
        shares: by cluster (a provider, a country), the share of each member's results that were ok.
        within: rho.

    Returns:
        ``None`` where nobody was asked.
    """
    ok = n = 0.0
    for members in shares.values():
        if members:
            weight = 1.0 / (1.0 + (len(members) - 1) * within)
            ok += weight * sum(members)
            n += weight * len(members)
    return Count(ok, n) if n else None
