"""``python -m balise_lab.matrix.cli``: play the rows in a bed, print or write the table, say what is wrong.

Exit status 0: all is right; 1: something is wrong; 2: a row cannot be played.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from balise_lab.errors import ConfigError, LabError
from balise_lab.matrix.cells import Outcome
from balise_lab.matrix.play import in_field, with_packets
from balise_lab.matrix.rows import ROWS, Row
from balise_lab.matrix.table import played_with_packets, table, wrong
from balise_wire.incomplete import started

_AT_ONCE = 4
"""Rows with packets side by side, each in namespaces of its own."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="balise_lab.matrix",
        description="Play every experiment against every box and every ordinary fault, and print the table.",
    )
    parser.add_argument("--bed", choices=("field", "lab"), default="field", help="as data, or with packets")
    parser.add_argument("--only", metavar="WORD", help="rows whose name holds this word")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="play each row so often (another lot each)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table of the first time here")
    given = parser.parse_args(argv)
    try:
        return _run(given)
    except (ConfigError, LabError) as error:
        print(f"matrix: {error}", file=sys.stderr)
        return 2


def _run(given: argparse.Namespace) -> int:
    """Play, print and compare."""
    rows = [row for row in ROWS if not given.only or given.only in row.id]
    if not rows:
        raise ConfigError(f"no row's name holds {given.only!r}", f"rows are {', '.join(row.id for row in ROWS)}")
    first: list[tuple[Row, Outcome]] = []
    complaints = 0
    for number in range(max(1, given.repeat)):
        for row, outcome in _played(rows, given.bed, number + 1):
            first += [(row, outcome)] if number == 0 else []
            found = list(wrong(row, outcome))
            complaints += len(found)
            print(f"{'WRONG' if found else 'right'}  {row.id}", flush=True)
            for one in found:
                print(f"       {one}", flush=True)
    page = table(first)
    if given.write:
        before = given.write.read_text(encoding="utf-8") if given.write.exists() else ""
        given.write.write_text(page + played_with_packets(before), encoding="utf-8")
    else:
        print(f"\n{page}")
    print(f"{len(rows)} rows, each {max(1, given.repeat)} times: {complaints} wrong", file=sys.stderr)
    return 1 if complaints else 0


def _played(rows: list[Row], bed: str, seed: int) -> Iterator[tuple[Row, Outcome]]:
    """Yield each row with what came of it, in their order."""
    if bed == "field":
        yield from ((row, in_field(row, seed)) for row in rows)
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from zip(rows, pool.map(with_packets, rows), strict=True)


if __name__ == "__main__":
    sys.exit(started("matrix", main))
