"""Which verdicts are judged again, and when: those that lacked references, as references report.

A verdict waits an hour for the references' word. Each look costs a judgement, so that a row is looked at where a
reference said something of it that it has not said before, soon at first and then less and less often; and a probe
that says one thing many times waits with as much as one that says it in its turn. Pure: all times are given. Must not
live here: what a verdict means, or what a look changes (inference.py).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from balise_collector.journal import JournalRow
from balise_collector.judge import Verdict
from balise_wire.bins import BIN
from balise_wire.measurement import Measurement
from balise_wire.words import Experiment

SECOND_LOOK: Final = 3600.0
"""Seconds for which a verdict that lacked references is judged again when references report: what a reference says
first after a window counts for so long (judge/references.py), and its slowest hello comes once in it."""
AROUND: Final = 300.0
"""Seconds after a window in which a reference may still take back what it said of it (judge/references.py)."""
SPACING: Final = 1.5
"""The age of a row at a look is at least so many times its age at the look before."""
MOST: Final = 5000
"""Rows that wait; where there are more, those who hold most give up their oldest, which keep their verdict."""
PER_BIN: Final = 2
"""Rows that wait of one probe, target and experiment in one bin: its turn, and one that it was asked for."""
Place = tuple[str, str, Experiment, int]
"""(probe, target, experiment, bin)."""
CountedT = TypeVar("CountedT")
Said = tuple[str, Experiment]
"""(reference, experiment)."""


@dataclass(slots=True)
class Waiting:
    """One row whose verdict may change."""

    row: JournalRow
    verdict: Verdict
    concerned: frozenset[str]
    """See ``concerned``."""
    place: Place
    """What it is counted as; a later verdict may be dated otherwise."""
    age: float = 0.0
    """Seconds from its receipt to the last look."""
    behind: bool = False
    """A reference said something since the last look."""
    final: set[Said] = field(default_factory=set)
    """What was said of it long enough after its window to stand."""


@dataclass
class SecondLooks:
    """The rows that wait, by their place in the journal."""

    _rows: dict[int, Waiting] = field(default_factory=dict)
    _places: Counter[Place] = field(default_factory=Counter)
    _held: Counter[str] = field(default_factory=Counter)
    """Rows by probe."""
    _news: dict[str, dict[Said, float]] = field(default_factory=dict)
    """By target, name or address: which references reported on it since the last step, and when (UNIX seconds)."""

    def __len__(self) -> int:
        """Return how many rows wait."""
        return len(self._rows)

    def places(self) -> list[int]:
        """Return the journal's places of the rows that wait, in order."""
        return sorted(self._rows)

    def reported(self, row: JournalRow, verdict: Verdict) -> None:
        """Take in that a reference reported."""
        said = row.probe, row.measurement.experiment
        for key in concerned(row.measurement):
            news = self._news.setdefault(key, {})
            news[said] = max(verdict.at, news.get(said, 0.0))

    def wait(self, row: JournalRow, verdict: Verdict) -> None:
        """Let a row wait, or go on waiting with another verdict."""
        held = self._rows.get(row.seq)
        if held is not None:
            held.verdict = verdict
            return
        m = row.measurement
        place = row.probe, m.target, m.experiment, int(verdict.at // BIN)
        if self._places[place] >= PER_BIN or (len(self._rows) >= MOST and not self._make_room(row.probe)):
            return
        self._rows[row.seq] = Waiting(row, verdict, concerned(m), place)
        self._places[place] += 1
        self._held[row.probe] += 1

    def settle(self, seq: int) -> None:
        """Let a row go."""
        held = self._rows.pop(seq, None)
        if held is None:
            return
        _one_less(self._places, held.place)
        _one_less(self._held, held.row.probe)

    def due(self, at: float) -> Iterator[Waiting]:
        """Yield the rows to look at, at ``at`` (UNIX seconds); those that waited long enough are looked at and let go.

        The caller may call ``wait`` and ``settle`` while it goes through them.
        """
        news, self._news = self._news, {}
        for seq, waiting in list(self._rows.items()):
            if news:
                self._hear(waiting, news)
            age = at - waiting.row.received_at
            if age > SECOND_LOOK:
                if waiting.behind:
                    yield waiting
                self.settle(seq)
            elif waiting.behind and age >= SPACING * waiting.age:
                waiting.age, waiting.behind = age, False
                yield waiting

    @staticmethod
    def _hear(waiting: Waiting, news: dict[str, dict[Said, float]]) -> None:
        """Note what references said of a row that they had not said before."""
        for key in waiting.concerned & news.keys():
            for said, when in news[key].items():
                if said not in waiting.final:
                    waiting.behind = True
                    if when > waiting.verdict.at + AROUND:
                        waiting.final.add(said)

    def _make_room(self, probe: str) -> bool:
        """Let go of the oldest row of whoever holds most; false where that is the one who asks."""
        most, count = self._held.most_common(1)[0]
        if count <= self._held[probe] + 1:
            return False
        self.settle(next(seq for seq, held in self._rows.items() if held.row.probe == most))
        return True


def concerned(measurement: Measurement) -> frozenset[str]:
    """Return what a measurement can be compared by with another probe's: its target, its name, the addresses tried."""
    tried = {str(getattr(trial, "address", "")) for trial in measurement.observations}
    return frozenset({measurement.target, measurement.host, *tried} - {""})


def _one_less(counts: Counter[CountedT], key: CountedT) -> None:
    """Count one less of something, and forget what there is none of."""
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
