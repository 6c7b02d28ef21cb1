"""The method page: every state, word, mechanism, grade and rule, from the tables that the program itself uses. Pure."""

from dataclasses import dataclass

from balise_collector.experiments import LAYERS
from balise_collector.incidents.model import IncidentKind, IncidentState
from balise_collector.judge import RULES_VERSION
from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.views.read_model import View
from balise_collector.words import tables, wording
from balise_wire.mechanisms import Mechanism


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """One rule of the judge, ready to be shown."""

    id: str
    state: VerdictState
    reason: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """Everything the page shows."""

    states: tuple[tuple[VerdictState, str], ...]
    standings: tuple[tuple[IncidentState, str, str], ...]
    kinds: tuple[tuple[IncidentKind, str, str], ...]
    mechanisms: tuple[tuple[Mechanism, str], ...]
    grades: tuple[tuple[str, str], ...]
    localities: tuple[str, ...]
    proofs: tuple[str, ...]
    rules: tuple[tuple[str, tuple[RuleRow, ...]], ...]
    """(layer in words, its rules in the order in which they are tried)."""
    version: str


def method(view: View) -> Method:
    """Return the page's content."""
    words, say = view.language, view.gettext
    return Method(
        states=tuple((state, say(text)) for state, text in tables.MEANINGS.items()),
        standings=tuple((state, say(texts[0]), say(texts[1])) for state, texts in tables.INCIDENT_STATES.items()),
        kinds=tuple((kind, wording.kind(kind, words), say(text)) for kind, text in tables.KIND_MEANINGS.items()),
        mechanisms=tuple((word, wording.mechanism(word, words)) for word in tables.MECHANISMS),
        grades=tuple((grade or view.gettext("none"), say(text)) for grade, text in tables.GRADE_NEEDS.items()),
        localities=tuple(wording.locality(word, words) for word in tables.LOCALITIES),
        proofs=tuple(map(say, tables.PROOFS.values())),
        rules=tuple(
            (
                say(tables.LAYERS[experiment]),
                tuple(RuleRow(id=r.id, state=r.state, reason=say(r.reason), source=r.source) for r in layer.rules),
            )
            for experiment, layer in LAYERS.items()
        ),
        version=RULES_VERSION,
    )
