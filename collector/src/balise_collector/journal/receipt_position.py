"""What a receipt may say of one stream: pure bookkeeping of committed sequences.

A probe forgets what a receipt covers, so a sequence is noted only in the transaction that commits its batch. Must not
live here: storage, sealing, publishing.

A gap below committed sequences closes in two ways only: what is missing arrives, or the probe says under its seal that
it gave it up (``holds_from``). A probe that cannot say so (an older program says it in its plain state, where a broker
can forge it) keeps its gap, and is served all the same: a receipt names the sequences that were heard last, so that
whatever is on air is named, however long the gap has stood.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

BEYOND_MOST: Final = 256
"""Committed sequences above a gap that one receipt names; the wire allows 1,000, a probe has 32 on air."""
RUNS_MOST: Final = 256
"""Runs of committed sequences above the first gap that are remembered. A probe makes a new one only with a new gap."""


class StreamPosition:
    """The contiguous prefix ``through``, the runs committed beyond the first gap, and which of them were heard last."""

    __slots__ = ("_heard", "oldest", "runs", "through")

    def __init__(
        self,
        through: int = 0,
        beyond: Iterable[int] = (),
        oldest: int = 0,
        runs: Sequence[Sequence[int]] = (),
    ) -> None:
        """Take up a position.

        Args:
            through: everything up to it is committed, or will never come.
            beyond: committed sequences above it, the one heard last at the end.
            oldest: lowest sequence that the probe said, under its seal, that it still holds; 0 where it said nothing.
            runs: first and last of each run of committed sequences above ``through``, in order.
        """
        self.through = through
        self.oldest = oldest
        self.runs: list[list[int]] = [[first, last] for first, last in runs]
        self._heard: dict[int, None] = {}
        for sequence in beyond:
            self.note(sequence)

    @property
    def beyond(self) -> set[int]:
        """What a receipt names above ``through``: the sequences that were heard last."""
        return {sequence for sequence in self._heard if sequence > self.through}

    def heard(self) -> list[int]:
        """Return the same in the order of their hearing, for storage."""
        return [sequence for sequence in self._heard if sequence > self.through]

    def note(self, sequence: int) -> None:
        """Note one committed sequence."""
        if sequence <= self.through:
            return
        self._heard.pop(sequence, None)
        self._heard[sequence] = None
        if len(self._heard) > BEYOND_MOST:
            del self._heard[next(iter(self._heard))]
        self._add(sequence)
        self._close()

    def holds_from(self, oldest: int) -> None:
        """Move up to what the probe still holds: gaps below it will never be filled.

        Args:
            oldest: what the probe said under its seal. It never moves the prefix past what is committed here: the
                receipt stays a statement about this journal, whatever a probe says.
        """
        self.oldest = max(self.oldest, oldest)
        self._close()

    def _add(self, sequence: int) -> None:
        """Put a sequence into the runs, and join what touches."""
        place = bisect_right(self.runs, sequence, key=lambda run: run[0])
        if place and self.runs[place - 1][1] >= sequence:
            return
        before = self.runs[place - 1] if place and self.runs[place - 1][1] == sequence - 1 else None
        after = self.runs[place] if place < len(self.runs) and self.runs[place][0] == sequence + 1 else None
        if before is not None and after is not None:
            before[1] = after[1]
            del self.runs[place]
        elif before is not None:
            before[1] = sequence
        elif after is not None:
            after[0] = sequence
        else:
            self.runs.insert(place, [sequence, sequence])
            if len(self.runs) > RUNS_MOST:
                # What is forgotten here is still named as long as it is among the last heard; a repeat notes it again.
                del self.runs[0]

    def _close(self) -> None:
        if self.runs and self.oldest - 1 > self.through:
            self.through = max(self.through, min(self.oldest - 1, self.runs[-1][1]))
        while self.runs and self.runs[0][0] <= self.through + 1:
            self.through = max(self.through, self.runs[0][1])
            del self.runs[0]
        if self._heard:
            self._heard = {sequence: None for sequence in self._heard if sequence > self.through}
