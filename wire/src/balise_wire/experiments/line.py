"""The line experiment: the probe's own line, on both sides of the border (docs/experiments/line.md).

Here live what a trial saw, its traits and what it costs. Must not live here: its plan (agent), its rules (collector),
or any verdict.
"""

from typing import Final

import msgspec

from balise_wire.experiments.dns import MOST_QUESTION, QUESTION, USUAL_QUESTION
from balise_wire.experiments.tcp import SYN
from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.failures import Failure
from balise_wire.trial import Trial
from balise_wire.words import (
    AddressSource,
    ClockState,
    Experiment,
    GatewayState,
    HopPlace,
    Portal,
    ResolverPlace,
    Scope,
)

GATEWAY: Final = 220
"""Bytes of the question to the default gateway."""
USUAL_GATEWAY: Final = 170
CONTROL: Final = 2 * SYN
"""Bytes of the two SYNs to one control."""
USUAL_CONTROL: Final = 360
"""The same over IPv4, and to one of each side of the border over IPv6."""
PORTAL: Final = 2_000
"""Bytes of the look for a captive portal."""
USUAL_PORTAL: Final = 1_160
BASE: Final = GATEWAY + QUESTION
"""Bytes of a check without its controls."""
TRAITS: Final = Traits(
    word=Experiment.LINE,
    title="the probe's own line",
    transport=Transport.NONE,
    of_target=False,
    needs_address=False,
    reveals_name=False,
)


class LineParameters(Parameters, frozen=True):
    """Nothing: the controls are the assignment's."""


def cost(shape: RunShape) -> int:
    """Return the bytes of a check at most, both directions."""
    asked = MOST_QUESTION if shape.name_control else 0
    return GATEWAY + asked + CONTROL * shape.controls + (PORTAL if shape.portal else 0)


def usual(shape: RunShape) -> int:
    """Return the bytes of a check where everything is answered."""
    asked = USUAL_QUESTION[4] if shape.name_control else 0
    return USUAL_GATEWAY + asked + USUAL_CONTROL * shape.controls + (USUAL_PORTAL if shape.portal else 0)


class ControlResult(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One control endpoint of the line experiment."""

    name: str
    scope: Scope
    failure: Failure | None = None
    rtt_ms: float | None = None
    family: int = 0
    """IP version; 0 where it was not told (probes up to commit 0aa15c1 asked IPv4 where there was one)."""
    port: int | None = None
    """TCP port; 0 for ICMP echo, ``None`` where it was not told."""
    icmp_place: HopPlace = HopPlace.UNKNOWN
    """Which machine sent the ICMP error that the failure is; unknown where it is none."""
    source: AddressSource = AddressSource.UNKNOWN
    """Where its address came from."""
    address: str = ""
    """What was asked, where the assignment names no address; empty where it does."""


class LineObservation(Trial, frozen=True, tag="line"):
    """The probe's own line: gateway, controls on both sides of the border, resolver, clock."""

    gateway_rtt_ms: float | None = None
    """ARP/ICMP time to the default gateway; ``None`` where it did not answer (many ignore ICMP: see ``gateway_ok``)."""
    gateway_ok: bool | None = None
    """``None`` where the machine has no default gateway."""
    controls: tuple[ControlResult, ...] = ()
    resolver_ok: bool | None = None
    captive: bool | None = None
    """Whether a captive portal answered in the place of a control."""
    clock_state: ClockState = ClockState.UNSYNCED
    clock_offset_ms: float | None = None
    """Probe minus collector, from the last signed receipt; ``None`` before the first."""
    loss: float | None = None
    """Share of the controls' SYNs that had no answer, 0..1."""
    gateway: GatewayState = GatewayState.UNKNOWN
    """What ``gateway_ok`` says, and why it may say nothing."""
    portal: Portal = Portal.UNKNOWN
    """What ``captive`` says, and why it may say nothing."""
    resolver_place: ResolverPlace = ResolverPlace.UNKNOWN
    """Where the resolver stands of which ``resolver_ok`` tells."""
    others: tuple[ControlResult, ...] | None = None
    """The same controls once more, on port 80 and by ICMP echo, all in one moment, where none of ``controls`` had
    answered: a line on which 443 alone is dead is no dead line. ``None`` where that was not asked."""
    unresolved: int = 0
    """Controls without assigned addresses whose name the probe could not look up either."""
