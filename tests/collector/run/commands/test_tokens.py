"""``fleet token|replace|batches``: forty cards from one line, and never a token where it should not be."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.token import Token, hash_of
from balise_wire import card_token
from balise_wire.topics import is_probe_id
from tests.collector.field_probe import FieldProbe

Run = Callable[..., tuple[int, str, str]]
PLACE = ("--country", "PK", "--asn", "64501")


def rows_of(folder: Path, text: str) -> list[Token | None]:
    """Return the registry's rows for tokens in a text, one a line in the third column."""
    with closing(SqliteRegistry(folder / "state" / "fleet.sqlite")) as registry, registry.transaction() as held:
        return [
            held.token(hash_of(line.split()[2]))
            for line in text.splitlines()
            if card_token.fault(line.split()[2]) == ""
        ]


def test_a_token_is_printed_once_and_kept_as_a_hash(run: Run, tmp_path: Path) -> None:
    """The registry's file holds nothing that enrols a board."""
    status, out, _ = run("fleet", "token", *PLACE, "--profile", "lean", "--provider", "one", "--days", "7")
    assert status == 0
    number, probe, token = out.splitlines()[0].split()
    assert (number, is_probe_id(probe), card_token.fault(token)) == ("1", True, "")
    (row,) = rows_of(tmp_path, out.splitlines()[0])
    assert row is not None
    assert (row.probe, row.profile, row.provider, row.network.asn) == (probe, "lean", "one", 64501)
    assert row.expires - row.made_at == 7 * 86_400.0
    assert not row.named
    for file in (tmp_path / "state").iterdir():
        held = file.read_bytes() if file.is_file() else b""
        assert token.encode() not in held
        assert token.replace("-", "").encode() not in held


@pytest.mark.slow
def test_forty_cards_from_one_line(run: Run, tmp_path: Path) -> None:
    """A folder a card with its settings file, a table, and labels without token, product, country or provider."""
    out = tmp_path / "cards"
    wanted = (
        "--count",
        "40",
        "--out",
        str(out),
        "--csv",
        str(tmp_path / "cards.csv"),
        "--provider",
        "one",
        "--accepted",
    )
    status, said, _ = run("fleet", "token", *PLACE, *wanted)
    assert status == 0
    assert "40 cards" in said
    cards = list(csv.DictReader(io.StringIO((tmp_path / "cards.csv").read_text())))
    assert len({card["probe"] for card in cards}) == len({card["token"] for card in cards}) == 40
    fingerprint = json.loads(run("authority", "show", "--json")[1])["fingerprint"]
    for card in cards:
        settings = tomllib.loads(Path(card["file"]).read_text())
        assert settings["token"] == card["token"]
        assert settings["fingerprint"] == fingerprint
        assert settings["enrol"] == ["https://front.example:8443", "https://192.0.2.1:8443"]
        assert settings["consent"]["accepted"] is True
        assert Path(card["file"]).stat().st_mode & 0o777 == 0o600
    assert Path(cards[0]["file"]).name == "balise.toml"
    labels = (out / "labels.html").read_text()
    assert labels.count("<svg") == 40
    assert "<script" not in labels
    assert "http://" not in labels.replace("http://www.w3.org/", "")
    for card in cards:
        assert card["probe"] in labels
        assert card["token"] not in labels
    assert not {"balise", "PK", "64501", "one<"} & set(labels.replace(">", " ").replace("<", " ").split())
    assert "0 of 40 enrolled" in run("fleet", "batches")[1]
    assert said.count("-") >= 40
    assert cards[0]["token"] not in said


def test_the_token_is_on_the_label_only_where_asked(run: Run, tmp_path: Path) -> None:
    """For hosts who type it themselves."""
    assert (
        run("fleet", "token", *PLACE, "--out", str(tmp_path / "a"), "--csv", str(tmp_path / "a.csv"), "--with-token")[0]
        == 0
    )
    card = next(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert card["token"] in (tmp_path / "a" / "labels.html").read_text()


def test_nothing_is_overwritten_and_nothing_half_done(run: Run, tmp_path: Path) -> None:
    """A file in the way: no token is good, and what was written before it is gone again."""
    (tmp_path / "cards.csv").write_text("mine")
    status, _, err = run(
        "fleet", "token", *PLACE, "--out", str(tmp_path / "cards"), "--csv", str(tmp_path / "cards.csv")
    )
    assert (status, "is there already" in err) == (2, True)
    assert (tmp_path / "cards.csv").read_text() == "mine"
    assert list((tmp_path / "cards").rglob("*")) == []
    assert run("fleet", "batches")[1] == ""


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--asn", "64501"), "--country"),
        (("--country", "pk", "--asn", "64501"), "--country"),
        (("--country", "PK"), "--asn"),
        ((*PLACE, "--count", "0"), "--count"),
        ((*PLACE, "--count", "2", "--probe", "k7m2q9xd"), "--count"),
        ((*PLACE, "--probe", "UPPER"), "--probe"),
        ((*PLACE, "--days", "0"), "--days"),
        ((*PLACE, "--out", "/proc/nowhere"), "/proc/nowhere"),
    ],
)
def test_what_is_wrong_is_named(run: Run, arguments: tuple[str, ...], word: str) -> None:
    """One line with the argument to change."""
    status, _, err = run("fleet", "token", *arguments)
    assert status == 2
    assert word in err
    assert len(err.strip().splitlines()) == 1


def test_without_a_listener_there_are_no_tokens(run: Run, tmp_path: Path) -> None:
    """A card that nobody answers would be a riddle in the field."""
    settings = tmp_path / "collector.toml"
    settings.write_text(settings.read_text().split("[enrolment]", maxsplit=1)[0])
    status, _, err = run("fleet", "token", *PLACE)
    assert (status, "[enrolment]" in err) == (2, True)


def test_a_port_that_nobody_knows_is_on_no_card(run: Run, tmp_path: Path) -> None:
    """Any free port is for tests; a card needs one, or urls."""
    settings = tmp_path / "collector.toml"
    settings.write_text(settings.read_text().replace("port = 8443", "port = 0"))
    status, _, err = run("fleet", "token", *PLACE)
    assert (status, "set port or urls" in err) == (2, True)


def test_a_place_is_taken_over(run: Run, tmp_path: Path, probe: FieldProbe) -> None:
    """``replace`` knows where the probe stands; the token is for its id, by name."""
    typed = ("--key", probe.public_hex, *PLACE, "--provider", "two", "--profile", "metered")
    assert run("fleet", "approve", probe.id, *typed)[0] == 0
    status, out, _ = run("fleet", "replace", probe.id)
    assert status == 0
    (row,) = rows_of(tmp_path, out.splitlines()[0])
    assert row is not None
    assert (row.probe, row.named, row.provider, row.profile, row.network.country) == (
        probe.id,
        True,
        "two",
        "metered",
        "PK",
    )
    assert run("fleet", "replace", "nobody000")[0] == 2
    batch = run("fleet", "batches")[1].split()[0]
    assert "waiting until" in run("fleet", "batches", batch)[1]
    assert run("fleet", "revoke", probe.id)[0] == 0
    assert "taken back" in run("fleet", "batches", batch)[1]


def test_a_spreadsheet_runs_no_label(run: Run) -> None:
    """A provider's label that begins as a formula is only text."""
    out = run("fleet", "token", *PLACE, "--provider", "=cmd()", "--csv", "-")[1]
    assert "'=cmd()" in out
