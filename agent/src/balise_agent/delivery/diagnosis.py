"""What keeps results on this board: the troubles of disk and delivery, in the order of cause.

Lives here: that reading of spool and publisher. Must not live here: mending, or words for people (system/problems.py).
"""

from collections.abc import Iterator
from typing import Final, Protocol

from balise_agent.delivery.parts import Counters
from balise_agent.system.problems import ProblemId, Trouble

RECEIPT_SECONDS: Final = 900.0
"""Clock seconds for which something may be on air without a receipt before people are told."""


class DeliveryState(Protocol):
    """How the way to the collector stands; see ``publisher.Publisher``."""

    counters: Counters
    collector_online: bool
    connected_at: float | None

    @property
    def connected(self) -> bool:
        """Whether a broker takes our messages now."""

    @property
    def trouble(self) -> Trouble | None:
        """Why no broker takes our messages, once all were tried."""

    @property
    def segment(self) -> int:
        """Bytes of the largest segment, 0 where nothing bounds it."""


class SpoolState(Protocol):
    """How the spool stands; see ``spool.Spool``."""

    disk_refuses: bool
    refusal: str

    def disk_full(self) -> bool:
        """Tell whether a disk that refuses is full."""


def delivery_troubles(state: DeliveryState, oldest_at: float | None, now: float) -> Iterator[Trouble]:
    """Yield what keeps results here.

    Args:
        state: of the publisher.
        oldest_at: UNIX seconds at which the oldest thing in the spool was recorded; ``None`` when it is empty.
        now: UNIX seconds.
    """
    if not state.connected:
        if state.trouble is not None:
            yield state.trouble
    elif not state.collector_online:
        yield Trouble(id=ProblemId.COLLECTOR_OFFLINE)
    elif _unsigned(state, oldest_at, now - RECEIPT_SECONDS):
        yield Trouble(id=ProblemId.RECEIPTS_MISSING)
    if state.segment:
        yield Trouble(id=ProblemId.PATH_NARROW, detail=f"segments of {state.segment} bytes")


def is_refused(state: DeliveryState, oldest_at: float | None, now: float) -> bool:
    """Whether every broker refuses our certificate, or nobody signs for what we send: both may mean revoked."""
    found = {trouble.id for trouble in delivery_troubles(state, oldest_at, now)}
    return bool(found & {ProblemId.BROKER_REFUSES, ProblemId.RECEIPTS_MISSING})


def disk_trouble(spool: SpoolState) -> Trouble | None:
    """Return what a disk's refusal means to people: a full one wants room, any other a look at card and rights."""
    if not spool.disk_refuses:
        return None
    if spool.disk_full():
        return Trouble(id=ProblemId.DATA_FULL)
    return Trouble(id=ProblemId.DATA_UNWRITABLE, detail=spool.refusal)


def _unsigned(state: DeliveryState, oldest_at: float | None, since: float) -> bool:
    """Whether something waits for a receipt that had every time to come: since connecting, since the last one."""
    moments = (state.connected_at, state.counters.receipt_at)
    if any(moment is not None and moment > since for moment in moments):
        return False
    return oldest_at is not None and oldest_at < since
