"""The experiments, as both ends know them: one module each, found by the word in ``words.Experiment``.

A new one is its word in that list and its module here; nothing else of this package is edited. Each module has
``<Name>Observation`` (what a trial saw; its tag is the word), ``<Name>Parameters`` (what a target says to it),
``TRAITS`` and ``cost``; where one lacks any of them this package does not import, and says what is missing
(``registry.Incomplete``). Must not live here: any one experiment.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from balise_wire.experiments.registry import function, gather, instance, subclass
from balise_wire.experiments.traits import Parameters, RunShape, Traits
from balise_wire.incomplete import Incomplete
from balise_wire.trial import Trial
from balise_wire.words import Design, Experiment


def _bytes(shape: RunShape) -> int:
    """Have the type of every ``cost``."""
    raise NotImplementedError(shape)


_TRAITS = instance(":TRAITS", Traits)
_OBSERVATION = subclass(":{Name}Observation", Trial)
_PARAMETERS = subclass(":{Name}Parameters", Parameters)
_COST = function(":cost", _bytes)
_found = gather(__name__, (_TRAITS, _OBSERVATION, _PARAMETERS, _COST))

REGISTRY: Final[Mapping[Experiment, Traits]] = _found.of(_TRAITS)
"""The traits of every experiment, in the order of the words."""
OBSERVATIONS: Final[Mapping[Experiment, type[Trial]]] = _found.of(_OBSERVATION)
PARAMETERS: Final[Mapping[Experiment, type[Parameters]]] = _found.of(_PARAMETERS)
WORD_OF: Final[Mapping[type[Parameters], Experiment]] = MappingProxyType({k: word for word, k in PARAMETERS.items()})
"""The experiment of each record of parameters."""
MEASURED: Final[tuple[Experiment, ...]] = tuple(word for word, traits in REGISTRY.items() if not traits.unplanned)
"""The experiments that are carried out: each needs a plan in the agent and rules in the collector."""
OF_TARGETS: Final[tuple[Experiment, ...]] = tuple(word for word in MEASURED if REGISTRY[word].of_target)
"""Those that a target may ask for."""


def cost(word: Experiment, shape: RunShape) -> int:
    """Return the bytes that a run is reckoned to cost, both directions with headers, on the generous side.

    What really crosses is counted by the probe on its sockets. 0 for an experiment that this version does not know.
    """
    if word not in _COSTS:
        return 0
    whole = _COSTS[word](shape)
    if shape.design in {Design.SENTINEL, Design.PAIRED}:
        return whole
    # On demand the subject is asked once more after the whole plan.
    return whole + _COSTS[word](msgspec.structs.replace(shape, design=Design.SENTINEL))


_COSTS: Final = _found.of(_COST)


def _misnamed() -> list[str]:
    """Return what says that it is another experiment than its module."""
    return [
        f"{what} of {word.value} says {said!r}"
        for word in REGISTRY
        for what, said in (
            ("TRAITS", REGISTRY[word].word.value),
            ("the tag of the observation", OBSERVATIONS[word].__struct_config__.tag),
        )
        if said != word.value
    ]


if _misnamed():
    raise Incomplete("; ".join(_misnamed()))
