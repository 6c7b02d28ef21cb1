"""How often this probe speaks to its collector: the profile's pace, with what the settings say on top. Pure.

Must not live here: the paces themselves (balise_wire.profiles), which the collector reckons with as well.
"""

from typing import Final

import msgspec

from balise_agent.system.config import Config
from balise_wire import profiles
from balise_wire.profiles import AT_ONCE, Pace

_FAILURE_SECONDS: Final = 5.0
"""For how long a failure or an event may wait for company: one incident fails in more than one place."""
_FIRST_SECONDS: Final = 600.0
"""Real seconds after the start in which results are delivered as on a standard line."""
_FIRST_BATCH_SECONDS: Final = 60.0


def pace_of(config: Config) -> Pace:
    """Return the pace of a probe with these settings; a laboratory pays for nothing and is never made to wait."""
    pace = AT_ONCE if config.network.laboratory else profiles.pace_of(config.probe.profile)
    spool = config.spool
    return msgspec.structs.replace(
        pace,
        batch_seconds=pace.batch_seconds if spool.batch_seconds is None else spool.batch_seconds,
        batch_records=pace.batch_records if spool.batch_records is None else spool.batch_records,
    )


def delay_factor(config: Config, up_seconds: float) -> float:
    """Return by what a batch's time is multiplied: below 1 in the minutes in which somebody stands beside a new box."""
    free = config.network.laboratory or config.spool.batch_seconds is not None or up_seconds > _FIRST_SECONDS
    return 1.0 if free else min(1.0, _FIRST_BATCH_SECONDS / pace_of(config).batch_seconds)


def failure_seconds(config: Config) -> float:
    """Return for how long a failure or an event may wait; in a laboratory as long as everything else."""
    batch = pace_of(config).batch_seconds
    return batch if config.network.laboratory else min(_FAILURE_SECONDS, batch)
