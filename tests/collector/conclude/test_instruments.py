"""Versions and boots: what is not known is told as such."""

from __future__ import annotations

from balise_collector.conclude.instruments import Instruments

AT = 3_000_000.0


def test_a_board_that_ran_on_is_told_from_one_that_lost_power() -> None:
    """The same boot before and after a silence is the network's; another one is electricity, or the plug."""
    held = Instruments()
    for probe, later in (("pk01", "a"), ("pk02", "b")):
        held.note(probe, "1", "7", "a", AT - 60)
        assert held.ran_on(probe, AT) is None, "not heard since"
        held.note(probe, "1", "7", later, AT + 3600)
    assert held.ran_on("pk01", AT) is True
    assert held.ran_on("pk02", AT) is False


def test_who_does_not_say_is_unknown() -> None:
    """No boot, no probe: not known."""
    held = Instruments()
    held.note("pk01", "1", "7", "", AT)
    assert held.ran_on("pk01", AT - 1) is None
    assert held.ran_on("pk02", AT) is None
    assert held.versions("pk02") == ("", "")


def test_the_newest_measurement_tells_the_versions_in_any_order() -> None:
    """Late data must not put a probe back to its old program; a restart forgets nothing."""
    held = Instruments()
    held.note("pk01", "2", "8", "b", AT)
    held.note("pk01", "1", "7", "a", AT - 3600)
    again = Instruments.restored(held.memory())
    assert again.versions("pk01") == ("2", "8")
    assert again.ran_on("pk01", AT - 1800) is False
    assert Instruments.restored(None).versions("pk01") == ("", "")
