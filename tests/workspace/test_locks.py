"""The locks: hash-pinned, current with the members, and silent about where packages come from."""

import re
import tomllib
from pathlib import Path

import pytest

MEMBERS = ("wire", "agent", "collector", "lab")
TOOLS = "ansible.txt"
"""The operator's tools: an environment of its own, with packages that nothing of ours imports."""
LOCKS = (*(f"{member}.txt" for member in MEMBERS), "dev.txt", "agent-test.txt", "bootstrap.txt")


def normalised(name: str) -> str:
    """The name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: Path) -> dict[str, str]:
    """Package -> version of every pin in a lock."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {normalised(name): version for name, version in found}


@pytest.mark.parametrize("name", [*LOCKS, TOOLS])
def test_a_lock_names_no_address_and_hashes_every_pin(repo_root: Path, name: str) -> None:
    """Where packages come from is the machine's business; what they are is ours."""
    text = (repo_root / "locks" / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^--", text, flags=re.MULTILINE)
    assert pins(repo_root / "locks" / name)
    for block in re.split(r"\n(?=\S)", text):
        assert block.startswith("#") or "--hash=sha256:" in block, block


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_requires_only_what_its_lock_names(repo_root: Path, member: str) -> None:
    """A requirement added without `make locks` is found here, not on a probe."""
    project = tomllib.loads((repo_root / member / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = {normalised(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in project["dependencies"]}
    assert {name for name in required if not name.startswith("balise-")} <= set(
        pins(repo_root / "locks" / f"{member}.txt")
    )


@pytest.mark.parametrize("name", [name for name in LOCKS if name != "dev.txt"])
def test_every_lock_agrees_with_the_developers(repo_root: Path, name: str) -> None:
    """What is tested is what is shipped: one version of a package in all locks."""
    assert pins(repo_root / "locks" / name).items() <= pins(repo_root / "locks" / "dev.txt").items()


def test_the_probe_needs_nothing_of_the_collector(repo_root: Path) -> None:
    """A Raspberry Pi installs the agent alone."""
    collector_only = {"influxdb-client", "jinja2", "starlette", "uvicorn"}
    assert not collector_only & set(pins(repo_root / "locks" / "agent.txt"))
    assert not collector_only & set(pins(repo_root / "locks" / "agent-test.txt"))


def test_systemd_python_is_in_no_lock(repo_root: Path) -> None:
    """It is an extra that comes as source only: locked, it would make every developer need libsystemd's headers."""
    for name in LOCKS:
        assert "systemd-python" not in pins(repo_root / "locks" / name)
