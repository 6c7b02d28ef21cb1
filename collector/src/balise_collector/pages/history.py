"""What verdicts add up to on a page: one state for a cell, and a state per bin for a strip.

Pure. Here must not live: what opens or closes an incident (detect/), words, drawing. A page shows what measurements
say; several probes that agree make an incident, and only that is a finding.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from balise_collector.judge.verdict import State, Verdict
from balise_collector.store import HistoryCell

BIN: Final = 300
"""Seconds of a bin: the cadence of the fleet."""
MOST_BINS: Final = 288
"""Columns of the widest strip: a day of bins."""
HOLD: Final = 600
"""Seconds that a bin's state stands where nothing follows; two bins after its own make WINDOW of the matrix."""
_WORST_FIRST: Final = (State.BLOCKED, State.THROTTLED, State.SERVER_SIDE, State.DOWN)


class Run(NamedTuple):
    """Equal bins in a row; ``state`` is ``None`` where nobody measured."""

    state: State | None
    first: int
    """Number of the first bin, counted from the strip's beginning."""
    bins: int


def settle(counts: Mapping[State, int]) -> State | None:
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
    return State.OK if counts.get(State.OK, 0) * 2 > total else State.INSUFFICIENT


def newest(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the newest verdict of each probe, target and layer: what was said last stands."""
    found: dict[tuple[str, str, str], Verdict] = {}
    for verdict in sorted(verdicts, key=lambda one: one.at):
        found[verdict.probe, verdict.target, verdict.layer] = verdict
    return list(found.values())


def step_for(seconds: float) -> int:
    """Return the bin width, a multiple of BIN, at which ``seconds`` take at most MOST_BINS columns."""
    return BIN * max(1, -(-int(seconds) // (BIN * MOST_BINS)))


def bins(cells: Iterable[HistoryCell], columns: int, step: int = BIN) -> list[State | None]:
    """Return the state of each bin of a place, ``columns`` of them, from the counts of its verdicts.

    What a role and layer said last stands for HOLD seconds more where it was not measured, as in a cell of the matrix:
    an endpoint that was blocked is not reachable because only its name was looked up in the next bin.
    """
    parts: dict[tuple[str, str], dict[int, Counter[State]]] = defaultdict(lambda: defaultdict(Counter))
    for cell in cells:
        parts[cell.role, cell.layer][cell.bin][State(cell.state)] += cell.verdicts
    held = HOLD // step
    shown: list[State | None] = []
    for column in range(columns):
        total: Counter[State] = Counter()
        for measured in parts.values():
            place = next((place for place in range(column, column - held - 1, -1) if place in measured), None)
            total += measured[place] if place is not None else Counter()
        shown.append(settle(total))
    return shown


def runs(states: Sequence[State | None]) -> list[Run]:
    """Join equal neighbours."""
    found: list[Run] = []
    for place, state in enumerate(states):
        if found and found[-1].state is state:
            found[-1] = found[-1]._replace(bins=found[-1].bins + 1)
        else:
            found.append(Run(state, place, 1))
    return found


def shares(states: Iterable[State | None]) -> Mapping[State, int]:
    """Count the measured bins by state, worst first."""
    counts = Counter(state for state in states if state is not None)
    return {state: counts[state] for state in (*_WORST_FIRST, State.INSUFFICIENT, State.OK) if counts[state]}
