"""The file of line protocol: lines are added, and offered again where they could not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from balise_collector.sinks import SinkError
from balise_collector.sinks.influx.line_file import LineFile
from balise_collector.sinks.influx.point import Point


def test_the_file_grows(tmp_path: Path) -> None:
    """Lines are added to what is there; another path is another cursor."""
    sink = LineFile(str(tmp_path / "points.lp"))
    for n in range(2):
        sink.write([Point("m", (), (("f", n),), n)])
    assert (tmp_path / "points.lp").read_text() == "m f=0i 0\nm f=1i 1\n"
    assert sink.name != LineFile("-").name


def test_a_file_that_cannot_be_written_is_told_with_its_mend(tmp_path: Path) -> None:
    """The error names the file; the lines are offered again later."""
    with pytest.raises(SinkError, match="writable"):
        LineFile(str(tmp_path / "none" / "points.lp")).write([Point("m", (), (("f", 1),), 1)])
