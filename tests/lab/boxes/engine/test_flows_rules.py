"""The kernel's rules of boxes that look for names."""

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.rules import rules
from tests.lab.boxes.packets import TOPOLOGY


def test_isps_restrict_by_source() -> None:
    """A box at the gateway for one ISP queues that ISP's packets only."""
    box = Box("b", "sni.drop", isps=("asn64502",), match=("a.lab",))
    (line,) = rules(box, TOPOLOGY, 0).queued
    assert line[:3] == ("PREROUTING", "-s", "198.18.16.0/20")


def test_a_residual_is_divided_by_the_scale() -> None:
    """180 s on a clock that runs 60 times as fast are 3 s of the kernel's."""
    box = Box("b", "sni.rst", match=("a.lab",), settings={"residual": 180.0})
    assert "timeout 3000ms" in rules(box, TOPOLOGY, 0, scale=60.0).script
    assert "residual" not in rules(Box("b", "sni.rst", match=("a.lab",)), TOPOLOGY, 0).script
