"""The judge: one measurement and its tables in, one verdict out. Pure; a better rule can re-judge the past.

Lives here: rules as data, one module per layer, and the tables they may ask. Must not live here: clocks, storage,
networks, or what several measurements together mean (detect/).
"""

from balise_collector.judge.context import BARRED, Bar, Context, Page, ReferenceTable, Seen, Tally
from balise_collector.judge.fingerprints import OWN, Fingerprint, Fingerprints, read_fingerprints
from balise_collector.judge.judgement import LAYERS, RULES_VERSION, explain, judge
from balise_collector.judge.rules import Rule
from balise_collector.judge.verdict import Level, State, Verdict

__all__ = [
    "BARRED",
    "LAYERS",
    "OWN",
    "RULES_VERSION",
    "Bar",
    "Context",
    "Fingerprint",
    "Fingerprints",
    "Level",
    "Page",
    "ReferenceTable",
    "Rule",
    "Seen",
    "State",
    "Tally",
    "Verdict",
    "explain",
    "judge",
    "read_fingerprints",
]
