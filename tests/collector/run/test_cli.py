"""The command line, as an operator types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from balise_collector.conclude.store import Progress
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet.members import Pending
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.incidents import Incident, IncidentKind, IncidentScope, IncidentState, Interval
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.run.cli import main
from tests.collector.afternoon import Afternoon
from tests.collector.field_probe import FieldProbe

Run = Callable[..., tuple[int, str, str]]

T = 1_589_733_000.0


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a runner of commands on settings in a folder of its own: status, output, errors."""
    settings = tmp_path / "collector.toml"
    settings.write_text(f'[collector]\nstate_dir = "{tmp_path}/state"\n[broker]\nhost = "127.0.0.1"\n')

    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(["--config", str(settings), *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_the_key_is_printed_alone(run: Run) -> None:
    """The line is what a probe's settings take; a second call prints the same."""
    status, out, _ = run("key")
    assert status == 0
    assert len(out.strip()) == 64
    assert run("key")[1] == out


def test_check_reads_everything(run: Run) -> None:
    """One look says that settings, key, catalogue and fleet are good."""
    status, out, _ = run("check")
    assert status == 0
    assert "4 services" in out
    assert "0 approved" in out


def test_check_says_where_points_go(run: Run, tmp_path: Path) -> None:
    """An InfluxDB is not needed; one that is named without a token is told how to get it."""
    assert "influx     none" in run("check")[1]
    settings = tmp_path / "collector.toml"
    named = f'[influx]\nurl = "http://127.0.0.1:8086"\ntoken_file = "{tmp_path}/influx.token"\n'
    settings.write_text(settings.read_text() + named)
    assert "influx setup" in run("check")[1]
    settings.write_text(settings.read_text().replace("http://127.0.0.1:8086", "127.0.0.1:8086"))
    status, _, err = run("check")
    assert status == 2
    assert "influx.url" in err


def test_influx_setup_needs_its_settings(run: Run) -> None:
    """One line that names the key."""
    status, _, err = run("influx", "setup")
    assert status == 2
    assert "[influx] url is not set" in err


def test_a_mistake_is_one_line_and_status_2(run: Run, tmp_path: Path) -> None:
    """No traceback for an operator's mistake."""
    (tmp_path / "collector.toml").write_text("[broker]\nhst = 'x'\n")
    status, _, err = run("check")
    assert status == 2
    assert len(err.strip().splitlines()) == 1
    assert "did you mean 'host'" in err


def test_a_probe_is_approved_by_what_the_operator_types(run: Run, probe: FieldProbe) -> None:
    """Key, country, provider and role; the list shows it, also as JSON."""
    typed = (
        "--key",
        probe.public_hex,
        "--country",
        "PK",
        "--asn",
        "64501",
        "--access",
        "mobile",
        "--role",
        "reference",
    )
    assert run("fleet", "approve", probe.id, *typed)[0] == 0
    assert probe.public_hex in run("fleet", "list")[1]
    listed = json.loads(run("fleet", "list", "--json")[1])["approved"][0]
    assert (listed["id"], listed["role"], listed["network"]["access"]) == (probe.id, "reference", "mobile")
    assert run("fleet", "approve", probe.id, "--country", "DE")[0] == 0
    changed = json.loads(run("fleet", "list", "--json")[1])["approved"][0]
    assert (changed["network"]["country"], changed["network"]["asn"], changed["role"]) == ("DE", 64501, "reference")


def test_a_probe_that_announced_itself_needs_its_id_only(run: Run, probe: FieldProbe, tmp_path: Path) -> None:
    """What it said of itself fills the blanks; the key is printed to be compared."""
    registry = SqliteRegistry(tmp_path / "state" / "fleet.sqlite")
    registry.note_pending(Pending(id=probe.id, public_key=probe.public_hex, country="PK", asn=64501))
    assert "waiting" in run("fleet", "list")[1]
    status, out, _ = run("fleet", "approve", probe.id)
    assert status == 0
    assert probe.public_hex in out
    registry.note_pending(Pending(id=probe.id, public_key="ab" * 32))
    status, _, err = run("fleet", "approve", probe.id)
    assert status == 2
    assert "now announces" in err
    registry.close()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("approve", "UPPER"), "no probe id"),
        (("approve", "k7m2q9xd"), "--key"),
        (("approve", "k7m2q9xd", "--key", "ab" * 32), "--country"),
        (("approve", "k7m2q9xd", "--key", "ab" * 32, "--country", "PK"), "--asn"),
        (("revoke", "nobody000"), "fleet list"),
    ],
)
def test_what_is_missing_is_named(run: Run, arguments: tuple[str, ...], word: str) -> None:
    """The message says which argument to add."""
    status, _, err = run("fleet", *arguments)
    assert status == 2
    assert word in err


def test_measurements_of_a_file_are_explained(run: Run, probe: FieldProbe, tmp_path: Path) -> None:
    """A list, one a line, or one alone: which rule decided, from what, and by whose authority."""
    path = tmp_path / "once.json"
    measurements = [probe.measurement(), probe.measurement()]
    for text in (msgspec.json.encode(measurements), b"\n".join(map(msgspec.json.encode, measurements))):
        path.write_bytes(text)
        status, out, _ = run("judge", str(path))
        assert status == 0
        assert out.count("rule set") == 2
    path.write_bytes(msgspec.json.encode(measurements[0]))
    verdict = json.loads(run("judge", str(path), "--json")[1])
    assert verdict["measurement"] == measurements[0].id
    path.write_text('{"id": 1}\nnoise')
    status, _, err = run("judge", str(path))
    assert status == 2
    assert "line 1" in err


@pytest.mark.slow
def test_incidents_and_report_of_an_afternoon(run: Run, afternoon: Afternoon, tmp_path: Path) -> None:
    """Replay, incidents and report tell the same story, in a table, in JSON, in English and in French."""
    assert "nothing was collected" in run("incidents")[2]
    registry = SqliteRegistry(tmp_path / "state" / "fleet.sqlite")
    for probe in afternoon.probes:
        registry.approve(probe.member)
    registry.close()
    journal = SqliteJournal(tmp_path / "state" / "journal.sqlite")
    sent = afternoon.fill(journal)
    journal.close()
    assert run("incidents")[1].startswith("no incident")
    assert f"judged {sent} measurements" in run("replay")[1]
    assert "PK twitter [ip.drop] local" in run("incidents")[1]
    told = json.loads(run("incidents", "--json", "--verdicts")[1])
    assert len(told["verdicts"]) == sent
    assert told["incidents"][0]["scope"]["affected"] == [64501]
    assert "verdicts" not in json.loads(run("incidents", "--json")[1])
    assert json.loads(run("incidents", "--json", "--since", "2021-01-01")[1])["incidents"] == []
    assert "Twitter" in run("report")[1]
    assert "fournisseurs" in run("report", "--language", "fr")[1]
    name = told["incidents"][0]["id"]
    assert run("release", name)[1].startswith(f"{name}: its evidence is shown in public")
    assert f"{name}  released" in run("release")[1]
    assert "held back" in run("release", name, "--undo")[1]
    assert run("release")[1] == ""
    assert run("release", name, "--undo")[0] == 2
    assert "no such incident" in run("release", "nope")[2]


def test_what_one_probe_saw_is_marked_kept_out_of_the_report_and_never_released(run: Run, tmp_path: Path) -> None:
    """A report is passed on: it is made of findings, and says on the side that something was left out."""
    (tmp_path / "state").mkdir(exist_ok=True)
    SqliteJournal(tmp_path / "state" / "journal.sqlite").close()
    store = SqliteStore(tmp_path / "state" / "derived.sqlite")
    for name, witnesses in (("a10ne000cafe", 1), ("c0nf1rmed000", 3)):
        one = Incident(
            id=name, kind=IncidentKind.OUTAGE, state=IncidentState.CLOSED, country="PK", service="internet",
            roles=(), onset=Interval(earliest=T, latest=T + 300), end=Interval(earliest=T + 900, latest=T + 1200),
            scope=IncidentScope(affected=(64501 if witnesses == 1 else 64502,), affected_probes=witnesses),
            witnesses=witnesses,
        )  # fmt: skip
        store.save_progress(Progress(), {}, [one], T)
    store.close()
    listed = {line.split()[0]: line for line in run("incidents")[1].splitlines()}
    assert listed["a10ne000cafe"].endswith("seen by one probe, not confirmed")
    assert "not confirmed" not in listed["c0nf1rmed000"]
    told = json.loads(run("incidents", "--json")[1])["incidents"]
    assert {one["id"]: one["confirmed"] for one in told} == {"a10ne000cafe": False, "c0nf1rmed000": True}
    status, text, aside = run("report")
    assert (status, "AS64502" in text, "AS64501" in text) == (0, True, False)
    assert aside == "1 seen by one probe only and left out: see balise-collector incidents\n"
    every = run("report", "--unconfirmed")[1]
    assert "UNCONFIRMED (one probe only): Pakistan: network outage, AS64501" in every
    status, _, why = run("release", "a10ne000cafe")
    assert (status, "not confirmed" in why) == (2, True)
    assert run("release", "c0nf1rmed000")[0] == 0


def test_nothing_that_is_printed_moves_a_terminals_cursor(
    run: Run, probe: FieldProbe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tag, a path: what would clear the screen or turn a line around is an escape, and JSON stays JSON."""
    member = msgspec.structs.replace(probe.member, tags=("a\x1b[2J", "b\x9b31m\u202e"))
    (tmp_path / "state").mkdir()
    with closing(SqliteRegistry(tmp_path / "state" / "fleet.sqlite")) as registry:
        registry.approve(member)
    out = ""
    for more in ((), ("--json",)):
        status, out, _ = run("fleet", "list", *more)
        assert status == 0
        assert not {"\x1b", "\x9b", "\u202e"} & set(out)
        assert "\\u001b[2J" in out
        assert "\\u009b31m\\u202e" in out
    assert tuple(json.loads(out)["approved"][0]["tags"]) == member.tags
    assert main(["--config", str(tmp_path / "\x1b[2J.toml"), "check"]) == 2
    assert "\\u001b[2J.toml" in capsys.readouterr().err
