"""What a receipt may say of one stream: pure bookkeeping of committed sequences.

A probe forgets what a receipt covers, so a sequence is noted only in the transaction that commits its batch. Must not
live here: storage, sealing, publishing.
"""

from typing import Final

BEYOND_MOST: Final = 1000
"""Committed sequences above a gap that one receipt can name (wire's Receipt)."""


class StreamPosition:
    """The contiguous prefix ``through``, and what is committed beyond the first gap."""

    __slots__ = ("beyond", "oldest", "through")

    def __init__(self, through: int = 0, beyond: frozenset[int] | set[int] = frozenset(), oldest: int = 0) -> None:
        self.through = through
        self.beyond = set(beyond)
        self.oldest = oldest
        """Lowest sequence that the probe said it still holds; 0 where it said nothing."""

    def note(self, sequence: int) -> None:
        """Note one committed sequence.

        Beyond 1,000 sequences above a gap nothing more is noted: the probe sends those again, and the journal drops
        what it has by id.
        """
        if sequence > self.through and (len(self.beyond) < BEYOND_MOST or sequence == self.through + 1):
            self.beyond.add(sequence)
        self._close()

    def holds_from(self, oldest: int) -> None:
        """Move up to what the probe still holds: gaps below it will never be filled.

        The claim is not signed (it is in a state message), so it never moves the prefix past what is committed here:
        a forged one cannot make the probe forget what was never received.
        """
        self.oldest = max(self.oldest, oldest)
        self._close()

    def _close(self) -> None:
        if self.beyond and self.oldest - 1 > self.through:
            self.through = max(self.through, min(self.oldest - 1, max(self.beyond)))
            self.beyond = {sequence for sequence in self.beyond if sequence > self.through}
        while self.through + 1 in self.beyond:
            self.through += 1
            self.beyond.remove(self.through)
