"""Modules that lie in test folders: those folders are no packages (importlib mode), so a file is loaded by its path.

Lives here: the one loader. It runs in the agent-only environment too, so it imports no member. Must not live here:
fixtures (conftest.py), or anything that only one folder wants.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any


def load(path: Path) -> Any:
    """Return the module in a file, once for the whole run; errors of the file itself pass through."""
    unique = "balise_tests_" + "_".join([*path.resolve().parent.parts[-2:], path.stem])
    if unique not in sys.modules:
        spec = importlib.util.spec_from_file_location(unique, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[unique] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[unique])
    return sys.modules[unique]


def beside(file: str, name: str) -> Any:
    """Return the module ``name`` that lies beside ``file`` (a ``__file__``)."""
    return load(Path(file).with_name(f"{name}.py"))
