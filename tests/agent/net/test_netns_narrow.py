"""Delivery over a way that is narrower than it seems, with a real publisher, a real broker and a real kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.netns

PLAY = Path(__file__).with_name("netns_narrow.py")


def played(wrapper: tuple[str, ...], tools: Path, *arguments: str) -> dict[str, Any]:
    """Play, and return what was found."""
    done = subprocess.run(
        (*wrapper, sys.executable, str(PLAY), *arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("mtu", "segments"), [(1500, []), (1280, [1220]), (600, [1220, 536])])
def test_after_two_stalled_connections_segments_get_smaller(
    namespace_wrapper: tuple[str, ...], tools_bin: Path, mtu: int, segments: list[int]
) -> None:
    """Full packets vanish without a word: everything arrives all the same, and the listener is told each step."""
    found = played(namespace_wrapper, tools_bin, str(mtu))
    assert (found["arrived"], found["segments"]) == (3, segments)
    assert found["connections"] == 1 + 2 * len(segments)


def test_a_kernel_that_probes_needs_no_smaller_segments(namespace_wrapper: tuple[str, ...], tools_bin: Path) -> None:
    """What card, playbooks and compose set (RFC 4821): one connection, and no word from us."""
    found = played(namespace_wrapper, tools_bin, "1280", "probing")
    assert (found["arrived"], found["segments"], found["connections"]) == (3, [], 1)
