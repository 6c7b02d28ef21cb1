"""Detection: from verdicts to episodes, per provider, per country and for the world. Pure; time is an argument.

Lives here: per-probe sums, their mixture over probes, opening and closing, late data, silence. Must not live here: the
judge's rules, or how episodes become the incidents that people read (incidents/).
"""

from balise_collector.detect.cells import (
    WORLD,
    CellEvent,
    CellKey,
    Coverage,
    Episode,
    EventKind,
    Member,
    Note,
    RuleCount,
    Scale,
)
from balise_collector.detect.detector import INTERNET, Detector, DetectorConfig

__all__ = [
    "INTERNET",
    "WORLD",
    "CellEvent",
    "CellKey",
    "Coverage",
    "Detector",
    "DetectorConfig",
    "Episode",
    "EventKind",
    "Member",
    "Note",
    "RuleCount",
    "Scale",
]
