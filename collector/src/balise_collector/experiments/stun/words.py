"""What people read of the stun experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism

FAILURES: Final = {Failure.STUN_MALFORMED: "an answer that is no STUN"}
MECHANISMS: Final = {
    Mechanism.UDP_DROP: "UDP packets to the address vanish on the way",
    Mechanism.UDP_STUN: "the packets with which calls begin (STUN) vanish on the way, and others of their size pass",
}
