"""A parameter: its bounds, and what is said where a value is out of them."""

import pytest

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.setting import Setting, Unit, Value

RATE = Setting("rate", Unit.NUMBER, 5.0, "how fast", 1.0, 10.0)
MODE = Setting("mode", Unit.WORD, "drop", "how", choices=("drop", "refuse"))
PORTS: Setting[tuple[int, ...]] = Setting("ports", Unit.PORTS, (), "which", required=True)


def test_what_a_box_does_not_have_is_the_usual() -> None:
    """A kind's code asks the parameter, not the box."""
    assert RATE.of(Box("b", "x")) == 5.0
    assert RATE.of(Box("b", "x", settings={"rate": 7.0})) == 7.0


@pytest.mark.parametrize(
    ("setting", "value", "refusal"),
    [
        (RATE, 10.0, None),
        (RATE, 11.0, ("rate is 11", "give 1 to 10")),
        (MODE, "explode", ("mode is explode", "use drop or refuse")),
        (PORTS, (), ("ports is empty", "give ports: a port or a list of ports")),
        (PORTS, (443,), None),
    ],
)
def test_a_value_is_within_bounds_or_told(
    setting: Setting[Value], value: Value, refusal: tuple[str, str] | None
) -> None:
    """What is wrong and the mend: the loader puts them beside a line, the machine beside a box."""
    assert setting.refusal(value) == refusal


def test_how_it_is_written_is_said_with_its_bounds() -> None:
    """The reference of kinds is made of this."""
    assert RATE.how == "a number, from 1 to 10"
    assert MODE.how == "drop or refuse"
