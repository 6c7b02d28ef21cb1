"""Every situation is told right: what must be said is said in time, and nothing else is published."""

from pathlib import Path

import pytest

from balise_lab.field import table
from balise_lab.field.cli import LONG, OPEN, listed
from balise_lab.field.expect import Way, judged
from balise_lab.field.load import files_of, load
from balise_lab.field.play import play, shipped
from balise_lab.field.situation import Situation

FOLDER = Path(__file__).parent / "situations"
SITUATIONS = [one for path in files_of([FOLDER]) for one in load(path)]
OPEN_ONES = listed(FOLDER, OPEN)


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.id)
def test_a_situation_is_told_right(situation: Situation) -> None:
    """See docs/field.md."""
    if situation.id in OPEN_ONES:
        pytest.skip("open: see open.txt")
    found = judged(play(situation))
    assert found.way is Way.RIGHT, "\n".join(table.why(found))


def test_ids_are_unique_and_what_is_open_exists() -> None:
    """An id is how a situation is named everywhere; an open one that nobody plays is forgotten."""
    ids = [one.id for one in SITUATIONS]
    assert len(ids) == len(set(ids))
    assert {*OPEN_ONES, *listed(FOLDER, LONG)} <= set(ids)


def test_every_service_that_ships_is_played_alone() -> None:
    """A world without the addresses or ports that a service has fails it for everybody, which looks like its fault."""
    every = (*shipped().services, *shipped().offered)
    assert {f"quiet-each-{service.id}" for service in every} <= {one.id for one in SITUATIONS}
