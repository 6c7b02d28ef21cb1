"""The program, also as ``python -m balise_agent``; where it is incomplete it says in one line what is missing."""

import sys

from balise_wire.incomplete import started


def main() -> int:
    """Run the command line; 2 where a part is missing."""
    return started("balise-agent", _program)


def _program() -> int:
    from balise_agent.run.cli import main as program  # noqa: PLC0415 - what fails in it has to be said

    return program()


if __name__ == "__main__":
    sys.exit(main())
