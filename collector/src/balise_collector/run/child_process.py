"""A program of ours that runs beside the collector, and is started again whenever it ends.

The collector goes on without it. Lives here: the thread that starts, watches and ends one child. Must not live here:
what the child does.
"""

import logging
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

_log = logging.getLogger(__name__)
_SHORTEST: Final = 1.0
_LONGEST: Final = 60.0
"""Real seconds until it is started again: the first time, and at most."""
_WELL: Final = 60.0
"""Real seconds after which it counts as having run."""
_PATIENCE: Final = 1.0
"""Real seconds between SIGTERM and SIGKILL."""


class ChildProcess:
    """Keeps one child running; its standard input ends when this program does, however that happens."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        monotonic: Callable[[], float],
        *,
        environment: Mapping[str, str] | None = None,
        handed: tuple[int, ...] = (),
    ) -> None:
        """Prepare; ``start`` starts it.

        Args:
            name: for the log.
            command: the program and its arguments.
            monotonic: real seconds.
            environment: further variables.
            handed: descriptors that it gets.
        """
        self.failed: BaseException | None = None
        self.child: subprocess.Popen[bytes] | None = None
        self._name = name
        self._command = command
        self._monotonic = monotonic
        self._environment = {**os.environ, **(environment or {})}
        self._handed = handed
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the child to end, and start no other."""
        with self._turn:
            self._stopping.set()
            if self.child is not None:
                self.child.terminate()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread's end."""
        self._thread.join(timeout)

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._keep()
        except BaseException as error:
            self.failed = error
            _log.exception("%s: nobody watches it any more", self._name)
            raise

    def _keep(self) -> None:
        pause = _SHORTEST
        while not self._stopping.is_set():
            begun = self._monotonic()
            told = self._once()
            if self._stopping.is_set():
                return
            pause = _SHORTEST if self._monotonic() - begun >= _WELL else pause
            _log.error("%s %s; it is started again in %.0f s", self._name, told, pause)
            self._stopping.wait(pause)
            pause = min(2 * pause, _LONGEST)

    def _once(self) -> str:
        """Run it once; returns how it ended."""
        try:
            with self._turn:
                if self._stopping.is_set():
                    return "was not started"
                self.child = subprocess.Popen(  # noqa: S603 - our own program
                    self._command, stdin=subprocess.PIPE, pass_fds=self._handed, env=self._environment
                )
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        with self.child as child:
            while child.poll() is None:
                if self._stopping.is_set():
                    return _ended(child)
                try:
                    child.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    continue
            return f"ended with status {child.returncode}"


def _ended(child: subprocess.Popen[bytes]) -> str:
    """Wait for a child that was asked to end, and end it where it does not."""
    try:
        child.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    return "was ended"
