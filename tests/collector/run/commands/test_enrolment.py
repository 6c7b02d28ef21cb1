"""What ``check`` says of enrolment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.system.clock import machine_time
from tests.collector.field_probe import FieldProbe

Run = Callable[..., tuple[int, str, str]]


def test_check_covers_enrolment(run: Run) -> None:
    """The door, what cards say, the fingerprint, and cards that wait."""
    assert run("fleet", "token", "--country", "PK", "--asn", "64501", "--count", "3")[0] == 0
    status, out, _ = run("check")
    assert status == 0
    assert "https://front.example:8443, https://192.0.2.1:8443" in out
    assert "tokens     3 waiting" in out
    assert "authority  " in out
    assert "note" not in out


def test_check_points_out_what_is_to_be_done(run: Run, tmp_path: Path, probe: FieldProbe) -> None:
    """A halted country, and a probe that did not renew."""
    with closing(SqliteRegistry(tmp_path / "state" / "fleet.sqlite")) as registry:
        registry.approve(msgspec.structs.replace(probe.member, expires=machine_time() + 86_400.0))
    run("fleet", "halt", "PK", "--reason", "under review")
    out = run("check")[1]
    assert "PK is halted: under review" in out
    assert f"fleet replace {probe.id}" in out


def test_without_the_table_nothing_is_founded(run: Run, tmp_path: Path) -> None:
    """No listener, no authority; one line says what boards would need."""
    settings = tmp_path / "collector.toml"
    settings.write_text(settings.read_text().split("[enrolment]", maxsplit=1)[0])
    assert "boards with tokens need [enrolment]" in run("check")[1]
    assert not (tmp_path / "state" / "authority").exists()
