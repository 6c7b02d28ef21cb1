"""docs/bytes.md: its figures are those of the cost table, and each experiment's document states the same."""

from __future__ import annotations

from tests.chain.bytes_cases import CUT, kinds
from tests.chain.bytes_table import DOCUMENT, figures, read, usual_situation


def test_every_run_is_there_with_the_figures_of_the_cost_table() -> None:
    """What is usual is within a tenth of what the tap saw, and nothing that it saw is above the bound."""
    document = read(DOCUMENT.read_text(encoding="utf-8"))
    assert list(document) == [kind.name for kind in kinds()]
    for kind in kinds():
        answered4, usual4, answered6, usual6, silent, cut, most = document[kind.name]
        said = figures(kind)
        assert (usual4, usual6, most) == ([said.usual[4]], [said.usual[6]], [said.most]), kind.name
        assert max([*answered4, *answered6, *silent, *cut]) <= said.most, kind.name
        seen = (
            dict(zip((4, 6), cut, strict=True)) if usual_situation(kind) == CUT else {4: answered4[0], 6: answered6[0]}
        )
        for family, size in seen.items():
            assert abs(size - said.usual[family]) <= 0.1 * size, kind.name
