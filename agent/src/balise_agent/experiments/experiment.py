"""What an experiment is to the agent: a plan, the reading of its trials, and the destinations that a host consents to.

Each has a folder beside this module, named as its word is, with ``plan.py`` (``PLAN``), ``outcome.py`` (``READER``) and
``contacts.py`` (``CONTACTS``); ``balise_agent.experiments`` gathers them and does not import where one is missing. All
are pure and hold no state. Must not live here: any one experiment, or when to run one (measure/agenda.py).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

import msgspec

from balise_agent.experiments.steps import Plan
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.policy.scrub import Allowed
from balise_wire.experiments.traits import RunShape, Traits
from balise_wire.trial import Trial
from balise_wire.words import Arm

T = TypeVar("T", bound=Trial)

RESOLVED: Final = "(whatever the name resolves to)"
"""In the place of an address that only an answer will tell."""
PROVIDER: Final = "(the provider's resolver)"
GATEWAY: Final = "(this network's gateway)"
SCRAMBLED: Final = "(scrambled name)"
"""In the place of names that change with each run (scramble.py)."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of ``task.design`` takes from those it contacts."""

    endpoints: tuple[Endpoint, ...]
    """Every endpoint that the run would load or that its result would depend on."""
    connections: int
    """The most connections (or SYNs, or queries) that it opens to one host."""
    controls: int = 0
    """Control endpoints, or arms beside the subject, that it asks as well."""
    portal: bool = False
    """Whether a captive portal is looked for."""
    through: bool = False
    """Whether what fails is asked once more by way of a proxy of the operator's."""


class ExperimentPlan(ABC):
    """One way of asking one question of one target."""

    @abstractmethod
    def sentinel(self, task: Task) -> Plan:
        """Return the cheap scheduled plan: the subject alone."""

    @abstractmethod
    def paired(self, task: Task) -> Plan:
        """Return the whole plan, controls first; ``task.cause``, the failing trial that led here, rides along."""

    def on_demand(self, task: Task) -> Plan:
        """Return the plan of a run that somebody asked for: the whole one, then the subject once more.

        In this order nothing is hot when the control is asked, so that no cool-down has to be waited for.
        """
        whole = yield from self.paired(task)
        again = yield from self.sentinel(msgspec.structs.replace(task, full=False, long=False))
        return (*whole, *again)

    @abstractmethod
    def load(self, task: Task) -> Load:
        """Return what a run of ``task.design`` would load."""

    def shape(self, task: Task) -> RunShape:
        """Return how a run is laid out, for the cost table (``balise_wire.experiments.cost``)."""
        load = self.load(task)
        return RunShape(
            target=task.target,
            design=task.design,
            family=task.family,
            controls=load.controls,
            name_control=bool(task.name_control()),
            portal=load.portal,
            full=task.full,
            long=task.long,
            through=load.through,
        )


class TrialReading(msgspec.Struct, frozen=True, kw_only=True):
    """What one trial means to those who schedule and account; never a verdict."""

    at: Endpoint | None
    """Where it was made; ``None`` where it was about no endpoint."""
    failed: bool
    """Whether it starts or continues an anomaly, as its subject's trial."""
    heats: tuple[Endpoint, ...]
    """Where residual blocking is to be expected after it, as its subject's trial: it failed *after* it had shown its
    name. A SYN without an answer shows nothing that a censor could remember; were dead addresses heated as well, the
    series that is to tell what they died of would wait for the others' time-outs."""
    spent: int
    """Bytes that it cost, both directions, by the cost table; an estimate on the generous side."""
    face: object = None
    """By what a person would recognise the answer, where *different from the usual* is suspicious."""
    suspicious: bool = False
    """Whether it deserves the whole series while no usual answer is known."""
    connected: bool = True
    """Whether there was anybody to show a name to; otherwise the layer below is the one to ask."""
    answered: bool = False
    """Whether it was answered in full, so that all that can be wrong is that it looks unlike the usual."""
    by_more: bool = False
    """Whether it failed in what only a sentinel that looks at more (``Task.full``) sees: one that looks at less and is
    well says nothing of it."""
    shows_more: bool = False
    """Whether it looked at more and all of it was in order."""
    unsent: bool = False
    """Whether nothing of it left this machine, for want of a way: it says nothing of anybody."""
    learned: tuple[str, ...] = ()
    """Addresses of the target that it found out."""
    proved: str = ""
    """The address of the target that it saw a valid certificate of."""
    line_kbps: float | None = None
    """The rate of the line, as a control saw it; ``None`` where it says none."""


class Description(msgspec.Struct, frozen=True):
    """One trial for a person at the terminal."""

    sent: str
    back: str
    """What came back; empty for nothing."""


class TrialReader(ABC, Generic[T]):
    """Reads the trials of one experiment, for all who must not know its observation."""

    compares: ClassVar[bool] = False
    """Whether an answer that is wrong can look well to a sentinel that knows no usual one (``TrialReading.face``): the
    first run of such a target is a whole series."""

    @abstractmethod
    def read(self, trial: T) -> TrialReading:
        """Return what a trial means to those who schedule and account."""

    @abstractmethod
    def describe(self, trial: T) -> Description:
        """Return what was sent and what came back."""

    @abstractmethod
    def scrub(self, trial: T, allowed: Allowed, /) -> dict[str, Any]:
        """Return the fields that may not leave as they are, as they may leave (policy/scrub.py)."""

    def own(self, trials: Iterable[Trial]) -> list[tuple[Any, TrialReading]]:
        """Return a run's trials with their readings, without those that are carried along from an earlier one."""
        return [(trial, self.read(trial)) for trial in trials if not trial.carried]  # type: ignore[arg-type]

    def anomaly(self, trials: Iterable[Trial], usual: Trial | None = None) -> Any | None:
        """Return the first subject trial that starts or continues an anomaly, or ``None`` where all is well.

        Args:
            trials: of one run.
            usual: the subject's trial when all was last well.
        """
        known = self.read(usual) if usual is not None and usual.failure is None else None  # type: ignore[arg-type]
        for trial, reading in self.own(trials):
            unusual = reading.suspicious if known is None else reading.face != known.face
            if trial.arm is Arm.SUBJECT and not reading.unsent and (reading.failed or unusual):
                return trial
        return None

    def heated(self, trials: Iterable[Trial]) -> list[Endpoint]:
        """Return where residual blocking is to be expected after a run: wherever the subject's name was shown."""
        shown = {Arm.SUBJECT, Arm.NEUTRAL}
        return [where for trial, reading in self.own(trials) if trial.arm in shown for where in reading.heats]

    def remembering(self, trials: Iterable[Trial]) -> dict[Endpoint, bool]:
        """Return where a control was asked after the subject had failed, and whether it met residual blocking."""
        own = self.own(trials)
        after = [(trial, reading) for trial, reading in own if trial.arm is Arm.AFTER and reading.at is not None]
        return {reading.at: trial.failure is not None for trial, reading in after if reading.at is not None}

    def flooding(self, trials: Iterable[Trial]) -> list[Endpoint]:
        """Return where more came back than anybody asked for: the host's line is spared, for a while."""
        return [reading.at for trial, reading in self.own(trials) if trial.flood_bytes and reading.at is not None]

    def spent(self, trials: Iterable[Trial]) -> int:
        """Return the bytes that a run's own trials cost; carried ones were paid for earlier."""
        return sum(reading.spent for _, reading in self.own(trials))

    def learned(self, trials: Iterable[Trial]) -> list[tuple[str, ...]]:
        """Return what a run's subject trials found out of its target's addresses, in order."""
        read = self.own(trials)
        return [reading.learned for trial, reading in read if trial.arm is Arm.SUBJECT and reading.learned]

    def rates(self, trials: Iterable[Trial]) -> list[float]:
        """Return the rates of the line that a run's controls saw, kilobits a second."""
        return [reading.line_kbps for _, reading in self.own(trials) if reading.line_kbps is not None]

    def proved(self, trials: Iterable[Trial]) -> list[str]:
        """Return the addresses of its target at which a run saw a valid certificate."""
        return [reading.proved for trial, reading in self.own(trials) if trial.arm is Arm.SUBJECT and reading.proved]


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """What one run contacts in one place, as the host is told it."""

    name: str
    addresses: tuple[str, ...]
    """One of them a day; a word in brackets where none is known in advance."""
    port: int
    protocol: str
    """``tcp``, ``udp`` or ``icmp``."""
    size: int = 0
    """Bytes of one run there; 0 for what happens only in an anomaly."""
    most: int = 0
    """In how many runs a day it is contacted; 0: in each."""


class Contacts(ABC):
    """Whom an experiment contacts: the text that a host consents to."""

    @abstractmethod
    def scheduled(self, task: Task) -> Sequence[Destination]:
        """Return what a sentinel contacts; the sizes add up to its cost."""

    @abstractmethod
    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """Return what only a paired run, or an unexpected answer, leads to."""


class AgentExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """One experiment with all its parts."""

    traits: Traits
    plan: ExperimentPlan
    reader: TrialReader[Any]
    contacts: Contacts
