"""What the tests of the dashboards share: the committed files as Grafana would read them.

Must not live here: rules.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.collector.conftest import epoch, influx, make_influx, make_module_probe
from tests.testbed.neighbours import beside

__all__ = ["epoch", "influx", "make_influx", "make_module_probe"]


@pytest.fixture(scope="session")
def folder(repo_root: Path) -> Path:
    """Return where dashboards and provisioning lie."""
    return repo_root / "dashboards"


@pytest.fixture(scope="session")
def boards(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the committed dashboards by uid."""
    read = [json.loads(path.read_text("utf-8")) for path in sorted((folder / "json").glob("*.json"))]
    return {board["uid"]: board for board in read}


@pytest.fixture(scope="session")
def provisioned(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the committed provisioning files by their path."""
    root = folder / "provisioning"
    paths = sorted(root.rglob("*.yaml"))
    return {str(path.relative_to(root)): yaml.safe_load(path.read_text("utf-8")) for path in paths}


@pytest.fixture(scope="session", name="beside")
def beside_fixture() -> Callable[[str], Any]:
    """Return the loader of modules that lie beside this file."""
    return functools.partial(beside, __file__)
