"""From a finished run to the measurement that leaves the probe: everything inside that a judge needs, and no more.

Lives here: putting run, observations, line and network together, through the scrubber. Must not live here: ids, times
(both are arguments), storage, delivery, judgement.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from balise_agent.experiments import SCRUB_RULES
from balise_agent.experiments.task import Task
from balise_agent.measure.run import Run
from balise_agent.policy.redaction import redacted
from balise_agent.policy.scrub import Allowed, scrub
from balise_wire.experiments.tcp import TcpParameters
from balise_wire.measurement import LineHealth, Measurement, Network
from balise_wire.observations import Observation

MAX_OWN_FAILURE: Final = 160
"""Characters of our own failure in a measurement: a word and what was wrong."""


def allowed_by(task: Task, own: Iterable[str] = ()) -> Allowed:
    """Return what a measurement of this task may name.

    Args:
        task: of the run.
        own: addresses and prefixes of this machine and its LAN.
    """
    addresses = {
        *task.target.addresses,
        *task.addresses,
        *task.public_resolvers,
        *task.silent_addresses,
        *task.provider_resolvers,
        *(address for control in task.controls for address in control.addresses),
        *(address for server in task.stun_servers for address in server.addresses),
        task.address,
        task.target.sibling,
        *task.parameters(TcpParameters).siblings,
    }
    return Allowed(addresses=frozenset(addresses - {""}), laboratory=task.laboratory, own=tuple(own))


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What a measurement says beside what was run and observed."""

    id: str
    """32 hex digits, new for each measurement."""
    started: float
    """UNIX seconds at which the plan began; the first own trial's time is taken where it is earlier or later."""
    ended: float
    """UNIX seconds at which the plan ended."""
    network: Network
    """Country, provider and access type."""
    catalogue: str
    """Version of the catalogue in force."""
    software: str
    """Version of the agent."""
    line: LineHealth | None
    """The line's health of this minute."""
    limited_by: tuple[str, ...] = ()
    """What limits the board now, beside what limited the run."""
    tap_drops: int = 0
    """Packets the capture lost meanwhile."""
    own_failure: str = ""
    """Why the probe itself ended the run; the observations are then what had been noted before."""
    own: tuple[str, ...] = ()
    """Addresses and prefixes of this machine and its LAN, never to be named."""


def measurement(run: Run, observations: Sequence[Observation], about: Circumstances) -> Measurement:
    """Return the measurement of a run, as it may leave."""
    first = min((trial.at for trial in observations if not trial.carried), default=about.started)
    return Measurement(
        id=about.id,
        experiment=run.experiment,
        design=run.design,
        target=run.target.id,
        service=run.target.service,
        role=run.target.role,
        host=run.target.host,
        family=run.family,
        started=first,
        ended=max(about.ended, first),
        network=about.network,
        catalogue=about.catalogue,
        software=about.software,
        line=about.line,
        limited_by=tuple(dict.fromkeys((*run.limited_by, *about.limited_by))),
        tap_drops=about.tap_drops,
        request=run.request,
        address_source=run.task.address_source,
        address_age=run.task.address_age,
        own_failure=redacted(about.own_failure, MAX_OWN_FAILURE),
        observations=scrub(observations, allowed_by(run.task, about.own), SCRUB_RULES),
    )
