"""The words of the tls experiment."""

from __future__ import annotations

from balise_collector.experiments.tls.words import FAILURES, MECHANISMS
from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism


def test_the_words_are_of_this_experiment_alone() -> None:
    """What two experiments can see has its words beside the pages' others; extensions are another's."""
    others = {Mechanism.TLS_ECH, Mechanism.TLS_ESNI}
    assert set(MECHANISMS) == {one for one in Mechanism if one.startswith(("sni.", "tls."))} - others
    assert set(FAILURES) == {one for one in Failure if one.startswith(("ssl_", "tls_"))}
