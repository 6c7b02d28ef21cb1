"""The experiments: each a module with one question, listed here in one line. Pure: no socket, clock or chance.

A new one is docs/experiments/x.md, a module beside these, its line in REGISTRY, a test and a lab scenario.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from balise_agent.experiments.dns import Dns
from balise_agent.experiments.http import Http
from balise_agent.experiments.line import Line
from balise_agent.experiments.task import Endpoint, Experiment, Task
from balise_agent.experiments.tcp import Tcp
from balise_agent.experiments.tls import Tls
from balise_wire.words import Experiment as Word

_ALL: Final[tuple[Experiment, ...]] = (
    Dns(),
    Tcp(),
    Tls(),
    Http(),
    Line(),
)
REGISTRY: Final[Mapping[Word, Experiment]] = MappingProxyType({experiment.name: experiment for experiment in _ALL})
"""Every experiment by its word."""

__all__ = ["REGISTRY", "Endpoint", "Experiment", "Task"]
