"""What trials over one TCP connection to an address have in common, whatever is said on it.

Must not live here: what one experiment says or hears.
"""

from typing import Final, Protocol

from balise_agent.experiments.task import Endpoint
from balise_wire.evidence import Packet
from balise_wire.failures import Failure

_NO_WAY: Final = frozenset(
    {
        Failure.ADDRESS_FAMILY_NOT_SUPPORTED,
        Failure.HOST_UNREACHABLE,
        Failure.NETWORK_DOWN,
        Failure.NETWORK_UNREACHABLE,
    }
)
"""What the kernel says where it has no route; a router on the way that says the same is among the packets."""


class OverConnection(Protocol):
    """A trial that is made on one TCP connection."""

    @property
    def address(self) -> str:
        """Of the server."""

    @property
    def port(self) -> int:
        """Of the server."""

    @property
    def failure(self) -> Failure | None:
        """As in ``Trial``."""

    @property
    def connect_ms(self) -> float | None:
        """``None`` where the TCP handshake did not complete."""

    @property
    def packets(self) -> tuple[Packet, ...]:
        """What left and what came."""


def endpoint(trial: OverConnection) -> Endpoint:
    """Return where the trial was made."""
    return Endpoint(trial.address, trial.port)


def left(trial: OverConnection) -> bool:
    """Tell whether a packet left for the server: a machine without a way to that IP version asks nobody anything."""
    return bool(trial.packets) or trial.connect_ms is not None or trial.failure not in _NO_WAY


def heats(trial: OverConnection) -> tuple[Endpoint, ...]:
    """Return the endpoint where the trial failed after it had shown its name there."""
    return (endpoint(trial),) if trial.failure is not None and trial.connect_ms is not None else ()


def connected(trial: OverConnection) -> bool:
    """Tell whether the trial did not fail before it had a connection."""
    return trial.failure is None or trial.connect_ms is not None
