"""docs/host.md and its translations: every sentence that the box may say, the limits that hold, and no name."""

from __future__ import annotations

from pathlib import Path

import pytest

from balise_agent.provisioning.card import wording
from balise_agent.system.problems import PROBLEMS
from balise_agent.system.status import _WORDS
from balise_wire.profiles import SHARES
from balise_wire.words import Lifecycle

PAGES = ("host.md", "host.fr.md")
CARD = (
    "Waiting: the agreement is missing or not complete, so the box does nothing and its network stays off.",
    "Waiting: the settings are not complete.",
    "Starting. Leave the card in for some minutes, then look again.",
    wording.PAUSED,
    wording.WIPED.partition(". It does")[0] + ".",
)
"""What the card's reader writes before the program runs."""


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, repo_root: Path) -> str:
    """Return one language's page."""
    return (repo_root / "docs" / str(request.param)).read_text(encoding="utf-8")


def test_every_sentence_of_the_box_is_explained(page: str) -> None:
    """Who reads a sentence in the status file finds it in a row of its own, and each row is such a sentence."""
    told = [line.strip("| ").split(" | ")[0] for line in page.splitlines() if line.startswith("| ")]
    wanted = {*CARD, *(row.told for row in PROBLEMS.values())}
    assert not wanted - set(told)
    sentences = {cell for cell in told if cell.endswith(".") and cell[0].isupper()}
    assert not sentences - wanted


def test_the_cards_sentences_are_the_ones_it_writes() -> None:
    """The list above is no invention."""
    source = Path(wording.__file__).read_text(encoding="utf-8").replace("\n", " ")
    for sentence in CARD:
        assert sentence in source or sentence in (wording.PAUSED, wording.WIPED.partition(". It does")[0] + ".")


def test_every_state_is_explained(page: str) -> None:
    """Each word after `state:`; `lost` is said by others of a box, never by itself."""
    words = {*_WORDS.values(), "waiting", "paused"} - {_WORDS[Lifecycle.LOST]}
    assert {word for word in words if f"| `state: {word}` |" in page} == words


def test_the_limits_are_the_ones_that_hold(page: str) -> None:
    """What the host is promised is what the gate enforces."""
    for profile, share in SHARES.items():
        row = next(line for line in page.splitlines() if f"`{profile}`" in line)
        assert f" {share.bytes_per_day / 1e6:g} M" in row
        assert f" {share.bytes_per_day * 30 / 1e6:g} M" in row.rpartition("|")[0]


def test_the_page_names_nothing(page: str) -> None:
    """It may lie beside the box: who finds it learns no name from it (attribution.md 3, the quiet board)."""
    assert "balise" not in page.lower()
    assert "://" not in page
