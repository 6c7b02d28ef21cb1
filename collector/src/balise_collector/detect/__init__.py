"""Detection: from verdicts to episodes, per provider, per country and for the world. Pure; time is an argument.

Lives here: per-probe sums, their mixture over probes, opening and closing, late data, silence. Must not live here: the
judge's rules, or how episodes become the incidents that people read (incidents/).
"""

from balise_collector.detect.detector import Detector, DetectorConfig
from balise_collector.detect.model import (
    INTERNET,
    WORLD,
    AffectedProbe,
    CellEvent,
    CellEventKind,
    CellKey,
    Coverage,
    Episode,
    Note,
    ProviderSpan,
    RuleCount,
    Scale,
)

__all__ = [
    "INTERNET",
    "WORLD",
    "AffectedProbe",
    "CellEvent",
    "CellEventKind",
    "CellKey",
    "Coverage",
    "Detector",
    "DetectorConfig",
    "Episode",
    "Note",
    "ProviderSpan",
    "RuleCount",
    "Scale",
]
