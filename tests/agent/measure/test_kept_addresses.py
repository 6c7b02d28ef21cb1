"""The text of what was learned: it reads back, and damage is nothing."""

from __future__ import annotations

import pytest

from balise_agent.measure.control_addresses import Known
from balise_agent.measure.kept_addresses import MOST, KeptAddresses, read
from balise_agent.measure.target_addresses import Kept

KEPT = KeptAddresses(
    targets={"s/web/a.example/4": Kept(addresses=("198.18.1.1",), at=3600.0, proved={"198.18.1.1": 3600.0})},
    controls={"c.example": Known(addresses=("198.18.9.1", "2a00::1"), at=7200.0, asked=7200.0)},
)


def test_what_is_written_reads_back() -> None:
    """One line, the same for the same knowledge."""
    assert read(KEPT.text()) == KEPT
    assert "\n" not in KEPT.text()
    assert KeptAddresses().text() == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"targets": 7}', KEPT.text()[:-9]])
def test_damage_is_nothing(text: str) -> None:
    """A note that a power cut halved costs itself."""
    assert read(text) == KeptAddresses()


def test_what_is_no_address_is_left_out() -> None:
    """A memory card that lies must not send packets anywhere."""
    assert read(KEPT.text().replace("198.18.1.1", "attacker.example")).targets == {}
    assert read(KEPT.text().replace("198.18.1.1", "attacker.example")).controls == KEPT.controls


def test_too_much_is_not_kept() -> None:
    """The note stays small."""
    many = {f"c{number}.example": Known(addresses=("2a00:1:2:3:4:5:6:7",) * 16) for number in range(500)}
    assert KeptAddresses(controls=many).text() == ""
    assert len(KEPT.text()) < MOST
