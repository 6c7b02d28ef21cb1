"""Why the program ended before there was a probe, written where people look: in the status files.

Must not live here: mending, or what a problem means (system/problems.py).
"""

import os
import socket

from balise_agent import __version__
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config
from balise_agent.system.errors import DataError, KeyUnusableError, LinkUnusable
from balise_agent.system.problems import ProblemId, Trouble
from balise_agent.system.status import Status
from balise_agent.system.status_file import StatusFile
from balise_wire.words import Lifecycle


def tell_failure(config: Config | None, error: Exception) -> None:
    """Write into the status files why the program ends at once; what cannot be written is in the log anyway.

    Args:
        config: the settings; None where they cannot be read: then only the service manager's folder is known.
        error: what ends it.
    """
    if config is None and "RUNTIME_DIRECTORY" not in os.environ:
        return
    kind = _kind_of(error)
    config = config or Config()
    interface = config.network.interface
    if kind is ProblemId.NO_CAPTURE and interface and interface not in {name for _, name in socket.if_nameindex()}:
        kind = ProblemId.NO_INTERFACE
    clock = Clock()
    now = clock.now()
    told = Status(
        at=now,
        clock_state=clock.state(),
        state=Lifecycle.INIT,
        since=now,
        software=__version__,
        probe=config.probe.id,
        troubles=(Trouble(id=kind, detail=f"{error}"),),
    )
    StatusFile(config.runtime_dir()).write(told, clock.monotonic(), at_once=True)


def _kind_of(error: Exception) -> ProblemId:
    """Return which problem an exception at the start is."""
    if isinstance(error, DataError):
        return ProblemId.DATA_UNWRITABLE
    if isinstance(error, KeyUnusableError):
        return ProblemId.KEY_UNUSABLE
    return ProblemId.NO_CAPTURE if isinstance(error, LinkUnusable) else ProblemId.SETTINGS_BROKEN
