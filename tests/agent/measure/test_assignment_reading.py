"""Tomorrow's task, today's probe: each piece that it cannot read costs that piece and is told, and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.measure import assignment_reading
from balise_wire.assignment import Assignment, Budget, Control, Target, Timetable
from balise_wire.words import Experiment, Scope, TargetRole

GOOD = Assignment(
    version=7,
    catalogue="2026-11-01+0",
    expires=1.8e9,
    targets=tuple(
        Target(id=f"t/web/{name}.example/4", service="t", role=TargetRole.WEB, host=f"{name}.example")
        for name in ("a", "b", "c")
    ),
    controls=(Control(name="one.example", addresses=("198.18.0.1",)), Control(name="two.example", addresses=())),
    timetable=Timetable(interval=900),
    budget=Budget(bytes_per_day=5_000_000),
)


def written(**changes: Any) -> dict[str, Any]:
    """Return the message as plain JSON values, with changes."""
    return {**msgspec.json.decode(msgspec.json.encode(GOOD)), **changes}


def read(message: dict[str, Any]) -> assignment_reading.Read:
    """Read a message."""
    return assignment_reading.read(msgspec.json.encode(message))


def test_a_task_of_today_is_read_whole() -> None:
    """Nothing is left out of what is known, and a field that is not known is no piece."""
    assert read(written()) == assignment_reading.Read(GOOD)
    assert read(written(moon_phase=0.5)).assignment == GOOD


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"role": "holodeck"}, "role is newer"),
        ({"experiments": ["ticc"]}, "experiments is newer"),
        ({"port": "https"}, "Expected `int`"),
        ({"host": None}, "Expected `str`"),
        ({"addresses": "198.18.0.1"}, "Expected `array`"),
    ],
)
def test_a_target_that_cannot_be_read_costs_itself(change: dict[str, Any], why: str) -> None:
    """The other targets are measured, and the collector is told which one was left out."""
    message = written()
    message["targets"][1] |= change
    found = read(message)
    assert [target.host for target in found.assignment.targets] == ["a.example", "c.example"]
    assert msgspec.structs.replace(found.assignment, targets=GOOD.targets) == GOOD
    ((what, told),) = found.left_out
    assert what == "t/web/b.example/4"
    assert why in told


def test_an_experiment_of_tomorrow_costs_itself() -> None:
    """The target's other experiments are carried out."""
    message = written()
    message["targets"][0]["experiments"] = ["ticc", "tls", "dns", "warp"]
    found = read(message)
    assert found.assignment.targets[0].experiments == (Experiment.TLS, Experiment.DNS)
    assert len(found.assignment.targets) == 3
    assert [what for what, _ in found.left_out] == ["t/web/a.example/4"]


def test_a_control_of_another_scope_is_on_neither_side() -> None:
    """It is no control for us: taken for a domestic or a foreign one it would tell a wrong story of the line."""
    message = written()
    message["controls"].append({"name": "orbit.example", "addresses": ["198.18.0.9"], "scope": "orbital"})
    found = read(message)
    assert found.assignment.controls == GOOD.controls
    assert all(control.scope is Scope.INTERNATIONAL for control in found.assignment.controls)
    assert found.left_out[0][0] == "orbit.example"


@pytest.mark.parametrize("field", ["catalogue", "controls", "public_resolvers", "timetable", "budget", "targets"])
@pytest.mark.parametrize("junk", [None, 7, "x", ["x", 1], {"x": {}}])
def test_a_field_of_another_type_costs_itself(field: str, junk: Any) -> None:
    """Whatever stands there: the rest is in force, with the default in its place."""
    found = read(written(**{field: junk}))
    same = [name for name in Assignment.__struct_fields__ if name != field]
    assert all(getattr(found.assignment, name) == getattr(GOOD, name) for name in same)


def test_what_is_left_out_is_told_within_bounds() -> None:
    """A thousand strange pieces are fifty lines and a count, and none is longer than a line."""
    strange = [{"id": "x" * 5000 + str(n), "role": "holodeck"} for n in range(1000)]
    found = read(written(targets=strange + [None] * 1500))
    assert len(found.left_out) == assignment_reading.MAX_TOLD + 1
    assert "and 1951 more" in found.left_out[-1][1]
    assert max(len(what) + len(why) for what, why in found.left_out) < 300


@pytest.mark.parametrize("field", ["version", "expires"])
@pytest.mark.parametrize("junk", [None, "x", [], {}])
def test_a_task_without_order_or_end_is_none(field: str, junk: Any) -> None:
    """What can neither be compared nor ended is not carried out."""
    with pytest.raises(msgspec.DecodeError):
        read(written(**{field: junk}))
    bare = written()
    del bare[field]
    with pytest.raises(msgspec.DecodeError, match="missing"):
        read(bare)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)


@given(targets=JSON, controls=JSON, timetable=JSON, budget=JSON)
def test_no_json_raises(targets: Any, controls: Any, timetable: Any, budget: Any) -> None:
    """Signed nonsense is left out and told."""
    found = read(written(targets=targets, controls=controls, timetable=timetable, budget=budget))
    assert found.assignment.version == 7
    assert len(found.left_out) <= assignment_reading.MAX_TOLD + 1
