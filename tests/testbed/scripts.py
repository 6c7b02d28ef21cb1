"""The developers' programs of tools/, as modules: they have no suffix, so that they are typed as they are named."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def load(name: str) -> ModuleType:
    """Return a program of tools/ as a module of its own, read anew; its ``main`` is not called."""
    word = name.replace("-", "_")
    loader = importlib.machinery.SourceFileLoader(word, str(TOOLS / name))
    spec = importlib.util.spec_from_loader(word, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[word] = module  # its dataclasses look their module up
    loader.exec_module(module)
    return module
