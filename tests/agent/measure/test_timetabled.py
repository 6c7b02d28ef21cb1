"""Places in the agenda: one for each experiment of a target, and for each address where references walk through all."""

from __future__ import annotations

import msgspec

from balise_agent.measure.entry import ADDRESSES_A_SLOT
from balise_agent.measure.timetabled import places
from balise_wire.assignment import Assignment, Budget, Target, Timetable
from balise_wire.words import Experiment, TargetRole

ADDRESSES = tuple(f"198.18.0.{n}" for n in range(1, 5))


def assignment(*names: str, addresses: tuple[str, ...] = ADDRESSES[:1], **figures: object) -> Assignment:
    """Return an assignment of endpoints of one service."""
    targets = tuple(
        Target(id=f"s/web/{name}/4", service="s", role=TargetRole.WEB, host=name, addresses=addresses) for name in names
    )
    timetable = msgspec.convert(figures, Timetable)
    return Assignment(version=1, catalogue="c", expires=9e9, targets=targets, timetable=timetable)


def test_endpoints_of_a_service_take_turns() -> None:
    """In each experiment, in the order of their ids."""
    found = list(places(assignment("b.example", "a.example", "c.example")))
    hellos = [entry for entry in found if entry.word is Experiment.TLS]
    assert [(entry.target.host, entry.turn.place, entry.turn.of) for entry in hellos] == [
        ("a.example", 0, 3),
        ("b.example", 1, 3),
        ("c.example", 2, 3),
    ]
    assert len({entry.turn.group for entry in found}) == 3


def test_a_probe_has_one_place_for_all_addresses() -> None:
    """It tests one a day."""
    found = list(places(assignment("a.example", addresses=ADDRESSES)))
    assert {entry.address for entry in found} == {""}


def test_a_reference_has_a_place_for_each() -> None:
    """Names are asked once; addresses each, a few in a slot."""
    found = list(places(assignment("a.example", addresses=ADDRESSES, all_addresses=True)))
    by_word = {word: [entry for entry in found if entry.word is word] for word in (Experiment.DNS, Experiment.TLS)}
    assert [entry.address for entry in by_word[Experiment.DNS]] == [""]
    assert [entry.address for entry in by_word[Experiment.TLS]] == list(ADDRESSES)
    every = by_word[Experiment.TLS][0].every(Timetable(), Budget(), 0.0)
    assert every == -(-len(ADDRESSES) // ADDRESSES_A_SLOT)
    assert len({entry.key for entry in found}) == len(found)
