"""vpn beside OONI's shapes, which have none for a helper's handshakes."""

from __future__ import annotations

from balise_collector.experiments.vpn.export import export
from tests.collector.experiments.vpn.trials import series
from tests.testbed.cases import Case


def test_each_handshake_is_told(case: Case) -> None:
    """By names of ours, and without an address."""
    told = export(series(case, "cut", "cut")).test_keys["x_vpn_handshakes"]
    assert [(one["x_shape"], one["x_answered"]) for one in told] == [
        ("protocol", 1), ("random", 3), ("protocol", 1), ("random", 3), ("protocol", 1),
    ]  # fmt: skip
    assert (told[0]["x_protocol"], told[0]["failure"]) == ("openvpn", "generic_timeout_error")
    assert not any("address" in key or key == "ip" for one in told for key in one)
