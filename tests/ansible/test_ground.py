"""The ground's thinking parts: what ansible's recap says, which mirror the machine knows, what a variant release is."""

import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from balise_ground import __main__ as program
from balise_ground import measured, mirror, needs, recap, releases

RECAP = """
TASK [balise.observatory.probe : Write the settings] ****
changed: [k7m2q9xd]
ok: [r4bt8w2n]

PLAY RECAP *********************************************************************
centre                     : ok=27   changed=0    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
k7m2q9xd                   : ok=9    changed=1    unreachable=1    failed=0    skipped=1    rescued=0    ignored=0
"""
TARGETS = """mirror://a/ Ubuntu Ubuntu
mirror://security/ Debian Debian-Security
mirror://main/ Debian Debian
mirror://other/ Debian Debian
"""
DUMP = """APT::Architecture "amd64";
Acquire::http::Proxy "http://192.0.2.1:3142";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::Languages "none";
"""


def test_an_unreachable_host_is_a_failure() -> None:
    """A machine that went away must not pass for one where nothing changed."""
    assert str(recap.read(RECAP)) == "ok=36 changed=1 failed=1"
    assert recap.changed_tasks(RECAP) == ["k7m2q9xd: balise.observatory.probe : Write the settings"]


def test_a_run_without_a_recap_is_a_failure() -> None:
    """A playbook that could not even start says nothing that reads like success."""
    assert recap.read("ERROR! the playbook could not be found").failed == 1


def test_the_mirror_is_the_machines_first_of_the_main_archive() -> None:
    """Neither another distribution's nor the security archive, which lacks most packages."""
    assert mirror.mirror_of(TARGETS) == "mirror://main/"
    assert not mirror.mirror_of("mirror://a/ Ubuntu Ubuntu\n")


def test_a_proxy_of_apt_is_handed_on_and_nothing_else() -> None:
    """A build machine may reach its mirror only so."""
    assert mirror.proxies_of(DUMP) == [
        'Acquire::http::Proxy "http://192.0.2.1:3142"',
        'Acquire::http::Proxy::mirror.example "DIRECT"',
    ]


def wheelhouse_in(folder: Path) -> Path:
    """A wheelhouse with an agent of two modules."""
    wheel, lock, place = folder / "balise_agent-0.1.0-py3-none-any.whl", folder / "lock.txt", folder / "wheelhouse"
    place.mkdir()
    lock.write_text("scapy==2.8.0\n", encoding="utf-8")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("balise_agent/run/cli.py", "print('hello')\n")
        archive.writestr("balise_agent/run/once.py", "print('once')\n")
    with tarfile.open(place / "agent.tar", "w") as archive_of_all:
        archive_of_all.add(wheel, f"./own/{wheel.name}")
        archive_of_all.add(lock, "./lock.txt")
    (place / "agent.release").write_text("0.1.0-0123456789ab\n", encoding="ascii")
    return place


def test_a_variant_differs_in_one_module_and_in_its_name(tmp_path: Path) -> None:
    """What the rings are tried with is the agent as it is, but for the one line."""
    release = releases.variant(wheelhouse_in(tmp_path), tmp_path / "variant", releases.BROKEN)
    assert release.startswith("0.1.0-")
    assert release != "0.1.0-0123456789ab"
    assert (tmp_path / "variant/agent.release").read_text(encoding="ascii") == f"{release}\n"
    with tarfile.open(tmp_path / "variant/agent.tar") as archive:
        archive.extractall(tmp_path / "out", filter="data")
    assert (tmp_path / "out/lock.txt").read_text(encoding="utf-8") == "scapy==2.8.0\n"
    with zipfile.ZipFile(next((tmp_path / "out/own").iterdir())) as wheel:
        assert wheel.read("balise_agent/run/cli.py").decode() == "print('hello')\n" + releases.BROKEN
        assert wheel.read("balise_agent/run/once.py") == b"print('once')\n"


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("false", 0), ("1", 1)])
def test_a_person_may_lack_the_means_and_continuous_integration_may_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, code: int
) -> None:
    """A skip is told with its reason; where every means should be, it is a broken set-up."""
    monkeypatch.setattr(needs, "missing", lambda _root: "no root here: sudo make ansible-test")
    monkeypatch.setattr(sys, "argv", ["balise_ground"])
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert program.main() == code
    assert "skipped: no root here: sudo make ansible-test" in capsys.readouterr().out


def test_what_is_measured_is_a_catalogue(tmp_path: Path) -> None:
    """The collector reads it as an operator's own: one service, three controls, nothing sensitive."""
    catalogue = pytest.importorskip("balise_collector.fleet.catalogue")
    for name, text in measured.catalogue().items():
        (tmp_path / name).write_text(text, encoding="ascii")
    services = catalogue.load(tmp_path)
    assert [service.id for service in services.services] == [measured.SERVICE]
    assert len(services.controls) == 3
