"""From a line of the broker's log to the network that a probe connects from; the address ends here.

Lives here: how mosquitto says who connected from where, and what may be repeated of its errors. Must not live here: the
table (origins.py), what a network means (whereabouts.py). Nothing in here raises, logs or keeps what it was given.
"""

import re
from collections.abc import Callable
from typing import Final

from balise_collector.fleet.whereabouts import Sighting
from balise_collector.intake.origins import Origin
from balise_wire.topics import is_probe_id

BROKER_LOG: Final = "$SYS/broker/log/"
_CONNECTED: Final = re.compile(r"New client connected from (\S+):\d+ as (\S+) \(")
_ADDRESS: Final = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:\.\d{1,3}){3}|\[?(?:[0-9A-Fa-f]{0,4}:){2,}[0-9A-Fa-f:.]*\]?)(?::\d+)?(?![\w.])"
)
_MOST: Final = 300


def sighting(line: bytes, at: float, look_up: Callable[[str], Origin | None]) -> Sighting | None:
    """Return the network from which a probe connected; ``None`` for any other line.

    Args:
        line: as mosquitto told it.
        at: UNIX seconds on the collector's clock.
        look_up: gives an address its network; its answer is all that is kept of the address.
    """
    found = _CONNECTED.search(line[:1000].decode(errors="replace"))
    if found is None or not is_probe_id(found[2]):
        return None
    origin = look_up(found[1]) or Origin()
    return Sighting(probe=found[2], at=at, asn=origin.asn, country=origin.country)


def complaint(topic: str, line: bytes) -> str:
    """Return an error or a warning of the broker as it may be repeated: without addresses; empty for the rest."""
    if topic.removeprefix(BROKER_LOG) not in {"E", "W"}:
        return ""
    text = _ADDRESS.sub("[address]", line[:1000].decode(errors="replace").partition(": ")[2])
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:_MOST]
