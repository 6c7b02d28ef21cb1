"""Short datagrams to the operator's helper: what ``call`` and ``vpn`` ask it before they send anything long.

Must not live here: the datagrams' bytes (codec/call.py), any one experiment.
"""

from collections.abc import Generator
from typing import Final

from balise_agent.experiments.steps import Datagram, DatagramsExchanged, Outgoing, Reply, Step
from balise_agent.experiments.task import Task, expect

AGAIN: Final = (0.0, 0.5, 1.5)
"""Seconds at which a short datagram leaves that nothing answers."""


def helper_of(task: Task) -> str:
    """Return the helper that a run goes to; empty where there is none."""
    return task.helper or task.pick(sorted(task.helpers), "helper")


def ask(task: Task, port: int, data: bytes, copies: int = len(AGAIN)) -> Generator[Step, Reply, DatagramsExchanged]:
    """Ask the helper something short, again while nothing comes."""
    later = [at for at in AGAIN[:copies] if not at or at < task.timeouts.syn]
    step = Datagram(
        address=helper_of(task),
        port=port,
        datagrams=tuple(Outgoing(data=data, after=at, unless_heard=0.0 if at else None) for at in later),
        window=later[-1] + task.timeouts.syn,
        enough=True,
    )
    return expect(DatagramsExchanged, (yield step))
