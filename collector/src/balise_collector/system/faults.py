"""What could not be dealt with: it is set aside, counted and told, and what comes behind it goes on. Pure.

A fault of ours in front of one row, cell or page costs that row, cell or page. Lives here: the record of one fault, and
the block that turns an exception into one. Must not live here: where faults are kept (journal/) or how they are told
(pipeline.py, pages). What says that a file cannot be read or written now (JournalError) is no fault of a row: it passes
through, and its owner tries again.
"""

from typing import Final

import msgspec

from balise_collector.system.errors import JournalError

HELD_MOST: Final = 10_000
"""Faults that wait to be written down; then further ones are only counted."""
_WORDS_MOST: Final = 300


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was set aside."""

    place: str
    """Where it could not be dealt with: ``judge``, ``detect``, ``store``, ``journal``, ``cell ...``, ``points``."""
    seq: int = 0
    """Its row in the journal (for a sink: the number of the change); 0 for what is no row."""
    rows: int = 1
    """How many rows from ``seq`` on it stands for: a damaged page of the disk holds many."""
    error: str


def words_of(error: BaseException) -> str:
    """Return an exception in words, bounded and printable: it may quote what a stranger sent."""
    text = f"{type(error).__name__}: {error}"[:_WORDS_MOST]
    return "".join(letter if letter.isprintable() else "?" for letter in text)


class Faults:
    """Collects faults until somebody writes them down."""

    def __init__(self) -> None:
        self._held: list[Fault] = []
        self.unheld = 0
        """Faults beyond HELD_MOST, which nobody will read."""

    def note(self, place: str, error: BaseException | str, seq: int = 0) -> None:
        """Note one fault."""
        self.hold(Fault(place=place[:200], seq=seq, error=error if isinstance(error, str) else words_of(error)))

    def set_aside(self, place: str, seq: int = 0) -> "_SetAside":
        """Return a block; whatever it raises becomes a fault, and the caller goes on behind it."""
        return _SetAside(self, place, seq)

    def hold(self, fault: Fault) -> None:
        """Note a fault that somebody else found."""
        if len(self._held) >= HELD_MOST:
            self.unheld += 1
        else:
            self._held.append(fault)

    def drain(self) -> list[Fault]:
        """Return what was noted since the last call."""
        held, self._held = self._held, []
        return held


class _SetAside:
    """The block of ``Faults.set_aside``."""

    __slots__ = ("_faults", "_place", "_seq")

    def __init__(self, faults: Faults, place: str, seq: int) -> None:
        self._faults = faults
        self._place = place
        self._seq = seq

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        """Note what was raised, unless it says that a file is at fault or that the program is to end."""
        if not isinstance(error, Exception) or isinstance(error, JournalError):
            return False
        self._faults.note(self._place, error, self._seq)
        return True
