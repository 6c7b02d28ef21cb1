"""The experiments, as both ends know them: one module each, found by the word in ``words.Experiment``.

A new one is its word in that list and its module here; nothing else of this package is edited. Each module has
``<Name>Observation`` (what a trial saw; its tag is the word), ``<Name>Parameters`` (what a target says to it),
``TRAITS``, ``usual`` and ``cost``; where one lacks any of them this package does not import, and says what is missing
(``registry.Incomplete``). Must not live here: any one experiment.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from balise_wire.experiments.registry import function, gather, instance, subclass
from balise_wire.experiments.traits import Parameters, RunShape, Traits
from balise_wire.incomplete import Incomplete
from balise_wire.trial import Trial
from balise_wire.words import Design, Experiment


def _bytes(shape: RunShape) -> int:
    """Have the type of every ``usual`` and ``cost``."""
    raise NotImplementedError(shape)


_TRAITS = instance(":TRAITS", Traits)
_OBSERVATION = subclass(":{Name}Observation", Trial)
_PARAMETERS = subclass(":{Name}Parameters", Parameters)
_COST = function(":cost", _bytes)
_USUAL = function(":usual", _bytes)
_found = gather(__name__, (_TRAITS, _OBSERVATION, _PARAMETERS, _COST, _USUAL))

REGISTRY: Final[Mapping[Experiment, Traits]] = _found.of(_TRAITS)
"""The traits of every experiment, in the order of the words."""
OBSERVATIONS: Final[Mapping[Experiment, type[Trial]]] = _found.of(_OBSERVATION)
PARAMETERS: Final[Mapping[Experiment, type[Parameters]]] = _found.of(_PARAMETERS)
WORD_OF: Final[Mapping[type[Parameters], Experiment]] = MappingProxyType({k: word for word, k in PARAMETERS.items()})
"""The experiment of each record of parameters."""
MEASURED: Final[tuple[Experiment, ...]] = tuple(word for word, traits in REGISTRY.items() if not traits.unplanned)
"""The experiments that are carried out: each needs a plan in the agent and rules in the collector."""
OF_TARGETS: Final[tuple[Experiment, ...]] = tuple(
    word for word in MEASURED if REGISTRY[word].of_target and not REGISTRY[word].asked
)
"""Those that a target may ask for."""
ASKED: Final[tuple[Experiment, ...]] = tuple(word for word in MEASURED if REGISTRY[word].asked)
"""Those that a request alone may ask for, of a target."""


def cost(word: Experiment, shape: RunShape) -> int:
    """Return the bytes that a run costs at most, both directions with IP headers: what a budget reckons with.

    It holds for servers that answer, and for those that do not (docs/bytes.md); what really crosses is counted by the
    probe on its sockets. 0 for an experiment that this version does not know.
    """
    return _whole(_COSTS, word, shape)


def usual(word: Experiment, shape: RunShape) -> int:
    """Return the bytes that a run costs where all goes well, within a tenth: what a day is planned by.

    Of ``path``, which is asked where something is cut: where the name is cut near the home, on a way of ten hops.
    """
    return _whole(_USUALS, word, shape)


_COSTS: Final = _found.of(_COST)
_USUALS: Final = _found.of(_USUAL)


def _whole(table: Mapping[Experiment, Callable[[RunShape], int]], word: Experiment, shape: RunShape) -> int:
    if word not in table:
        return 0
    whole = table[word](shape)
    if shape.design in {Design.SENTINEL, Design.PAIRED}:
        return whole
    # On demand the subject is asked once more after the whole plan.
    return whole + table[word](msgspec.structs.replace(shape, design=Design.SENTINEL))


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
