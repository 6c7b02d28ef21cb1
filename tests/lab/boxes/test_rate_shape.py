"""Shaping."""

from balise_lab.boxes.engine.box import Box
from tests.lab.boxes.packets import script


def test_flows_with_the_name_go_into_a_class_both_ways() -> None:
    """Nothing of them is dropped by a rule: they wait."""
    text = script(Box("b", "rate.shape", match=("a.lab",), settings={"kbit": 64.0}))
    assert text.count("@slow") == 3
    assert text.count("meta priority set 1:") == 2
    assert " drop" not in text
