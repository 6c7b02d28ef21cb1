"""Ordinary faults of a line."""

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.boxes.engine.rules import rules
from tests.lab.boxes.packets import TOPOLOGY


def test_a_probes_link_is_held_by_its_isp() -> None:
    """Faults of an access link stand at the ISP's end, so that the probe's own captures see them as the network's."""
    found = rules(Box("b", "loss", where="probe-64501-2", settings={"percent": 5.0}), TOPOLOGY, 0)
    assert found.namespace == "isp-64501"
    assert 'iifname "d1" numgen random mod 10000 < 500' in found.script


def test_a_round_trip_is_late_by_what_the_file_says() -> None:
    """Half of it each way, and half of the jitter at most."""
    wait = KINDS["delay"].wait
    assert wait is not None
    box = Box("b", "delay", settings={"ms": 300.0, "jitter": 100.0})
    assert (wait(box, 0.0), wait(box, 1.0)) == (0.15, 0.2)


def test_a_dead_line_loses_everything_both_ways() -> None:
    """No chance is asked."""
    script = rules(Box("b", "wifi", where="probe-64501-1"), TOPOLOGY, 0).script
    assert "numgen" not in script
    assert [f'{way} "d0"' in script for way in ("iifname", "oifname")] == [True, True]
