"""quic beside OONI's shapes, which have none for datagrams."""

from __future__ import annotations

from balise_collector.experiments.quic.export import export
from tests.collector.experiments.quic.trials import series
from tests.testbed.cases import HOST, Case


def test_exchanges_and_syns_are_apart(case: Case) -> None:
    """A reader of OONI's data finds that TCP stood; what UDP did has names of ours."""
    found = export(series(case, "late")).test_keys
    assert [one["status"]["success"] for one in found["tcp_connect"]] == [True]
    first = found["x_quic_exchanges"][0]
    assert (first["server_name"], first["x_answered_later"], first["failure"]) == (HOST, False, "generic_timeout_error")
    assert len(found["x_quic_exchanges"]) == 8
