"""``balise-lab field``: plays situations and says whether what was said of them is right.

Exit code 0: all right; 1: something is not; 2: a file is wrong. Must not live here: anything that it joins.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from balise_lab.errors import ConfigError
from balise_lab.field import table
from balise_lab.field.expect import Way, judged
from balise_lab.field.figures import figures
from balise_lab.field.load import files_of, load
from balise_lab.field.play import play

DEFAULT = Path("tests/field/situations")
OPEN = "open.txt"
"""Ids that are not yet told right."""
LONG = "long.txt"
"""Ids that take long: left to ``--all`` and ``make test``."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", type=Path, nargs="*", default=[DEFAULT], help="files or folders (default: %(default)s)")
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="situations with this in their id")
    parser.add_argument("--open", action="store_true", help="play those that open.txt names, instead of all others")
    parser.add_argument("--all", action="store_true", help="play those too that long.txt names")
    parser.add_argument("--verdicts", action="store_true", help="print every verdict of what is played")
    parser.add_argument("--report", action="store_true", help="print the report of what is played, in English")
    parser.add_argument("--figures", action="store_true", help="print evidence kept and times to open by profile")
    parser.add_argument("--kinds", action="store_true", help="print what can happen, as docs/field.md has it")
    parser.add_argument("--list", action="store_true", help="list the situations and play none")


def run(given: argparse.Namespace) -> int:
    """Play what was asked for; returns the exit code.

    Raises:
        SituationError: a file is wrong.
        ConfigError: a situation cannot be played.
    """
    if given.kinds:
        print(table.kinds(), end="")
        return 0
    if given.figures:
        figures(print)
        return 0
    still_open = {name for path in given.file for name in listed(path, OPEN)}
    long = set() if given.all else {name for path in given.file for name in listed(path, LONG)}
    chosen = [
        one
        for path in files_of(given.file)
        for one in load(path)
        if any(text in one.id for text in given.only)
        or (not given.only and (one.id in still_open) == given.open and (given.open or one.id not in long))
    ]
    if not chosen:
        raise ConfigError("no situation is meant", "name files with situations in them, and an id of one of them")
    if given.list:
        for one in chosen:
            print(f"{one.id:<40}  {one.title}")
        return 0
    print(table.head())
    ways: Counter[Way] = Counter()  # Nothing else is kept: what was played of a situation is some ten megabytes.
    for situation in chosen:
        played = play(situation)
        result = judged(played)
        ways[result.way] += 1
        print(table.row_of(result))
        if result.way is not Way.RIGHT:
            print("\n".join(table.why(result)))
        if given.verdicts:
            print("\n".join(table.verdicts(played)))
        if given.report:
            print(played.text)
        sys.stdout.flush()
    print(table.totals(ways))
    if not given.open and not given.only and (still_open or long):
        print(f"not played: {len(still_open)} open (--open), {len(long - still_open)} long (--all)")
    return 0 if set(ways) <= {Way.RIGHT} else 1


def listed(folder: Path, name: str) -> tuple[str, ...]:
    """Return the ids that a list beside the situations names; what follows an id is a note."""
    path = folder / name
    if not path.is_file():
        return ()
    lines = (line.split("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(words[0] for words in lines if words)
