"""image/files and the switches: what a card does by itself, and what it never does."""

import configparser
import os
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from balise_image import shell, tree


@pytest.fixture(scope="module")
def files(repo_root: Path) -> Path:
    """The overlay."""
    return repo_root / "image/files"


def test_drop_ins_of_the_system_sort_last(files: Path) -> None:
    """Distributions switch the watchdog and the journal off in files that begin with 40-."""
    for folder in ("journald.conf.d", "system.conf.d", "timesyncd.conf.d"):
        for path in (files / "etc/systemd" / folder).iterdir():
            assert path.name > "40-", path


def test_nobody_logs_in_without_the_operators_key(files: Path) -> None:
    """sshd starts only where the settings gave a key, and takes nothing but that key."""
    unit = (files / "etc/systemd/system/ssh.service.d/card.conf").read_text()
    assert "ConditionFileNotEmpty=/run/balise-card/authorized_keys" in unit
    settings = (files / "etc/ssh/sshd_config.d/10-card.conf").read_text()
    for line in ("PasswordAuthentication no", "PermitRootLogin prohibit-password", "KbdInteractiveAuthentication no"):
        assert line in settings.splitlines()
    assert {"ssh.socket", "getty.target", "serial-getty@.service", "debug-shell.service"} <= set(tree.MASKED)
    assert "systemd-ssh-generator" in tree.SILENCED


def test_switches_are_links_that_systemd_reads(tmp_path: Path, files: Path) -> None:
    """Enabled: a link in the target's folder to the unit that exists; masked: a link to nothing."""
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    for unit in ("data-grow.service", "light.path", "light.service"):
        (tmp_path / "etc/systemd/system" / unit).write_text((files / "etc/systemd/system" / unit).read_text())
    tree.switch(tmp_path)
    system = tmp_path / "etc/systemd/system"
    agent = system / "multi-user.target.wants/balise-agent.service"
    assert str(agent.readlink()) == "/usr/lib/systemd/system/balise-agent.service"
    assert str((system / "data.mount.wants/data-grow.service").readlink()) == "/etc/systemd/system/data-grow.service"
    assert str((system / "getty@tty1.service").readlink()) == "/dev/null"


def test_the_checkout_is_not_seen_on_the_card(tmp_path: Path, files: Path, repo_root: Path, monkeypatch: Any) -> None:
    """A umask of 077 would keep the agent out of "/", and the hour of the checkout would be in every card's bytes."""
    checkout, root = tmp_path / "checkout", tmp_path / "root"
    shutil.copytree(files, checkout / "image/files", symlinks=True)
    shutil.copytree(repo_root / "agent/systemd", checkout / "agent/systemd")
    for path in (checkout, *checkout.rglob("*")):
        os.utime(path, (1e9, 1e9), follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() or path.stat().st_mode & 0o100 else 0o600)
    monkeypatch.setattr(shell, "ROOT", checkout)
    monkeypatch.setattr(os, "chown", lambda *_, **__: None)
    tree.bring(root)
    brought = [root, *(path for path in root.rglob("*") if path != root / "usr/lib/systemd")]
    assert all(path.lstat().st_mtime > 1e9 for path in brought)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in brought if not path.is_symlink()}
    assert modes == {0o755, 0o644}
    assert (root / "usr/lib/systemd/system/balise-agent.service").exists()


def test_what_the_agent_reads_is_what_the_card_writes(files: Path, repo_root: Path) -> None:
    """The image's settings name the overlay; the laboratory's exception is in no shipped file."""
    settings = tomllib.loads((files / "etc/balise/agent.toml").read_text())
    assert settings == {"probe": {"settings": "/var/lib/balise/card.toml"}}
    unit = (repo_root / "agent/systemd/balise-card.service").read_text()
    assert "--data /var/lib/balise" in unit


def test_the_data_partition_is_mounted_where_services_look(files: Path) -> None:
    """Identity, journal and clock outlive a new root; nothing of it may keep the board from starting."""
    lines = [line.split() for line in (files / "etc/fstab").read_text().splitlines() if not line.startswith("#")]
    mounts = {mount: (source, options.split(",")) for source, mount, _, options, *_ in lines}
    assert mounts["/var/lib/balise"][0] == "/data/probe"
    assert mounts["/var/log/journal"][0] == "/data/journal"
    assert "x-systemd.growfs" in mounts["/data"][1]
    assert all("nofail" in options for _, options in mounts.values())


def test_partitions_are_named_as_the_recipe_numbers_them(files: Path, repo_root: Path) -> None:
    """A label is read from the file system, and gone for a moment while that grows: the table's number stays."""
    disk = tomllib.loads((repo_root / "image/image.toml").read_text())["identity"]["disk"]
    for name in ("etc/fstab", "usr/lib/balise-card/grow"):
        assert f"{disk}-03" in (files / name).read_text(), name
    assert f"partuuid-{disk}\\x2d03.device" in (files / "etc/systemd/system/data-grow.service").read_text()
    assert "LABEL=" not in (files / "etc/fstab").read_text()


def test_scripts_are_shell_that_parses_and_can_run(files: Path) -> None:
    """They run where nobody sees them fail."""
    scripts = [*files.glob("usr/lib/balise-card/*"), files / "etc/initramfs-tools/scripts/init-bottom/card"]
    assert len(scripts) == 3
    for script in scripts:
        assert script.stat().st_mode & 0o111 == 0o111, script
        if script.read_text().startswith("#!/bin/sh"):
            subprocess.run(["sh", "-n", script], check=True)
        else:
            compile(script.read_text(), str(script), "exec")
    # The first file system has klibc's programs and the shell's own words only.
    words = re.findall(r"\b(grep|tr|sed|awk|cut|head|find)\b", re.sub(r"(?m)^\s*#.*$", "", scripts[-1].read_text()))
    assert words == []


def test_units_of_the_card_are_well_formed(files: Path) -> None:
    """Every unit and drop-in has sections that a parser accepts."""
    for path in [*files.glob("etc/systemd/system/**/*.conf"), *files.glob("etc/systemd/system/*.service")]:
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
        parser.read_string(path.read_text())
        assert parser.sections(), path
