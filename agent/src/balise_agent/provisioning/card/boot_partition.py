"""The FAT partition as a shelf of small files: which there are, reading them, and writing two of them back.

Lives here: listing and the two files we write (settings with blanked secrets, status). Everything is bounded: a card
may hold anything. Must not live here: which file is meant, or what is in it.
"""

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from balise_agent.provisioning.card import choice
from balise_agent.provisioning.card.choice import Candidate
from balise_agent.provisioning.card.reading import CardReading, read
from balise_agent.provisioning.card.text import LARGEST
from balise_agent.system import disk
from balise_wire.card import SETTINGS_FILE, STATUS_FILE, blank

_DRAFT: Final = f"{SETTINGS_FILE.removesuffix('.toml')}.new"
"""A name that the reader takes for a copy of the settings, if the power went in the middle of the rename."""
_STATUS_DRAFT: Final = "status.new"
_MOST_NAMES: Final = 4096
_MOST_FILES: Final = 8
_STATUS_LARGEST: Final = 64 * 1024


@dataclass(frozen=True)
class BootPartition:
    """What is on the card that concerns us."""

    candidates: tuple[Candidate, ...] = ()
    orders: tuple[tuple[str, str], ...] = ()
    """``pause`` or ``wipe``, and the name of the file that asks for it."""

    def asks(self, word: str) -> bool:
        """Tell whether a file asks for it."""
        return any(order == word for order, _ in self.orders)


def look(card: Path) -> BootPartition:
    """Read everything on the card that concerns us; a card that cannot be read is an empty one."""
    try:
        names = sorted(entry.name for entry, _ in zip(card.iterdir(), range(_MOST_NAMES), strict=False))
    except OSError:
        return BootPartition()
    found = [name for name in names if choice.is_settings(name)][:_MOST_FILES]
    orders = tuple((order, name) for name in names if (order := choice.order_of(name)))
    return BootPartition(tuple(one for name in found if (one := _candidate(card / name))), orders)


def _candidate(path: Path) -> Candidate | None:
    data = disk.content(path, LARGEST + 1)
    if data is None:
        return None
    try:
        modified = path.stat().st_mtime
    except OSError:
        modified = 0.0
    return Candidate(path.name, modified, read(data))


def blank_secrets(card: Path, candidates: tuple[Candidate, ...]) -> int:
    """Blank the secrets in every settings file on the card; return how many files changed (OSError)."""
    return sum(_blank_file(card / one.name, one.reading) for one in candidates)


def _blank_file(path: Path, reading: CardReading) -> bool:
    """Blank one file in its own encoding, every other byte as it was."""
    data = disk.content(path, 16 * LARGEST)
    if data is None:
        return False
    encoding = _encoding(data)
    text = data.decode(encoding, errors="surrogateescape" if encoding == "utf-8" else "replace")
    blanked = blank(text, reading.secrets).encode(
        encoding, errors="surrogateescape" if encoding == "utf-8" else "replace"
    )
    return blanked != data and disk.replace(path, blanked, draft=_DRAFT, mode=None)


def _encoding(data: bytes) -> str:
    """Return the encoding to blank in; ASCII words are the same in all that are not UTF-16."""
    half = data[:512]
    if data.startswith(codecs.BOM_UTF16_LE) or half[1::2].count(0) > 0.7 * max(1, len(half) // 2):
        return "utf-16-le"
    if data.startswith(codecs.BOM_UTF16_BE) or half[::2].count(0) > 0.7 * max(1, len(half) // 2):
        return "utf-16-be"
    return "utf-8"


def write_status(card: Path, text: str) -> bool:
    """Write the status file if it says something else than before (OSError)."""
    return disk.replace(card / STATUS_FILE, text.encode()[:_STATUS_LARGEST], draft=_STATUS_DRAFT, mode=None)


def remove(card: Path, name: str) -> None:
    """Remove one file (OSError)."""
    (card / name).unlink(missing_ok=True)
    disk.sync(card)
