"""What was learned of addresses, as one text that outlives the program. Pure.

Must not live here: where it is written down (run/upkeep.py), or how long any of it is believed.
"""

from ipaddress import ip_address
from typing import Final

import msgspec

from balise_agent.measure.control_addresses import Known
from balise_agent.measure.target_addresses import Kept

MOST: Final = 65_536
"""Bytes of the text; what is longer is not kept."""


class KeptAddresses(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Addresses of targets and of controls."""

    targets: dict[str, Kept] = {}
    controls: dict[str, Known] = {}

    def text(self) -> str:
        """Return it as one line; empty where there is nothing, or too much of it."""
        if not (self.targets or self.controls):
            return ""
        line = msgspec.json.encode(self, order="deterministic").decode()
        return line if len(line) <= MOST else ""


def read(text: str) -> KeptAddresses:
    """Read what ``text`` wrote; what is damaged is nothing, and what is no address is left out."""
    try:
        found = msgspec.json.decode(text, type=KeptAddresses) if text else KeptAddresses()
    except msgspec.DecodeError:
        return KeptAddresses()
    return KeptAddresses(
        targets={name: known for name, known in found.targets.items() if _are_addresses(known.addresses)},
        controls={name: known for name, known in found.controls.items() if _are_addresses(known.addresses)},
    )


def _are_addresses(texts: tuple[str, ...]) -> bool:
    try:
        return all(ip_address(text) for text in texts)
    except ValueError:
        return False
