"""What is remembered of references' fetches: the pages they got lately. Pure.

Must not live here: when two pages are one (facts.py), or what follows from it (rules.py).
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from balise_collector.judge.references import ReferenceTable, Report
from balise_collector.judge.witnesses import UNKNOWN, Stand, independent
from balise_wire.experiments.http import HttpObservation

_MOST_PAGES: Final = 24
"""Pages kept of each reference: two hours."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a reference got over HTTP."""

    status: int | None
    body_bytes: int
    sha256: str
    title: str
    location: str
    at: float
    """UNIX seconds."""
    stand: Stand = UNKNOWN
    """Of the reference."""
    redacted_sha256: str = ""


class Pages:
    """By target and reference: the newest pages, oldest first."""

    def __init__(self) -> None:
        """Know none."""
        self.got: defaultdict[str, dict[str, deque[Page]]] = defaultdict(dict)

    def forget(self, before: float) -> None:
        """Let go of the references that got no page since ``before`` (UNIX seconds)."""
        for pages in self.got.values():
            for probe in [probe for probe, kept in pages.items() if kept and kept[-1].at < before]:
                del pages[probe]


def note(table: ReferenceTable, report: Report, trial: HttpObservation) -> None:
    """Take in one trial of a reference's subject."""
    if trial.status is None:
        return
    probe = report.verdict.probe
    page = Page(
        status=trial.status,
        body_bytes=trial.body_bytes,
        sha256=trial.body_sha256,
        title=trial.title,
        location=dict(trial.headers).get("location", ""),
        at=report.at(trial),
        stand=table.stand(probe),
        redacted_sha256=trial.body_redacted_sha256,
    )
    held = table.memory(Pages).got[report.measurement.target].setdefault(probe, deque(maxlen=_MOST_PAGES))
    held.append(page)


def pages_of(table: ReferenceTable, target: str, since: float, until: float) -> tuple[Page, ...]:
    """Return the newest page that each reference got in [since, until], UNIX seconds."""
    found = []
    for held in table.memory(Pages).got.get(target, {}).values():
        within = [page for page in held if since <= page.at <= until]
        if within:
            found.append(max(within, key=lambda page: page.at))
    return tuple(found)


def backed(pages: Iterable[Page]) -> int:
    """Return how many witnesses stand behind pages."""
    return independent(page.stand for page in pages)
