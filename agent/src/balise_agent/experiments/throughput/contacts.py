"""Whom ``throughput`` contacts: the target's endpoint under its own name and a control's, and the operator's helper."""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments.experiment import SCRAMBLED, Destination
from balise_agent.experiments.target_contacts import OneEndpoint, at_target
from balise_agent.experiments.task import HELPER_PORT, Task
from balise_agent.experiments.throughput.plan import PLAN
from balise_wire.experiments.throughput import (
    SENTINEL_BYTES,
    TRAITS,
    UPLOAD_BYTES,
    ThroughputParameters,
    usually,
)


class ThroughputContacts(OneEndpoint):
    """A pair is asked on schedule, and once more where it is slow: both names stand in what a host consents to."""

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """Return the endpoint under both names, and every helper that an upload may go to, likewise."""
        asked = task.parameters(ThroughputParameters)
        beside = task.target.neighbour if task.target.neighbour and asked.control_path else SCRAMBLED
        each = usually(min(asked.sample_bytes, SENTINEL_BYTES))
        found = [at_target(TRAITS, task, size=each), at_target(TRAITS, task, name=beside, size=each)]
        _, other = task.other_name()
        if task.helpers and other:
            found += [
                Destination(
                    name=name, addresses=task.helpers, port=HELPER_PORT, protocol="tcp", size=usually(UPLOAD_BYTES)
                )
                for name in (task.target.host, other)
            ]
        return found

    def on_anomaly(self, _task: Task, /) -> Sequence[Destination]:
        """Return nobody else: a series asks the same places more often."""
        return ()


CONTACTS: Final = ThroughputContacts(TRAITS, PLAN)
"""With what a host consents to."""
