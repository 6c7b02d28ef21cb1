"""The spool kept boxed for whom the collector's newest signed word names, over restarts.

Lives here: following that word, and its line on disk. Must not live here: which of two words counts
(spool/recipient.py), boxes (wire), or where a word was read.
"""

import logging
from typing import Final

from balise_agent.delivery.spool import recipient
from balise_agent.delivery.spool.spool import Spool

_log = logging.getLogger(__name__)

_NOTE: Final = "sealed to"
"""Fact of the spool."""


class BoxedFor:
    """For whom this probe's results are boxed."""

    def __init__(self, spool: Spool, collector: str) -> None:
        """Go on with what was written down of this collector.

        Args:
            spool: what is boxed.
            collector: its signing key, 64 hex digits.
        """
        self._spool = spool
        self._collector = collector
        self._recipient = recipient.read(spool.noted(_NOTE), collector)
        spool.seal_to(self._recipient.key)

    def hear(self, signed_at: float, key: str | None) -> None:
        """Follow a word of the collector's, if it is newer; ``None``: it said nothing yet."""
        if key is None:
            return
        before = self._recipient
        after = before.told(self._collector, signed_at, key)
        if after == before or not self._spool.seal_to(after.key):
            return
        self._recipient = after
        self._spool.note(_NOTE, after.line())
        if after.key != before.key:
            _log.info("what is kept is %s", "boxed for the collector" if after.key else "not boxed: it opens no boxes")
