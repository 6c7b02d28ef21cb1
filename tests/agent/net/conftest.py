"""How a test of the net layer gets its namespaces: a play runs in a program of its own and prints what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLAYS = Path(__file__).with_name("netns_plays.py")
HOSTILE = Path(__file__).with_name("netns_hostile.py")
FIELD = Path(__file__).with_name("netns_field.py")


@pytest.fixture(scope="session")
def play(namespace_wrapper: tuple[str, ...], tools_bin: Path) -> Callable[[str], Any]:
    """Return a function that runs a play of netns_plays.py, once a session, and returns its findings."""
    return _player(PLAYS, namespace_wrapper, tools_bin)


@pytest.fixture(scope="session")
def field_play(namespace_wrapper: tuple[str, ...], tools_bin: Path) -> Callable[[str], Any]:
    """Return a function that runs a play of netns_field.py, once a session, and returns its findings."""
    return _player(FIELD, namespace_wrapper, tools_bin)


@pytest.fixture(scope="session")
def hostile_play(namespace_wrapper: tuple[str, ...], tools_bin: Path) -> Callable[[str], Any]:
    """Return a function that runs a play of netns_hostile.py, once a session, and returns its findings."""
    return _player(HOSTILE, namespace_wrapper, tools_bin)


def _player(script: Path, namespace_wrapper: tuple[str, ...], tools_bin: Path) -> Callable[[str], Any]:
    found: dict[str, Any] = {}

    def run(name: str) -> Any:
        if name not in found:
            environment = {**os.environ, "PATH": f"{tools_bin}:{os.environ['PATH']}"}
            environment.pop("BALISE_CLOCK", None)
            command = [*namespace_wrapper, sys.executable, str(script), name]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90, env=environment)
            assert done.returncode == 0, done.stderr[-4000:]
            found[name] = json.loads(done.stdout)
        return found[name]

    return run
