"""The agent's figures of the performance goals: P1, P3, P4, P5, P6.

Each comparison runs both sides in turn, three rounds, in one run on this machine, in namespaces of its own; medians are
quoted. Lives here: goals, limits, and the arithmetic. Must not live here: measuring (agent_plays.py, agent_memory.py),
the table (run.py).
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TOOLS = HERE.parents[1] / ".tools" / "bin"
PLAYS = HERE / "agent_plays.py"
MEMORY = HERE / "agent_memory.py"
GROUND = HERE.parent / "agent" / "net" / "netns_plays.py"
ROUNDS = 3

Figure = dict[str, Any]
"""``id``, ``what``, ``goal``, ``limit``, ``figure`` (texts) and ``ok``."""


def figures() -> list[Figure]:
    """Measure everything; about a minute and a half."""
    return [memory(), crafted(), *timed(), burst(), batteries()]


def figure(number: str, what: str, goal: str, limit: str, found: str, *, ok: bool) -> Figure:
    """Return one line of the table."""
    return {"id": number, "what": what, "goal": goal, "limit": limit, "figure": found, "ok": ok}


def memory() -> Figure:
    """P1: resident memory after start and with 50 targets in flight, against the same program beside scapy.all."""
    ours, naive = [], []
    for _ in range(ROUNDS):
        ours.append(run(MEMORY, "ours"))
        naive.append(run(MEMORY, "naive"))
    started, in_flight, other = (
        statistics.median(one[key] for one in side)
        for side, key in ((ours, "started"), (ours, "in_flight"), (naive, "started"))
    )
    return figure(
        "P1",
        "agent's resident memory after start / 50 targets in flight",
        "<= 55 MB / <= 64 MB, <= 0.65x scapy.all",
        "48 / 57 MB against 91 / 111",
        f"{started:.1f} / {in_flight:.1f} MB, {started / other:.2f}x of {other:.1f}",
        ok=started <= 55.0 and in_flight <= 64.0 and started <= 0.65 * other,
    )


def crafted() -> Figure:
    """P3: CPU of one crafted probe, its answer heard, against sr1."""
    found = run(PLAYS, "crafted")
    ours, naive = statistics.median(found["ours_us"]), statistics.median(found["naive_us"])
    return figure(
        "P3",
        "CPU of one crafted probe, against sr1",
        "<= 40 us, >= 90x cheaper",
        "19 us, 190x",
        f"{ours:.1f} us, {naive / ours:.0f}x (sr1 {naive / 1000.0:.1f} ms)",
        ok=ours <= 40.0 and naive >= 90.0 * ours,
    )


def timed() -> list[Figure]:
    """P4: round trips against the kernel's timestamps on the probe's interface, idle and with both cores busy."""
    found = run(PLAYS, "timed")
    lines = []
    for state in ("idle", "loaded"):
        ours, naive = found[f"ours {state}"], found[f"naive {state}"]
        half, most = statistics.median(ours), quantile(ours, 0.99)
        lines.append(
            figure(
                "P4",
                f"RTT error against kernel timestamps, p50 / p99, {state}",
                "<= 2 us / <= 20 us",
                "1.7 / 6 us",
                f"{half:.1f} / {most:.1f} us (sr1 {statistics.median(naive):.0f} / {quantile(naive, 0.99):.0f} us)",
                ok=half <= 2.0 and most <= 20.0,
            )
        )
    return lines


def burst() -> Figure:
    """P5: packets lost by the tap in a burst."""
    found = [run(GROUND, "burst") for _ in range(ROUNDS)]
    lost = [one["sent"] - one["heard"] for one in found]
    drops = [one["drops"] for one in found]
    return figure(
        "P5",
        "packets lost by the tap in a 5,000-packet burst",
        "0, drop counter exported",
        "0",
        f"{max(lost)} (the kernel counted {max(drops)})",
        ok=max(lost) == 0,
    )


def batteries() -> Figure:
    """P6: 50 targets that all time out, against one of them alone."""
    found = [run(GROUND, "batteries") for _ in range(ROUNDS)]
    ratio = statistics.median(one["together"] / one["alone"] for one in found)
    return figure(
        "P6",
        "a battery of 50 targets that all time out",
        "<= 1.3x its slowest plan",
        "1x",
        f"{ratio:.2f}x",
        ok=ratio <= 1.3,
    )


def quantile(values: list[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def run(script: Path, name: str) -> Any:
    """Run one play in a network of its own and return what it printed."""
    environment = {**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"}
    environment.pop("BALISE_CLOCK", None)
    command = [*wrapper(), sys.executable, str(script), name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    if done.returncode:
        raise RuntimeError(f"{script.name} {name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


@functools.cache
def wrapper() -> tuple[str, ...]:
    """Return the command prefix that gives a program a network of its own (RuntimeError with the mend)."""
    rest = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    for start in ((), ("--user", "--map-root-user")):
        command = ("unshare", *start, *rest)
        if (
            shutil.which("unshare")
            and not subprocess.run([*command, "true"], capture_output=True, check=False).returncode
        ):
            return command
    raise RuntimeError("no network namespace to be had: run the benchmark as root, or allow user namespaces")


if __name__ == "__main__":
    for line in figures():
        print(line)
