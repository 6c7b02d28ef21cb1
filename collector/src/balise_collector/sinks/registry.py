"""The sinks that there are: a line each.

Lives here: the table, and which of it the settings ask for. A new sink is a module with ``wanted`` and ``streams``, and
a line here. Must not live here: anything of one sink.
"""

import difflib
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Final, NamedTuple

from balise_collector.sinks import file
from balise_collector.sinks.context import SinkContext
from balise_collector.sinks.influx import wanted as influx
from balise_collector.sinks.streams import Sources, Stream
from balise_collector.sinks.worker import SinkWorker
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError

_log = logging.getLogger(__name__)


class SinkKind(NamedTuple):
    """One sort of sink."""

    name: str
    """Of its thread; a sink that has settings of its own reads them from the table ``[sinks.<name>]``."""
    wanted: Callable[[Config], str]
    """Says where it goes, for the log; empty where the settings do not ask for it (ConfigError: they cannot work)."""
    streams: Callable[[SinkContext, Sources], AbstractContextManager[Sequence[Stream]]]
    """Opens what flows to it; entered in its thread, and left at its end."""


SINKS: Final = (
    SinkKind("file", influx.line_file, influx.line_file_streams),
    SinkKind("influx", influx.server, influx.server_streams),
    SinkKind(file.NAME, file.wanted, file.streams),
)


def check(config: Config, path: str = "") -> dict[str, str]:
    """Return where each sink goes that the settings ask for, by its name.

    Raises:
        ConfigError: a table of a sink that there is not, or one that cannot work.
    """
    names = [kind.name for kind in SINKS]
    for unknown in config.sinks.tables.keys() - set(names):
        near = difflib.get_close_matches(unknown, names, n=1, cutoff=0.5)
        mend = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(names))}"
        raise ConfigError(f"{path}: [sinks.{unknown}]: no such sink; {mend}")
    return {kind.name: where for kind in SINKS if (where := kind.wanted(config))}


def workers(context: SinkContext, open_sources: Callable[[], Sources]) -> list[SinkWorker]:
    """Return a thread for each sink that the settings ask for, not yet started; each opens its sources for itself."""
    found = check(context.config)
    for name, where in found.items():
        _log.info("changes flow to %s (%s)", where, name)
    return [
        SinkWorker(
            kind.name,
            partial(kind.streams, context),
            open_sources,
            context.clock.monotonic,
        )
        for kind in SINKS
        if kind.name in found
    ]
