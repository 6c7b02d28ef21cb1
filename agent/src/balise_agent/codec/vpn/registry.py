"""Every handshake that this program knows, by protocol and shape. Must not live here: any one of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from balise_agent.codec.vpn.filler import Filler
from balise_agent.codec.vpn.handshake import Handshake, Noise
from balise_agent.codec.vpn.ikev2 import IkeV2
from balise_agent.codec.vpn.openvpn import OpenVpn, OpenVpnTcp
from balise_agent.codec.vpn.wireguard import WireGuard
from balise_wire.experiments.vpn import CONTROLS, OVER_TCP, VpnProtocol, VpnShape

_ALL: Final[tuple[Handshake, ...]] = (
    OpenVpn(),
    WireGuard(),
    IkeV2(),
    OpenVpnTcp(),
    Filler(VpnProtocol.FULLY_ENCRYPTED, VpnShape.PROTOCOL),
    Filler(VpnProtocol.OBFS4, VpnShape.PROTOCOL),
    *(
        Filler(each, shape) if each in OVER_TCP else Noise(each)
        for each, shapes in CONTROLS.items()
        for shape in shapes
    ),
)
HANDSHAKES: Final[Mapping[tuple[VpnProtocol, VpnShape], Handshake]] = MappingProxyType(
    {(one.protocol, one.shape): one for one in _ALL}
)
OVER_UDP: Final = tuple(one for one in _ALL if one.protocol not in OVER_TCP)
ON_CONNECTIONS: Final = tuple(one for one in _ALL if one.protocol in OVER_TCP)
