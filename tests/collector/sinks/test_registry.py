"""The table of sinks: what the settings ask for is opened, and a table of no sink is said with its mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from balise_collector.sinks.registry import check
from balise_collector.system.config import Config, load
from balise_collector.system.errors import ConfigError


def written(tmp_path: Path, text: str) -> Config:
    """Return settings that were read from a file."""
    path = tmp_path / "collector.toml"
    path.write_text("[broker]\nhost='x'\n" + text)
    return load(path)


def test_each_sink_says_where_it_goes(tmp_path: Path) -> None:
    """Old settings name a file of line protocol and an InfluxDB; a sink's own table stands beside them."""
    assert check(written(tmp_path, "")) == {}
    config = written(
        tmp_path,
        "[sinks]\nline_protocol_file='/var/p.lp'\n[sinks.changes]\nfile='/var/c.jsonl'\n"
        "[influx]\nurl='http://127.0.0.1:8086'\ntoken='x'\n",
    )
    assert list(check(config)) == ["file", "influx", "changes"]
    assert check(config)["changes"] == "/var/c.jsonl"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sinks.chanegs]\nfile='x'\n", "did you mean 'changes'"),
        ("[sinks.changes]\nfil='x'\n", r"sinks.changes.*did you mean 'file'"),
        ("[sinks.changes]\nfile=3\n", r"sinks.changes.*text"),
    ],
)
def test_a_table_that_cannot_work_is_said_with_its_mend(tmp_path: Path, text: str, words: str) -> None:
    """A sink that was mistyped must not be silently absent."""
    with pytest.raises(ConfigError, match=words):
        check(written(tmp_path, text))
