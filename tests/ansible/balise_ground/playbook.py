"""Running a playbook against the machines, as an operator would: the collection by its name, over ssh.

Lives here: the command line, the environment, and keeping what was printed. Must not live here: what the numbers mean
(recap.py, course.py).
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from balise_ground import recap
from balise_ground.machine import Key
from balise_ground.recap import Recap


@dataclass(frozen=True)
class Run:
    """One run of a playbook."""

    code: int
    recap: Recap
    seconds: float
    output: str


class Controller:
    """The operator's side: ansible of .venv-ansible, our key, an inventory, a folder for what is printed."""

    def __init__(self, project: Path, inventory: Path, logs: Path, home: Path, key: Key) -> None:
        """Take hold of everything a run needs; ``logs`` gets one file a run, ``home`` what Ansible keeps."""
        self._project = project
        self._inventory = inventory
        self._logs = logs
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_CONFIG": str(project / "ansible/ansible.cfg"),
            "ANSIBLE_HOME": str(home / "ansible"),
            "ANSIBLE_PRIVATE_KEY_FILE": str(key.private),
            "ANSIBLE_SSH_COMMON_ARGS": f"-F none -o UserKnownHostsFile={key.known_hosts} -o IdentitiesOnly=yes",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            "LC_ALL": "C.UTF-8",
        }

    def play(self, name: str, log: str, *options: str) -> Run:
        """Run one playbook of the collection; what it prints goes to ``log`` in our folder, too."""
        command = [
            str(self._project / ".venv-ansible/bin/ansible-playbook"),
            "--inventory",
            str(self._inventory),
            *options,
            f"playbooks/{name}.yml",
        ]
        begin = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self._project / "ansible",
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        (self._logs / f"{log}.log").write_text(done.stdout, encoding="utf-8")
        return Run(done.returncode, recap.read(done.stdout), time.monotonic() - begin, done.stdout)
