"""The collector's words that a scenario may expect (the lab talks with it in words, not in imports).

Lives here: words alone. Must not live here: those that both ends of the wire share (balise_wire), or the kinds of boxes
(boxes.engine.registry).
"""

from typing import Final

INCIDENT_KINDS: Final = ("interference", "service_fault", "edge_fault", "outage", "server_side", "own_fault")
LOCALITIES: Final = ("local", "global", "unknown")
STATES: Final = ("ok", "down", "blocked", "throttled", "server_side", "insufficient")
PSEUDO_SERVICES: Final = ("internet",)
"""Services the collector knows without any scenario: outages are incidents of ``internet``."""
