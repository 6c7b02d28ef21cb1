"""Probes that have gone quiet: what their silence writes into the cell of their provider's lines."""

from __future__ import annotations

from balise_collector.detect.index import CellIndex
from balise_collector.detect.silences import Silences, line_cell
from balise_wire.measurement import Network

NETWORK = Network(country="PK", asn=64501)
NOW = 3_000_000.0


def filled(silences: Silences, now: float) -> set[str]:
    """Return the probes whose histories were written to."""
    return {series.probe for series, _ in silences.fill(now, {})}


def test_nobody_at_all_heard_is_our_own_deafness() -> None:
    """Where no probe was heard for as long as a silence takes, nothing is written."""
    silences = Silences(CellIndex(), 300.0)
    silences.begin("pk01", NETWORK, NOW)
    assert filled(silences, NOW + 3600.0) == set()


def test_who_is_excused_or_a_reference_is_not_silent() -> None:
    """A reference's silence says nothing of where it stands; what is excused is let go of."""
    index = CellIndex()
    index.references.add("de01")
    silences = Silences(index, 300.0)
    silences.begin("de01", Network(country="DE", asn=64700), NOW)
    silences.begin("pk01", NETWORK, NOW)
    assert set(silences.held) == {"pk01"}
    silences.begin("pk01", NETWORK, NOW - 600.0)
    assert silences.held["pk01"].since == NOW, "an earlier moment moves nothing"
    silences.excuse(lambda probe: probe != "pk01")
    assert silences.held == {}


def test_the_cell_of_lines_is_the_providers() -> None:
    """Access counts: a provider's mobile lines may be dead while its fixed ones live."""
    assert (line_cell(NETWORK).asn, line_cell(NETWORK).service) == (64501, "internet")
