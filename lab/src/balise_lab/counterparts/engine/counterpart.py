"""What a counterpart is: the experiments it answers, and the programs that do so, each in one namespace.

Lives here: the records, and the refusal of one that lacks a part. Must not live here: any protocol (counterparts/).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from balise_lab.world.authority import Authority
from balise_lab.world.topology import Topology
from balise_wire.experiments.traits import Parameters
from balise_wire.incomplete import Incomplete
from balise_wire.words import Experiment


@dataclass(frozen=True, slots=True)
class Roots:
    """Who signs the certificates of servers."""

    good: Authority
    """Trusted by every program of the lab."""
    stranger: Authority
    """Trusted by nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One program that runs as long as the lab does."""

    id: str
    """Unique in the lab; also names its folder and log."""
    place: str
    """The namespace it runs in."""
    prepare: Callable[[Path, Roots], Sequence[str]]
    """Writes its files into an empty folder of its own, and returns its command line."""
    ready: Callable[[], bool]
    """Asked again and again in its namespace: whether it answers."""
    rules: str = ""
    """An nft script for its namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    """The servers of one protocol.

    Raises:
        Incomplete: a part is missing; the message names the counterpart and the part.
    """

    name: str = ""
    means: str = ""
    """What it is, for people."""
    experiments: tuple[Experiment, ...] = ()
    """Those that find an answer here."""
    servers: Callable[[Topology], Iterable[Server]] | None = None
    says: Callable[[int], tuple[Parameters, ...]] = lambda _port: ()
    """What a target on a port says to these experiments, where the scenario does not."""
    usual: bool = True
    """Whether a target is measured with them unless the scenario names its experiments."""
    over_six: bool = False
    """Whether its servers answer over IPv6 as well, where a scenario has it."""
    complaint: Callable[[tuple[Parameters, ...]], str] = lambda _said: ""
    """What of that its servers do not serve, as ``what; mend``; empty: they serve all."""

    def __post_init__(self) -> None:
        """Refuse a counterpart that lacks a part."""
        lacks = [
            f"{part} ({why})"
            for part, why in (
                ("name", "what people call it"),
                ("means", "what it is, for people"),
                ("experiments", "those that find an answer here"),
                ("servers", "what a topology needs of it"),
            )
            if not getattr(self, part)
        ]
        if lacks:
            raise Incomplete(f"the counterpart {self.name or '(without a name)'!r} lacks {', '.join(lacks)}")
