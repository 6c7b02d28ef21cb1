"""Signs in the evidence: what a verdict may bring forward as proof, by a permanent word. Pure.

Lives here: what a sign is, and those that several experiments see. A sign that one experiment alone sees is in its
rules. Must not live here: how a sign is found (experiments/<x>/facts.py), or what it does to a grade
(incidents/grade.py).
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign; ``Verdict.proof`` holds its id."""

    id: str
    """Permanent, e.g. ``forged_packet``."""
    words: str
    """What people read, in English; the catalogues translate it."""
    excludes_fault: bool = True
    """No fault of a server or of an edge can produce it."""


FORGED_PACKET: Final = Sign(
    "forged_packet", "a packet bears signs of forgery that the same server's other packets do not"
)
NEIGHBOUR_OK: Final = Sign(
    "neighbour_ok",
    "another name on the very same address worked while this one was dead",
    excludes_fault=False,  # Fronts and content networks act on names as well as any box.
)
NEUTRAL_SWAP: Final = Sign(
    "neutral_swap",
    "the name dies at our own server, too, where another name is answered: the service has no part in it",
)
NEUTRAL_SWAP_OK: Final = Sign(
    "neutral_swap_ok",
    "the name passes at our own server: what stops it has to do with the service's own address",
    excludes_fault=False,
)
THROUGH: Final = Sign(
    "through_proxy",
    "by way of a proxy the same was reached at the same address within the minute: the service was up",
    excludes_fault=False,  # It excludes that the service is down, and not that it refuses the country.
)
THROUGH_FAILED: Final = Sign(
    "through_proxy_failed",
    "by way of a proxy that works the same was not reached either",
    excludes_fault=False,
)
RELAYED: Final = Sign(
    "through_relay",
    "by way of a proxy of the service's own the service answered within the minute: it was up",
    excludes_fault=False,  # As above.
)
BY_PROXY: Final = (THROUGH, THROUGH_FAILED, RELAYED)
ARTEFACT: Final = Sign("artefact", "a page, address or notice that names itself stood in the service's place")
