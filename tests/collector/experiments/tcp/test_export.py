"""SYNs as OONI writes connections (df-005-tcpconnect)."""

from __future__ import annotations

from balise_collector.experiments.tcp.export import export
from tests.testbed.cases import ADDRESS, Case


def test_a_series_is_one_attempt_with_its_counts_beside_it(case: Case) -> None:
    """Six SYNs are no connection: the shape says so by what stands beside it."""
    dead, alive = export(case.measured(case.syns(0), case.syns(5))).test_keys["tcp_connect"]
    assert (dead["ip"], dead["port"]) == (ADDRESS, 443)
    assert dead["status"] == {"failure": "generic_timeout_error", "success": False}
    assert alive["status"] == {"failure": None, "success": True}
    assert (alive["x_syns"], alive["x_synacks"]) == (6, 5)
