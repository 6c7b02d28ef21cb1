"""The probe's clock: the one module of the agent that may ask what time it is.

Lives here: the UNIX time that dates everything (``now``), the real seconds that time network waits (``monotonic``), the
virtual clock of the laboratory, what the kernel says of its own accuracy, the collector's signed time hint, and the
last known time of a board without a battery-backed clock. Must not live here: schedules, waits, anything that acts.
"""

import contextlib
import ctypes
import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from balise_agent.errors import ConfigError
from balise_wire.words import ClockState

VARIABLE: Final = "BALISE_CLOCK"
_SPECIFICATION = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)Z@(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)")
_STA_UNSYNC: Final = 0x0040
"""adjtimex(2): the clock is not disciplined."""
_KERNEL_ASKED_EVERY: Final = 10.0
"""Real seconds for which the kernel's answer is believed."""
_HINT_TOLERANCE: Final = 2.0
"""Seconds by which a clock may differ from the collector's hint and still be left alone."""
_JUMP: Final = 1.5
"""A step of the clock against the monotonic one, in seconds, that is worth an event."""


class Laboratory:
    """A virtual clock: ``start + (monotonic - origin) * scale``, the same in every process of one machine."""

    def __init__(self, start: float, origin: float, scale: float) -> None:
        self.start = start
        self.origin = origin
        self.scale = scale

    @classmethod
    def parse(cls, text: str) -> "Laboratory":
        """Read ``2020-05-17T16:30:00Z@1234.5x60``.

        Raises:
            ConfigError: any other shape, an impossible date, or a scale of zero.
        """
        mend = f"write {VARIABLE}=<UTC start>@<CLOCK_MONOTONIC seconds>x<scale>, e.g. 2020-05-17T16:30:00Z@1234.5x60"
        match = _SPECIFICATION.fullmatch(text)
        if match is None:
            raise ConfigError(f"{VARIABLE}={text!r} is not a clock: {mend}")
        try:
            start = datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp()
        except ValueError as error:
            raise ConfigError(f"{VARIABLE}={text!r}: {error}: {mend}") from None
        scale = float(match[3])
        if scale <= 0.0:
            raise ConfigError(f"{VARIABLE}={text!r}: a scale of 0 would stop time: {mend}")
        return cls(start, float(match[2]), scale)


class Clock:
    """Time as this probe knows it. All readings of one process come from one instance."""

    def __init__(
        self,
        *,
        laboratory: Laboratory | None = None,
        system: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        synced: Callable[[], bool] | None = None,
    ) -> None:
        """Take the clock apart so that a test can put its own readings in; programs use ``from_environment``."""
        self._laboratory = laboratory
        self._system = system
        self.monotonic = monotonic
        self._ask_kernel = synced or kernel_synced
        self._kernel_asked = float("-inf")
        self._kernel_synced = False
        self._shift = 0.0
        self._hinted = False
        self._last_hint = 0.0
        self._offset_ms: float | None = None
        self._reference: float | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Clock":
        """Return the real clock, or the laboratory's where BALISE_CLOCK is set (ConfigError when malformed)."""
        text = environment.get(VARIABLE, "")
        return cls(laboratory=Laboratory.parse(text) if text else None)

    @property
    def scale(self) -> float:
        """Clock seconds that pass in one real second."""
        return self._laboratory.scale if self._laboratory else 1.0

    def now(self) -> float:
        """UNIX seconds."""
        if self._laboratory:
            lab = self._laboratory
            return lab.start + (self.monotonic() - lab.origin) * lab.scale
        return self._system() + (0.0 if self._synced() else self._shift)

    def real_seconds(self, virtual: float) -> float:
        """Real seconds that ``virtual`` seconds of this clock take."""
        return virtual / self.scale

    def state(self) -> ClockState:
        """Who vouches for ``now``."""
        if self._laboratory:
            return ClockState.LABORATORY
        if self._synced():
            return ClockState.SYNCED
        return ClockState.HINTED if self._hinted else ClockState.UNSYNCED

    @property
    def machine_vouched(self) -> bool:
        """Whether somebody vouches for the machine's own clock, by which OpenSSL reads a certificate's dates."""
        return self._laboratory is not None or self._synced()

    def certificate_time(self) -> float:
        """UNIX seconds to hold certificates' dates against: the machine's, also where a laboratory's clock rules."""
        return self._system() + (0.0 if self.machine_vouched else self._shift)

    @property
    def offset_ms(self) -> float | None:
        """This clock minus the collector's at the last live hint, in milliseconds; ``None`` before the first."""
        return self._offset_ms

    def hint(self, at: float, *, live: bool) -> None:
        """Learn from the collector's signed time.

        A hint older than one already seen is a replay and ignored. A retained message (``live`` false) may be hours
        old: it can only say that it is *at least* that late. The kernel's own discipline always wins.

        Args:
            at: UNIX seconds on the collector's clock when it signed.
            live: the message was delivered as it was published.
        """
        if at <= self._last_hint or self._laboratory:
            return
        self._last_hint = at
        difference = self.now() - at
        if live:
            self._offset_ms = difference * 1000.0
        if self._synced():
            return
        if (live and abs(difference) > _HINT_TOLERANCE) or (not live and difference < -_HINT_TOLERANCE):
            self._shift -= difference
        self._hinted = self._hinted or live

    def jump(self) -> float:
        """Seconds by which ``now`` stepped against the monotonic clock since the last call; 0.0 when it did not."""
        reference = self.now() - self.monotonic() * self.scale
        before, self._reference = self._reference, reference
        step = 0.0 if before is None else reference - before
        return step if abs(step) > _JUMP else 0.0

    def remember(self, path: Path) -> None:
        """Write the time down, so that a board without a clock battery does not start in the past."""
        if self._laboratory:
            return
        # Losing this costs accuracy after a power cut, not data: a full disk must not stop a probe that measures.
        with contextlib.suppress(OSError):
            draft = path.with_suffix(".new")
            with draft.open("w", encoding="ascii") as file:
                file.write(f"{self.now():.0f}\n")
                file.flush()
                os.fsync(
                    file.fileno()
                )  # a rename alone may leave an empty file after a power cut (ext4(5), auto_da_alloc)
            draft.replace(path)

    def recall(self, path: Path) -> None:
        """Never start before the time that ``remember`` wrote down; an unreadable file says nothing."""
        try:
            last = float(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return
        if not self._laboratory and not self._synced() and self.now() < last:
            self._shift += last - self.now()

    def _synced(self) -> bool:
        """Ask the kernel, seldom."""
        reading = self.monotonic()
        if reading - self._kernel_asked >= _KERNEL_ASKED_EVERY:
            self._kernel_asked = reading
            self._kernel_synced = self._ask_kernel()
        return self._kernel_synced


def machine_time() -> float:
    """UNIX seconds of the machine, whatever clock the probe keeps: for the ages of files on this machine."""
    return time.time()


class _Timex(ctypes.Structure):
    """The head of ``struct timex`` (adjtimex(2)); the tail is room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def kernel_synced() -> bool:
    """Tell whether a time protocol disciplines the kernel's clock; where the question is refused, nobody vouches."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return False
    timex = _Timex()
    return adjtimex(ctypes.byref(timex)) >= 0 and not timex.status & _STA_UNSYNC
