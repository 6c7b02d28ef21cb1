"""How long the same small piece of work takes this machine, moment by moment: the control of what a run times.

A batch's way from a probe's spool to the journal is work of programs that share two cores and a disk with everything
else of the machine, other runs included. What such work takes beside them is measured, not guessed: some milliseconds
of a core, and a page on the disk. Lives here: the work and when it was done. Must not live here: what follows from it
(compare/influx_outage).
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Final

from balise_lab.compare.influx_outage import Work

_EVERY: Final = 0.2
"""Real seconds between two pieces of work."""
_HASHED: Final = bytes(4 << 20)
"""What is hashed: about ten milliseconds of a core, as a batch takes each program that it passes."""
_WRITTEN: Final = bytes(4096)


@contextmanager
def watched(folder: Path, unix: Callable[[], float]) -> Iterator[list[Work]]:
    """Do the work again and again beside what the caller does.

    Args:
        folder: on the disk that the run's programs write to.
        unix: the run's clock, in UNIX seconds of the scenario.

    Yields:
        A list that grows by one piece of work in about a fifth of a real second.
    """
    done: list[Work] = []
    over = threading.Event()
    file = folder / "contention"

    def work() -> None:
        with file.open("wb", buffering=0) as disk:
            while not over.wait(_EVERY):
                begun = perf_counter()
                hashlib.sha256(_HASHED).digest()
                disk.seek(0)
                disk.write(_WRITTEN)
                os.fsync(disk.fileno())
                done.append(Work(unix(), perf_counter() - begun))

    thread = threading.Thread(target=work, name="contention", daemon=True)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()
        file.unlink(missing_ok=True)
