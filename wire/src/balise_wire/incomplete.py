"""What is raised where an experiment lacks parts, and how a program says it.

It stands outside the package of experiments, so that a program whose experiments cannot be imported can still say why.
Must not live here: how parts are gathered (experiments/registry.py).
"""

import sys
from collections.abc import Callable


class Incomplete(ImportError):
    """An experiment lacks parts in a package that expects them; the message names every one."""


def started(program: str, run: Callable[[], int]) -> int:
    """Run a program that imports its experiments; return its exit code, or 2 with one line where a part is missing.

    Args:
        program: as a person calls it.
        run: imports the command line and runs it.
    """
    try:
        return run()
    except Incomplete as error:
        sys.stderr.write(f"{program}: {error}; add what is missing (CONTRIBUTING.md), nothing is started\n")
        return 2
