"""The command line's small commands; run is played by tests/chain."""

from pathlib import Path

import pytest

from balise_lab.run import cli

BAD = """\
name: bad
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T21:30}
isps: {asn64501: {probs: 3}}
services: {twitter: {web: twitter.lab}}
"""


@pytest.fixture
def scenarios(repo_root: Path) -> Path:
    """Return the folder of our scenarios."""
    return repo_root / "tests" / "scenarios"


def test_check_tells_good_files_with_their_size(scenarios: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A good file is exit code 0 and one line."""
    assert cli.main(["check", str(scenarios / "pk-2020.yaml")]) == 0
    assert "pk-2020.yaml: good: 11 probes, 8 entries, 4.5 min" in capsys.readouterr().out


def test_check_goes_on_after_a_bad_file(scenarios: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad file is exit code 2, its errors on standard error, and the others are still checked."""
    bad = tmp_path / "bad.yaml"
    bad.write_text(BAD, encoding="utf-8")
    assert cli.main(["check", str(bad), str(scenarios / "ip-drop.yaml")]) == 2
    said = capsys.readouterr()
    assert f"{bad}:3: isps.asn64501.probs: unknown key; did you mean probes?" in said.err
    assert "ip-drop.yaml: good" in said.out


@pytest.mark.slow
def test_plan_prints_network_programs_and_timeline(scenarios: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything a run would do, with local time and UTC."""
    assert cli.main(["plan", str(scenarios / "pk-2020.yaml")]) == 0
    said = capsys.readouterr().out
    assert "ip netns add gateway" in said
    assert "balise-agent --config RUN/probes/asn64501p1/agent.toml run" in said
    assert "2020-05-18 01:30:00 (2020-05-17T20:30:00Z)  stop indus" in said


@pytest.mark.slow
def test_list_gives_each_scenario_its_sentence(scenarios: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Path and summary; a folder without scenarios is an error with its mend."""
    assert cli.main(["list", str(scenarios)]) == 0
    assert "Twitter, Periscope and Zoom are blocked on two of three providers" in capsys.readouterr().out
    assert cli.main(["list", str(scenarios.parent / "lab")]) == 2
    assert "holds no scenario" in capsys.readouterr().err


def test_a_missing_file_is_exit_code_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is started for a scenario that is not there."""
    assert cli.main(["run", str(tmp_path / "none.yaml")]) == 2
    assert "there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize("stretch", ["10:30", "10:45-10:30", "10:05-10:20", "10:50-11:15", "x-y"])
def test_a_stretch_that_leaves_nothing_to_compare_is_refused(
    scenarios: Path, capsys: pytest.CaptureFixture[str], stretch: str
) -> None:
    """Exit code 2 with the mend, before anything is started."""
    assert cli.main(["run", str(scenarios / "ip-drop.yaml"), "--influx-away", stretch]) == 2
    assert "; mend: " in capsys.readouterr().err
