"""Two agents never have one state folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from balise_agent.system.errors import DataError
from balise_agent.system.lock import alone

if TYPE_CHECKING:
    from pathlib import Path


def test_the_second_is_told_and_the_next_one_may(tmp_path: Path) -> None:
    """Whoever holds it keeps it; after its end nothing is left to clean up."""
    with alone(tmp_path), pytest.raises(DataError, match="another agent already runs"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_a_folder_that_is_not_there_has_a_mend(tmp_path: Path) -> None:
    """The message says which path and what to do."""
    with pytest.raises(DataError, match="make it writable"), alone(tmp_path / "nowhere"):
        pass
