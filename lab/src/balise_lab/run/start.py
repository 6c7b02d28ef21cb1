"""The program's beginning: where it is incomplete it says in one line what is missing. Must not live here: commands."""

from balise_wire.incomplete import started


def main() -> int:
    """Run the command line; 2 where a part is missing."""
    return started("balise-lab", _program)


def _program() -> int:
    from balise_lab.run.cli import main as program  # noqa: PLC0415 - what fails in it has to be said

    return program()
