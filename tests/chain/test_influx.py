"""InfluxDB is killed for a stretch of a run and comes back: every point is there, and the ingest never noticed."""

from collections.abc import Callable
from typing import Any

import pytest

Play = Callable[..., tuple[int, str, dict[str, Any]]]


@pytest.mark.lab
@pytest.mark.influx
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("scenario", ["sni-rst-residual"])
def test_influx_away_for_a_quarter_of_an_hour_costs_no_point_and_no_ingest(
    play: Play, record_property: Callable[[str, object], None], scenario: str
) -> None:
    """Key by key, all that was concluded is in InfluxDB; as many measurements came in meanwhile as before and after."""
    _, said, result = play(scenario)
    stored = result["influx"]
    assert stored, said
    told = [row for row in result["expectations"] if row["what"].startswith("InfluxDB")]
    record_property("table", "\n".join(f"{row['what']}: {row['found']}" for row in told))
    assert [kill["program"] for kill in result["kills"]] == ["influx"]
    assert any("does not answer" in line and "nothing is lost" in line for line in stored["said"]), stored["said"]
    assert any("takes changes again" in line for line in stored["said"]), stored["said"]
    assert [row["ok"] for row in told] == [True, True], said
    assert {one["missing"] for one in stored["kept"]} == {0}
    held = {one["measurement"]: one["held"] for one in stored["kept"]}
    assert held["balise_verdict"] == result["counts"]["journalled"]
    assert held["balise_incident"] >= 1
    assert result["notes"] == [], said
