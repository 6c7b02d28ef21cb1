"""The program: which threads run, how they start, and how they end.

Ownership: the main thread waits for signals (and serves the pages); ``ingest`` writes the journal; ``pipeline`` reads
it and writes the derived store. They share files, not objects. A thread that dies ends the program, so that the
service manager starts it again: everything is built to be killed. Must not live here: what any of them does.
"""

import logging
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from balise_collector import catalogue, identity
from balise_collector.clock import Clock
from balise_collector.config import Config
from balise_collector.ingest import Ingest

_log = logging.getLogger(__name__)
_STOP_SECONDS: Final = 2.5
"""Longest that a thread may take to end; the whole program ends within 3 s of SIGTERM."""


class ClockFormatter(logging.Formatter):
    """Log lines dated by the collector's clock, so that a laboratory's log can be laid beside its timeline."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._clock = clock

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging calls it so
        """Return the time of the line in UTC."""
        return datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def log_to_stderr(clock: Clock, level: int = logging.INFO) -> None:
    """Send every module's log lines to standard error, where journald finds them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ClockFormatter(clock))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def run(config: Config, clock: Clock) -> int:
    """Run the collector until SIGTERM or SIGINT; returns the program's exit status.

    Raises:
        ConfigError: a key, catalogue or certificate that cannot be used.
    """
    key = identity.load_or_create(config.state_dir)
    services = catalogue.load(catalogue.folder_of(config.catalogue.dir))
    ingest = Ingest(config, clock, key, services)
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stopping.set())
    _log.info("collector key %s, catalogue %s", identity.public_hex(key), services.version)
    ingest.start()
    wait_for_end(stopping, [ingest.is_alive])
    ingest.stop()
    ingest.join(_STOP_SECONDS)
    return 1 if ingest.failed else 0


def wait_for_end(stopping: threading.Event, alive: list[Callable[[], bool]]) -> None:
    """Wait until we are asked to stop or one of the threads died."""
    while not stopping.wait(0.2):
        if not all(is_alive() for is_alive in alive):
            return
