"""throughput as OONI writes connections, with what it has no word for beside it."""

from __future__ import annotations

from balise_collector.experiments.throughput.export import export
from tests.collector.experiments.throughput.trials import transfer
from tests.testbed.cases import HOST, Case


def test_a_transfer_stands_beside_its_connection(case: Case) -> None:
    """Its rate is no word of OONI's."""
    found = export(case.measured(transfer(130.0))).test_keys
    assert found["tcp_connect"][0]["status"] == {"failure": None, "success": True}
    assert (found["x_transfers"][0]["x_goodput_kbps"], found["x_transfers"][0]["x_name"]) == (130.0, HOST)
