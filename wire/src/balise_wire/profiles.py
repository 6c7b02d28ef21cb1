"""The profiles: how much of a host's line a probe may use, how often it delivers, and what delivery costs.

Both ends need the same figures: the probe keeps to them, whatever it is assigned, and the collector fits a timetable to
them. What really crosses is counted by the probe on its sockets; what an experiment costs is in its own module
(``experiments/``). Must not live here: the fitting (collector), or who keeps to a limit (agent).
"""

from typing import Final

import msgspec

from balise_wire.words import Profile


class Share(msgspec.Struct, frozen=True):
    """What may be used of the host's line; delivery and anomalies are paid from it as well."""

    bytes_per_day: int
    bytes_per_incident: int
    connections_per_day: int
    """Crafted SYNs and TCP connections together; a schedule that keeps to the bytes stays far below it."""


SHARES: Final = {
    # attribution.md 3 and 4: 20 MB a day at most, 6 on a lean line, 1 on one that is paid by the byte.
    Profile.LEAN: Share(6_000_000, 1_000_000, 40_000),
    Profile.STANDARD: Share(20_000_000, 2_000_000, 100_000),
    Profile.METERED: Share(1_000_000, 200_000, 10_000),
}
LABORATORY: Final = Share(50_000_000, 5_000_000, 1_000_000)
"""Where the settings name laboratory prefixes there is no host who pays for the line."""


def share_of(profile: Profile) -> Share:
    """Return the share of a profile; the least there is for one that this program does not know."""
    return SHARES.get(profile, SHARES[Profile.METERED])


# --- delivery ---------------------------------------------------------------------------------------------------------

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


def pace_of(profile: Profile) -> Pace:
    """Return the pace of a profile; the slowest there is for one that this program does not know."""
    return PACES.get(profile, PACES[Profile.METERED])


def delivery_bytes(profile: Profile, results: float, health_seconds: float) -> int:
    """Return what delivering a day costs at a profile's pace, both directions, while nothing fails.

    Args:
        profile: of the probe.
        results: measurements a day.
        health_seconds: between two reports of the board's health.
    """
    pace = pace_of(profile)
    batches = min(results, DAY / pace.batch_seconds + results / pace.batch_records)
    quiet = DAY / pace.keepalive * PING + CONNECTIONS * CONNECTION + DAY / health_seconds * HEALTH
    return round(results * RESULT + batches * BATCH + quiet)
