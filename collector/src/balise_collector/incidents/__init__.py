"""Incidents: the product. Opened, grown, closed, grouped and revised from the detector's episodes.

Lives here: the model, the book, scope, locality, grade and grouping, all pure. Must not live here: wording, storage,
clocks, or anything that names an actor or a motive (mission.md S9).
"""

from balise_collector.incidents.book import ChangeKind, IncidentBook, IncidentChange
from balise_collector.incidents.findings import Finding
from balise_collector.incidents.model import (
    Incident,
    IncidentKind,
    IncidentScope,
    IncidentState,
    Interval,
    Locality,
    MechanismShare,
    ReferenceCount,
    as_json,
)
from balise_collector.incidents.scope import FleetView

__all__ = [
    "ChangeKind",
    "Finding",
    "FleetView",
    "Incident",
    "IncidentBook",
    "IncidentChange",
    "IncidentKind",
    "IncidentScope",
    "IncidentState",
    "Interval",
    "Locality",
    "MechanismShare",
    "ReferenceCount",
    "as_json",
]
