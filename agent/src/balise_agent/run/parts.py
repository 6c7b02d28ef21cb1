"""What a probe is made of: a record. build.py makes the parts in this order, app.py turns them.

Must not live here: anything that does something.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from balise_agent.delivery.boxed_for import BoxedFor
from balise_agent.delivery.publisher import Publisher
from balise_agent.delivery.spool.spool import Spool
from balise_agent.measure.assignment_follower import AssignmentFollower
from balise_agent.measure.assignments import Notice
from balise_agent.policy.egress import Egress
from balise_agent.provisioning.enrolment.renewal import Renewal
from balise_agent.run.asked import Asked
from balise_agent.run.exit_traces import Warnings
from balise_agent.run.health import Reports
from balise_agent.run.recorder import Recorder
from balise_agent.run.runs import Runs
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config
from balise_agent.system.reactor import Reactor
from balise_agent.system.service import Service
from balise_agent.system.status_file import StatusFile


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a probe is made of; see the module."""

    config: Config
    clock: Clock
    reactor: Reactor
    service: Service
    spool: Spool
    boxed_for: BoxedFor
    egress: Egress
    publisher: Publisher
    recorder: Recorder
    follower: AssignmentFollower
    asked: Asked
    runs: Runs
    reports: Reports
    status: StatusFile | None = None
    renewal: Renewal | None = None
    warnings: Warnings | None = None
    local_networks: Callable[[], tuple[str, ...]]
    """Prefixes of the networks that this machine stands in now."""
    news: tuple[Notice, ...] = ()
    """Of the enrolment that came before."""
    root: Path = Path("/")
