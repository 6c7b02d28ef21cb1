"""The experiments as the collector knows them: one folder each, found by the word in ``balise_wire.words.Experiment``.

A new one is its folder here; nothing else of the collector is edited. Each folder has the parts that are named below;
where one lacks any of them this package does not import, and says all that is missing (``Incomplete``). Judge, pages,
sinks, intake and export ask the tables of this module and know no experiment by name. Must not live here: any one
experiment. May import: wire, ``judge`` (what a rule is), ``system``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from balise_collector.experiments.bounds import Bounds, Destination
from balise_collector.experiments.export import Exported
from balise_collector.experiments.points import Points
from balise_collector.experiments.shown import Evidence
from balise_collector.judge import unknown
from balise_collector.judge.context import Context
from balise_collector.judge.record import bars
from balise_collector.judge.references import ReferenceTable, Report
from balise_collector.judge.rules import Facts, Layer, Rule, bare_facts
from balise_collector.judge.signs import Sign
from balise_wire.experiments import OBSERVATIONS
from balise_wire.experiments.registry import Part, function, gather, instance
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.mechanisms import Mechanism
from balise_wire.trial import Trial
from balise_wire.words import Experiment


def _facts(measurement: Measurement, context: Context) -> Facts:
    """Have the type of every ``facts``."""
    raise NotImplementedError(measurement, context)


def _note(table: ReferenceTable, report: Report, trial: Any) -> None:
    """Have the type of every ``note``."""
    raise NotImplementedError(table, report, trial)


def _export(measurement: Measurement) -> Exported | None:
    """Have the type of every ``export``."""
    raise NotImplementedError(measurement)


def _destination(trial: Any) -> Destination:
    """Have the type of every ``destination``."""
    raise NotImplementedError(trial)


_FACTS = function("facts:facts", _facts)
_RULES = instance("rules:RULES", tuple)
_NOTE = function("references:note", _note)
_EVIDENCE: Part[Evidence[Any, Any]] = instance("evidence:EVIDENCE", Evidence)
_POINTS: Part[Points[Any]] = instance("points:POINTS", Points)
_BOUNDS = instance("intake:BOUNDS", Bounds)
_DESTINATION = function("intake:destination", _destination)
_EXPORT = function("export:export", _export)
_MECHANISMS: Part[dict[Mechanism, str]] = instance("words:MECHANISMS", dict, optional=True)
_FAILURES: Part[dict[Failure, str]] = instance("words:FAILURES", dict, optional=True)
_found = gather(
    __name__, (_FACTS, _RULES, _NOTE, _EVIDENCE, _POINTS, _BOUNDS, _DESTINATION, _EXPORT, _MECHANISMS, _FAILURES)
)

NOTES: Final = _found.of(_NOTE)
"""What each experiment remembers of a reference's trial."""
EVIDENCE: Final = _found.of(_EVIDENCE)
"""How each experiment's trials are shown."""
POINTS: Final = _found.of(_POINTS)
"""What sinks are told of each experiment's trials."""
EXPORTS: Final = _found.of(_EXPORT)
"""What of each experiment's measurements is exported, in OONI's shapes."""
MECHANISMS: Final = {one: words for own in _found.of(_MECHANISMS).values() for one, words in own.items()}
"""The words for mechanisms that one experiment recognises, and for failures that its trials alone can have."""
FAILURES: Final = {one: words for own in _found.of(_FAILURES).values() for one, words in own.items()}
BOUNDS: Final = _found.of(_BOUNDS)
"""What each experiment's observations can hold."""
DESTINATIONS: Final = _found.of(_DESTINATION)
"""Where a trial of each experiment went."""


def _layers() -> dict[Experiment, Layer]:
    """Return how each experiment is judged, what we have no word for included."""
    own = {word: Layer(facts, _found.of(_RULES)[word]) for word, facts in _found.of(_FACTS).items()}
    own[Experiment.UNKNOWN] = Layer(bare_facts, unknown.RULES)
    return {word: Layer(facts, (*bars(word), *rules)) for word, (facts, rules) in own.items()}


LAYERS: Final[Mapping[Experiment, Layer]] = MappingProxyType(_layers())
"""Every experiment that a measurement can come from, with the bars that stand before its rules."""
RULES: Final[Mapping[str, Rule[Any]]] = MappingProxyType({r.id: r for layer in LAYERS.values() for r in layer.rules})
"""Every rule by its permanent id; what stands before several layers is equal in each but for its layer."""
SIGNS: Final[Mapping[str, Sign]] = MappingProxyType({s.id: s for rule in RULES.values() for s in rule.proof})
"""Every sign that a verdict can bring forward, by its permanent id."""
_WORDS: Final = {kind: word for word, kind in OBSERVATIONS.items()}


def layer_of(word: Experiment) -> Layer:
    """Return how an experiment is judged.

    Raises:
        LookupError: there are no rules for it; the row is then set aside with these words.
    """
    if word not in LAYERS:
        raise LookupError(f"experiment {word.value}: this collector has no rules for it")
    return LAYERS[word]


def word_of(trial: Trial) -> Experiment:
    """Return the experiment that a trial is of."""
    return _WORDS.get(type(trial), Experiment.UNKNOWN)
