"""The sink that writes line protocol to a file or to standard output: for pipes, imports and inspection.

Lives here: appending and flushing to disk. Must not live here: what a line holds.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from balise_collector.sinks import Point, SinkError
from balise_collector.sinks.line_protocol import lines_of


class FileSink:
    """Appends lines; ``-`` is standard output."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """Name of its cursor: another file is another sink, and gets everything."""
        return f"line-protocol:{self._path}"

    def take(self, points: Sequence[Point]) -> None:
        """Append, and return when the lines are on disk (SinkError when they are not)."""
        text = lines_of(points)
        try:
            if self._path == "-":
                sys.stdout.write(text)
                sys.stdout.flush()
                return
            with Path(self._path).open("a", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SinkError(
                f"{self._path}: {error.strerror}; make it writable or make room, the lines are offered again"
            ) from None
