"""One hostile probe and one hostile reference beside an honest fleet: what is concluded is what it would be without."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from balise_collector.conclude.store.sqlite import SqliteStore
from tests.testbed.neighbours import load

HOURS = 2.0


@pytest.fixture(scope="module")
def day() -> ModuleType:
    """Return the play of the attack suite."""
    module: ModuleType = load(Path(__file__).parents[1] / "attack" / "balise_attack" / "day_play.py")
    return module


def _settings(folder: Path) -> Path:
    catalogue = folder / "catalogue"
    catalogue.mkdir(parents=True)
    (catalogue / "twitter.toml").write_text(
        'service = "twitter"\nversion = "2026-11-01"\n[[target]]\nrole = "web"\nhost = "twitter.com"\n'
        '[[target]]\nrole = "api"\nhost = "api.twitter.com"\n[[control]]\nname = "captive.apple.com"\n'
    )
    (catalogue / "zoom.toml").write_text(
        'service = "zoom"\nversion = "2026-11-01"\n[[target]]\nrole = "web"\nhost = "zoom.us"\n'
    )
    file = folder / "collector.toml"
    file.write_text(
        f'[collector]\nstate_dir = "{folder / "state"}"\n[broker]\nhost = "127.0.0.1"\n'
        f'[catalogue]\ndir = "{catalogue}"\n'
    )
    return file


def _confirmed(folder: Path) -> list[tuple[Any, ...]]:
    """Return what the confirmed incidents of a play say."""
    with closing(SqliteStore(folder / "state" / "derived.sqlite")) as store:
        return [
            (
                one.kind, one.state, one.country, one.service, one.roles, one.layers, one.onset, one.end,
                one.scope.affected, one.scope.clean, one.locality, one.grade, one.evidence,
                tuple((share.mechanism, share.asns, share.roles) for share in one.mechanisms),
            )
            for one in store.incidents()
            if one.confirmed
        ]  # fmt: skip


@pytest.mark.slow
def test_two_hostile_members_change_nothing_that_is_confirmed(day: ModuleType, tmp_path: Path) -> None:
    """No incident, scope, moment, grade or piece of evidence is theirs, and no address is learned of them."""
    told = {}
    for hostile in (False, True):
        folder = tmp_path / str(hostile)
        told[hostile] = day.play(_settings(folder), hostile=hostile, hours=HOURS)
        told[hostile]["confirmed"] = _confirmed(folder)
    assert len(told[False]["confirmed"]) == 1
    assert told[True]["confirmed"] == told[False]["confirmed"]
    assert told[True]["addresses"] == told[False]["addresses"] == [day.TRUE]
    assert told[True]["quarantined"] > 0
