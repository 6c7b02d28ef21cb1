"""How much of this machine a run gets just now, and waiting that follows it.

Lives here: the measure of how busy the machine is, precedence over other work, and running a short program for as long
as it does something. A time limit in seconds says nothing on a machine that twenty others use; work done does. Must not
live here: the scenario's clock (run/speed.py slows it), or what is waited for.
"""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_SAMPLE = 0.2
"""Seconds of work by which the machine is measured: longer than what a scheduler gives to one that slept."""
MOST = 10.0
"""Beyond this a machine is at fault, not busy: nobody waits for it any longer."""
_PRECEDENCE = -15
_LOOK = 2.0
"""Real seconds between two looks at what a program has done."""


def slowness() -> float:
    """Return the real seconds that one second of one thread's work takes now, from 1.0 (alone) to ``MOST``."""
    began, spent = time.monotonic(), time.thread_time()
    while time.thread_time() - spent < _SAMPLE:
        pass
    return min(MOST, max(1.0, (time.monotonic() - began) / (time.thread_time() - spent)))


def take_precedence() -> bool:
    """Go before the machine's other work with all children; tell whether this user may (root, or CAP_SYS_NICE)."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRECEDENCE)
        return True
    return False


def wait(program: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for a program to end; the machine is measured for one alone that has not ended in time.

    Args:
        program: what was asked to end.
        seconds: of a machine that is ours alone; where others use it, as many more as it is slower.

    Raises:
        subprocess.TimeoutExpired: it goes on.
    """
    try:
        program.wait(seconds)
    except subprocess.TimeoutExpired:
        program.wait(seconds * (slowness() - 1.0))


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process with its ended children; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def run(
    argv: Sequence[str],
    *,
    idle: float,
    env: Mapping[str, str] | None = None,
    preexec: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a short program for as long as it does something, and return what it said.

    Args:
        argv: its command line.
        idle: real seconds without any processor time of its own after which it hangs; on a busy machine more.
        env: its environment; ours where none is given.
        preexec: what is done in its process first.

    Raises:
        subprocess.TimeoutExpired: it hung, and was killed.
    """
    with subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=None if env is None else dict(env),
        preexec_fn=preexec,  # noqa: PLW1509 - entering a namespace between fork and exec; it takes no lock
    ) as program:
        done, since = 0.0, time.monotonic()
        while True:
            try:
                out, error = program.communicate(timeout=min(_LOOK, idle))
            except subprocess.TimeoutExpired:
                now_done = cpu_seconds(program.pid)
                if now_done > done:
                    done, since = now_done, time.monotonic()
                elif time.monotonic() - since > idle * slowness():
                    program.kill()
                    program.communicate()
                    raise
                continue
            return subprocess.CompletedProcess(list(argv), program.returncode, out, error)
