"""How long an interruption lasts beside earlier ones: only what is certain is counted, and few are not ranked."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.detect.interval import Interval
from balise_collector.incidents.lengths import RANKED, past
from balise_collector.incidents.model import Incident, IncidentKind, IncidentState

DAY = 86_400.0
NOW = 100 * DAY


def lasted(number: int, hours: float, **changes: Any) -> Incident:
    """Return an interruption of the day ``number``, known to the minute, of so many hours."""
    began = number * DAY
    usual: dict[str, Any] = {
        "id": f"i{number}", "kind": IncidentKind.INTERFERENCE, "state": IncidentState.CLOSED, "country": "TM",
        "service": "imo", "roles": (), "witnesses": 2,
        "onset": Interval(earliest=began - 60.0, latest=began),
        "end": Interval(earliest=began + 3_600.0 * hours, latest=began + 3_600.0 * hours + 60.0),
    }  # fmt: skip
    return Incident(**{**usual, **changes})


OPEN: dict[str, Any] = {"state": IncidentState.OPEN, "end": None}
SIX = [lasted(10 * number, hours) for number, hours in enumerate((1, 2, 3, 5, 8, 24), 1)]


@pytest.mark.parametrize(
    ("hours", "shorter", "percentile"), [(0.5, 0, 0.0), (4, 3, 50.0), (5, 3, 100 * 3.5 / 6), (30, 6, 100.0)]
)
def test_a_past_one_has_its_rank(hours: float, shorter: int, percentile: float) -> None:
    """What cannot be told apart counts by halves."""
    found = past(lasted(90, hours), SIX, NOW)
    assert (found.earlier, found.dated, found.shorter) == (6, 6, shorter)
    assert found.percentile == pytest.approx(percentile)


def test_one_that_goes_on_is_ranked_by_what_it_has_lasted() -> None:
    """S20, "this time it looks final": the rank only grows, and later ones than it do not count."""
    going = lasted(90, 0, **OPEN)
    ranks = [past(going, [*SIX, going, lasted(95, 1)], 90 * DAY + 3_600.0 * hours).percentile for hours in (0, 4, 30)]
    assert ranks == sorted(ranks, key=lambda rank: rank or 0.0)
    assert ranks[-1] == 100.0
    assert past(going, SIX, 90 * DAY + 4 * 3_600.0).longer == 0


def test_few_are_counted_and_not_ranked() -> None:
    """Of two earlier ones, longer than both is no percentile."""
    found = past(lasted(90, 30), SIX[: RANKED - 1], NOW)
    assert (found.earlier, found.shorter, found.percentile) == (RANKED - 1, RANKED - 1, None)


def test_only_what_may_be_told_of_the_same_thing_counts() -> None:
    """Another service or country, another kind, one witness, withdrawn, still going on, or later: none of these."""
    others = [
        lasted(10, 1, service="viber"),
        lasted(11, 1, country="IR"),
        lasted(12, 1, kind=IncidentKind.SERVICE_FAULT),
        lasted(13, 1, witnesses=1),
        lasted(14, 1, state=IncidentState.WITHDRAWN),
        lasted(15, 1, **OPEN),
        lasted(99, 1),
    ]
    assert past(lasted(90, 2), others, NOW).earlier == 0


def test_a_baseline_has_no_upper_length() -> None:
    """Failing since before the first measurement: counted from there, and its end is an unblock."""
    standing = lasted(50, 0, **{**OPEN, "onset": Interval(earliest=None, latest=50 * DAY)})
    found = past(standing, SIX[:3], NOW)
    assert (found.baseline, found.least, found.longer) == (True, 50 * DAY, 0)
    unknown = lasted(60, 2, onset=Interval(earliest=None, latest=60 * DAY))
    assert (past(lasted(90, 5), [unknown], NOW).earlier, past(lasted(90, 5), [unknown], NOW).dated) == (1, 0)
