"""What verdicts add up to on a page: one state for a cell, and a state per bin for a strip.

Pure. Here must not live: what opens or closes an incident (detect/), words, drawing. A page shows what measurements
say; several probes that agree make an incident, and only that is a finding.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from balise_collector.conclude import tally
from balise_collector.conclude.store import HistoryCell
from balise_collector.conclude.together import width_for
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_wire.bins import BIN

MOST_BINS: Final = 288
"""Columns of the widest strip: a day of bins."""
HOLD: Final = 600
"""Seconds that a bin's state stands where nothing follows; two bins after its own make WINDOW of the matrix."""
_WORST_FIRST: Final = (VerdictState.BLOCKED, VerdictState.THROTTLED, VerdictState.SERVER_SIDE, VerdictState.DOWN)
TROUBLE: Final = frozenset(_WORST_FIRST)
"""States that speak of something amiss."""
UNCONFIRMED: Final = "unconfirmed"
"""The rule that stands, in what the public sees, on trouble that one probe alone met: what it met is not told."""


class StateRun(NamedTuple):
    """Equal bins in a row; ``state`` is ``None`` where nobody measured."""

    state: VerdictState | None
    first: int
    """Number of the first bin, counted from the strip's beginning."""
    bins: int


def settle(counts: Mapping[VerdictState, int]) -> VerdictState | None:
    """Return the state that several verdicts of one place and time are shown as; ``None`` for no verdict.

    Trouble anywhere is shown. Without trouble the place is ok only where more than half of the verdicts are:
    ``insufficient`` never counts as reachable.
    """
    total = sum(counts.values())
    if not total:
        return None
    trouble = next((state for state in _WORST_FIRST if counts.get(state)), None)
    if trouble is not None:
        return trouble
    return VerdictState.OK if counts.get(VerdictState.OK, 0) * 2 > total else VerdictState.INSUFFICIENT


def newest(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the newest verdict of each probe, target and layer: what was said last stands."""
    found: dict[tuple[str, str, str], Verdict] = {}
    for verdict in sorted(verdicts, key=lambda one: one.at):
        found[verdict.probe, verdict.target, verdict.layer] = verdict
    return list(found.values())


def step_for(seconds: float) -> int:
    """Return the bin width at which ``seconds`` take at most MOST_BINS columns: one that may be told (together.py)."""
    return width_for(seconds, MOST_BINS)


def bins(cells: Iterable[HistoryCell], columns: int, step: int = BIN) -> list[VerdictState | None]:
    """Return the state of each bin of a place, ``columns`` of them, from the counts of its verdicts.

    What a role and layer said last stands for HOLD seconds more where it was not measured, as in a cell of the matrix:
    an endpoint that was blocked is not reachable because only its name was looked up in the next bin.
    """
    parts: dict[tuple[str, str], dict[int, Counter[VerdictState]]] = defaultdict(lambda: defaultdict(Counter))
    for cell in cells:
        parts[cell.role, cell.layer][cell.bin][VerdictState(cell.state)] += cell.verdicts
    held = HOLD // step
    shown: list[VerdictState | None] = []
    for column in range(columns):
        total: Counter[VerdictState] = Counter()
        for measured in parts.values():
            place = next((place for place in range(column, column - held - 1, -1) if place in measured), None)
            total += measured[place] if place is not None else Counter()
        shown.append(settle(total))
    return shown


def packed_bins(parts: Iterable[tally.TallySeries], columns: int) -> list[VerdictState | None]:
    """Return what ``bins`` does for bins of BIN seconds, from packed counts: some thousand series in milliseconds."""
    total = tally.add(tally.held(part.counts, columns, HOLD // BIN) for part in parts)
    counts = {VerdictState(state): tally.unpack(packed, columns) for state, packed in total.items()}
    none = [0] * columns
    shown: list[VerdictState | None] = [
        (VerdictState.OK if ok > unsure else VerdictState.INSUFFICIENT) if ok or unsure else None
        for ok, unsure in zip(
            counts.get(VerdictState.OK, none), counts.get(VerdictState.INSUFFICIENT, none), strict=True
        )
    ]
    for trouble in reversed(_WORST_FIRST):
        if trouble in counts:
            shown = [trouble if count else state for count, state in zip(counts[trouble], shown, strict=True)]
    return shown


def runs(states: Sequence[VerdictState | None]) -> list[StateRun]:
    """Join equal neighbours."""
    found: list[StateRun] = []
    first = 0
    for state, equal in groupby(states):
        bins_ = len(list(equal))
        found.append(StateRun(state, first, bins_))
        first += bins_
    return found


def shares(states: Iterable[VerdictState | None]) -> Mapping[VerdictState, int]:
    """Count the measured bins by state, worst first."""
    counts = Counter(state for state in states if state is not None)
    return {
        state: counts[state] for state in (*_WORST_FIRST, VerdictState.INSUFFICIENT, VerdictState.OK) if counts[state]
    }
