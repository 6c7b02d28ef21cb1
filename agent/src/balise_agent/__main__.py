"""The program, also as ``python -m balise_agent``; where it is incomplete it says in one line what is missing."""

import sys

from balise_wire.incomplete import Incomplete


def main() -> int:
    """Run the command line; 2 where an experiment lacks a part."""
    try:
        from balise_agent.run.cli import main as program  # noqa: PLC0415 - what fails in it has to be said
    except Incomplete as error:
        sys.stderr.write(f"balise-agent: {error}; add what is missing (CONTRIBUTING.md), nothing is started\n")
        return 2
    return program()


if __name__ == "__main__":
    sys.exit(main())
