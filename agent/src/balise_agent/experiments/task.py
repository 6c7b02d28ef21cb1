"""What an experiment is asked (Task) and what an experiment is (Experiment).

Lives here: the frozen task with everything that varies (time-outs, chance as a seed, tables from the assignment), the
protocol that each experiment module implements, and the narrowing of replies. Must not live here: any one experiment,
the choice of addresses (task_choice.py), when to run (agenda.py).
"""

import functools
import hashlib
from collections.abc import Callable, Generator, Sequence
from typing import ParamSpec, Protocol, TypeVar

import msgspec

from balise_agent.experiments.steps import Note, Plan, Reply, Step
from balise_agent.system.config import Timeouts
from balise_wire.assignment import Control, Target
from balise_wire.observations import Observation
from balise_wire.words import Design, Scope
from balise_wire.words import Experiment as Word

Endpoint = tuple[str, int]
"""Address (or, for DNS, the name asked for) and port: what residual censorship sticks to."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run of one experiment needs to know; chance comes in as ``seed``."""

    target: Target
    address: str = ""
    """The one address this run tests; empty where none is known yet (only ``dns`` and ``line`` can run then)."""
    family: int = 4
    addresses: tuple[str, ...] = ()
    """All addresses of the target in this family, assigned or, where the assignment has none, resolved."""
    controls: tuple[Control, ...] = ()
    control_name: str = ""
    public_resolvers: tuple[str, ...] = ()
    silent_addresses: tuple[str, ...] = ()
    laboratory: tuple[str, ...] = ()
    """Prefixes that this laboratory calls public (limits.py)."""
    lan: tuple[str, ...] = ()
    """Prefixes of this machine's own networks, which are never contacted even where they are public."""
    timeouts: Timeouts = Timeouts()
    seed: int = 0
    full: bool = False
    """Also look at the certificate chain: a full TLS handshake after the hello."""
    fetch_bytes: int = 16384

    def pick(self, choices: Sequence[str], what: str) -> str:
        """Return one of ``choices`` by the seed, or an empty string where there are none."""
        if not choices:
            return ""
        digest = hashlib.sha256(f"{self.seed}|{what}".encode()).digest()
        return choices[int.from_bytes(digest[:8], "big") % len(choices)]

    def name_control(self) -> str:
        """Return the innocuous name to ask in place of the subject's; empty where none is assigned."""
        if self.control_name:
            return self.control_name
        return next((control.name for control in self.controls), "")

    def endpoint_control(self) -> Endpoint | None:
        """Return a control endpoint of the task's family, abroad by preference since most subjects are."""
        here = [(c, a) for c in self.controls for a in c.addresses if (":" in a) == (self.family == 6)]
        abroad = [(c, a) for c, a in here if c.scope is Scope.INTERNATIONAL]
        table = {f"{address} {control.port}": (address, control.port) for control, address in abroad or here}
        return table.get(self.pick(sorted(table), "endpoint-control"))


class Experiment(Protocol):
    """One way of asking one question of one target. Implementations hold no state."""

    name: Word
    exclusive: bool
    """Whether it must run alone because it measures a rate."""

    def sentinel(self, task: Task) -> Plan:
        """Return the cheap scheduled plan: the subject alone."""
        ...

    def paired(self, task: Task, cause: Observation | None) -> Plan:
        """Return the whole plan, controls first; ``cause`` is the failing trial that led here and rides along."""
        ...

    def anomaly(self, observations: Sequence[Observation], usual: Observation | None = None) -> Observation | None:
        """Return the failing subject trial that starts or continues an anomaly, or ``None`` where all is well.

        Args:
            observations: of one run; carried ones are ignored.
            usual: the subject's trial when all was last well, for experiments where *different* is suspicious.
        """
        ...

    def endpoints(self, task: Task, design: Design) -> tuple[Endpoint, ...]:
        """Return every endpoint that a run would load or that its result would depend on."""
        ...

    def cost(self, task: Task, design: Design) -> int:
        """Return the expected bytes of a run on the wire, both directions, with headers."""
        ...

    def connections(self, task: Task, design: Design) -> int:
        """Return the most connections (or SYNs, or queries) that a run opens to one host."""
        ...


R = TypeVar("R", bound=Reply)
T = TypeVar("T", bound=Observation)
P = ParamSpec("P")


def expect(kind: type[R], reply: Reply) -> R:
    """Narrow a reply to the kind that answers the step.

    Raises:
        TypeError: the conductor sent something else: our bug, never the network's.
    """
    if not isinstance(reply, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(reply).__name__}: conductor and experiment disagree")
    return reply


def noting(trial: Callable[P, Generator[Step, Reply, T]]) -> Callable[P, Generator[Step, Reply, T]]:
    """Let a trial note what it observed at its end, so that a later failure of ours does not take it along."""

    @functools.wraps(trial)
    def noted(*args: P.args, **kwargs: P.kwargs) -> Generator[Step, Reply, T]:
        observation = yield from trial(*args, **kwargs)
        yield Note(observation=observation)
        return observation

    return noted


def carried(cause: Observation | None) -> tuple[Observation, ...]:
    """Return the trial that caused a paired run, marked as carried and with its own time."""
    return () if cause is None else (msgspec.structs.replace(cause, carried=True),)
