"""MQTT topics: how they are spelled and how they are read. See docs/wire.md for retention and QoS of each."""

import re
from enum import StrEnum
from typing import NamedTuple

ROOT = "balise/v1"
COLLECTOR_STATE = f"{ROOT}/collector/state"
_PROBE_ID = re.compile(r"[a-z0-9]{4,32}")


class Leaf(StrEnum):
    """The last part of a probe's topic. No ``Word``: what comes on a topic that we do not know is not ours."""

    STATE = "state"
    META = "meta"
    MEASUREMENT = "measurement"
    HEALTH = "health"
    EVENT = "event"
    COMMAND = "command"
    ASSIGNMENT = "assignment"
    RECEIPT = "receipt"


class ProbeTopic(NamedTuple):
    """A parsed topic."""

    probe: str
    leaf: Leaf


def is_probe_id(text: str) -> bool:
    """Tell whether ``text`` is a well-formed opaque probe id: 4 to 32 of ``a-z0-9``, and not ``collector``."""
    return _PROBE_ID.fullmatch(text) is not None and text != "collector"


def topic(probe: str, leaf: Leaf) -> str:
    """Return the topic of a probe, e.g. ``balise/v1/k7m2q9xd/measurement``."""
    return f"{ROOT}/{probe}/{leaf}"


def parse_topic(text: str) -> ProbeTopic | None:
    """Return probe and leaf, or ``None`` for anything that is not exactly one of our probe topics."""
    parts = text.split("/")
    if len(parts) != 4 or f"{parts[0]}/{parts[1]}" != ROOT or not is_probe_id(parts[2]):
        return None
    try:
        return ProbeTopic(parts[2], Leaf(parts[3]))
    except ValueError:
        return None
