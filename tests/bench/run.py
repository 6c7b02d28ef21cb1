"""Measures the performance goals on this machine and prints the table; a goal that is missed is named as missed.

Run it with ``make bench``, or with names of goals to measure only those files that know them: ``run.py P10``. Lives
here: the table and the order of things. Must not live here: measuring (bench_*.py here, each with ``figures()``).
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
GOALS: Final[dict[str, tuple[str, ...]]] = {
    "bench_agent": ("P1", "P3", "P4", "P5", "P6"),
    "bench_collector": ("P8",),
    "bench_detect": ("P10",),
    "bench_detection": ("P13",),
    "bench_field": ("P13",),
    "bench_pages": ("P11",),
}
"""Which goals each file measures."""

Figure = dict[str, Any]


def measure(name: str) -> list[Figure]:
    """Return one file's figures; a file that is missing or breaks says so in its goals' place."""
    path = HERE / f"{name}.py"
    if not path.exists():
        return [_unmeasured(goal, f"{path.name} is missing") for goal in GOALS[name]]
    sys.path.insert(0, str(HERE))
    try:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            return [_unmeasured(goal, f"{path.name} cannot be loaded") for goal in GOALS[name]]
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        figures: list[Figure] = module.figures()
    except Exception as error:  # noqa: BLE001 - one broken bench must not take the others' figures with it
        traceback.print_exc()
        return [_unmeasured(goal, f"{type(error).__name__}: {error}") for goal in GOALS[name]]
    measured = {str(figure["id"]).split()[0] for figure in figures}
    return figures + [_unmeasured(goal, f"{path.name} gave no figure") for goal in GOALS[name] if goal not in measured]


def _unmeasured(goal: str, why: str) -> Figure:
    """Return the line of a goal without a figure."""
    return {"id": goal, "what": "", "goal": "", "limit": "", "figure": f"not measured: {why}", "ok": False}


def order(figure: Figure) -> int:
    """Return the goal's number, for sorting."""
    digits = "".join(c for c in str(figure["id"]).split()[0] if c.isdigit())
    return int(digits or 0)


def table(figures: list[Figure]) -> str:
    """Return the figures as a table with aligned columns."""
    rows = [("", "what", "goal", "limit (bare)", "figure", "")]
    rows += [
        (str(f["id"]), f["what"], f["goal"], f["limit"], f["figure"], "met" if f["ok"] else "MISSED") for f in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def main(wanted: list[str]) -> int:
    """Measure and print; returns 1 where a goal could not be measured. A missed goal is a finding, not a failure."""
    figures: list[Figure] = []
    for name, goals in GOALS.items():
        if wanted and not set(goals) & set(wanted):
            continue
        print(f"bench: {', '.join(goals)} ...", file=sys.stderr, flush=True)
        figures += measure(name)
    figures.sort(key=order)
    print(table(figures))
    missed = [str(f["id"]) for f in figures if not f["ok"]]
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nall goals met")
    return int(any(str(f["figure"]).startswith("not measured") for f in figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
