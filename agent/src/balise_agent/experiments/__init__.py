"""The experiments: each a folder with one question. Pure: no socket, clock or chance.

A new one is its word and module in ``balise_wire`` and its folder here, with the parts below; no line outside of it is
edited. Where a folder or a part is missing this package does not import, and one message names all of it
(``balise_wire.experiments.registry.Incomplete``). Must not live here: any one experiment.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from balise_agent.experiments.experiment import AgentExperiment, Contacts, ExperimentPlan, TrialReader
from balise_agent.policy.scrub import Rule
from balise_wire.experiments import MEASURED, OBSERVATIONS
from balise_wire.experiments import REGISTRY as TRAITS
from balise_wire.experiments.registry import Gathered, Part, gather, instance
from balise_wire.incomplete import Incomplete
from balise_wire.trial import Trial
from balise_wire.words import Experiment

# mypy takes no abstract class for a type; what is asked for is an instance, and the concrete ones are checked in full.
_PLAN = instance("plan:PLAN", ExperimentPlan)  # type: ignore[type-abstract]
_CONTACTS = instance("contacts:CONTACTS", Contacts)  # type: ignore[type-abstract]
_READER = instance("outcome:READER", TrialReader)  # type: ignore[type-abstract]
_RESERVED: Final = tuple(word for word in TRAITS if word not in MEASURED)
"""Words that nothing carries out yet: their trials are readable, so that none leaves unscrubbed when something does."""


def _gathered(*wanted: tuple[tuple[Experiment, ...], tuple[Part[Any], ...]]) -> list[Gathered]:
    """Return the parts of all words.

    Raises:
        Incomplete: naming whatever is missing of any.
    """
    found, missing = list[Gathered](), list[str]()
    for words, parts in wanted:
        try:
            found.append(gather(__name__, parts, words))
        except Incomplete as error:
            missing.append(str(error))
    if missing:
        raise Incomplete("; ".join(missing))
    return found


_measured, _reserved = _gathered((MEASURED, (_PLAN, _CONTACTS, _READER)), (_RESERVED, (_READER,)))

REGISTRY: Final[Mapping[Experiment, AgentExperiment]] = MappingProxyType(
    {
        word: AgentExperiment(
            traits=TRAITS[word],
            plan=_measured.of(_PLAN)[word],
            contacts=_measured.of(_CONTACTS)[word],
            reader=_measured.of(_READER)[word],
        )
        for word in MEASURED
    }
)
"""Every experiment that this program carries out, by its word."""
_READERS: Final = {
    OBSERVATIONS[word]: reader for found in (_measured, _reserved) for word, reader in found.of(_READER).items()
}
SCRUB_RULES: Final[Mapping[type[Trial], Rule]] = MappingProxyType(
    {kind: reader.scrub for kind, reader in _READERS.items()}
)
"""What may leave of each kind of observation (policy/scrub.py)."""


def reader_of(trial: Trial) -> TrialReader[Any]:
    """Return what reads a trial, by its kind."""
    return _READERS[type(trial)]
