"""From target to task: families, addresses, their rotation."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.measure.line_check import line_task
from balise_agent.measure.task_choice import DAY, Device, Tasks, addresses_of, families, task_for
from balise_agent.policy.limits import MAX_ADDRESSES
from balise_agent.system import derived_random
from balise_wire.assignment import Assignment, Target
from balise_wire.words import AddressSource, Experiment, TargetRole

V4 = ("8.8.8.1", "8.8.8.2", "8.8.8.3")
V6 = ("2a00::1", "2a00::2")
TARGET = Target(id="s/web/a.example", service="s", role=TargetRole.WEB, host="a.example", addresses=(*V4, *V6))
ASSIGNMENT = Assignment(version=1, catalogue="c", expires=9e9, targets=(TARGET,), control_name="c.example")


def address_on(day: int, secret: bytes = b"secret", slot: int = 0) -> str:
    """Return the address of a day."""
    made = task_for(ASSIGNMENT, TARGET, 4, device=Device(secret=secret), now=day * DAY + 5.0, slot=slot)
    return made.address


@pytest.mark.parametrize(
    ("identity", "addresses", "expected"),
    [
        ("s/web/a.example/4", (*V4, *V6), (4,)),
        ("s/web/a.example/6", (*V4, *V6), (6,)),
        ("s/web/a.example", (*V4, *V6), (4, 6)),
        ("s/web/a.example", V6, (6,)),
        ("s/web/a.example", (), (4,)),
    ],
)
def test_families(identity: str, addresses: tuple[str, ...], expected: tuple[int, ...]) -> None:
    """The id says the family; without it the addresses do."""
    target = msgspec.structs.replace(TARGET, id=identity, addresses=addresses)
    assert families(target) == expected


def test_one_address_a_day_and_all_in_turn() -> None:
    """Stable within a day so that measurements compare; every address is tested over the days."""
    assert len({address_on(3, slot=slot) for slot in range(50)}) == 1
    assert {address_on(day) for day in range(3)} == set(V4)
    assert address_on(0) != address_on(1)


def test_probes_start_at_different_addresses() -> None:
    """The fleet covers the addresses between its probes on one day."""
    assert {address_on(0, secret=bytes([n])) for n in range(30)} == set(V4)


def test_resolved_addresses_stand_in_only_where_none_is_assigned() -> None:
    """References test the assigned addresses: a resolved one must not displace them."""
    assert addresses_of(TARGET, 4, ("9.9.9.9",)) == V4
    bare = msgspec.structs.replace(TARGET, addresses=())
    assert addresses_of(bare, 4, ("9.9.9.9", "2a00::9")) == ("9.9.9.9",)
    assert addresses_of(bare, 4) == ()


def test_seeds_differ_by_slot_and_experiment() -> None:
    """Two runs never send the same arbitrary bytes."""
    seeds = {
        task_for(ASSIGNMENT, TARGET, 4, device=Device(secret=b"s"), now=0.0, slot=slot, experiment=word).seed
        for slot in range(10)
        for word in Experiment
    }
    assert len(seeds) == 10 * len(Experiment)


def test_the_line_has_a_task_too() -> None:
    """A line check names the pseudo-service internet."""
    task = line_task(ASSIGNMENT, Device(secret=b"s"), 0.0)
    assert (task.target.service, task.target.role, task.control_name) == ("internet", TargetRole.LINE, "c.example")


def test_chance_is_repeatable_and_even() -> None:
    """The same words give the same number; over many words the fractions fill [0, 1)."""
    fractions = [derived_random.fraction(b"k", "slot", n) for n in range(2000)]
    assert fractions[7] == derived_random.fraction(b"k", "slot", 7)
    assert fractions[7] != derived_random.fraction(b"l", "slot", 7)
    assert all(0 <= f < 1 for f in fractions)
    for tenth in range(10):
        assert 140 < sum(tenth <= f * 10 < tenth + 1 for f in fractions) < 260


def test_a_certificate_is_remembered_for_a_day() -> None:
    """Of the latest few addresses; of a target that is measured no more, and after a day, nothing is."""
    assignment = Assignment(version=1, catalogue="c", expires=9e9, targets=(TARGET,))
    tasks = Tasks(assignment, Device(secret=b"s"))
    for number in range(MAX_ADDRESSES + 4):
        tasks.prove(TARGET, f"8.8.8.{number}", 100.0)
    known = tasks.task(TARGET, 4, Experiment.DNS, 0, 200.0).proved
    assert known == {f"8.8.8.{number}" for number in range(4, MAX_ADDRESSES + 4)}
    assert not tasks.task(TARGET, 4, Experiment.DNS, 0, 100.0 + DAY).proved
    tasks.keep(())
    assert not tasks.task(TARGET, 4, Experiment.DNS, 0, 200.0).proved


def test_a_task_says_where_its_address_came_from() -> None:
    """Assigned, proven, unproven, or kept since before a restart: a judge weighs a result by it."""
    bare = msgspec.structs.replace(TARGET, id="s/web/a.example/4", addresses=())
    tasks = Tasks(msgspec.structs.replace(ASSIGNMENT, targets=(TARGET, bare)), Device(secret=b"s"))

    def source(target: Target = bare, now: float = 60.0) -> tuple[AddressSource, float | None]:
        task = tasks.task(target, 4, Experiment.TLS, 0, now)
        return task.address_source, task.address_age

    assert source(TARGET) == (AddressSource.ASSIGNED, None)
    assert source() == (AddressSource.UNKNOWN, None)
    tasks.learn(bare, ("8.8.8.8", "192.168.1.1"), 0.0)
    assert source() == (AddressSource.UNPROVEN, 60.0)
    tasks.prove(bare, "8.8.8.8", 30.0)
    assert source() == (AddressSource.PROVEN, 30.0)
    later = Tasks(tasks.assignment, Device(secret=b"s"))
    later.restore(tasks.kept())
    assert later.task(bare, 4, Experiment.TLS, 0, 60.0).address_source is AddressSource.KEPT
    elsewhere = Tasks(tasks.assignment, Device(secret=b"s", lan=("8.8.8.0/24",)))
    elsewhere.restore(tasks.kept())
    assert elsewhere.addresses(bare, 4) == ()
