"""`make attack`: python -m balise_attack [--checkout DIR] [--other DIR] [--short] [--list] [ROW ...].

Lives here: the command line, the namespaces of each case, and the table. Each case runs in a process of its own inside
fresh network, mount and process namespaces, so that whatever it starts ends with it and nothing reaches the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import traceback
from pathlib import Path
from typing import Final

from balise_attack.bed import OWN, Bed
from balise_attack.case import Case, Outcome, Skipped
from balise_attack.cases import all_cases

_COMMON: Final = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_BUSY: Final = 4.0
"""A busy machine is given so many times what a case may take on an idle one: a limit against hanging, no measure."""
_HELD, _NOT_HELD, _SKIPPED = "held", "NOT HELD", "skipped"


def main() -> int:
    """Exit 0 when every case held, 1 when one did not, 2 when none could be played."""
    parser = argparse.ArgumentParser(prog="attack", description="Every known attack, against real programs.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows to play, e.g. 3 f2; default: all")
    parser.add_argument("--checkout", type=Path, default=OWN, help="whose programs are attacked; default: this one")
    parser.add_argument("--other", type=Path, help="a second checkout, for cases in which two versions meet")
    parser.add_argument("--short", action="store_true", help="the shorter form that make test plays")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    checkout, other = arguments.checkout.resolve(), arguments.other and arguments.other.resolve()
    if arguments.one:
        return _play_here(arguments.rows[0], checkout, other)
    cases = [case for case in all_cases() if _is_wanted(case, arguments.rows, short=arguments.short)]
    if arguments.list:
        for case in cases:
            print(f"{case.row:>5}  {case.title}")
        return 0
    if not cases:
        print(f"attack: no case has the number {' '.join(arguments.rows)}; --list names them", file=sys.stderr)
        return 2
    if not (checkout / ".venv" / "bin" / "python").exists():
        print(f"attack: {checkout} has no .venv: run make setup there", file=sys.stderr)
        return 2
    wrapper = namespaces()
    if wrapper is None:
        print("attack: this kernel gives no namespaces to ordinary users; run as root", file=sys.stderr)
        return 2
    print(f"attack: {len(cases)} cases", flush=True)
    seen = []
    for case in cases:
        result = play(case, wrapper, checkout, other)
        seen.append(result["outcome"])
        _print(case, result)
    counts = {word: seen.count(word) for word in (_HELD, _NOT_HELD, _SKIPPED)}
    print(f"attack: {counts[_HELD]} held, {counts[_NOT_HELD]} not held, {counts[_SKIPPED]} skipped")
    return 1 if counts[_NOT_HELD] else 0 if counts[_HELD] else 2


def namespaces() -> tuple[str, ...] | None:
    """Return the command prefix that gives a program namespaces of its own; None where the kernel refuses."""
    as_user = ("unshare", "--user", "--map-root-user", *_COMMON)
    for wrapper in (("unshare", *_COMMON), as_user) if os.geteuid() == 0 else (as_user,):
        trial = [*wrapper, str(OWN / ".tools" / "bin" / "ip"), "link", "set", "lo", "up"]
        if shutil.which("unshare") and subprocess.run(trial, capture_output=True, check=False).returncode == 0:
            return wrapper
    return None


def play(case: Case, wrapper: tuple[str, ...], checkout: Path, other: Path | None) -> dict[str, str]:
    """Play one case in a process and namespaces of its own, and return ``outcome`` and ``figure``."""
    command = [
        *wrapper, sys.executable, "-m", "balise_attack", "--one", case.row, "--checkout", str(checkout),
        *(("--other", str(other)) if other else ()),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_BUSY * case.seconds, env=environment,
            stdin=subprocess.DEVNULL, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"outcome": _NOT_HELD, "figure": f"no end within {_BUSY * case.seconds:.0f} s"}
    try:
        result: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        said = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        return {"outcome": _NOT_HELD, "figure": f"the case itself failed: {said}"}
    return result


def _is_wanted(case: Case, rows: list[str], *, short: bool) -> bool:
    return (not rows or case.row in rows) and (case.short or not short)


def _play_here(row: str, checkout: Path, other: Path | None) -> int:
    """Play one case in this process, which has namespaces of its own, and print the outcome as JSON."""
    case = next(case for case in all_cases() if case.row == row)
    subprocess.run([str(OWN / ".tools" / "bin" / "ip"), "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="balise-attack-") as name:
        bed = Bed(checkout, Path(name), other)
        try:
            outcome = case.run(bed)
            word = _HELD if outcome.held else _NOT_HELD
        except Skipped as reason:
            outcome, word = Outcome(False, str(reason)), _SKIPPED
        except Exception as error:  # noqa: BLE001 - whatever a case raises, the table gets a line
            traceback.print_exc()
            outcome, word = Outcome(False, f"{type(error).__name__}: {error}"[:400]), _NOT_HELD
        finally:
            bed.close()
    print(json.dumps({"outcome": word, "figure": outcome.figure}))
    return 0


def _print(case: Case, result: dict[str, str]) -> None:
    """Print one line of the table, and the figure below it where it is long."""
    print(f"{case.row:>5}  {result['outcome']:<9} {case.title}", flush=True)
    for line in textwrap.wrap(result["figure"], 100) or ["-"]:
        print(f"{'':>17}{line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
