"""What the command tests share: a runner of commands on settings in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from balise_collector.run.cli import main

SETTINGS = """
[collector]
state_dir = "{folder}/state"
[broker]
host = "127.0.0.1"
[enrolment]
host = "127.0.0.1"
port = 8443
names = ["front.example"]
addresses = ["192.0.2.1"]
[[enrolment.brokers]]
host = "front.example"
"""


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a runner of commands: status, output, errors."""
    settings = tmp_path / "collector.toml"
    settings.write_text(SETTINGS.format(folder=tmp_path))

    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(["--config", str(settings), *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call
