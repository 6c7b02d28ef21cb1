"""The command that plays the matrix."""

from pathlib import Path

import pytest

from balise_lab.matrix import cli
from balise_lab.matrix.cells import Cell, Outcome
from balise_lab.matrix.rows import EXPERIMENTS, Row


def test_what_is_wrong_is_printed_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A row that comes out wrong the second time fails the command; the table is that of the first."""

    def played(_row: Row, seed: int) -> Outcome:
        blocked = {"tls": Cell((("blocked", "sni.rst", 1),))} if seed > 1 else {}
        return Outcome({one: Cell((("ok", f"{one}.ok", 9),)) for one in EXPERIMENTS} | blocked, ())

    monkeypatch.setattr(cli, "in_field", played)
    page = tmp_path / "matrix.md"
    page.write_text("# Older\n\n## Played with packets\n\nOnce.\n", encoding="utf-8")
    assert cli.main(["--only", "loss", "--write", str(page)]) == 0
    assert cli.main(["--only", "loss", "--repeat", "2"]) == 1
    assert "loss, percent 5: an ordinary fault is judged sni.rst by tls" in capsys.readouterr().out
    written = page.read_text(encoding="utf-8")
    assert "| `loss`, percent 5 | ok |" in written
    assert written.endswith(" |\n\n## Played with packets\n\nOnce.\n")
    assert "# Older" not in written


def test_a_word_that_no_row_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the rows that there are."""
    assert cli.main(["--only", "nonsense"]) == 2
    assert "rows are dns-inject," in capsys.readouterr().err
