"""A provider's resolver is off."""

import pytest

from balise_lab.boxes.engine.box import Box
from tests.lab.boxes.packets import TOPOLOGY, script


@pytest.mark.parametrize(("mode", "action"), [("drop", "drop"), ("refuse", "reject")])
def test_only_that_resolver_is_touched(mode: str, action: str) -> None:
    """The public one answers on."""
    text = script(Box("b", "resolver.down", where="asn64502", settings={"mode": mode}))
    assert f"ip daddr {{ {TOPOLOGY.namespace('asn64502').resolver} }}" in text
    assert f'counter name "fired" {action}\n' in text
