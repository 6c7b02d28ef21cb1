"""Running scenarios through the command line, a few at a time, each once for all tests that ask for it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

_AT_ONCE = 5
BESIDE = {"sni-rst-residual": ("--influx-away", "10:36-10:51")}
"""What is looked at in the run of a scenario that is played anyway, where this machine has an InfluxDB."""


Outcome = tuple[int, str, dict[str, Any]]
"""Exit status, what was said, and the result's JSON."""


class Lab:
    """Plays scenario files; several may run side by side, each in namespaces of its own."""

    def __init__(self, folder: Path, scenarios: Path, *, with_influx: bool) -> None:
        self._folder = folder
        self._beside = BESIDE if with_influx else {}
        self._scenarios = scenarios
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._runs: dict[tuple[str, ...], Future[Outcome]] = {}

    def begin(self, name: str, *options: str) -> Future[Outcome]:
        """Begin to play a scenario of the repository by its name, or a file by its path."""
        options = (*options, *self._beside.get(name, ()))
        key = (name, *options)
        if key not in self._runs:
            file = Path(name) if "/" in name else self._scenarios / f"{name}.yaml"
            self._runs[key] = self._pool.submit(self._play, file, *options)
        return self._runs[key]

    def play(self, name: str, *options: str) -> Outcome:
        """Play a scenario and return what came of it."""
        return self.begin(name, *options).result()

    def _play(self, file: Path, *options: str) -> Outcome:
        out = self._folder / f"{file.stem}.json"
        program = Path(sys.executable).parent / "balise-lab"
        done = subprocess.run(
            [str(program), "run", str(file), "--json", str(out), *options],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=1_500,  # a busy machine plays slower
        )
        said = f"$ balise-lab run {file.name} {' '.join(options)}\n{done.stdout}{done.stderr}"
        return done.returncode, said, json.loads(out.read_bytes()) if out.exists() else {}

    def close(self) -> None:
        """Begin nothing more, and wait for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)


@pytest.fixture(scope="session")
def play(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, repo_root: Path, tools_bin: Path
) -> Iterator[Callable[..., Outcome]]:
    """Return the way to play a scenario; those that the selected tests will ask for are already on their way."""
    with_influx = (tools_bin / "influxd").exists()
    lab = Lab(tmp_path_factory.mktemp("chain"), repo_root / "tests" / "scenarios", with_influx=with_influx)
    for item in request.session.items:
        name = getattr(item, "callspec", None) and item.callspec.params.get("scenario")  # type: ignore[attr-defined]
        if name:
            lab.begin(name)
    yield lab.play
    lab.close()
