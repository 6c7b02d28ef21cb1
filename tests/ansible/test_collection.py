"""The collection as a whole: the linter's strictest profile, playbooks that parse, one copy of every shared file."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Ansible = Callable[..., subprocess.CompletedProcess[str]]
ROLES = ("broker", "collector", "grafana", "influxdb", "preflight", "probe", "release")


@pytest.mark.slow
@pytest.mark.timeout(600)  # half a minute alone, minutes on a busy machine
def test_the_linter_has_nothing_to_say(ansible: Ansible, repo_root: Path) -> None:
    """Profile production, and no rule is skipped, in its configuration or beside a line."""
    done = ansible("ansible-lint", "--offline")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Profile 'production' was required, and it passed" in done.stderr + done.stdout
    settings = yaml.safe_load((repo_root / "ansible/.ansible-lint").read_text(encoding="utf-8"))
    assert settings["profile"] == "production"
    assert not settings.keys() & {"skip_list", "warn_list", "enable_list"}
    assert not [file for file in (repo_root / "ansible").rglob("*.yml") if "noqa" in file.read_text(encoding="utf-8")]


@pytest.mark.slow
def test_every_playbook_parses_with_the_example_inventory(ansible: Ansible, repo_root: Path) -> None:
    """What a person copies is what works."""
    playbooks = sorted(str(path) for path in (repo_root / "ansible/playbooks").glob("*.yml"))
    done = ansible("ansible-playbook", "--inventory", "inventory/example", "--syntax-check", *playbooks)
    assert done.returncode == 0, done.stderr
    assert not done.stderr.strip()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_all_it_listens_to(repo_root: Path, role: str) -> None:
    """Every default is an argument with a description, and the default that is written there is the one that holds."""
    folder = repo_root / "ansible/roles" / role
    defaults: dict[str, Any] = yaml.safe_load((folder / "defaults/main.yml").read_text(encoding="utf-8"))
    main = yaml.safe_load((folder / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]
    options: dict[str, Any] = main["options"]
    assert defaults.keys() <= options.keys()
    assert all(option["description"] for option in options.values())
    for name, option in options.items():
        if "default" in option and "{{" not in str(option["default"]):
            assert defaults[name] == option["default"], name


def test_shared_files_have_one_copy(repo_root: Path) -> None:
    """What the roles install and the image, compose or a person installs too is the same file, and all of it."""
    roles = repo_root / "ansible/roles"
    links = [path for path in roles.glob("*/files/**/*") if path.is_symlink() or not path.is_dir()]
    assert {path.name for path in links} >= {"balise-agent.service", "balise-collector.service", "balise-broker.timer"}
    for path in links:
        assert path.is_symlink(), f"{path} is a copy"
        assert path.resolve().is_file(), f"{path}: link files; a folder behind a link is left out of the collection"
        assert not path.resolve().is_relative_to(repo_root / "ansible"), path
    for role, folder in (("grafana", "dashboards/json"), ("grafana", "dashboards/provisioning")):
        here = roles / role / "files" / Path(folder).name
        wanted = {path.relative_to(repo_root / folder) for path in (repo_root / folder).rglob("*") if path.is_file()}
        assert {path.relative_to(here) for path in here.rglob("*") if path.is_file()} == wanted


@pytest.mark.slow
def test_the_collection_is_built_whole(ansible: Ansible, tmp_path: Path) -> None:
    """Who installs it from an archive, without the repository around it, has the units and dashboards too."""
    done = ansible("ansible-galaxy", "collection", "build", "--output-path", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "Skipping" not in done.stderr + done.stdout
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        files = {member.name: member.size for member in archive.getmembers() if "/files/" in member.name}
    assert files["roles/broker/files/mosquitto.service.d/balise.conf"] > 0
    assert files["roles/grafana/files/json/balise-overview.json"] > 0


def test_what_handles_a_secret_is_silent(repo_root: Path) -> None:
    """A task that reads or writes a credential says nothing of it, whatever the verbosity."""
    words = re.compile(r"slurp|b64decode|fleet.*token|passphrase: ")
    for file in sorted((repo_root / "ansible/roles").glob("*/tasks/*.yml")):
        for block in re.split(r"\n\s*- name: ", file.read_text(encoding="utf-8")):
            if words.search(block.split("no_log: true")[0]) and "status" not in block and "influx_made" not in block:
                assert "no_log: true" in block, f"{file.name}: {block.splitlines()[0]}"


def test_the_example_names_probes_by_opaque_ids_only(repo_root: Path) -> None:
    """An inventory in a repository tells nobody where a host lives."""
    hosts = yaml.safe_load((repo_root / "ansible/inventory/example/hosts.yml").read_text(encoding="utf-8"))
    groups = hosts["all"]["children"]
    for group in ("probes", "references", "ring_canary", "ring_early"):
        assert all(re.fullmatch(r"[a-z0-9]{4,32}", name) for name in groups[group]["hosts"])
        assert not any(groups[group]["hosts"].values())
