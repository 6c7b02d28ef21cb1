"""The failing verdicts that are worth showing: the strongest of each history, and the newest. Pure."""

from typing import Final

from balise_collector.detect.cell import CellHistory
from balise_collector.detect.model import Note
from balise_collector.judge.verdict import Verdict

_MOST_NOTES: Final = 20


def strength(note: Note) -> tuple[int, float, float, str]:
    """Sort key: proof first, then score, then the earlier one."""
    return (-len(note.proof), -note.score, note.at, note.measurement)


def keep_note(series: CellHistory, verdict: Verdict) -> None:
    """Keep a failing verdict among the strongest of its history."""
    note = Note(
        measurement=verdict.measurement,
        at=verdict.at,
        rule=verdict.rule,
        score=verdict.score,
        proof=verdict.proof,
        rate=verdict.rate,
        flows=verdict.flows,
    )
    held = series.notes or []
    if note not in held:
        # Half the places go to the newest: an episode of today must not be crowded out by a strong one of last week.
        ranked = sorted([*held, note], key=strength)
        newest = sorted(ranked, key=lambda n: (-n.at, n.measurement))[: _MOST_NOTES // 2]
        series.notes = (newest + [n for n in ranked if n not in newest])[:_MOST_NOTES]
