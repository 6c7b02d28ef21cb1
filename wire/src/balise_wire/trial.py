"""The trial: what the observations of every experiment have in common.

Every observation names its arm, when it began on the probe's clock, how it failed (if it did), and its packets. Times
of day are UNIX seconds, durations milliseconds. ``carried`` marks a trial of an earlier measurement that rides along
because it caused this one; its ``at`` is its own. Must not live here: what one experiment sees (``experiments/``).
"""

import msgspec

from balise_wire.evidence import Packet
from balise_wire.failures import Failure
from balise_wire.words import Arm


class Trial(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="is"):
    """What every observation has."""

    arm: Arm
    at: float
    """UNIX seconds on the probe's clock at which the trial began."""
    failure: Failure | None = None
    elapsed_ms: float = 0.0
    """From the first packet sent to the result or the failure."""
    carried: bool = False
    packets: tuple[Packet, ...] = ()
    flood_bytes: int = 0
    """Bytes that arrived on the trial's own flows beyond all that was asked for or expected: a flood. Listening stops
    after a bound (64 KB a flow), so that it is a lower bound."""
