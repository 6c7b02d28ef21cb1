"""The trials of a card as data, and what is made of what they saw."""

from pathlib import Path

import pytest

from balise_image import scenario as scenarios
from balise_image.machine import MAC
from balise_image.recipe import MIB, RecipeError
from balise_image.scenario import Do, Expectation
from balise_image.trial import Seen, findings, table

TEN = {
    "broker-away",
    "clock-1970",
    "cut-first-boot",
    "cut-spool",
    "data-full",
    "data-full-later",
    "happy-path",
    "malformed-settings",
    "no-network",
    "pause-wipe",
}


def test_ten_scenarios_are_well_formed_and_begin_with_the_happy_path(repo_root: Path) -> None:
    """A step or an expectation with a misspelt word is an error, not a step that does nothing."""
    found = scenarios.read_all(repo_root / "image/scenarios")
    assert found[0].name == "happy-path"
    assert {one.name for one in found} == TEN
    for one in found:
        assert any(step.do is Do.ON for step in one.steps), one.name
        assert "$token" in one.settings, one.name


def test_a_misspelt_step_names_its_scenario(tmp_path: Path) -> None:
    """Whoever writes a scenario hears where it is wrong."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "balise.toml").write_text("")
    (folder / "expect.toml").write_text("")
    (folder / "fault.toml").write_text('about = "x"\n[[step]]\ndo = "cutt"\n')
    with pytest.raises(RecipeError, match=r"scenario mine: .*cutt"):
        scenarios.read(folder)


def test_settings_are_filled_in_and_other_dollars_stay() -> None:
    """A Wi-Fi password may hold any character."""
    assert scenarios.filled('token = "$token", $5', {"token": "AB"}) == 'token = "AB", $5'


def test_what_is_as_it_must_be_finds_nothing() -> None:
    """The judging is pure: what was seen, against what was to be seen."""
    seen = Seen(probes=1, measurements=5, status="state: working", values={"token": "SECRET"})
    assert findings(Expectation(status=("state: working",), not_on_card=("$token",)), seen) == []


def test_each_promise_that_is_broken_is_named() -> None:
    """A leak of a name, the chip's address or a used token, a lost key, a second identity: one line each."""
    chip = bytes.fromhex(MAC.replace(":", ""))
    seen = Seen(
        probes=2,
        status="x",
        boot_files={"balise.toml": "token = SECRET"},
        on_line=b"....DebIan...." + chip,
        data_files=frozenset({"/probe/probe.key"}),
        data_end=100 * MIB,
        card_size=2000 * MIB,
        values={"token": "SECRET"},
    )
    expected = Expectation(
        at_least=1,
        status=("working",),
        not_on_card=("$token",),
        not_on_line=("debian",),
        gone=("/probe/probe.key",),
        kept=("/number",),
        grown=True,
    )
    found = "\n".join(findings(expected, seen))
    for part in (
        "2 enrolled, not 1",
        "nothing was measured",
        "fewer than 1",
        "does not say 'working'",
        "balise.toml on the card still holds $token",
        "b'debian' was on the line",
        repr(chip),
        "/probe/probe.key is still there",
        "/number is not there",
        "ends 1900 MiB before the card does",
    ):
        assert part in found


def test_the_table_has_a_row_for_each(repo_root: Path) -> None:
    """What a person reads at the end: seconds, counts, bytes, and the result in words."""
    (first, *_) = scenarios.read_all(repo_root / "image/scenarios")
    text = table([(first, Seen(enrolled_after=51.2, measured_after=None, written=2_500_000), ["lost"])])
    assert "happy-path" in text
    assert "51 s" in text
    assert "2.5 MB" in text
    assert text.splitlines()[2].endswith("lost")
