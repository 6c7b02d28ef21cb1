"""The next stream to a broker: which one, when, with which segments, and how strictly its certificate's dates count.

Lives here: one attempt after the other, up to the open stream. Must not live here: MQTT, or what is sent.
"""

import math
import socket
from collections.abc import Callable
from typing import Final

from balise_agent.delivery.backoff import Backoff, is_about_dates
from balise_agent.delivery.dial import NO_ANSWER, open_stream, task
from balise_agent.delivery.parts import Delivery
from balise_agent.delivery.segments import SegmentSearch
from balise_agent.delivery.tcp_bytes import Traffic
from balise_agent.system.config import Broker
from balise_agent.system.problems import ProblemId, Trouble
from balise_agent.system.task import ReactorTask

NO_GREETING: Final = "the broker did not greet in time"
_STANDS_SECONDS: Final = 60.0
"""Real seconds after which a session counts as a success. Each connection costs 10 KB of the host's day: a network that
lets us in and cuts us off at once is met with the same back-off as one that does not let us in."""
_BACKOFF_FLOOR: Final = 0.05
_LAST_GOOD: Final = "last good broker"


class Connector:
    """The brokers of one probe, tried in order."""

    def __init__(self, delivery: Delivery) -> None:
        self.traffic = Traffic()
        """The bytes of every connection."""
        self.trouble: Trouble | None = None
        """Why no broker takes our messages, once all were tried."""
        self.next_at = 0.0
        """Monotonic seconds before which no broker is tried."""
        self._parts = delivery
        self._clock = delivery.clock
        self._backoff = Backoff(
            len(delivery.brokers), first=self._last_good(), longest=delivery.pace.redial, rng=delivery.rng
        )
        self._segments = SegmentSearch()
        self._dates_passed_over = False
        """Certificates were found outside their dates and no signed time was heard yet: the clock may be the liar."""
        self._stands_since = math.inf
        """Monotonic seconds at which the session was greeted."""
        self._dial: ReactorTask[socket.socket] | None = None

    @property
    def busy(self) -> bool:
        """Whether a broker is being tried."""
        return self._dial is not None

    @property
    def broker(self) -> Broker:
        """The broker that is used or tried (IndexError without any)."""
        return self._parts.brokers[self._backoff.place]

    @property
    def name(self) -> str:
        """The same, for people."""
        return _name(self.broker) if self._parts.brokers else "none"

    @property
    def failures(self) -> int:
        """Attempts in a row that came to nothing that lasted."""
        return self._backoff.failures

    @property
    def segment(self) -> int:
        """Bytes of the largest segment that is used towards brokers, 0 where nothing bounds it."""
        return self._segments.size

    def due(self, now: float) -> bool:
        """Whether it is time for the next attempt."""
        return self._dial is None and bool(self._parts.brokers) and now >= self.next_at

    def start(self, opened: Callable[[socket.socket], None], failed: Callable[[str], None]) -> None:
        """Try the broker whose turn it is; one of both is called, once."""

        def stands(stream: socket.socket) -> None:
            self._dial = None
            opened(stream)

        self._dial = task(
            open_stream(
                self.broker,
                self._parts.lookup,
                check_time=self._clock.machine_vouched and not self._dates_passed_over,
                follow=self.traffic.follow,
                segment=self.segment,
            ),
            reactor=self._parts.reactor,
            done=stands,
            failed=failed,
        )
        self._dial.start()

    def cancel(self) -> None:
        """End an attempt without a word."""
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.cancel()

    def greeted(self) -> None:
        """The broker takes our messages."""
        self._stands_since = self._clock.monotonic()
        self._backoff.greeted()
        self.trouble = None
        self._parts.spool.note(_LAST_GOOD, self.name)

    def passed(self) -> None:
        """Something large arrived at the collector."""
        self._segments.passed()

    def narrows(self, why: str) -> bool:
        """Look how a connection ended; return whether segments have another size from now on.

        Our own segments stall where the way out is narrow; the broker's, with its certificate, where the way back is.
        """
        unheard = NO_ANSWER in why or why == NO_GREETING
        stalled = self.traffic.stalled() or (unheard and self.traffic.stood())
        return stalled and self._segments.stalled()

    def ended(self, why: str, *, at_once: bool) -> float:
        """Put a connection away, and plan the next: the next broker at once, a whole round with back-off.

        Args:
            why: it ended.
            at_once: we ended it ourselves; no failure is counted.

        Returns:
            real seconds until the next attempt.
        """
        self.cancel()
        self.traffic.settle()
        if self._clock.monotonic() - self._stands_since >= _STANDS_SECONDS:
            self._backoff.stood()
        self._stands_since = math.inf
        if is_about_dates(why) and self._clock.checked is None:
            # A machine's clock may lie by months and call itself synchronised. The authority is pinned; its dates are
            # looked at again as soon as the collector's signed time says what day it is.
            self._dates_passed_over = True
        wait = 0.0 if at_once else self._wait_after(why)
        self.next_at = self._clock.monotonic() + wait
        return wait

    def retry(self) -> None:
        """Something changed: count anew, and let the next attempt come at once."""
        self._backoff.reset()
        self.next_at = self._clock.monotonic()

    def dates_count_now(self) -> bool:
        """Whether dates were passed over, and the signed time says by now that the machine's clock is right; once."""
        if self._dates_passed_over and self._clock.machine_vouched and self._clock.checked is not None:
            self._dates_passed_over = False
            return True
        return False

    def _last_good(self) -> int:
        """Index of the broker that worked last time."""
        last = self._parts.spool.noted(_LAST_GOOD)
        return next((at for at, broker in enumerate(self._parts.brokers) if _name(broker) == last), 0)

    def _wait_after(self, why: str) -> float:
        """Count a failure; return the real seconds until the next broker is tried."""
        wait = self._clock.real_seconds(self._backoff.failed(why))
        if self._backoff.exhausted:
            kind = ProblemId.BROKER_REFUSES if self._backoff.refused else ProblemId.BROKER_UNREACHABLE
            self.trouble = Trouble(id=kind, detail=why)
        return wait if self._backoff.refused else max(_BACKOFF_FLOOR, wait)


def _name(broker: Broker) -> str:
    return f"{broker.host}:{broker.port}"
