"""Why the last run ended: shut down in order, power cut, crash, watchdog, or a program that was killed. Pure.

"It said connected, then it died, and I cannot see why" is what operators ask most. Lives here: the facts that can be
had, and the decision what happened. Must not live here: reading them (exit_traces.py), telling it (app.py).
"""

from dataclasses import dataclass
from typing import Final

_OVERHEAT, _POWER_UNDER, _CARD_RESET = 0x0001, 0x0010, 0x0020
"""WDIOF_* of linux/watchdog.h: what a watchdog says of the reset before this boot."""
_POWER_ON: Final = 0x1000
"""PM_RSTS_HADPOR of the Raspberry Pi's power manager: the board got power, rather than being reset."""


@dataclass(frozen=True)
class Traces:
    """What can be seen of the end of the last run."""

    boot: str
    """What the kernel calls this boot; empty where it does not say."""
    boot_before: str
    """Of the last run; empty at the first one."""
    ended: bool
    """The last run said goodbye to its disk."""
    panic: bool = False
    """The kernel left a record of its own end (pstore)."""
    watchdog: int = 0
    """Bits of WDIOF_* that the hardware watchdog reports of the last reset."""
    reset: int | None = None
    """The Raspberry Pi's reset status, where its firmware tells it."""
    uptime_s: float | None = None


def story(traces: Traces) -> tuple[bool, str]:
    """Return whether the board started anew, and why the last run ended, in words; empty at the first run."""
    if not traces.boot_before:
        return False, ""
    if not traces.boot or traces.boot == traces.boot_before:
        if traces.ended:
            return False, "the program was stopped and started again"
        return False, "the program ended without a goodbye: killed, crashed, or out of memory"
    return True, f"the board started {traces.uptime_s or 0.0:.0f} s ago: {_why(traces)}"


def _why(traces: Traces) -> str:
    """Name the best cause that the traces allow."""
    if traces.panic:
        return "the kernel had crashed and left a record"
    if traces.ended:
        return "it had been shut down in order"
    if traces.watchdog & _OVERHEAT:
        return "the watchdog reset it for heat"
    if traces.watchdog & _POWER_UNDER:
        return "the watchdog reset it for too little power"
    if traces.watchdog & _CARD_RESET:
        return "the hardware watchdog reset it: it had hung"
    if traces.reset is not None and traces.reset & _POWER_ON:
        return "its power had been cut"
    if traces.reset is not None:
        return "it was reset without being shut down: a crash, a hang, or the reset line"
    return "its power was cut, or it crashed"
