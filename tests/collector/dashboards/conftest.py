"""What the tests of the dashboards share: the committed files as Grafana would read them.

Must not live here: rules.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture(scope="session")
def folder(repo_root: Path) -> Path:
    """Return where dashboards and provisioning lie."""
    return repo_root / "collector" / "dashboards"


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


@pytest.fixture(scope="session")
def beside() -> Callable[[str], Any]:
    """Import a module that lies beside this file: test folders are no packages (importlib mode)."""

    def load(name: str) -> Any:
        unique = f"balise_tests_dashboards_{name}"
        if unique not in sys.modules:
            spec = importlib.util.spec_from_file_location(unique, Path(__file__).with_name(f"{name}.py"))
            assert spec is not None
            assert spec.loader is not None
            sys.modules[unique] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[unique])
        return sys.modules[unique]

    return load
