"""What a series says of the path by way of a proxy: it works, it fails, or nobody can say. Pure.

A fact beside a verdict and never one: who works through a proxy may be refused by the service for its country, and who
fails through it may be read on the way to the proxy. Must not live here: rules, or what a trial's failure is called.
"""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from balise_collector.judge.signs import RELAYED, THROUGH, THROUGH_FAILED
from balise_wire.failures import Failure
from balise_wire.through import ProxyStage, Through
from balise_wire.words import Arm

_TRIES = 2
"""Trials that must fail: one alone dies of ordinary loss now and then."""


class ByProxy(Protocol):
    """A trial that can be made by way of a proxy."""

    @property
    def arm(self) -> Arm:
        """As in ``Trial``."""

    @property
    def failure(self) -> Failure | None:
        """As in ``Trial``."""

    @property
    def carried(self) -> bool:
        """As in ``Trial``."""

    @property
    def through(self) -> Through | None:
        """By way of what."""


T = TypeVar("T", bound=ByProxy)


def signs(trials: Iterable[T], came: Callable[[T], bool]) -> frozenset[str]:
    """Return the sign of a series, or none where no proxy was asked, or none that works.

    It works where the control came through just before by way of the very proxy, or where a relay that leads to this
    service alone brought the service's own answer: such a one has no way to a control, so that what it does not bring
    says nothing. Nor does a proxy that was not reached, or served nobody, while the subject was asked.

    Args:
        trials: of one measurement.
        came: whether a trial brought what its experiment asks for.
    """
    own = [t for t in trials if t.through is not None and not t.carried]
    good = {t.through.label for t in own if t.through is not None and t.arm is Arm.THROUGH_CONTROL and _came(t, came)}
    asked = [t for t in own if t.arm is Arm.THROUGH and t.through is not None and t.through.label in good]
    if any(_came(t, came) for t in asked):
        return frozenset({THROUGH.id})
    if any(_came(t, came, ProxyStage.ANSWERED) for t in own if t.arm is Arm.THROUGH):
        return frozenset({RELAYED.id})
    failed = [t for t in asked if t.through is not None and t.through.stage in {ProxyStage.NO_WAY, ProxyStage.OPEN}]
    return frozenset({THROUGH_FAILED.id}) if len(failed) >= _TRIES else frozenset()


def _came(trial: T, came: Callable[[T], bool], stage: ProxyStage = ProxyStage.OPEN) -> bool:
    return trial.through is not None and trial.through.stage is stage and came(trial)
