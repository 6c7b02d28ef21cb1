"""What a sink is opened with: the settings, time, and what the program knows that no file tells.

Lives here: the record, and reading a sink's own table of the settings. Must not live here: any particular sink.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.registry import RegistryOpener
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.strict_toml import shape_table

_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class SinkContext(NamedTuple):
    """What the program has for every sink."""

    config: Config
    clock: Clock
    services: Catalogue
    brokers: Callable[[], Mapping[str, bool]]
    """Whether each broker's connection stands."""
    open_registry: RegistryOpener


def settings_of(config: Config, name: str, shape: type[_Shape]) -> _Shape | None:
    """Return the table ``[sinks.<name>]`` in its shape; ``None`` where there is none.

    Raises:
        ConfigError: it is of another shape.
    """
    table = config.sinks.tables.get(name)
    return (
        None if table is None else shape_table(dict(table), shape, f"[sinks.{name}]", example="examples/collector.toml")
    )
