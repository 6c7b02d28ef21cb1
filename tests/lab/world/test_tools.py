"""Where the lab's system programs are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from balise_lab.errors import ConfigError
from balise_lab.world import tools


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """What was found is remembered: forget it for each test."""
    tools.find.cache_clear()
    yield
    tools.find.cache_clear()


def test_the_named_folder_is_looked_into_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever brings tools of his own uses them."""
    program = tmp_path / "bin" / "nft"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("BALISE_TOOLS", str(tmp_path))
    assert tools.find("nft") == str(program)


def test_a_missing_program_is_told_with_its_mend() -> None:
    """It is fetched, or installed."""
    with pytest.raises(ConfigError, match=r"the program no-such-program.*run tools/fetch-tools"):
        tools.find("no-such-program")
