"""Every kind by its word: found in the files of boxes/, read by the scenario language and by the machine alike.

Lives here: the search, and the refusal of a file or word that cannot be. Must not live here: any kind.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Any, Final

from balise_lab import boxes
from balise_lab.boxes.engine.kind import Kind
from balise_lab.boxes.engine.setting import Setting
from balise_wire.incomplete import Incomplete


def discover(package: ModuleType) -> Mapping[str, Kind]:
    """Return the kinds of a package's modules by word, in the order of the files.

    Raises:
        Incomplete: a file has no ``KINDS``, two kinds have one word, or two parameters of one name differ; the
            message names the file.
    """
    found: dict[str, Kind] = {}
    settings: dict[str, Setting[Any]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            continue
        here = f"{package.__name__}.{module.name}"
        kinds = getattr(importlib.import_module(here), "KINDS", ())
        if not kinds:
            raise Incomplete(f"{here} lacks KINDS: a tuple with a Kind for each word")
        for kind in kinds:
            if kind.word in found:
                raise Incomplete(f"{here}: the kind {kind.word!r} is there already")
            found[kind.word] = kind
            for setting in kind.settings:
                first = settings.setdefault(setting.name, setting)
                if (first.unit, first.means) != (setting.unit, setting.means):
                    raise Incomplete(f"{here}: the parameter {setting.name!r} of {kind.word} means something else")
    return MappingProxyType(found)


KINDS: Final = discover(boxes)
