"""The verdict: what the judge concludes from one measurement, and the words it may use.

Here live the closed states and the frozen Verdict. Here must not live: conditions (experiments/<x>/rules.py), tables,
storage or presentation.
"""

from enum import StrEnum
from typing import Final

import msgspec

from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Design, Experiment, TargetRole

INTERNET: Final = "internet"
"""The pseudo-service that outages and shutdowns belong to."""


class VerdictState(StrEnum):
    """What one measurement says of one endpoint on one layer. The colour and shape of each: pages/palette."""

    OK = "ok"
    DOWN = "down"
    """Unreachable, and nothing says that the network stands in the way: references fail too, or the edge is dead."""
    BLOCKED = "blocked"
    THROTTLED = "throttled"
    SERVER_SIDE = "server_side"
    """The authentic server refuses."""
    INSUFFICIENT = "insufficient"
    """We cannot tell: control missing or failed, line unwell, one failure alone, references silent."""


class Level(StrEnum):
    """What the evidence amounts to (OONI's distinction)."""

    NONE = "none"
    DISCARDED = "discarded"
    """There was an anomaly, and a reason to set it aside."""
    SCORED = "scored"


class RateRatio(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How fast a subject was beside its control, in one measurement."""

    ratio: float
    """Geometric mean of the pairs' ratios of subject to control."""
    low: float | None = None
    high: float | None = None
    """95 % interval; ``None`` of a single pair."""
    kbps: float
    """Median of the subject's transfers, kilobits a second."""
    control_kbps: float
    pairs: int = 1
    up: bool = False
    """Of uploads."""


class Flows(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections of one series failed; the sentinel that led to it is none of them."""

    failed: int
    tried: int
    least: int
    """A series of which fewer failed would have told of nothing: what is counted is cut off there."""


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One conclusion from one measurement, by one rule."""

    measurement: str
    """Id of the measurement."""
    probe: str
    network: Network
    reference: bool = False
    """From a probe abroad that serves as reference."""
    service: str
    role: TargetRole
    target: str
    family: int = 4
    layer: Experiment
    design: Design
    at: float
    """UNIX seconds, corrected by the probe's known clock offset, of the subject's decisive trial: the first where all
    passed, else the last."""
    clock_offset: float = 0.0
    """Seconds that the probe's clock was ahead and that every time here is corrected by."""
    since: float
    """When the first failing trial in the evidence had failed, or the decisive one had passed: an upper edge of what
    began or ended with it."""
    state: VerdictState
    rule: str
    """Permanent id of the rule that matched, e.g. ``sni.drop``."""
    mechanism: Mechanism | None = None
    level: Level = Level.NONE
    score: float = 0.0
    """Injection evidence in nats, subject minus control (detectors.md 2.3); 0 where it does not apply."""
    proof: tuple[str, ...] = ()
    """Signs that no server or edge fault can produce, e.g. ``forged_packet``, ``silent_address_answered``,
    ``neighbour_ok``."""
    rate: RateRatio | None = None
    """Of what measures rates; ``None`` where there is none."""
    flows: Flows | None = None
    """Of what counts connections; ``None`` where none are counted."""
    reason: str = ""
    """One sentence for people, from the rule, in English."""
    rules_version: str = ""
    software: str = ""
    """Version of the agent that measured; empty in verdicts of earlier versions. What fails with one version alone is
    that version's fault."""
