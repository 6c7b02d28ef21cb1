"""Words of what the throughput experiment recognises. Pure."""

from typing import Final

from balise_wire.mechanisms import Mechanism

MECHANISMS: Final = {
    Mechanism.RATE_LIMIT: "the rate is held down",
    Mechanism.RATE_POLICE: "the rate is cut by dropping packets above a limit",
    Mechanism.RATE_SHAPE: "the rate is held down by delaying packets",
}
