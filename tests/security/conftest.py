"""The ground of the security tests: a real mosquitto with the shipped files, a real collector, an honest probe.

One ground for all tests, so that what an attack leaves behind is seen by those that follow it. Must not live here:
expectations. Where `make setup` did not fetch mosquitto, the tests are skipped with one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.neighbours import load

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def ground(tools_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return broker and collector, running, with certificates for whomever a test invents."""
    program = tools_bin / "mosquitto"
    if not program.exists():
        pytest.skip("mosquitto: not in .tools/bin; run make setup")
    probe = load(HERE.parent / "collector" / "conftest.py").FieldProbe
    line = load(HERE.parent / "collector" / "fieldline.py").FieldLine
    made = load(HERE / "ground.py").Ground(program, tmp_path_factory.mktemp("ground"), probe, line)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def honest(ground: Any) -> Iterator[Any]:
    """Return a probe that measures while the test runs; how it fared is looked at when the test is over (below)."""
    probe = ground.honest()
    yield probe
    probe.close()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Any:
    """After each test: everything the honest probe recorded was receipted, both programs live, and hardly grew."""
    given: dict[str, Any] = pyfuncitem.funcargs
    ground, honest = given.get("ground"), given.get("honest")
    if ground is None or honest is None:
        return (yield)
    before = ground.memory()
    result = yield
    honest.end()
    assert ground.alive()
    after = ground.memory()
    told = ", ".join(f"{name} {before[name]} -> {size} MB" for name, size in after.items())
    pyfuncitem.user_properties.append(("table", f"  {honest.told()}; {told}"))
    for name, size in after.items():
        assert size - before[name] <= ground.GROWTH_MOST, f"{name} grew from {before[name]} to {size} MB"
    return result


@pytest.fixture
def unused() -> Callable[[], int]:
    """Return a maker of ports of loopback that nobody listens on."""
    port: Callable[[], int] = load(HERE / "ground.py").free_port
    return port
