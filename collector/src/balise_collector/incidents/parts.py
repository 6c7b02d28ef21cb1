"""How each part of a service does, as one word a part: what is told of text, media and calls apart. Pure.

Lives here: the words and the record. Must not live here: the rule that finds the word (pages/views/decision.py), or its
sentences (words/).
"""

from enum import StrEnum

import msgspec

from balise_collector.detect.interval import Interval
from balise_wire.words import TargetRole


class PartWord(StrEnum):
    """How one part does."""

    WORKS = "works"
    BLOCKED = "blocked"
    SLOWED = "slowed"
    FAILING = "failing"
    """By the network or by the service: that is not known."""
    REFUSED = "refused"
    """The authentic server answers and refuses: no interference."""
    CHALLENGED = "challenged"
    """The authentic server wants to know whether we are a robot: no interference, and no word on what is behind it."""
    UNKNOWN = "unknown"
    """It was measured, and too little agrees for any other word."""
    NOT_MEASURED = "not_measured"
    """It is a part of the service, and nothing of it was measured in the window: neither works nor fails."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of one service in one country at one moment."""

    role: TargetRole
    word: PartWord
    since: Interval | None = None
    """When what is said of it began; ``None`` where nothing else was ever found of it, or nothing is known of it."""
    incident: str = ""
    """Id of the incident that the word rests on."""
    times: int = 0
    """Earlier confirmed interruptions of this part, which have ended."""
    confidence: str = ""
    """How sure it is that its hosts are the service's (fleet/catalogue.py); empty where nobody said so."""
