"""The sink that appends every change to a file, one JSON object a line: for programs, exports and notifiers of others.

Lives here: the line, and appending so that it is on the disk. A change that is offered again is written again: a reader
goes by ``type`` and ``no``. Must not live here: which changes flow (streams.py).
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from balise_collector.sinks import SinkError
from balise_collector.sinks.changes import Change
from balise_collector.sinks.context import SinkContext, settings_of
from balise_collector.sinks.streams import EVENTS, HEALTH, Conclusions, Rows, Sources, Stream
from balise_collector.system.config import Config
from balise_collector.system.faults import Faults

NAME: Final = "changes"
_encoder: Final = msgspec.json.Encoder()


class ChangesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[sinks.changes]``."""

    file: str
    """Changes are appended to this file; ``-`` is standard output."""


class ChangesFile:
    """Appends changes as JSON, one a line."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """Name of its cursors: another file is another sink, and gets everything."""
        return f"changes:{self._path}"

    def take(self, changes: Sequence[Change], faults: Faults) -> None:
        """Append, and return when the lines are on disk (SinkError when they are not)."""
        lines: list[bytes] = []
        for change in changes:
            with faults.set_aside("changes", change.no):
                lines.append(_encoder.encode(change) + b"\n")
        append(self._path, b"".join(lines).decode())


def append(path: str, text: str) -> None:
    """Append to a file and return when it is on disk; ``-`` is standard output.

    Raises:
        SinkError: it could not be written, or not all of it.
    """
    try:
        if path == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SinkError(
            f"{path}: {error.strerror}; make it writable or make room, the lines are offered again"
        ) from None


def wanted(config: Config) -> str:
    """Say where the changes go, for the log; empty where nowhere (ConfigError for a table that cannot be used)."""
    settings = settings_of(config, NAME, ChangesSettings)
    return settings.file if settings else ""


@contextmanager
def streams(context: SinkContext, sources: Sources) -> Iterator[Sequence[Stream]]:
    """Yield what flows: what was concluded, and what probes report of themselves."""
    sink = ChangesFile(wanted(context.config))
    with closing(context.open_registry()) as registry:
        yield [
            Conclusions(sink, NAME, sources),
            Rows(HEALTH, sink, f"{NAME}-health", sources, registry.fleet),
            Rows(EVENTS, sink, f"{NAME}-events", sources, registry.fleet),
        ]
