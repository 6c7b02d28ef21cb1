"""The writer of line protocol to a file or to standard output: for pipes, imports and inspection.

Must not live here: what a line holds (line_protocol.py).
"""

from collections.abc import Sequence

from balise_collector.sinks.file import append
from balise_collector.sinks.influx.line_protocol import lines_of
from balise_collector.sinks.influx.point import Point


class LineFile:
    """Appends lines; ``-`` is standard output."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """Name of its cursors: another file is another sink, and gets everything."""
        return f"line-protocol:{self._path}"

    def write(self, points: Sequence[Point]) -> None:
        """Append, and return when the lines are on disk (SinkError when they are not)."""
        append(self._path, lines_of(points))
