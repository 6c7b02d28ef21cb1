"""Throttling."""

from balise_lab.boxes.engine.box import Box
from tests.lab.boxes.packets import script


def test_the_rate_holds_each_way_and_the_hello_passes() -> None:
    """A policer drops what is above; the flow it is told of by its program is not dropped (TSPU, IMC 2022)."""
    text = script(Box("b", "rate.police", match=("a.lab",), settings={"kbit": 64.0, "burst": 4000}))
    assert text.count("limit rate over 8000 bytes/second burst 4000 bytes") == 2
    assert "jump strike" not in text
