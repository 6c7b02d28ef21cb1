"""How a program starts and ends that imports experiments: what is raised where one lacks parts, and how that is said.

It stands outside the package of experiments, so that a program whose experiments cannot be imported can still say why.
Must not live here: how parts are gathered (experiments/registry.py).
"""

import os
import select
import sys
from collections.abc import Callable
from typing import Final

_SIGPIPE: Final = 141
"""Exit code, as a shell tells it of a program that SIGPIPE ended."""


class Incomplete(ImportError):
    """An experiment lacks parts in a package that expects them; the message names every one."""


def started(program: str, run: Callable[[], int]) -> int:
    """Run a program that imports its experiments; return its exit code, or 2 with one line where a part is missing.

    Where whoever reads its output stops reading (``| head``) it ends as if by SIGPIPE, without a word.

    Args:
        program: as a person calls it.
        run: imports the command line and runs it.
    """
    try:
        code = run()
        sys.stdout.flush()
    except Incomplete as error:
        sys.stderr.write(f"{program}: {error}; add what is missing (CONTRIBUTING.md), nothing is started\n")
        return 2
    except BrokenPipeError:
        if not _unread():
            raise
        return _SIGPIPE
    return code


def _unread() -> bool:
    """Tell whether nobody reads standard output any more; what it still holds then goes nowhere, at the exit too."""
    asked = select.poll()
    asked.register(sys.stdout.fileno(), select.POLLOUT)
    if not any(events & select.POLLERR for _, events in asked.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True
