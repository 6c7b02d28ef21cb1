"""What is remembered of references' fetches: the pages they got lately. Pure.

Must not live here: when two pages are one (facts.py), or what follows from it (rules.py).
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from balise_collector.judge.references import ReferenceTable, Report
from balise_collector.judge.witnesses import ENOUGH, UNKNOWN, Stand, independent
from balise_wire.experiments.http import HttpObservation

_MOST_PAGES: Final = 24
"""Pages kept of each reference: two hours."""
_MOST_AUTHENTIC: Final = 32
"""Titles, and places led to, that are kept of each name."""
_PARTIAL: Final = 206


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
    whole_bytes: int | None = None
    """Length of the whole body; ``None`` where it is not known."""
    server: str = ""
    """What it calls its server, in lower case."""


class Authentic:
    """By name: the titles, servers and hosts led to that anybody was shown by the service itself, over verified TLS."""

    def __init__(self) -> None:
        """Know none."""
        self.titles: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self.led: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def forget(self, before: float) -> None:
        """Let go of what was not shown anew since ``before`` (UNIX seconds)."""
        for held in (self.titles, self.led):
            for shown in held.values():
                for word in [word for word, at in shown.items() if at < before]:
                    del shown[word]


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
    """Take in one trial of a subject: of a reference the page, of anybody what the service itself said over TLS."""
    if trial.status is None:
        return
    at = report.at(trial)
    if trial.tls_verified:
        _authentic(table.memory(Authentic), trial, at)
    probe = report.verdict.probe
    if not report.verdict.reference:
        return
    page = Page(
        status=trial.status,
        body_bytes=trial.body_bytes,
        sha256=trial.body_sha256,
        title=trial.title,
        location=header(trial, "location"),
        at=at,
        stand=table.stand(probe),
        redacted_sha256=trial.body_redacted_sha256,
        whole_bytes=whole_bytes(trial),
        server=header(trial, "server").lower(),
    )
    held = table.memory(Pages).got[report.measurement.target].setdefault(probe, deque(maxlen=_MOST_PAGES))
    held.append(page)


def _authentic(memory: Authentic, trial: HttpObservation, at: float) -> None:
    """Remember what a service itself shows, up to a bound."""
    for held, word in ((memory.titles, trial.title), (memory.led, header(trial, "location"))):
        shown = held[trial.host]
        if word and (word in shown or len(shown) < _MOST_AUTHENTIC):
            shown[word] = max(at, shown.get(word, at))


def header(trial: HttpObservation, name: str) -> str:
    """Return the first value of a header, by its lower-case name; empty where there is none."""
    return next((value for found, value in trial.headers if found.lower() == name), "")


def whole_bytes(trial: HttpObservation) -> int | None:
    """Return the length of a whole body; older probes told it where they did not cut."""
    if trial.whole_bytes is not None:
        return trial.whole_bytes
    cut = trial.truncated or trial.failure is not None or trial.status == _PARTIAL or trial.asked_bytes is not None
    return None if cut else trial.body_bytes


def authentic_title(table: ReferenceTable, host: str, title: str, since: float) -> bool:
    """Tell whether the service itself showed a page of this title over verified TLS since ``since`` (UNIX seconds)."""
    return table.memory(Authentic).titles.get(host, {}).get(title, float("-inf")) >= since


def authentic_aims(table: ReferenceTable, host: str, since: float) -> set[str]:
    """Return where the service itself led anybody over verified TLS since ``since`` (UNIX seconds): URLs."""
    return {url for url, at in table.memory(Authentic).led.get(host, {}).items() if at >= since}


def pages_of(table: ReferenceTable, target: str, since: float, until: float) -> tuple[Page, ...]:
    """Return the newest page that each reference got in [since, until], UNIX seconds."""
    found = []
    for held in table.memory(Pages).got.get(target, {}).values():
        within = [page for page in held if since <= page.at <= until]
        if within:
            found.append(max(within, key=lambda page: page.at))
    return tuple(found)


def is_new(table: ReferenceTable, target: str, at: float, turn: float) -> bool:
    """Tell whether references are there and too few have had their turn at a target yet: nobody knows its page.

    Args:
        table: what references said.
        target: the target's id.
        at: UNIX seconds.
        turn: seconds in which each reference fetches each page.
    """
    spoke = table.began is not None and at - table.began < turn
    return spoke and backed(held[-1] for held in table.memory(Pages).got.get(target, {}).values() if held) < ENOUGH


def backed(pages: Iterable[Page]) -> int:
    """Return how many witnesses stand behind pages."""
    return independent(page.stand for page in pages)
