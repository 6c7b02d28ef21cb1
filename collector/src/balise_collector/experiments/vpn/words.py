"""What people read of the vpn experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_wire.mechanisms import Mechanism

MECHANISMS: Final = {
    Mechanism.VPN_OPENVPN: "handshakes of OpenVPN die on the way to our own server, where other packets of their sizes "
    "pass",
    Mechanism.VPN_WIREGUARD: "handshakes of WireGuard die on the way to our own server, where other packets of their "
    "sizes pass",
    Mechanism.VPN_IKEV2: "handshakes of IKEv2 die on the way to our own server, where other packets of their sizes "
    "pass",
    Mechanism.VPN_OPENVPN_TCP: "handshakes of OpenVPN over TCP die on the way to our own server, where other bytes of "
    "their sizes pass",
    Mechanism.VPN_FULLY_ENCRYPTED: "connections that are random from the first byte on die on the way to our own "
    "server, where others of the same lengths pass",
}
