"""The role preflight: each host that a role cannot serve is refused with what was found and what to do."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ansible = Callable[..., subprocess.CompletedProcess[str]]

GOOD = {
    "distribution": "Debian",
    "distribution_version": "13.1",
    "distribution_major_version": "13",
    "architecture": "x86_64",
    "python_version": "3.13.5",
    "service_mgr": "systemd",
}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "good": ({}, {}, "no refusal"),
    "ubuntu": (
        {"distribution": "Ubuntu", "distribution_version": "24.04"},
        {},
        "runs Ubuntu 24.04; use Debian 12 or 13",
    ),
    "old debian": ({"distribution_version": "11", "distribution_major_version": "11"}, {}, "runs Debian 11; use"),
    "32 bit": ({"architecture": "armv7l"}, {}, "is armv7l; needed is x86_64 or aarch64 (on a Raspberry Pi, a 64-bit"),
    "old python": ({"python_version": "3.9.2"}, {}, "Python 3.9.2 is too old; needed is 3.11"),
    "no systemd": ({"service_mgr": "openrc"}, {}, "the first process here is openrc, and the units need systemd"),
    "full disk": ({}, {"preflight_disk_mb": 900_000_000}, "MB are free at /; needed are 900000000: make room"),
    "wrong clock": (
        {},
        {"preflight_clock_seconds": -1},
        "and certificates are judged by it; set it (timedatectl set-ntp true)",
    ),
}


def play_of(facts: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """A play that runs the role on this machine, which is said to be another one, and prints the refusal."""
    include = {
        "name": "Look",
        "ansible.builtin.include_role": {"name": "balise.observatory.preflight"},
        "vars": {"preflight_for": "probe", "preflight_disk_path": "/", **given},
    }
    said = "refused={{ ansible_failed_result.msg }}"
    return {
        "name": "Preflight",
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {"name": "Facts", "ansible.builtin.set_fact": {**GOOD, **facts, "cacheable": True}},
            {
                "name": "Try",
                "block": [include, {"name": "Fine", "ansible.builtin.debug": {"msg": "refused=no refusal"}}],
                "rescue": [{"name": "Say", "ansible.builtin.debug": {"msg": said}}],
            },
        ],
    }


@pytest.mark.slow
def test_a_host_that_will_not_do_is_told_why_and_the_mend(ansible: Ansible, tmp_path: Path) -> None:
    """A refusal before anything was touched is worth a page of troubleshooting after."""
    file = tmp_path / "preflight.yml"
    file.write_text(json.dumps([play_of(facts, given) for facts, given, _ in CASES.values()]), encoding="utf-8")
    done = ansible("ansible-playbook", "--inventory", "localhost,", "--connection", "local", str(file))
    assert done.returncode == 0, done.stdout
    refusals = re.findall(r"refused=(.*?)(?=\n\n)", done.stdout, flags=re.DOTALL)
    assert len(refusals) == len(CASES), done.stdout
    for (name, (_, _, expected)), refusal in zip(CASES.items(), refusals, strict=True):
        assert expected in " ".join(refusal.split()), name
