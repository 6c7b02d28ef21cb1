"""stun in OONI's shape of its own test of STUN."""

from __future__ import annotations

from balise_collector.experiments.stun.export import export
from tests.collector.experiments.stun.trials import series
from tests.testbed.cases import ADDRESS, Case


def test_exchanges_and_syns_are_apart(case: Case) -> None:
    """A reader of OONI's data finds endpoint and failure; each exchange has names of ours."""
    found = export(series(case, "silent", tcp=True)).test_keys
    assert (found["endpoint"], found["failure"]) == (f"{ADDRESS}:3478", "generic_timeout_error")
    assert [one["status"]["success"] for one in found["tcp_connect"]] == [True]
    assert len(found["x_stun_exchanges"]) == 7
    first = found["x_stun_exchanges"][0]
    assert (first["endpoint"], first["x_sent"], first["x_answered_later"]) == (f"{ADDRESS}:3478", "binding", False)
