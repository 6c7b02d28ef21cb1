"""How often a probe speaks: its profile's pace, failures at once, a laboratory as ever."""

from __future__ import annotations

import pytest

from balise_agent.delivery.delivery_profile import delay_factor, failure_seconds, pace_of
from balise_agent.policy import limits
from balise_agent.system.config import Config, LimitSettings, NetworkSettings, Probe, SpoolSettings
from balise_wire.profiles import AT_ONCE, PACES, SHARES
from balise_wire.words import Profile

LABORATORY = NetworkSettings(laboratory=("198.18.0.0/15",))


@pytest.mark.parametrize("profile", Profile.known())
def test_a_profile_has_its_pace(profile: Profile) -> None:
    """And no keepalive is longer than the shipped broker's longest."""
    pace = pace_of(Config(probe=Probe(profile=profile)))
    assert pace == PACES[profile]
    assert pace.keepalive < 600


def test_a_profile_of_a_newer_collector_is_held_to_the_least() -> None:
    """What we cannot read may mean little: the slowest pace and the smallest share keep within whatever it means."""
    assert pace_of(Config(probe=Probe(profile=Profile.UNKNOWN))) == PACES[Profile.METERED]
    allowed = limits.tightened(LimitSettings(), NetworkSettings(), (), Profile.UNKNOWN)
    assert allowed.bytes_per_day == SHARES[Profile.METERED].bytes_per_day


@pytest.mark.parametrize("profile", Profile.known())
def test_a_failure_never_waits_for_the_batch(profile: Profile) -> None:
    """However seldom results go: the detection of a block does not pay for it."""
    assert failure_seconds(Config(probe=Probe(profile=profile))) == 5.0


@pytest.mark.parametrize("profile", Profile.known())
def test_a_laboratory_keeps_its_timing(profile: Profile) -> None:
    """What its scenarios measure must not change with a host's profile."""
    config = Config(
        probe=Probe(profile=profile), network=LABORATORY, spool=SpoolSettings(batch_seconds=30.0, batch_records=40)
    )
    assert pace_of(Config(probe=Probe(profile=profile), network=LABORATORY)) == AT_ONCE
    assert (pace_of(config).batch_seconds, pace_of(config).batch_records) == (30.0, 40)
    assert failure_seconds(config) == 30.0
    assert delay_factor(config, 0.0) == 1.0


def test_settings_by_hand_win() -> None:
    """Each key on its own; a batch shorter than a failure's wait is that wait."""
    config = Config(probe=Probe(profile=Profile.METERED), spool=SpoolSettings(batch_seconds=2.0))
    assert (pace_of(config).batch_seconds, pace_of(config).batch_records) == (2.0, 200)
    assert failure_seconds(config) == 2.0


def test_a_new_box_answers_whoever_stands_beside_it() -> None:
    """On a metered line, too, the first ten minutes deliver each minute."""
    config = Config(probe=Probe(profile=Profile.METERED))
    assert delay_factor(config, 10.0) * pace_of(config).batch_seconds == pytest.approx(60.0)
    assert delay_factor(config, 601.0) == 1.0
