"""What the box remembers of its card on the data partition: last good settings, made-up addresses, marks.

Lives here: names and formats of those files. The memory holds the Wi-Fi password and belongs to root alone; the agent's
user gets the overlay and nothing else. Must not live here: when they are written.
"""

from pathlib import Path
from typing import Final

import msgspec

from balise_agent.system import disk
from balise_wire.card import CardSettings

OVERLAY: Final = "card.toml"
MEMORY: Final = "card.json"
NOTES: Final = "card.txt"
"""What was to be said of the settings file at the last start, for the status."""
PAUSED: Final = "paused"
"""Its existence is a pause (lifecycle.py); its content says who asked, so that nobody else ends it."""
BY_CARD: Final = b"card\n"
BY_COMMAND: Final = b"command\n"
WIPING: Final = "wiping"
"""A wipe is under way: nothing starts before it is finished."""
WIPED: Final = "wiped"
"""A wipe is done: the box stays silent until a new token comes."""
DRAFT: Final = ".card.new"
_ENROLLED: Final = "enrolment/enrolled"
_SPENT: Final = "enrolment/token"


class CardMemory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``card.json``."""

    settings: CardSettings | None = None
    """The settings in force at the last start."""
    wired: str = ""
    wireless: str = ""


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """``wiping`` and ``wiped``."""

    tokens: tuple[str, ...] = ()
    """Digests of the tokens that are not to be used again."""


def recall(data: Path) -> CardMemory:
    """Return what is remembered; a damaged memory is an empty one."""
    try:
        return msgspec.json.decode(disk.content(data / MEMORY) or b"{}", type=CardMemory)
    except msgspec.DecodeError:
        return CardMemory()


def remember(data: Path, memory: CardMemory) -> None:
    """Write the memory, for root alone (OSError)."""
    disk.replace(data / MEMORY, msgspec.json.encode(memory), draft=DRAFT)


def marks(data: Path, name: str) -> Marks | None:
    """Return what a mark says, ``None`` where there is none; one that is damaged stands nevertheless."""
    if not (data / name).exists():
        return None
    try:
        return msgspec.json.decode(disk.content(data / name) or b"{}", type=Marks)
    except msgspec.DecodeError:
        return Marks()


def mark(data: Path, name: str, tokens: tuple[str, ...]) -> None:
    """Set a mark (OSError)."""
    text = msgspec.json.encode(Marks(tokens=tuple(dict.fromkeys(tokens))))
    disk.replace(data / name, text, draft=DRAFT, like=data)


def is_enrolled(data: Path) -> bool:
    """Tell whether the agent has its certificate."""
    return (data / _ENROLLED).exists()


def spent(data: Path) -> str:
    """Return the digest of the token that the agent used, as it wrote it down; empty before."""
    return (disk.content(data / _SPENT) or b"").decode("ascii", errors="replace").strip()
