"""What a line of the log looks like, and how many of one kind there may be.

The log is told by strangers too: what they sent stands in it. A line stays a line, nothing in it moves a terminal's
cursor, and of lines of one kind about one subject there are a hundred, then one a second, with the number of those that
were left out. Must not live here: who logs what.
"""

import logging
import threading
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Final

from balise_collector.system import harmless
from balise_collector.system.clock import Clock
from balise_collector.system.rate import Bucket, Pace

_LONGEST: Final = 2000
"""Characters of a message."""
_PACE: Final = Pace(burst=100.0, per_second=1.0)
_KINDS_MOST: Final = 2000


class ClockFormatter(logging.Formatter):
    """Log lines dated by the collector's clock, so that a laboratory's log can be laid beside its timeline."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._clock = clock

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging calls it so
        """Return the time of the line in UTC."""
        return datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging calls it so
        """Return the line, of which what somebody sent cannot make two."""
        record.message = harmless.line(harmless.cut(record.message, _LONGEST))
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line and, below it, the traceback where there is one."""
        return harmless.lines(super().format(record))


class Sparing(logging.Filter):
    """Leaves out lines that come too often."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        super().__init__()
        self._lock = threading.Lock()
        self._kinds: OrderedDict[tuple[str, int, str, str], tuple[Bucket, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line may be written; the first one after others were left out says how many those were."""
        subject = record.args[0] if isinstance(record.args, tuple) and record.args else ""
        kind = (record.name, record.levelno, str(record.msg), str(subject)[:80])
        with self._lock:
            bucket, before = self._kinds.pop(kind) if kind in self._kinds else (Bucket(_PACE, record.created), 0)
            allowed = bucket.take(record.created)
            self._kinds[kind] = (bucket, 0 if allowed else before + 1)
            while len(self._kinds) > _KINDS_MOST:
                self._kinds.popitem(last=False)
        if allowed and before:
            record.msg, record.args = f"{record.getMessage()} ({before} lines like this were left out)", ()
        return allowed
