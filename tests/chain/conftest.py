"""Running scenarios through the command line, a few at a time, each once for all tests that ask for it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from balise_lab.run.runner import lead
from balise_lab.scenario.load import load
from tests.chain.files import file_of
from tests.chain.kills import KILLS, SEED

_AT_ONCE = min(8, max(2, 5 * len(os.sched_getaffinity(0)) // 2))
"""A run waits for its clock most of its time: it takes a third of a core at most, and half a gigabyte."""
OPTIONS = {"chaos": ("--kills", str(KILLS), "--seed", str(SEED))}
"""What a scenario is played with."""
BESIDE = {"sni-rst-residual": ("--influx-away", "10:36-10:51"), "chaos": ("--influx",)}
"""What is looked at in the run of a scenario that is played anyway, where this machine has an InfluxDB."""


KEPT = ("proxies", "ir-whatsapp-proxy")
"""Scenarios whose settings, logs and stores are looked at afterwards."""

Outcome = tuple[int, str, dict[str, Any]]
"""Exit status, what was said, and the result's JSON."""


class Lab:
    """Plays scenario files; several may run side by side, each in namespaces of its own."""

    def __init__(self, folder: Path, *, with_influx: bool) -> None:
        self._folder = folder
        self._beside = BESIDE if with_influx else {}
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._runs: dict[tuple[str, ...], Future[Outcome]] = {}

    def begin(self, name: str, *options: str) -> Future[Outcome]:
        """Begin to play a scenario of the repository by its name, or a file by its path."""
        options = (*options, *OPTIONS.get(name, ()), *self._beside.get(name, ()))
        if name in KEPT:
            options = (*options, "--keep", str(self.kept(name)))
        key = (name, *options)
        if key not in self._runs:
            self._runs[key] = self._pool.submit(self._play, file_of(name), *options)
        return self._runs[key]

    def kept(self, name: str) -> Path:
        """Return the folder in which a scenario of ``KEPT`` leaves what it made."""
        return self._folder / f"kept-{name}"

    def play(self, name: str, *options: str) -> Outcome:
        """Play a scenario and return what came of it."""
        return self.begin(name, *options).result()

    def _play(self, file: Path, *options: str) -> Outcome:
        out = self._folder / f"{'-'.join(file.parts[-2:])}.json"
        program = Path(sys.executable).parent / "balise-lab"
        done = subprocess.run(
            [str(program), "run", str(file), "--beside-others", "--json", str(out), *options],
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


def _played_by(item: pytest.Item) -> str:
    """Return the scenario whose run a test reads; empty for another test."""
    parameters = getattr(item, "callspec", None)
    if parameters is None or item.get_closest_marker("lab") is None:
        return ""
    return str(parameters.params.get("scenario", ""))


def _real_seconds(name: str) -> float:
    """Return how long a scenario's clock runs."""
    scenario = load(file_of(name))
    return (lead(scenario) + scenario.ends) / scenario.scale


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by the run that they read, the longest first: none is begun when all others have ended."""
    played = {name: _real_seconds(name) for name in {*map(_played_by, items)} - {""}}
    places = [number for number, item in enumerate(items) if _played_by(item)]
    ordered = sorted((items[place] for place in places), key=lambda item: (-played[_played_by(item)], _played_by(item)))
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def bed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tools_bin: Path) -> Iterator[Lab]:
    """Return the lab; the scenarios that the selected tests will ask for are already on their way."""
    lab = Lab(tmp_path_factory.mktemp("chain"), with_influx=(tools_bin / "influxd").exists())
    for item in request.session.items:
        if name := _played_by(item):
            lab.begin(name)
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def play(bed: Lab) -> Callable[..., Outcome]:
    """Return the way to play a scenario."""
    return bed.play


@pytest.fixture(scope="session")
def kept(bed: Lab) -> Callable[[str], Path]:
    """Return what a played scenario of ``KEPT`` left."""
    return bed.kept
