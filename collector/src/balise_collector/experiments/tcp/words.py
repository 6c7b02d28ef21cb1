"""What people read of the tcp experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_wire.mechanisms import Mechanism

MECHANISMS: Final = {
    Mechanism.IP_DROP: "packets to the address vanish on the way",
    Mechanism.IP_RST: "connections to the address are reset",
    Mechanism.IP_ICMP: "a router on the way refuses the address",
    Mechanism.IP_PREFIX: "packets to the address and its neighbours vanish on the way",
    Mechanism.IP_AS: "packets to the whole network of the address vanish on the way",
    Mechanism.PORT_DROP: "one port of the address is unreachable while another answers",
}
