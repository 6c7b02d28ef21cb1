"""The measurement: one run of one experiment on one target, with everything needed to judge it, now or in ten years.

It is self-contained on purpose: the line's health of the same minute, the versions, the network it was taken on and the
trial that caused it are inside, so that a re-judgement needs no join with other messages of the probe.
"""

import msgspec

from balise_wire.observations import Observation
from balise_wire.words import Access, Design, Experiment, TargetRole


class LineHealth(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The line experiment's result of the same minute, in short; it gates every verdict (attribution.md 2.1)."""

    at: float
    gateway_ok: bool | None = None
    domestic_ok: int = 0
    domestic: int = 0
    international_ok: int = 0
    international: int = 0
    resolver_ok: bool | None = None
    captive: bool = False


class Network(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where the probe's line stood. Never an address: a country, a provider, an access type."""

    country: str
    """ISO 3166-1 alpha-2."""
    asn: int
    access: Access = Access.FIXED
    region: str = ""
    """First-level subdivision, only where the operator opted in."""


class Measurement(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One experiment on one target."""

    id: str
    """32 hex digits; repeats are dropped by it."""
    experiment: Experiment
    design: Design
    target: str
    """Target id of the catalogue, e.g. ``twitter/media-image/4/443``."""
    service: str
    role: TargetRole
    host: str
    family: int = 4
    """IP version, 4 or 6."""
    started: float
    """UNIX seconds on the probe's clock at which the first own trial began."""
    ended: float
    network: Network
    catalogue: str
    """Version of the catalogue that named the target."""
    software: str
    """Version of the agent."""
    line: LineHealth | None = None
    limited_by: tuple[str, ...] = ()
    """What limited the probe itself: ``cpu``, ``temperature``, ``undervoltage``, ``budget``, ``drops``."""
    tap_drops: int = 0
    """Packets that the kernel's capture counter lost during this measurement."""
    own_failure: str = ""
    """Why the probe itself could not carry the run to its end, in a few words for the operator; empty where it could.
    ``observations`` then holds what had been observed before: facts, but not the whole of an experiment."""
    observations: tuple[Observation, ...] = ()
