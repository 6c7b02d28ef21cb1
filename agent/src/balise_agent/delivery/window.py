"""What is on air without a receipt: which batches go next, when they are sent again, and what a receipt covers.

Lives here: the window over the spool's rows and the time that each was sent. Must not live here: MQTT, or the bytes of
the day. Times are monotonic seconds, an argument.

PUBACK proves nothing (a broker killed -9 lost hundreds of acknowledged messages); only a receipt that the collector
signed for this probe lets the spool forget.
"""

from typing import Final

from balise_agent.delivery.spool.batches import Row
from balise_agent.delivery.spool.spool import Spool
from balise_wire.status import Receipt

WINDOW: Final = 32
"""Batches on air without a receipt."""
RECEIPT_SECONDS: Final = 10.0
"""Seconds after which an unreceipted batch is sent again; doubled each time nothing comes back."""
_RECEIPT_SECONDS_MOST: Final = 300.0


class Window:
    """The batches of one spool that are on air."""

    def __init__(self, spool: Spool) -> None:
        self.receipt_seconds = RECEIPT_SECONDS
        """For how long a receipt is waited for now."""
        self._spool = spool
        self.stream = spool.stream
        """The stream that the rows on air are of."""
        self._cursor = 0
        self._sent: dict[int, float] = {}

    @property
    def empty(self) -> bool:
        """Whether everything that was sent is receipted."""
        return not self._sent

    def begin(self) -> None:
        """A session stands: everything that is not receipted goes out again, oldest first."""
        self.rewind()
        self.receipt_seconds = RECEIPT_SECONDS

    def rewind(self) -> None:
        """Begin again at the oldest row; repeats are dropped by their id."""
        self._cursor = 0
        self._sent.clear()

    def follow_stream(self) -> bool:
        """Begin anew where the spool did (a damaged file, a disk that takes nothing); return whether it did."""
        if self._spool.stream == self.stream:
            return False
        self.stream = self._spool.stream
        self.rewind()
        return True

    def overdue(self, now: float) -> int:
        """Begin again where a receipt is overdue; return how many batches are to be sent again by that."""
        if not self._sent or now - min(self._sent.values()) < self.receipt_seconds:
            return 0
        again = len(self._sent)
        self.receipt_seconds = min(self.receipt_seconds * 2.0, _RECEIPT_SECONDS_MOST)
        self.rewind()
        return again

    def next_rows(self) -> list[Row]:
        """Return what may go out now, oldest first; each that does is told with ``sent``."""
        room = WINDOW - len(self._sent)
        return self._spool.rows(self._cursor, room) if room > 0 else []

    def sent(self, row: Row, now: float) -> None:
        """Note that a row went out."""
        self._cursor = row.sequence
        self._sent[row.sequence] = now

    def sent_before(self, receipt: Receipt) -> float | None:
        """Return when the last message was sent that a receipt is the first to cover: it was signed after that."""
        return max((self._sent[sequence] for sequence in self._covered(receipt)), default=None)

    def receipted(self, receipt: Receipt) -> bool:
        """Take from the air what a receipt covers; return whether that was anything."""
        covered = self._covered(receipt)
        for sequence in covered:
            del self._sent[sequence]
        if covered:
            self.receipt_seconds = RECEIPT_SECONDS
        return bool(covered)

    def _covered(self, receipt: Receipt) -> list[int]:
        if receipt.stream != self._spool.stream:
            return []
        beyond = set(receipt.beyond)
        return [sequence for sequence in self._sent if sequence <= receipt.through or sequence in beyond]
