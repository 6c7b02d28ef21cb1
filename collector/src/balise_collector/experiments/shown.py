"""How an experiment shows its trials: what each has to say in words, for the operator and for the public. Pure.

Lives here: the part that every experiment has (``Evidence``) and the rows it returns. Must not live here: any one
experiment (experiments/<x>/evidence.py), packets (pages/views/packets.py), markup, or how coarse the public view is
(pages/public/sanitised.py, which rounds whatever it is given).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from balise_collector.system.sentences import Say
from balise_wire.through import ProxyStage, Through
from balise_wire.trial import Trial

TrialT = TypeVar("TrialT", bound=Trial)
BesideT = TypeVar("BesideT")


def proxied(one: Through, say: Say) -> str:
    """Return how far a proxy led; which one it was is the operator's own."""
    return {
        ProxyStage.UNREACHED: say("by way of a proxy, which was not reached"),
        ProxyStage.REFUSED: say("by way of a proxy, which served nobody"),
        ProxyStage.NO_WAY: say("by way of a proxy, which did not reach it"),
        ProxyStage.OPEN: say("by way of a proxy, which reached it"),
        ProxyStage.ANSWERED: say("by way of a proxy of the service's, which brought its answer"),
        ProxyStage.UNKNOWN: say("by way of a proxy"),
    }[one.stage]


class Outcome(StrEnum):
    """How a trial ended, for its sign and its colour."""

    WORKED = "worked"
    FAILED = "failed"
    FORGED = "forged"
    """Something came that nobody there can have sent."""
    PLAIN = "plain"
    """Something came, and by itself it says neither good nor bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One answer of several to one question, ready to be shown."""

    ms: str
    code: str
    addresses: str
    gives: bool
    """Whether it holds any address or name."""
    ttl: str
    ip_id: str
    signs: tuple[str, ...] = ()


class PublicAnswer(NamedTuple):
    """One answer as the public may see it once it is rounded: nothing that a log of flows can be joined on."""

    after_ms: float
    what: str
    ttl: int
    usual: Collection[int]
    """TTLs that the same server's other answers had."""


class Evidence(Generic[TrialT, BesideT]):
    """What the pages ask of one experiment; what it does not say has the usual answer."""

    public: bool = False
    """Whether the public may see its trials, redrawn (pages/public/sanitised.py)."""
    answers_in_packets: bool = False
    """Whether its packets carry answers (``answers``): those are shown in the place of TCP's windows."""

    def told(self, one: TrialT, say: Say) -> tuple[str, str]:
        """Return what a trial asked, and what came where nothing failed."""
        raise NotImplementedError(one, say)

    def also(self, one: TrialT, say: Say) -> list[str]:  # noqa: ARG002 - most have nothing to add
        """Return what no column has a place for, in short sentences; texts of strangers are made printable."""
        return []

    def beside(self, observed: Sequence[Trial]) -> BesideT:
        """Return what a measurement's trials say of each other, worked out once a measurement."""
        raise NotImplementedError(observed)

    def answers(self, one: TrialT, beside: BesideT, say: Say) -> tuple[AnswerRow, ...]:  # noqa: ARG002 - as above
        """Return the answers of a trial, with the signs that they were forged on the way."""
        return ()

    def outcome(
        self,
        one: TrialT,  # noqa: ARG002 - the usual answer looks at nothing
        came: str,  # noqa: ARG002 - as above
        answers: Sequence[AnswerRow],  # noqa: ARG002 - as above
        say: Say,  # noqa: ARG002 - as above
    ) -> tuple[str, Outcome] | None:
        """Return how a trial ended where that is more than its failure; ``None``: its failure says it."""
        return None

    def arm_in_public(self, one: TrialT, arm: str, say: Say) -> str:  # noqa: ARG002 - as above
        """Return the words for a trial's side in the public view."""
        return arm

    def public_answers(
        self,
        one: TrialT,  # noqa: ARG002 - as above
        beside: BesideT,  # noqa: ARG002 - as above
        say: Say,  # noqa: ARG002 - as above
    ) -> tuple[PublicAnswer, ...] | None:
        """Return its answers for the public, one for each of ``answers``; ``None``: its packets are shown."""
        return None


class Simple(Evidence[TrialT, None]):
    """The evidence of an experiment whose trials say nothing of each other."""

    def beside(self, observed: Sequence[Trial]) -> None:
        """Return nothing."""
