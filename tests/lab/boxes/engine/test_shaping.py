"""A rate by the kernel's traffic control."""

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.rules import rules
from balise_lab.boxes.engine.shaping import interfaces
from tests.lab.boxes.packets import TOPOLOGY


def test_every_way_out_of_the_box_has_a_class_of_the_rate() -> None:
    """Up and down, with the queue that was asked for; what is taken away again is the class alone."""
    made = rules(Box("b", "rate.shape", match=("twitter",), settings={"kbit": 64.0, "queue": 9000}), TOPOLOGY, 3)
    ways = interfaces(made.placement)
    assert len(ways) > 1
    classes = [there for there, _ in made.shaped if there[0] == "class"]
    assert [line[3] for line in classes] == list(ways)
    assert all("64000bit" in line and "1:5" in line for line in classes)
    assert all("9000" in there for there, _ in made.shaped if "bfifo" in there)
    assert {away[:2] for _, away in made.shaped if away} == {("class", "del")}


def test_boxes_of_one_place_have_classes_of_their_own() -> None:
    """Two rates at one place do not share."""
    made = [rules(Box("b", "rate.shape", match=("twitter",)), TOPOLOGY, slot) for slot in (0, 1)]
    assert len({there[7] for one in made for there, _ in one.shaped if there[0] == "class"}) == 2
