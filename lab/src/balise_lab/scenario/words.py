"""The collector's words that a scenario may expect (the lab talks with it in words, not in imports).

Lives here: words alone. Must not live here: those that both ends of the wire share (balise_wire), or the kinds of boxes
(boxes.engine.registry).
"""

from typing import Final

INCIDENT_KINDS: Final = ("interference", "service_fault", "edge_fault", "outage", "server_side", "own_fault")
HYPOTHESES: Final = (
    "ok", "probe_fault", "home_filter", "lan", "board", "power", "isp_outage", "district_outage", "shutdown",
    "country_outage", "service_fault", "edge_fault", "server_geo", "server_front", "svc_block_isp",
    "svc_block_multi_isp", "svc_block_national", "svc_throttle", "protocol_block", "port_block", "prefix_block",
    "white_list", "family_fault", "family_block", "instrument_fault",
)  # fmt: skip
"""What may have happened (docs/attribution.md 2.5)."""
LOCALITIES: Final = ("local", "global", "unknown")
STATES: Final = ("ok", "down", "blocked", "throttled", "server_side", "insufficient")
PSEUDO_SERVICES: Final = ("internet",)
"""Services the collector knows without any scenario: outages are incidents of ``internet``."""
