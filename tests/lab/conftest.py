"""The lab, brought up once for all tests of this folder that are marked `lab`."""

from collections.abc import Iterator

import pytest

from tests.lab.testbed import Testbed, finish, start


@pytest.fixture(scope="session")
def testbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """The lab, up."""
    handle = start(tmp_path_factory.mktemp("lab"))
    yield handle
    finish(handle)
