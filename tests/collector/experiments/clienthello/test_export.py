"""clienthello as OONI writes handshakes, with what it has no word for beside it."""

from __future__ import annotations

from balise_collector.experiments.clienthello.export import export
from balise_wire.experiments.clienthello import HelloForm
from tests.collector.experiments.clienthello.trials import SILENCE, hello
from tests.testbed.cases import HOST, Case


def test_a_hello_without_an_answer_is_no_failed_connection(case: Case) -> None:
    """The layer that failed is what a reader asks first; the form stands beside."""
    dead = case.measured(hello(failure=SILENCE), hello(HelloForm.PLAIN, SILENCE, connect_ms=None))
    found = export(dead).test_keys
    assert [one["status"]["success"] for one in found["tcp_connect"]] == [True, False]
    (shaken,) = found["tls_handshakes"]
    assert (shaken["failure"], shaken["server_name"], shaken["x_form"]) == ("generic_timeout_error", HOST, "ech")
