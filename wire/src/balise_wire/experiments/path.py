"""The path experiment: TTL-limited probes along the way to one address (Paris traceroute, Augustin et al. 2006).

It is vocabulary: probes to come will send it and this version reads it. Must not live here: its plan (agent), its rules
(collector), or any verdict.
"""

from typing import Final

import msgspec

from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.trial import Trial
from balise_wire.words import Experiment

HOPS: Final = 30
PROBE: Final = 300
"""Bytes of one TTL: the probe with a hello's beginning, and the router's error (RFC 792)."""
TRAITS: Final = Traits(
    word=Experiment.PATH,
    title="path",
    transport=Transport.TCP,
    unplanned="localisation is not built yet: nothing sends it, and no target may ask for it",
)


class PathParameters(Parameters, frozen=True):
    """Nothing: address and port are the target's."""


def cost(shape: RunShape) -> int:
    """Return the bytes of a run, both directions; a paired one goes the way with two payloads."""
    return HOPS * PROBE * (2 if shape.paired else 1)


class Hop(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One TTL of a path measurement."""

    ttl: int
    address: str = ""
    rtt_ms: float | None = None
    answer: str = ""
    """``exceeded``, ``reached``, ``unreachable:<code>``, ``rst``, ``data`` or empty for silence."""


class PathObservation(Trial, frozen=True, tag="path"):
    """TTL-limited probes along the path to one address with a fixed 5-tuple (Paris traceroute)."""

    address: str
    port: int
    payload: str = ""
    """What the probes carried: empty, ``subject`` or ``control``."""
    hops: tuple[Hop, ...] = ()
