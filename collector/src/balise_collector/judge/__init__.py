"""The judge's machinery: what a rule and a verdict are, and the tables that rules may ask. Pure.

Lives here: all that every experiment's judgement stands on. The rules of one experiment are in experiments/<x>/, and
conclude/judgement.py asks them. Must not live here: any one experiment, clocks, storage, networks, or what several
measurements together mean (detect/).
"""

from typing import Final

from balise_collector.judge.context import BARRED, Bar, Context
from balise_collector.judge.fingerprints import OWN, Fingerprint, Fingerprints, read_fingerprints
from balise_collector.judge.references import ReferenceTable, Seen, Tally
from balise_collector.judge.rules import Rule
from balise_collector.judge.verdict import Level, Verdict, VerdictState
from balise_collector.judge.version import version as _version_of_the_rules

__all__ = [
    "BARRED",
    "OWN",
    "RULES_VERSION",
    "Bar",
    "Context",
    "Fingerprint",
    "Fingerprints",
    "Level",
    "ReferenceTable",
    "Rule",
    "Seen",
    "Tally",
    "Verdict",
    "VerdictState",
    "read_fingerprints",
]

RULES_VERSION: Final = _version_of_the_rules()
"""Digest of the code that judges (version.py): no condition, constant or word can change under one version."""
