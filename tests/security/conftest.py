"""The testbed of the security tests: a real mosquitto with the shipped files, a real collector, an honest probe.

One testbed for all tests, so that what an attack leaves behind is seen by those that follow it. Must not live here:
expectations. Where `make setup` did not fetch mosquitto, the tests are skipped with one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.security.testbed import Honest, SecurityTestbed, free_port


@pytest.fixture(scope="session")
def testbed(tools_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecurityTestbed]:
    """Return broker and collector, running, with certificates for whomever a test invents."""
    program = tools_bin / "mosquitto"
    if not program.exists():
        pytest.skip("mosquitto: not in .tools/bin; run make setup")
    made = SecurityTestbed(program, tmp_path_factory.mktemp("testbed"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def honest(testbed: SecurityTestbed) -> Iterator[Honest]:
    """Return a probe that measures while the test runs; how it fared is looked at when the test is over (below)."""
    probe = testbed.honest()
    yield probe
    probe.close()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Any:
    """After each test: everything the honest probe recorded was receipted, both programs live, and hardly grew."""
    given: dict[str, Any] = pyfuncitem.funcargs
    testbed, honest = given.get("testbed"), given.get("honest")
    if testbed is None or honest is None:
        return (yield)
    before = testbed.memory()
    result = yield
    honest.end()
    assert testbed.alive()
    after = testbed.memory()
    told = ", ".join(f"{name} {before[name]} -> {size} MB" for name, size in after.items())
    pyfuncitem.user_properties.append(("table", f"  {honest.told()}; {told}"))
    for name, size in after.items():
        assert size - before[name] <= testbed.GROWTH_MOST, f"{name} grew from {before[name]} to {size} MB"
    return result


@pytest.fixture
def unused() -> Callable[[], int]:
    """Return a maker of ports of loopback that nobody listens on."""
    return free_port
