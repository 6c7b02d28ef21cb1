"""The command line: exit codes 0, 1 and 2, and one line with a mend instead of a traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from balise_agent.run import build, cli
from balise_agent.system import proxies, status_file
from balise_agent.system.errors import LinkUnusable
from balise_agent.system.lock import alone
from balise_agent.system.problems import ProblemId
from balise_wire.assignment import Assignment, Target
from balise_wire.words import TargetRole
from tests.testbed.secrets import forms

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Return a configuration file."""
    path = tmp_path / "agent.toml"
    path.write_text(
        f'[probe]\nid = "k7m2q9xd"\ncountry = "PK"\nasn = 64501\nstate_dir = "{tmp_path}/state"\n'
        f'[collector]\nkey = "{"ab" * 32}"\n[[broker]]\nhost = "127.0.0.1"\n'
        '[network]\nlaboratory = ["198.18.0.0/15"]\n'
    )
    return path


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """Return a plain assignment file with one good target and one in the household."""
    made = Assignment(
        version=1,
        catalogue="c",
        expires=9e9,
        targets=tuple(
            Target(id=f"t{n}", service="s", role=TargetRole.WEB, host="www.example.com", addresses=(address,))
            for n, address in enumerate(("198.18.1.1", "192.168.1.1"))
        ),
    )
    path = tmp_path / "assignment.json"
    path.write_bytes(msgspec.json.encode(made))
    return path


def test_list_names_every_experiment_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Word and question."""
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "dns",
        "tcp",
        "tls",
        "http",
        "path",
        "line",
        "quic",
        "throughput",
        "stun",
        "call",
        "vpn",
        "clienthello",
    ]
    assert all(line.endswith("?") for line in lines)


def test_check_prints_what_the_operator_approves(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Id and public key, the same at each call; and that the host has not agreed yet."""
    assert cli.main(["--config", str(settings), "check"]) == 0
    first = capsys.readouterr().out
    assert cli.main(["check", "--config", str(settings)]) == 0
    assert capsys.readouterr().out == first
    assert "probe      k7m2q9xd" in first
    assert "NOT accepted" in first


def test_a_mistake_in_the_settings_is_exit_2_and_one_line(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback; file, key and mend."""
    settings.write_text(settings.read_text().replace("asn", "ans"))
    assert cli.main(["--config", str(settings), "run"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "did you mean 'asn'?" in told


def test_a_malformed_laboratory_clock_is_exit_2(
    settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody measures at the wrong time by a typing error."""
    monkeypatch.setenv("BALISE_CLOCK", "yesterday")
    assert cli.main(["--config", str(settings), "check"]) == 2
    assert "BALISE_CLOCK" in capsys.readouterr().err


def test_without_the_right_to_measure_is_exit_1(
    settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mend is on the terminal."""

    def refuse(*_: object, **__: object) -> None:
        raise LinkUnusable("no right to capture packets: use sudo")

    monkeypatch.setattr(build, "Link", refuse)
    settings.write_text(settings.read_text() + "[consent]\naccepted = true\n")
    for command in (["once", "tls", "www.example.com"], ["run"]):
        assert cli.main(["--config", str(settings), *command]) == 1
        assert "use sudo" in capsys.readouterr().err


def test_not_even_by_hand_is_a_hosts_line_measured_before_consent(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person at the terminal of a probe is no exception; exit 2 and the mend."""
    assert cli.main(["--config", str(settings), "once", "tls", "www.example.com"]) == 2
    assert "accepted = true" in capsys.readouterr().err


def test_why_a_probe_ends_at_once_is_in_its_status(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has no terminal reads it on the card: settings that cannot be read, a capture that is not allowed."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    good = settings.read_text()
    settings.write_text("[probe")
    assert cli.main(["--config", str(settings), "run"]) == 2
    assert "cannot be read" in (tmp_path / "run" / "status.txt").read_text()

    def refuse(*_: object, **__: object) -> None:
        raise LinkUnusable("no right to capture packets: use sudo")

    monkeypatch.setattr(build, "Link", refuse)
    settings.write_text(good)
    assert cli.main(["--config", str(settings), "run"]) == 1
    assert "right to see" in (tmp_path / "run" / "status.txt").read_text()


@pytest.mark.parametrize(
    "arguments", [["once", "tls"], ["once", "tls", "a", "--pcap", "/nowhere/x"], ["plan", "--day"], ["nothing"], []]
)
def test_usage_is_exit_2(settings: Path, arguments: list[str]) -> None:
    """Wrong words, missing targets, no assignment."""
    try:
        code = cli.main(["--config", str(settings), *arguments])
    except SystemExit as left:
        code = int(left.code or 0)
    assert code == 2


def test_the_plan_of_a_day_names_everything_but_what_is_refused(
    settings: Path, task: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The host reads every name, address and byte; the household is not among them."""
    assert cli.main(["--config", str(settings), "plan", "--day", "--assignment", str(task)]) == 0
    told = capsys.readouterr().out
    assert "198.18.1.1" in told
    assert "192.168.1.1" not in told
    assert "MB a day" in told
    assert cli.main(["--config", str(settings), "plan", "--day", "--json", "--assignment", str(task)]) == 0
    assert json.loads(capsys.readouterr().out)["bytes_per_day"] > 0


@pytest.mark.parametrize(
    "arguments", [["plan", "--day"], ["plan", "--day", "--json"], ["check"], ["doctor"], ["status"]]
)
def test_no_command_says_where_a_proxy_is(
    settings: Path, task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """The plan names that there are some, and no program says more; nor does the error of a file that is wrong."""
    file = tmp_path / "proxies.toml"
    file.touch(0o600)
    words = '[[proxy]]\nlabel = "east"\nkind = "socks5"\naddress = "198.18.66.66"\nport = 47321\n'
    file.write_text(words + 'username = "amsel"\npassword = "drosselbart"\n')
    settings.write_text(settings.read_text() + f'[proxies]\nfile = "{file}"\n')
    secrets = forms(proxies.read(file)[0])
    given = ["--assignment", str(task)] if arguments[0] == "plan" else []
    cli.main(["--config", str(settings), *arguments, *given])
    told = "".join(capsys.readouterr())
    assert ("by way of the operator's proxy" in told) == (arguments[0] == "plan")
    file.write_text(words.replace("socks5", "socks4"))
    assert arguments[0] == "status" or cli.main(["--config", str(settings), *arguments, *given]) != 0
    told += "".join(capsys.readouterr())
    assert not any(form in told.encode() for form in secrets), told


def test_a_file_that_is_no_assignment_is_exit_2(settings: Path, task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Named with its reason."""
    task.write_text("{}")
    assert cli.main(["--config", str(settings), "plan", "--day", "--assignment", str(task)]) == 2
    assert "not an assignment" in capsys.readouterr().err


def test_a_state_folder_that_takes_nothing_is_exit_2(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file in the place of the folder, a spool that is a folder: told, not traced."""
    folder = settings.parent / "state"
    (folder / "spool.sqlite").mkdir(parents=True)
    assert cli.main(["--config", str(settings), "run"]) == 2
    assert "spool.sqlite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "problem"), [("spool.sqlite", ProblemId.DATA_UNWRITABLE), ("probe.key", ProblemId.DATA_UNWRITABLE)]
)
def test_why_it_did_not_start_is_in_the_status_file(
    settings: Path, monkeypatch: pytest.MonkeyPatch, name: str, problem: ProblemId
) -> None:
    """Whoever has no terminal reads it on the card, and a status file that says "no right to see packets" misleads."""
    run = settings.parent / "run"
    run.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(run))
    (settings.parent / "state" / name).mkdir(parents=True)
    assert cli.main(["--config", str(settings), "run"]) == 2
    told = status_file.read(run)
    assert told is not None
    assert [trouble.id for trouble in told.troubles] == [problem]
    assert name in told.troubles[0].detail


def test_a_key_that_is_none_is_named_in_the_status_file(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no wrong setting: another mend helps."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(settings.parent))
    (settings.parent / "state").mkdir()
    (settings.parent / "state" / "probe.key").write_text("no seed")
    assert cli.main(["--config", str(settings), "run"]) == 2
    told = status_file.read(settings.parent)
    assert told is not None
    assert told.troubles[0].id is ProblemId.KEY_UNUSABLE


def test_two_agents_on_one_state_folder_are_one_too_many(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They would throw each other off the broker for ever; the second is told and leaves."""
    folder = settings.parent / "state"
    folder.mkdir()
    with alone(folder):
        assert cli.main(["--config", str(settings), "run"]) == 2
    assert "another agent already runs" in capsys.readouterr().err
    with alone(folder):
        pass
