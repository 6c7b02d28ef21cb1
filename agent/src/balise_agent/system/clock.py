"""The probe's clock: the one module of the agent that may ask what time it is.

Lives here: the UNIX time that dates everything (``now``), the real seconds that time network waits (``monotonic``), the
virtual clock of the laboratory, what the kernel says of its own accuracy, the collector's signed time, and the last
known time of a board without a battery-backed clock. Must not live here: schedules, waits, anything that acts.

Who is believed. Whoever holds the line can answer NTP, so "the kernel says that it is synchronised" is a claim of the
network. The collector's signed time is not: a message signed at T proves that it is T or later now, and one that
answers a message of ours, sent D seconds ago, proves that it is at most T + D. The machine's clock is used inside these
two bounds and nowhere outside them (the same reasoning as Roughtime, draft-ietf-ntp-roughtime, section 5).
"""

import contextlib
import copy
import ctypes
import math
import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from balise_agent.system.errors import ConfigError
from balise_wire.words import ClockState

VARIABLE: Final = "BALISE_CLOCK"
_SPECIFICATION = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)Z@(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?"
)
_STA_UNSYNC: Final = 0x0040
"""adjtimex(2): the clock is not disciplined."""
_KERNEL_ASKED_EVERY: Final = 10.0
"""Real seconds for which the kernel's answer is believed."""
_HINT_TOLERANCE: Final = 2.0
"""Seconds by which a clock may differ from the collector's hint and still be left alone."""
_DRIFT: Final = 200e-6
"""Seconds a second by which a board's crystal and the collector's clock may part; widens the bounds as they age."""
SHIFT: Final = 60.0
"""A correction of more than so many seconds parts what was dated before it from what is dated after it."""
_JUMP: Final = 1.5
"""A step of the clock against the monotonic one, in seconds, that is worth an event."""


class Laboratory:
    """A virtual clock: ``start + (monotonic - origin) * scale``, the same in every process of one machine.

    With ``wrong``, a board whose clock is that many seconds off in this virtual world, and claims to be synchronised.
    """

    def __init__(self, start: float, origin: float, scale: float, wrong: float | None = None) -> None:
        self.start = start
        self.origin = origin
        self.scale = scale
        self.wrong = wrong

    @classmethod
    def parse(cls, text: str) -> "Laboratory":
        """Read ``2020-05-17T16:30:00Z@1234.5x60``, or ``...x60+7200`` for a clock that is two hours ahead.

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
        return cls(start, float(match[2]), scale, None if match[4] is None else float(match[4]))


class _Bounds:
    """What signed messages prove of the time now, on the steady clock; both bounds widen as they age."""

    def __init__(self) -> None:
        self._earliest = -math.inf
        """Signed time minus the steady clock's reading when it was heard."""
        self._heard = 0.0
        self._latest = math.inf
        self._bounded = 0.0

    @property
    def known(self) -> bool:
        """Whether any signed time was heard."""
        return self._earliest > -math.inf

    @property
    def closed(self) -> bool:
        """Whether a signed answer to a message of ours bounds the time from above as well."""
        return self._latest < math.inf

    def note(self, at: float, steady: float, *, within: float | None) -> None:
        """Take in a signed time: it is ``at`` or later; with ``within``, at most ``at + within``."""
        self._earliest, self._heard = max(at - steady, self._earliest - _DRIFT * (steady - self._heard)), steady
        if within is not None:
            self._latest = min(at + within - steady, self._latest + _DRIFT * (steady - self._bounded))
            self._bounded = steady
        elif self.closed and at > self.most(steady):
            self._latest = math.inf  # two signed times that cannot both be true: the newer one is, the bound is void

    def least(self, steady: float) -> float:
        """Return the earliest that it can be now."""
        return steady + self._earliest - _DRIFT * (steady - self._heard)

    def most(self, steady: float) -> float:
        """Return the latest that it can be now; infinity where nothing bounds it."""
        return steady + self._latest + _DRIFT * (steady - self._bounded)

    def width(self, steady: float) -> float:
        """Return how far apart the two bounds are, in seconds."""
        return max(0.0, self.most(steady) - self.least(steady))

    def best(self, steady: float) -> float:
        """Return the time to go by where the machine's is outside the bounds."""
        middle = self._latest if self.closed else self._earliest
        return steady + (self._earliest + middle) / 2.0


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
        self._real_system = system
        self.monotonic = monotonic
        claimed = (lambda: True) if laboratory is not None and laboratory.wrong is not None else kernel_synced
        self._ask_kernel = synced or claimed
        self._kernel_asked = float("-inf")
        self._kernel_synced = False
        self._bounds = _Bounds()
        self._recalled = -math.inf
        """Least time by the last one written down, minus the steady clock; void once the collector was heard."""
        self._last_hint = 0.0
        self._offset_ms: float | None = None
        self._reference: float | None = None
        self.before_shift: Callable[[float], None] = lambda _seconds: None
        """Called with the seconds of a correction above ``SHIFT``, while ``now`` still is what it was."""
        self.shifts = 0
        """Corrections above ``SHIFT`` so far."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Clock":
        """Return the real clock, or the laboratory's where BALISE_CLOCK is set (ConfigError when malformed)."""
        text = environment.get(VARIABLE, "")
        return cls(laboratory=Laboratory.parse(text) if text else None)

    @property
    def scale(self) -> float:
        """Clock seconds that pass in one real second."""
        return self._laboratory.scale if self._laboratory else 1.0

    def steady(self) -> float:
        """Clock seconds since some moment in the past: never stepped, never corrected; for rates and waits."""
        return self.monotonic() * self.scale

    def now(self) -> float:
        """UNIX seconds."""
        machine = self._machine()
        if self._obeys_laboratory:
            return machine
        steady = self.steady()
        if not self._bounds.known:
            return machine if self._synced() else max(machine, steady + self._recalled)
        if self._is_believable(machine, steady):
            return machine
        best = self._bounds.best(steady)
        return best if self._bounds.closed or self._synced() else max(best, steady + self._recalled)

    def signed(self) -> float:
        """UNIX seconds that it is at least, by the collector's signature and the time this board has run since.

        What ends by itself (an assignment) is held against this time: no time server can end it or keep it alive.
        Where nothing signed was ever heard there is no such time: 0.
        """
        if self._obeys_laboratory:
            return self._machine()
        return self._bounds.least(self.steady()) if self._bounds.known else 0.0

    def real_seconds(self, virtual: float) -> float:
        """Real seconds that ``virtual`` seconds of this clock take."""
        return virtual / self.scale

    def state(self) -> ClockState:
        """Who vouches for ``now``."""
        if self._obeys_laboratory:
            return ClockState.LABORATORY
        if self._synced() and not self.is_outvoted:
            return ClockState.SYNCED
        return ClockState.HINTED if self._bounds.closed else ClockState.UNSYNCED

    @property
    def checked(self) -> float | None:
        """Seconds by which ``now`` can be off at most, by a signed answer of the collector; ``None`` before one."""
        if self._obeys_laboratory or not self._bounds.closed:
            return None
        return self._bounds.width(self.steady()) + _HINT_TOLERANCE

    @property
    def is_outvoted(self) -> bool:
        """Whether the machine's clock is outside what the collector's signed time allows."""
        return (
            not self._obeys_laboratory
            and self._bounds.known
            and not self._is_believable(self._machine(), self.steady())
        )

    @property
    def correction(self) -> float:
        """Seconds that are added to the machine's clock; 0 where it is believed."""
        return self.now() - self._machine()

    @property
    def machine_vouched(self) -> bool:
        """Whether somebody vouches for the machine's own clock, by which OpenSSL reads a certificate's dates."""
        return self._laboratory is not None or (self._synced() and not self.is_outvoted)

    def certificate_time(self) -> float:
        """UNIX seconds to hold certificates' dates against: the machine's, also where a laboratory's clock rules."""
        return self._real_system() if self._laboratory is not None else self.now()

    @property
    def offset_ms(self) -> float | None:
        """This clock minus the collector's at the last live hint, in milliseconds; ``None`` before the first."""
        return self._offset_ms

    def hint(self, at: float, *, live: bool, since: float | None = None) -> None:
        """Learn from the collector's signed time; it outvotes the machine's clock, also a synchronised one.

        A hint older than one already seen is a replay and ignored. A retained message (``live`` false) may be hours
        old, and so may one that the network held back: both only say that it is *at least* that late. An answer to a
        message of ours says how late it is at most. A clock for which nobody vouches believes any live message.

        Args:
            at: UNIX seconds on the collector's clock when it signed.
            live: the message was delivered as it was published.
            since: ``monotonic`` reading when the message was sent that this one answers; ``None`` where it answers
                none that we know of.
        """
        if self._obeys_laboratory or not math.isfinite(at) or at <= self._last_hint:
            return
        self._last_hint = at
        steady, before = self.steady(), self.now()
        within = None if since is None else max(0.0, (self.monotonic() - since) * self.scale)
        if live:
            self._offset_ms = (before - at) * 1000.0
            if within is None and not self._synced():
                within = 0.0
        held = copy.copy(self._bounds)
        held.note(at, steady, within=within)
        self._bounds, held = held, self._bounds
        step = self.now() - before
        if abs(step) > SHIFT:
            taken, self._bounds = self._bounds, held
            self.before_shift(step)
            self._bounds = taken
            self.shifts += 1

    def jump(self) -> float:
        """Seconds by which ``now`` stepped against the monotonic clock since the last call; 0.0 when it did not."""
        reference = self.now() - self.steady()
        before, self._reference = self._reference, reference
        step = 0.0 if before is None else reference - before
        return step if abs(step) > _JUMP else 0.0

    def remember(self, path: Path) -> None:
        """Write the time down, so that a board without a clock battery does not start in the past.

        Two lines: ``now``, and the least time by the collector's signature (``signed``), 0 where there is none.
        """
        if self._obeys_laboratory:
            return
        # Losing this costs accuracy after a power cut, not data: a full disk must not stop a probe that measures.
        with contextlib.suppress(OSError):
            draft = path.with_suffix(".new")
            with draft.open("w", encoding="ascii") as file:
                file.write(f"{self.now():.0f}\n{self.signed():.0f}\n")
                file.flush()
                os.fsync(
                    file.fileno()
                )  # a rename alone may leave an empty file after a power cut (ext4(5), auto_da_alloc)
            draft.replace(path)

    def recall(self, path: Path) -> None:
        """Never start before the times that ``remember`` wrote down; an unreadable file says nothing."""
        try:
            last, signed, *_ = (*(float(line) for line in path.read_text(encoding="ascii").splitlines()), 0.0, 0.0)
        except (OSError, ValueError):
            return
        if self._obeys_laboratory or not math.isfinite(last) or not math.isfinite(signed):
            return
        self._recalled = last - self.steady()
        if signed > 0.0:
            self._bounds.note(signed, self.steady(), within=None)

    @property
    def _obeys_laboratory(self) -> bool:
        """Whether a scenario drives this clock and says that it is right."""
        return self._laboratory is not None and self._laboratory.wrong is None

    def _machine(self) -> float:
        """UNIX seconds of the machine's clock, believable or not."""
        if self._laboratory is None:
            return self._real_system()
        lab = self._laboratory
        return lab.start + (self.monotonic() - lab.origin) * lab.scale + (lab.wrong or 0.0)

    def _is_believable(self, machine: float, steady: float) -> bool:
        """Whether the machine's clock is inside what signed times and, where nobody vouches, the last run allow."""
        least = self._bounds.least(steady)
        if not self._bounds.closed and not self._synced():
            least = max(least, steady + self._recalled)
        return least - _HINT_TOLERANCE <= machine <= self._bounds.most(steady) + _HINT_TOLERANCE

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
