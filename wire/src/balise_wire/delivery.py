"""What delivery costs a host's line, and how often a probe of each profile delivers. Data and arithmetic, nothing else.

Both sides need the same figures: the probe keeps this pace, and the collector leaves room for it when it fits a
timetable to the day. What really crosses is counted by the probe on its sockets. Must not live here: the profiles'
bytes a day, which each side holds by itself.
"""

from typing import Final

import msgspec

from balise_wire.words import Profile

RESULT: Final = 240
"""A result in a compressed batch with its share of the segments: 160 to 250 bytes in laboratory runs, by batch."""
BATCH: Final = 1_000
"""Around one batch: headers of TCP over IPv6 (72 bytes a segment, RFC 8200, 9293, 7323), of TLS 1.3 (22 a record, RFC
8446 5.2) and of MQTT, the acknowledgements of all three, and the collector's signed receipt."""
PING: Final = 270
"""A keepalive and its answer (MQTT 3.1.1, 3.12)."""
HEALTH: Final = 800
"""A report of the board's health."""
CONNECTION: Final = 10_000
"""A connection anew: name, TCP, TLS 1.3 with both certificates, greeting, state, and the assignment that is kept."""
CONNECTIONS: Final = 4
"""Connections a day that a plan reckons with."""
DAY: Final = 86_400


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often a probe speaks to its collector; seconds."""

    batch_seconds: float
    """For how long a routine result may wait for others; a failure never waits so long."""
    batch_records: int
    keepalive: int
    """Silence after which the connection is tested; below the 600 s that the shipped broker allows."""
    redial: float
    """Longest pause between two rounds of attempts when no broker answers."""


PACES: Final = {
    Profile.STANDARD: Pace(batch_seconds=60.0, batch_records=100, keepalive=60, redial=120.0),
    Profile.LEAN: Pace(batch_seconds=300.0, batch_records=200, keepalive=240, redial=600.0),
    Profile.METERED: Pace(batch_seconds=3600.0, batch_records=200, keepalive=540, redial=3600.0),
}
AT_ONCE: Final = Pace(batch_seconds=20.0, batch_records=50, keepalive=45, redial=120.0)
"""For laboratories and references: nobody's line is used up, and others' verdicts wait for what a reference saw."""


def bytes_per_day(profile: Profile, results: float, health_seconds: float) -> int:
    """Return what delivering a day costs at a profile's pace, both directions, while nothing fails.

    Args:
        profile: of the probe.
        results: measurements a day.
        health_seconds: between two reports of the board's health.
    """
    pace = PACES.get(profile, PACES[Profile.METERED])
    batches = min(results, DAY / pace.batch_seconds + results / pace.batch_records)
    quiet = DAY / pace.keepalive * PING + CONNECTIONS * CONNECTION + DAY / health_seconds * HEALTH
    return round(results * RESULT + batches * BATCH + quiet)
