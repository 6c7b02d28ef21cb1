"""What people read of the line experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_wire.mechanisms import Mechanism

MECHANISMS: Final = {
    Mechanism.SHUTDOWN_ISP: "the provider's line is dead beyond the home",
}
