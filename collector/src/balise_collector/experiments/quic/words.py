"""What people read of the quic experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism

FAILURES: Final = {Failure.QUIC_MALFORMED: "an answer that is no QUIC"}
MECHANISMS: Final = {
    Mechanism.QUIC_DROP: "QUIC packets to the address vanish on the way, while other connections to it work",
    Mechanism.QUIC_SNI: "QUIC connections go dead as soon as they name the service",
    Mechanism.QUIC_VERSION: "QUIC connections to the address go dead whatever they name",
}
