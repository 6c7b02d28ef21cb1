"""Every counterpart by its name: found in the files of counterparts/, read by the loader and by whoever starts servers.

Lives here: the search, the refusal of a file that cannot be, and of an experiment that nobody answers. Must not live
here: any protocol.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from types import MappingProxyType, ModuleType
from typing import Final

from balise_lab import counterparts
from balise_lab.counterparts.engine.counterpart import Counterpart
from balise_wire.experiments import OF_TARGETS, PARAMETERS, REGISTRY, WORD_OF
from balise_wire.experiments.traits import Parameters
from balise_wire.incomplete import Incomplete
from balise_wire.words import Experiment


def discover(package: ModuleType, wanted: Iterable[Experiment]) -> Mapping[str, Counterpart]:
    """Return the counterparts of a package's modules by name, in the order of the files.

    Args:
        package: whose modules.
        wanted: experiments that must find an answer.

    Raises:
        Incomplete: a file has no ``COUNTERPART``, two have one name, or an experiment is answered by none; the message
            names it.
    """
    found: dict[str, Counterpart] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            continue
        here = f"{package.__name__}.{module.name}"
        counterpart = getattr(importlib.import_module(here), "COUNTERPART", None)
        if not isinstance(counterpart, Counterpart):
            raise Incomplete(f"{here} lacks COUNTERPART: the record of a server and the experiments it answers")
        if counterpart.name in found:
            raise Incomplete(f"{here}: the counterpart {counterpart.name!r} is there already")
        found[counterpart.name] = counterpart
    answered = {experiment for one in found.values() for experiment in one.experiments}
    lost = [experiment.value for experiment in wanted if experiment not in answered]
    if lost:
        raise Incomplete(f"{package.__name__}: no file answers the experiments {', '.join(lost)}")
    return MappingProxyType(found)


COUNTERPARTS: Final = discover(counterparts, OF_TARGETS)
USUAL: Final[tuple[Experiment, ...]] = tuple(
    word
    for word in OF_TARGETS
    if REGISTRY[word].of_service and any(one.usual and word in one.experiments for one in COUNTERPARTS.values())
)
"""What a target is measured with unless a scenario says so: all that says something of its service."""


OVER_SIX: Final[tuple[Experiment, ...]] = tuple(
    word for word in OF_TARGETS if any(one.over_six and word in one.experiments for one in COUNTERPARTS.values())
)
"""What a target can be measured with over IPv6 as well."""


def said(port: int) -> dict[Experiment, Parameters]:
    """Return what a target on a port says to each experiment unless a scenario says otherwise."""
    found: dict[Experiment, Parameters] = {word: PARAMETERS[word]() for word in OF_TARGETS}
    return found | {WORD_OF[type(one)]: one for each in COUNTERPARTS.values() for one in each.says(port)}
