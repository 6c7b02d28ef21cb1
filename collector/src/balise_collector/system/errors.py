"""Whose fault an exception is: the operator's is a ConfigError, ours is a JournalError.

The network's failure is never an exception here: it arrived as data, and hostile input becomes a quarantine row.
"""

from pathlib import Path


class ConfigError(ValueError):
    """The operator's mistake: the message names the place, what is wrong with it, and what to write instead."""


class JournalError(RuntimeError):
    """The journal cannot keep or give back what it promised; the message names the file and the mend."""


class DamagedError(JournalError):
    """A file is no sound database any more: nothing will be read or written there until it is made anew."""

    def __init__(self, message: str, path: Path) -> None:
        """Say what is wrong, and with which file."""
        super().__init__(message)
        self.path = path
