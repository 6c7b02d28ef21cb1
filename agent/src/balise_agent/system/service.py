"""What the service manager hears: ready, alive, stopping, and the log in its journal. Silent where there is none.

Lives here: sd_notify(3) and the choice of the log handler. The watchdog is fed from the loop, and only when the loop
has progressed: a probe that runs and measures nothing is to be restarted. Must not live here: what progress is.
"""

import importlib
import logging
import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"


class Service:
    """The service manager, or nobody."""

    def __init__(self, environment: Mapping[str, str] = os.environ, daemon: Any = None) -> None:
        """Look whether somebody listens; ``daemon`` is ``systemd.daemon`` or a test's stand-in."""
        listening = bool(environment.get("NOTIFY_SOCKET"))
        self._daemon = (daemon or _systemd("systemd.daemon")) if listening else None
        micros = environment.get("WATCHDOG_USEC", "")
        self.feed_every = int(micros) / 2_000_000.0 if micros.isdigit() else 0.0
        """Real seconds between two feedings, half of what the manager allows (sd_watchdog_enabled(3)); 0: none."""
        self._fed = float("-inf")
        self._status = ""

    def ready(self) -> None:
        """Start-up is over."""
        self._notify("READY=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``; repeated lines are not sent."""
        if text != self._status:
            self._status = text
            self._notify(f"STATUS={text}")

    def alive(self, monotonic: float) -> None:
        """The loop progressed."""
        if self.feed_every and monotonic - self._fed >= self.feed_every:
            self._fed = monotonic
            self._notify("WATCHDOG=1")

    def stopping(self) -> None:
        """The end began."""
        self._notify("STOPPING=1")

    def _notify(self, message: str) -> None:
        if self._daemon is not None:
            self._daemon.notify(message)


def log_to(environment: Mapping[str, str] = os.environ, *, verbose: bool = False) -> None:
    """Send the log to the journal under systemd, and to stderr elsewhere."""
    # JOURNAL_STREAM is set when stderr already goes to the journal (systemd.exec(5)); the native protocol keeps levels.
    journal = _systemd("systemd.journal") if environment.get("JOURNAL_STREAM") else None
    if journal is not None:
        handler: logging.Handler = journal.JournalHandler(SYSLOG_IDENTIFIER="agent")
        handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(_FORMAT, "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)


def _systemd(module: str) -> ModuleType | None:
    """Import a part of systemd-python where it is installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None
