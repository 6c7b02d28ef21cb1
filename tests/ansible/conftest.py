"""What the tests of the collection share: the operator's tools, and why a test without them is skipped."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Answer = Callable[..., Any]


@pytest.fixture(scope="session")
def tools(repo_root: Path) -> Path:
    """The folder of ansible's programs; without it the test is skipped, with the mend."""
    folder = repo_root / ".venv-ansible/bin"
    if not (folder / "ansible-playbook").exists():
        pytest.skip("ansible: no .venv-ansible; run make venv-ansible")
    return folder


@pytest.fixture
def ansible(repo_root: Path, tools: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one of ansible's programs in the folder of the collection, with nothing of this user's configuration."""

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        environment |= {
            "ANSIBLE_CONFIG": str(repo_root / "ansible/ansible.cfg"),
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_NOCOLOR": "1",
            "NO_COLOR": "1",
            "LC_ALL": "C.UTF-8",
            "PATH": f"{tools}:{os.environ.get('PATH', '')}",
        }
        return subprocess.run(
            [str(tools / program), *arguments],
            cwd=repo_root / "ansible",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


_SERVER = """
import importlib.util, json, sys
from ansible.errors import AnsibleError
held = {}
for line in sys.stdin:
    file, function, arguments = json.loads(line)
    if file not in held:
        spec = importlib.util.spec_from_file_location("plugin", file)
        held[file] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(held[file])
    try:
        answer = getattr(held[file], function)(*arguments)
    except AnsibleError as error:
        answer = "refused: " + str(error)
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture(scope="session")
def plugin(repo_root: Path, tools: Path) -> Iterator[Answer]:
    """Call a function of a plugin in ansible's own environment; an error of ansible's comes back as its text."""
    server = subprocess.Popen(
        [str(tools / "python"), "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    asked, said = server.stdin, server.stdout
    assert asked is not None
    assert said is not None

    def call(file: str, function: str, *arguments: Any) -> Any:
        print(json.dumps([str(repo_root / "ansible/plugins" / file), function, arguments]), file=asked, flush=True)
        return json.loads(said.readline())

    yield call
    asked.close()
    server.wait(timeout=30)
    said.close()
