"""``balise-collector judge --pcap``: pairs as a table, without settings; a damaged file costs its own pair."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from balise_collector.run.cli import main
from tests.collector.run.captures.made import Talk, get, pcap
from tests.collector.run.captures.test_transmissions import capture, shaped


def _capture(path: Path, name: str, *, forged: bool) -> Path:
    talk = Talk()
    sent = talk.connect(0, get(name), client=40_001)
    if forged:
        talk.send(sent + 45_000, "R", client=40_001, out=False, ttl=201, df=False, seq=1, window=0)
    else:
        talk.send(sent + 45_000, "PA", client=40_001, out=False, ttl=50, seq=1, data=b"page")
    path.write_bytes(pcap(talk))
    return path


def _judge(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], str]:
    status = main(["--config", "/nonexistent/settings.toml", "judge", *map(str, arguments)])
    printed = capsys.readouterr()
    return status, printed.out.splitlines(), printed.err


def test_pairs_are_a_table_with_totals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Endings, score, signs, verdict; no settings file is needed."""
    forged = _capture(tmp_path / "a.pcap", "blocked.example", forged=True)
    plain = _capture(tmp_path / "b.pcap", "fine.example", forged=False)
    control = _capture(tmp_path / "c.pcap", "harmless.example", forged=False)
    labels = tmp_path / "labels.csv"
    labels.write_text("a.pcap,blocked\nb.pcap,clean\n")
    status, lines, _ = _judge("--pcap", forged, plain, "--control", control, control, "--labels", labels, capsys=capsys)
    assert status == 0
    assert lines[0].split()[:3] == ["pair", "subject", "control"]
    assert "4.0" in lines[1]
    assert "blocked" in lines[1]
    assert " ok " in lines[2]
    assert lines[3] == "2 pairs: 1 blocked, 1 ok, 0 insufficient"
    assert lines[4] == "labelled blocked: 1 of 1 hit; labelled clean: 0 of 1 false"


def test_transfers_are_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who sent to whom, what held it down, and by what that is told; packed captures too."""
    packed = tmp_path / "t.pcap.xz"
    packed.write_bytes(lzma.compress(capture(*shaped())))
    status, lines, complaints = _judge("--transfers", packed, tmp_path / "none.pcap", capsys=capsys)
    assert lines[0].split("  ")[0] == "capture"
    assert lines[1].split()[:4] == ["t.pcap.xz", "192.0.2.1", "192.0.2.2", "shaped"]
    assert "none.pcap: No such file" in complaints
    assert status != 0


def test_a_damaged_file_costs_its_own_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others stand; one line says what to do, and the exit status is 2."""
    forged = _capture(tmp_path / "a.pcap", "blocked.example", forged=True)
    control = _capture(tmp_path / "c.pcap", "harmless.example", forged=False)
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(forged.read_bytes()[:-9])
    status, lines, errors = _judge(
        "--pcap", cut, forged, tmp_path / "gone.pcap", "--control", control, control, control, capsys=capsys
    )
    assert status == 2
    assert lines[-1] == "3 pairs: 1 blocked, 0 ok, 0 insufficient, 2 not readable"
    first, second = errors.splitlines()
    assert "cut.pcap: ends within packet 5; copy it anew" in first
    assert "gone.pcap: No such file" in second


def test_a_folder_finds_its_pairs_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """ADDRESS_DOMAIN_NAME, a number for repetitions; the control is the capture of the control's name."""
    for number in (0, 1):
        _capture(tmp_path / f"192.0.2.9_blocked.example_blocked.example_{number}.pcap", "blocked.example", forged=True)
        _capture(tmp_path / f"192.0.2.9_blocked.example_example.com_{number}.pcap", "example.com", forged=False)
    _capture(tmp_path / "192.0.2.9_lonely.example_lonely.example.pcap", "lonely.example", forged=True)
    status, lines, _ = _judge("--pcap", tmp_path, "--json", capsys=capsys)
    assert status == 0
    found = {record["pair"]: record for record in map(json.loads, lines)}
    assert [each["verdict"] for each in found.values()] == ["blocked", "blocked", "insufficient"]
    assert found["192.0.2.9_blocked.example_1"]["signs"] == ["df", "ttl"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--pcap", "a", "b", "--control", "c"), "give one control for each"),
        (("--pcap", "a"), "give one control for each"),
        (("--pcap", "."), "name captures ADDRESS_DOMAIN_NAME.pcap"),
        ((), "name a file of measurements"),
    ],
)
def test_wrong_options_are_one_line(
    arguments: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Exit status 2 and the mend."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.toml").write_text("")
    status = main(["--config", "settings.toml", "judge", *arguments])
    error = capsys.readouterr().err
    assert status == 2
    if arguments:
        assert told in error
    assert len(error.splitlines()) == 1


@pytest.mark.real_data
def test_centraces_pairs(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three injectors, two that drop, two that let pass; a closed port and a server's firewall prove nothing."""
    status, lines, _ = _judge("--pcap", shared_data / "centrace", "--json", capsys=capsys)
    assert status == 0
    found = {record["pair"].split("_")[1]: record for record in map(json.loads, lines)}
    assert {name: record["verdict"] for name, record in found.items()} == {
        "archive.org": "blocked",
        "binance.com": "insufficient",
        "bisexual.org": "blocked",
        "bridges.torproject.org": "ok",
        "notion.site": "ok",
        "www.ft.com": "insufficient",
        "www.nifty.org": "blocked",
        "www.pokerstars.com": "blocked",
        "youtube.com": "blocked",
    }
    assert found["archive.org"]["injector"] == "Great Firewall, type II"
