"""Writing the status where others find it: ``status.json`` for programs, ``status.txt`` for the card.

A word that changed is written soon, to the text at most once a minute; mere figures of the text wait an hour, because
each new text costs the card a write. Lives here: the two files, their folder, and when. Must not live here: the words.
"""

import logging
from pathlib import Path
from typing import Final

import msgspec

from balise_agent.system import disk
from balise_agent.system.config import Config
from balise_agent.system.status import Status, for_card, words

_log = logging.getLogger(__name__)

RECORD: Final = "status.json"
TEXT: Final = "status.txt"
SERVICE_FOLDER: Final = "run/balise"
"""Of the shipped unit (RuntimeDirectory=), below the root."""
_LOOK_SECONDS: Final = 5.0
_LEAST_SECONDS: Final = 60.0
_FIGURES_SECONDS: Final = 3600.0


class StatusFile:
    """The two files in one folder; a folder that refuses costs the status, never the measuring."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told: tuple[str, ...] = ()
        self._text_at = float("-inf")
        self._record_at = float("-inf")
        self._looked_at = float("-inf")
        self._recorded: tuple[str, ...] = ()
        self._refused = False

    def due(self, monotonic: float) -> bool:
        """Whether a look is worth the gathering now (real seconds)."""
        return monotonic - self._looked_at >= _LOOK_SECONDS

    def write(self, status: Status, monotonic: float, *, at_once: bool = False) -> None:
        """Write what is due.

        Args:
            status: how things stand.
            monotonic: real seconds.
            at_once: do not wait for the minute: a new state, which is rare.
        """
        self._looked_at = monotonic
        told = words(status)
        age = monotonic - self._text_at
        if at_once or age >= _FIGURES_SECONDS or (told != self._told and age >= _LEAST_SECONDS):
            self._text_at, self._told = monotonic, told
            self._replace(TEXT, for_card(status).encode())
        if at_once or told != self._recorded or monotonic - self._record_at >= _LEAST_SECONDS:
            self._record_at, self._recorded = monotonic, told
            self._replace(RECORD, msgspec.json.encode(status) + b"\n")

    def _replace(self, name: str, content: bytes) -> None:
        """Replace a file whole; where the folder lies on a disk, no copy of what it said stays behind."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            disk.replace(self._folder / name, content, draft=f".{name}.new", mode=0o640)
        except OSError as error:
            if not self._refused:
                _log.warning("the status cannot be written to %s: %s", self._folder, error.strerror)
            self._refused = True
        else:
            self._refused = False


def found(config: Config, root: Path = Path("/")) -> Path:
    """Return the folder that a person's command finds the status in: that person has no $RUNTIME_DIRECTORY."""
    folder = config.runtime_dir()
    usual = root / SERVICE_FOLDER
    return usual if not (folder / RECORD).exists() and (usual / RECORD).exists() else folder


def read(folder: Path) -> Status | None:
    """Return what the running program last wrote; None where there is nothing readable."""
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=Status)
    except (OSError, msgspec.DecodeError):
        return None
