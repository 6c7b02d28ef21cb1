"""The program's beginning: where it is incomplete it says in one line what is missing. Must not live here: commands."""

import sys

from balise_wire.incomplete import Incomplete


def main() -> int:
    """Run the command line; 2 where an experiment, a box or a counterpart lacks a part."""
    try:
        from balise_lab.run.cli import main as program  # noqa: PLC0415 - what fails in it has to be said
    except Incomplete as error:
        sys.stderr.write(f"balise-lab: {error}; add what is missing (CONTRIBUTING.md), nothing is started\n")
        return 2
    return program()
