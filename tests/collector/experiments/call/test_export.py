"""call beside OONI's shapes, which have none for trains of packets."""

from __future__ import annotations

from balise_collector.experiments.call.export import export
from tests.collector.experiments.call.trials import series
from tests.testbed.cases import Case


def test_each_train_is_told(case: Case) -> None:
    """By names of ours, and without an address."""
    trains = export(series(case, "up", up="up")).test_keys["x_call_trains"]
    assert [(one["x_up"], one["x_down"]) for one in trains[1:4]] == [
        ("noise", "noise"), ("voice", "noise"), ("noise", "voice"),
    ]  # fmt: skip
    assert (trains[0]["x_arrived"], trains[0]["failure"]) == ([25, 5, 0, 0, 0, 0], "generic_timeout_error")
    assert not any("address" in key or key == "ip" for one in trains for key in one)
