"""The shorter form of `make attack`: each known attack once, against real programs of this checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from balise_attack.__main__ import play
from balise_attack.case import Case
from balise_attack.cases import all_cases

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.netns
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("case", [one for one in all_cases() if one.short], ids=lambda case: case.row)
def test_an_attack_that_succeeded_once_does_not_succeed_again(
    case: Case, namespace_wrapper: tuple[str, ...], record_property: pytest.FixtureRequest
) -> None:
    """Whatever was tried against this product is tried again at each change."""
    result = play(case, namespace_wrapper, ROOT, None)
    record_property("table", f"{case.row:>5}  {result['outcome']}: {case.title}\n       {result['figure']}")  # type: ignore[operator]
    if result["outcome"] == "skipped":
        pytest.skip(result["figure"])
    assert result["outcome"] == "held", result["figure"]


def test_every_case_has_a_number_of_its_own() -> None:
    """A row can be asked for by its number, so no two cases share one."""
    rows = [case.row for case in all_cases()]
    assert rows
    assert len(rows) == len(set(rows))
