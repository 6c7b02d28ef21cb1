"""The lab, brought up once for all tests of this folder that are marked `lab`.

Lives here: the process that holds it (ground.py, inside the namespaces) and the handle tests call it by.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from balise_lab import wrapper
from balise_lab.topology import Topology, build
from tests.testbed.neighbours import load

SCALE = 60.0


class Handle:
    """`ground("tls", place=..., ...)` asks the process inside and returns its answer, or raises what it said."""

    def __init__(self, process: subprocess.Popen[str], topology: Topology) -> None:
        self.process = process
        self.topology = topology
        self.up_seconds: float = self._answer()

    def __call__(self, do: str, **arguments: Any) -> Any:
        """Ask for one thing."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the lab died: exit {self.process.wait()}"
        said = json.loads(line)
        if "error" in said:
            raise RuntimeError(said["error"])
        return said["result"]

    @contextmanager
    def box(self, **fields: Any) -> Iterator[dict[str, int]]:
        """A box that stands within the block; the yielded dict holds its counters afterwards."""
        counted: dict[str, int] = {}
        self("start", id="under-test", **fields)
        try:
            yield counted
        finally:
            counted.update(self("stop", identifier="under-test"))

    def address(self, name: str, *, in_country: bool = True) -> str:
        """First address of a name as the country (or the world) is told it."""
        return self.topology.records(in_country=in_country)[name][0]


def start(folder: Path, *, prefix: list[str] | None = None) -> Handle:
    """Start the process inside; `prefix` replaces the wrapper's own choice."""
    script = Path(__file__).with_name("ground.py")
    argv = [sys.executable, str(script), str(folder), str(SCALE)]
    process = subprocess.Popen(
        [*prefix, *argv] if prefix else wrapper.command(argv),
        env={**os.environ, wrapper.INSIDE: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    layout = load(script).LAYOUT
    return Handle(process, build(layout))


def finish(handle: Handle) -> None:
    """End the process and everything in it."""
    assert handle.process.stdin is not None
    assert handle.process.stdout is not None
    handle.process.stdin.close()
    handle.process.wait(20)
    handle.process.stdout.close()


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handle]:
    """The lab, up."""
    handle = start(tmp_path_factory.mktemp("lab"))
    yield handle
    finish(handle)
