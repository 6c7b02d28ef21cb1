"""What the rows of the matrix are: every kind of both beds, every experiment."""

from balise_lab.beds.of_scenario import WORDS
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.matrix.rows import EXPERIMENTS, ROWS
from balise_wire.experiments import OF_TARGETS

NOT_IN_IT = {
    "ip.as": "several hosters: broad.yaml plays it",
    "port.drop": "what cuts port 443 cuts the probe's own way home",
    "sni.allow": "permits names and blocks the rest: broad.yaml plays it",
    "country.shutdown": "every provider is hit: isp.shutdown is its like",
    "district.shutdown": "needs districts: isp.shutdown is its like",
    "edge.down": "needs regional addresses: servers-down.yaml plays it",
    "v6.broken": "needs homes with IPv6, over which half of the experiments find no server: two-families.yaml plays it",
}
"""Kinds that both beds know and no row plays, with the reason."""


def test_every_kind_has_its_row() -> None:
    """A kind that is added to both beds is added here, or named with the reason."""
    played = {row.kind for row in ROWS} | {kind for row in ROWS for kind in row.beside}
    assert set(WORDS) - played == set(NOT_IN_IT)
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_every_experiment_has_its_column() -> None:
    """An experiment that is added is met by every box."""
    assert set(EXPERIMENTS) == {str(word) for word in OF_TARGETS}


def test_a_block_names_its_experiment_and_a_fault_none() -> None:
    """A row of a kind that censors says what must be seen of it, and an ordinary fault says nothing of the sort."""
    for row in ROWS:
        assert row.ordinary is not KINDS[row.kind].censors or row.kind == "isp.shutdown", row.id
        assert {*row.sees, *row.alike} <= set(EXPERIMENTS), row.id
