"""tools/fetch-tools: the wrappers it writes, without apt and without a network."""

import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tests.testbed import scripts


@pytest.fixture
def fetch_tools() -> ModuleType:
    """Load the script as a module."""
    return scripts.load("fetch-tools")


@pytest.fixture
def folder(tmp_path: Path, fetch_tools: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a tools folder with one unpacked program that tells its environment, and none of the machine's own."""
    tree = tmp_path / "tools" / "root"
    (tree / "usr/lib/x86_64-linux-gnu/xtables").mkdir(parents=True)
    (tree / "usr/lib/x86_64-linux-gnu/libxtables.so.12").touch()
    (tree / "usr/sbin").mkdir()
    program = tree / "usr/sbin/xtables-nft-multi"
    program.write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH" "$XTABLES_LIBDIR" "$@"\n')
    program.chmod(0o755)
    (tmp_path / "tools/bin").mkdir()
    monkeypatch.setattr(fetch_tools, "on_machine", lambda _name: None)
    return tmp_path / "tools"


def test_a_wrapper_finds_its_folder_wherever_it_is_moved(folder: Path, fetch_tools: ModuleType) -> None:
    """The tools folder may be moved or mounted elsewhere: nothing in a wrapper is an absolute path."""
    program = next(program for program in fetch_tools.PROGRAMS if program.name == "iptables")
    assert fetch_tools.wrap(folder, program) == "private"
    moved = folder.rename(folder.parent / "elsewhere")
    said = subprocess.run([moved / "bin/iptables", "-S"], capture_output=True, text=True, check=True, env={}).stdout
    libraries = f"{moved}/root/usr/lib/x86_64-linux-gnu"
    assert said.split() == [libraries, f"{libraries}/xtables", "iptables", "-S"]


def test_a_package_without_its_program_is_an_error_that_names_both(folder: Path, fetch_tools: ModuleType) -> None:
    """A release that renames a file is noticed at set-up, by name."""
    program = next(program for program in fetch_tools.PROGRAMS if program.name == "nft")
    with pytest.raises(fetch_tools.CannotFetch, match="nftables holds no nft"):
        fetch_tools.wrap(folder, program)


def test_a_program_that_does_not_start_is_an_error_that_quotes_it(folder: Path, fetch_tools: ModuleType) -> None:
    """A library that is missing shows at set-up, not in the middle of a scenario."""
    program = next(program for program in fetch_tools.PROGRAMS if program.name == "iptables")
    fetch_tools.wrap(folder, program)
    with pytest.raises(fetch_tools.CannotFetch, match="iptables does not start"):
        fetch_tools.speak(folder, program)


def test_our_own_wrappers_are_not_the_machines_programs(
    repo_root: Path, fetch_tools: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell that has sourced .tools/env must not make the tools link to themselves."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    fake = bin_folder / "balise-no-such-program"
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(bin_folder))
    assert fetch_tools.on_machine(fake.name) == str(fake)
    monkeypatch.setattr(fetch_tools, "FOLDER", tmp_path)
    assert fetch_tools.on_machine(fake.name) is None
    assert (repo_root / "tools" / "fetch-tools").exists()


@pytest.mark.netns
def test_the_programs_run_in_a_namespace_without_root(namespace_wrapper: tuple[str, ...], tools_bin: Path) -> None:
    """nft and iptables work where the lab uses them: in a network of its own."""
    script = (
        "ip link set lo up && nft add table inet t && nft list tables && "
        "iptables -A OUTPUT -p tcp -m string --algo bm --string x -j DROP && iptables -S OUTPUT"
    )
    done = subprocess.run(
        [*namespace_wrapper, "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{tools_bin}:/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert "table inet t" in done.stdout
    assert '--string "x"' in done.stdout


def test_a_release_without_an_optional_package_gets_the_rest(
    fetch_tools: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """InfluxDB is not in every release: one line says so, and every other program comes."""

    def closure(_self: object, packages: list[str]) -> list[str]:
        if "influxdb" in packages:
            raise fetch_tools.CannotFetch("Unable to locate package influxdb")
        return [f"{package}=1" for package in packages]

    monkeypatch.setattr(fetch_tools.PrivateApt, "closure", closure)
    apt = object.__new__(fetch_tools.PrivateApt)
    assert apt.closure_with(["nginx"], ["influxdb"]) == ["nginx=1"]
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 1
    assert "influxdb: this release has none" in said
    assert "influxdb" not in fetch_tools.missing_by_hand()


def test_what_was_fetched_before_is_not_the_machines(
    tmp_path: Path, fetch_tools: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build puts the unpacked folder on PATH; taken for the machine's, its programs would lack libraries."""
    unpacked = tmp_path / ".tools-image" / "root" / "usr" / "bin"
    unpacked.mkdir(parents=True)
    (unpacked / "balise-no-such-program").write_text("#!/bin/sh\n")
    (unpacked / "balise-no-such-program").chmod(0o755)
    monkeypatch.setenv("PATH", str(unpacked))
    monkeypatch.setattr(fetch_tools, "SETS", {})
    assert fetch_tools.on_machine("balise-no-such-program") is not None
    monkeypatch.setattr(fetch_tools, "SETS", {"image": (tmp_path / ".tools-image", ())})
    assert fetch_tools.on_machine("balise-no-such-program") is None
