"""An interval is of one target: another host of the role brackets nothing."""

from __future__ import annotations

from balise_collector.detect import Detector
from balise_collector.detect.looks import Looks
from tests.collector.detect.conftest import THREE, Play


def test_each_target_has_its_own_last_success() -> None:
    """What failed at 400 was last well at 100, though another host was well at 300."""
    looks = Looks()
    looks.passed("a", 100)
    looks.passed("b", 300)
    looks.failed("a", 400, 450)
    assert looks.last_ok(400) == 100
    assert looks.last_ok(401) is None


def test_it_is_over_when_what_failed_is_well() -> None:
    """The other host's successes end nothing; a failure that goes on has one end."""
    looks = Looks()
    looks.passed("a", 100)
    looks.failed("a", 400, 450)
    looks.passed("b", 500)
    looks.failed("a", 600, 650)
    looks.passed("b", 700)
    looks.passed("a", 900.4)
    looks.passed("a", 1000)
    assert looks.first_ok(650) == 901
    assert looks.first_ok(901) is None


def test_what_is_decided_late_has_its_place() -> None:
    """References speak minutes later: a failure is heard of behind a success that came after it."""
    looks = Looks()
    looks.passed("a", 100)
    looks.passed("a", 800)
    looks.failed("a", 400, 450)
    assert (looks.last_ok(400), looks.first_ok(450)) == (100, 801)
    looks.passed("a", 300)
    assert looks.well["a"] == [100, 800]


def test_what_is_old_is_let_go() -> None:
    """Nothing is kept beyond the history."""
    looks = Looks()
    looks.passed("gone", 50)
    looks.passed("a", 100)
    looks.failed("a", 400, 450)
    looks.passed("a", 600)
    looks.forget(500)
    assert (looks.well, looks.began, looks.over) == ({"a": [100, 600]}, {}, [600])


def test_a_block_of_one_host_is_dated_by_that_host(play: Play) -> None:
    """Two hosts of a role, looked at in turn once in half an hour; one of them is blocked from slot 20 to 50."""

    def blocked(_seat: object, at: float) -> bool:
        return play.at(20) <= at < play.at(50)

    mine = [
        v for v in play.slots(0, 80, THREE, blocked, target="twitter/one") if int((v.at - play.start) // 300) % 6 == 0
    ]
    other = [
        v for v in play.slots(0, 80, THREE, seed=2, target="twitter/two") if int((v.at - play.start) // 300) % 6 == 3
    ]
    play.run([*mine, *other], play.at(80))
    found = next(e for e in play.detector.episodes if e.key.asn == 64501)
    assert found.onset.earliest is not None
    assert found.onset.earliest <= play.at(20) <= found.onset.latest
    assert found.end is not None
    assert found.end.earliest is not None
    assert found.end.earliest <= play.at(50) <= found.end.latest
    again = Detector()
    again.restore(play.detector.snapshot(), play.at(81))
    again.advance(play.at(81))
    assert [e.onset for e in again.episodes] == [e.onset for e in play.detector.episodes]
    assert [e.end for e in again.episodes] == [e.end for e in play.detector.episodes]


def test_another_host_ends_nothing() -> None:
    """What failed counts as failing until it was looked at again itself."""
    looks = Looks()
    looks.passed("a", 100)
    looks.failed("a", 400, 450)
    looks.passed("b", 500)
    assert looks.says_nothing(450, 600)
    looks.passed("a", 700)
    assert looks.says_nothing(450, 600)
    assert not looks.says_nothing(450, 900)
