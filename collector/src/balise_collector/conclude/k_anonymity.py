"""How many stand behind what was measured: what the public view asks of ``derived.sqlite`` beyond the pages.

Lives here: questions whose answers are numbers of witnesses or rows without a name, which incidents there ever were,
and answers that are kept for everybody who asks the same. Boards of one host are one witness. Must not live here: how
many witnesses are enough, or what is left out (pages/public.py).
"""

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from balise_collector.conclude import tally
from balise_collector.conclude.tally import DAY, Packed
from balise_collector.conclude.together import SeenRow
from balise_collector.judge.verdict import VerdictState
from balise_collector.system.shared_file import open_reading
from balise_wire.bins import BIN

FULL: Final = (1 << 32) - 1
"""A bin of a mask that may be seen."""
_DAYS_MOST: Final = 16
_TOLD_MOST: Final = 10_000
_PAST_SECONDS: Final = 3_600.0
"""Real seconds for which what is said of a time that is over is kept: late results show that much later."""
_LOOKS: Final = (3_600.0, DAY, 30.0 * DAY)
Answered = TypeVar("Answered")
Measured = tuple[str, int]
"""A state, and how often a witness measured it in a bin."""


class CountPlace(NamedTuple):
    """A role and layer of a service on one provider; references count by country and have AS number 0."""

    country: str
    asn: int
    reference: bool
    service: str
    role: str
    layer: str


class WitnessCounts:
    """One read-only connection to the derived store; each thread opens its own."""

    def __init__(self, path: Path, hosts: Callable[[], Mapping[str, str]] = dict) -> None:
        """Open the file, which the store has made (JournalError where it cannot be read).

        Args:
            path: of ``derived.sqlite``.
            hosts: returns who keeps each probe, by id; the empty text is nobody knows, and all such are one. A probe
                that it does not name counts for itself.
        """
        self._db = open_reading(path)
        self._hosts = hosts
        self._known: Mapping[str, str] = {}
        self._db.create_function("witness", 1, lambda probe: self._known.get(probe, probe), deterministic=True)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def masks(
        self, since: float, until: float, least: int, states: frozenset[VerdictState] = frozenset()
    ) -> dict[CountPlace, Packed]:
        """Return the bins of five minutes that ``least`` witnesses measured; a mask has every bit of such a bin set.

        Args:
            since: UNIX seconds on a boundary of five minutes, where the first bin of each mask begins.
            until: UNIX seconds likewise, where the last one ends.
            least: k.
            states: only measurements in one of these count; none given: all.
        """
        self._known = self._hosts()
        who = "witness(probe)" if self._known else "probe"
        # Grouped by the bin first: rows come in the order of time, so each finds its group at the end of the last one's
        # (a day of 110,000 verdicts in 170 ms instead of 500).
        query = (
            "SELECT country, CASE WHEN reference THEN 0 ELSE asn END AS place, reference, service, role, layer,"  # noqa: S608 - one of two literals
            " CAST((at - :since) / :step AS INTEGER) AS bin FROM verdict WHERE at >= :since AND at < :until"
            f" AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))"
            f" GROUP BY bin, country, place, reference, service, role, layer HAVING count(DISTINCT {who}) >= :least"
        )
        values = {"since": since, "until": until, "step": float(BIN), "least": least}
        rows = self._db.execute(query, {**values, "states": json.dumps(sorted(states))})
        found: dict[CountPlace, Packed] = {}
        for country, asn, reference, service, role, layer, column in rows:
            place = CountPlace(country, asn, bool(reference), service, role, layer)
            found[place] = found.get(place, 0) | tally.pack({column: FULL})
        return found

    def rows(self, since: float, until: float, service: str) -> dict[CountPlace, list[SeenRow[Measured]]]:
        """Return what was measured of a service in [since, until): witness, and (state, how often) in each bin."""
        self._known = self._hosts()
        found = self._db.execute(
            "SELECT country, CASE WHEN reference THEN 0 ELSE asn END, reference, service, role, layer,"
            " CAST(at / :step AS INTEGER) AS bin, probe, state, count(*) FROM verdict"
            " WHERE at >= :since AND at < :until AND service = :service GROUP BY 1, 2, 3, 4, 5, 6, bin, probe, state",
            {"since": since, "until": until, "step": float(BIN), "service": service},
        )
        places: dict[CountPlace, list[SeenRow[Measured]]] = {}
        for country, asn, reference, name, role, layer, column, probe, state, count in found:
            place = CountPlace(country, asn, bool(reference), name, role, layer)
            witness = self._known.get(probe, probe)
            places.setdefault(place, []).append(SeenRow(float(column * BIN), witness, (state, count)))
        return places

    def by_provider(
        self, since: float, until: float, service: str, country: str | None = None
    ) -> dict[tuple[str, int], int]:
        """Return how many witnesses measured a service from ``since`` to ``until``, by country and AS number."""
        self._known = self._hosts()
        who = "witness(probe)" if self._known else "probe"
        rows = self._db.execute(
            f"SELECT country, asn, count(DISTINCT {who}) FROM verdict WHERE at >= :since AND at < :until"  # noqa: S608 - one of two literals
            " AND service = :service AND (:country IS NULL OR country = :country) GROUP BY country, asn",
            {"since": since, "until": until, "service": service, "country": country},
        )
        return {(code, asn): probes for code, asn, probes in rows}

    def kept(self, question: Hashable, ask: Callable[[], Answered]) -> Answered:  # noqa: ARG002 - CachedWitnessCounts keeps it
        """Return what ``ask`` answers."""
        return ask()

    def incident_ids(self) -> list[str]:
        """Return the id of every incident there ever was, withdrawn ones too."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT id FROM incident ORDER BY id")]

    def newest(self, until: float, least: int) -> float | None:
        """Return the newest bin of five minutes before ``until`` in which ``least`` witnesses measured anything."""
        self._known = self._hosts()
        who = "witness(probe)" if self._known else "probe"
        query = (
            "SELECT max(bin) FROM (SELECT CAST(at / :step AS INTEGER) AS bin FROM verdict"  # noqa: S608 - one of two literals
            f" WHERE at >= :since AND at < :until GROUP BY bin HAVING count(DISTINCT {who}) >= :least)"
        )
        for look in _LOOKS:
            values = {"since": until - look, "until": until, "step": float(BIN), "least": least}
            (newest,) = self._db.execute(query, values).fetchone()
            if newest is not None:
                return float(newest * BIN)
        return None


class CachedCounts:
    """Answers that are kept while a horizon stands, for all threads; those of past days for an hour.

    Counting distinct witnesses over a day of a large fleet takes a good part of a second, and within five minutes every
    reader asks the same. What is kept shows too little where late results have come since, never too much. Who asks
    what is being asked already waits for that answer, and for no other.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Keep nothing yet; ``monotonic`` gives real seconds."""
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._horizon = 0.0
        self._answers: _Answers = OrderedDict()
        self._past: dict[int, _Answers] = {}
        self._asking: dict[tuple[int, Hashable], threading.Event] = {}

    def while_it_stands(self, horizon: float, question: Hashable, ask: Callable[[], Answered]) -> Answered:
        """Return what ``ask`` answers, asked once while a horizon stands."""
        with self._lock:
            if horizon != self._horizon:
                self._horizon, self._answers = horizon, OrderedDict()
            answers = self._answers
        return self._once(answers, question, ask, _TOLD_MOST, -math.inf)

    def of_the_past(self, question: Hashable, ask: Callable[[], Answered], most: int) -> Answered:
        """Return what ``ask`` answers of a time that is over; the ``most`` that were last asked for are kept."""
        with self._lock:
            answers = self._past.setdefault(most, OrderedDict())
        return self._once(answers, question, ask, most, self._monotonic() - _PAST_SECONDS)

    def _once(
        self, answers: "_Answers", question: Hashable, ask: Callable[[], Answered], most: int, after: float
    ) -> Answered:
        """Return a kept answer that was made later than ``after``, or make it while others wait who want the same."""
        key, mine = (id(answers), question), threading.Event()
        while True:
            with self._lock:
                held = answers.get(question)
                if held is not None and held[0] > after:
                    answers.move_to_end(question)
                    return held[1]  # type: ignore[return-value] # what the same question was answered with
                asked = self._asking.setdefault(key, mine)
            if asked is mine:
                break
            asked.wait()
        try:
            found = ask()
            with self._lock:
                answers[question] = (self._monotonic(), found)
                answers.move_to_end(question)
                while len(answers) > most:
                    answers.popitem(last=False)
            return found
        finally:
            with self._lock:
                del self._asking[key]
            mine.set()


_Answers = OrderedDict[Hashable, tuple[float, object]]
"""Question -> when it was answered (monotonic seconds), and what."""


class CachedWitnessCounts:
    """A WitnessCounts whose dearest answers are kept; what a request is given."""

    def __init__(self, witness_counts: WitnessCounts, kept: CachedCounts, horizon: float) -> None:
        """Ask ``crowd`` through ``kept``."""
        self._witness_counts, self._kept, self._horizon = witness_counts, kept, horizon

    def masks(
        self, since: float, until: float, least: int, states: frozenset[VerdictState] = frozenset()
    ) -> dict[CountPlace, Packed]:
        """Return the bins that ``least`` witnesses measured, put together from whole days."""
        last = min(until, self._horizon)
        columns = int((last - since) // BIN)
        found: dict[CountPlace, Packed] = {}
        if columns <= 0:
            return found
        for day in range(int(since // DAY), int((last - 1) // DAY) + 1):
            for place, mask in self._day(day, least, states).items():
                if cut := tally.window(mask, day, since, columns):
                    found[place] = found.get(place, 0) | cut
        return found

    def _day(self, day: int, least: int, states: frozenset[VerdictState]) -> dict[CountPlace, Packed]:
        first, last = float(day * DAY), float((day + 1) * DAY)

        def ask() -> dict[CountPlace, Packed]:
            return self._witness_counts.masks(first, min(last, self._horizon), least, states)

        if last > self._horizon:
            return self.kept(("day", day, least, states), ask)
        return self._kept.of_the_past((day, least, states), ask, _DAYS_MOST)

    def rows(self, since: float, until: float, service: str) -> dict[CountPlace, list[SeenRow[Measured]]]:
        """Return what was measured of a service; too much to be kept."""
        return self._witness_counts.rows(since, until, service)

    def by_provider(
        self, since: float, until: float, service: str, country: str | None = None
    ) -> dict[tuple[str, int], int]:
        """Return how many witnesses measured a service."""
        question = ("providers", since, until, service, country)

        def ask() -> dict[tuple[str, int], int]:
            return self._witness_counts.by_provider(since, until, service, country)

        over = until <= self._horizon - _PAST_SECONDS
        return self._kept.of_the_past(question, ask, _TOLD_MOST) if over else self.kept(question, ask)

    def kept(self, question: Hashable, ask: Callable[[], Answered]) -> Answered:
        """Return what ``ask`` answers, asked once while the horizon stands."""
        return self._kept.while_it_stands(self._horizon, question, ask)

    def incident_ids(self) -> list[str]:
        """Return the id of every incident there ever was."""
        return self.kept("incidents", self._witness_counts.incident_ids)

    def newest(self, until: float, least: int) -> float | None:
        """Return the newest bin that enough witnesses measured."""
        return self.kept(("newest", until, least), lambda: self._witness_counts.newest(until, least))
