"""What a probe is too old for is left out of its assignment, and only its own word confirms a halt or its end."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.fleet.assignment import Issued, due, stopped
from balise_collector.fleet.orders import NOTHING, Able, Order, Taken, trimmed, within
from balise_wire import skills
from balise_wire.assignment import Assignment, Control, Target
from balise_wire.words import Experiment, Scope, TargetRole

NOW = 1_589_733_000.0
TODAY = Able(skills=frozenset(skills.skills((Experiment.DNS, Experiment.TCP, Experiment.TLS, Experiment.HTTP))))


def target(name: str, role: TargetRole = TargetRole.WEB, *experiments: Experiment) -> Target:
    """Return a target."""
    return Target(id=name, service="s", role=role, host=f"{name}.example", experiments=experiments or (Experiment.TLS,))


TASK = Assignment(
    version=0,
    catalogue="c",
    expires=0.0,
    targets=(target("a"), target("b", TargetRole.API, Experiment.TLS, Experiment.PATH), target("c", TargetRole.CHAT)),
    controls=(Control(name="one.example", addresses=()), Control(name="two.example", addresses=())),
)


def without(*words: str) -> Able:
    """Return what a probe can do that lacks some words."""
    return Able(skills=TODAY.skills - set(words))


def test_a_probe_that_can_do_all_is_asked_for_all() -> None:
    """Nothing is left out for a skill that it has."""
    able = Able(skills=TODAY.skills | {"experiment:path"})
    assert within(TASK, able) == (TASK, {})


@pytest.mark.parametrize("able", [None, Able()])
def test_a_probe_that_tells_nothing_is_given_the_words_of_the_first_version(able: Able | None) -> None:
    """It reads the whole message or nothing: one word too many would void its task, so none goes there."""
    task, left_out = within(TASK, able)
    assert task.targets[1].experiments == (Experiment.TLS,)
    assert left_out == {"experiment:path": 1}
    words = {*(t.role for t in task.targets), *(e for t in task.targets for e in t.experiments)}
    assert {skills.skill(word) for word in words} <= skills.FIRST


def test_each_kind_of_word_is_left_out_and_counted() -> None:
    """A role costs its targets, a scope its controls, the last experiment of a target that target."""
    task, left_out = within(TASK, without("role:chat"))
    assert [one.id for one in task.targets] == ["a", "b"]
    assert left_out == {"experiment:path": 1, "role:chat": 1}
    task, left_out = within(TASK, without("scope:international"))
    assert task.controls == ()
    assert left_out["scope:international"] == 2
    task, left_out = within(TASK, without("experiment:tls"))
    assert task.targets == ()
    assert left_out == {"experiment:tls": 3, "experiment:path": 1}


def test_a_task_is_never_larger_than_probes_take() -> None:
    """One target too many would void the whole task of every probe; what is above is left out, and told."""
    many = msgspec.structs.replace(TASK, targets=tuple(target(f"t{n}") for n in range(507)))
    task, left_out = within(many, TODAY)
    assert [one.id for one in task.targets] == [f"t{n}" for n in range(500)]
    assert left_out == {"more than 500 targets": 7}


def test_the_first_versions_words_are_never_changed() -> None:
    """They are what probes of commit a430c09 can decode; what came since is no part of them."""
    assert len(skills.FIRST) == 19
    assert {f"role:{role}" for role in TargetRole.known()} >= {one for one in skills.FIRST if one.startswith("role:")}
    assert {f"scope:{scope}" for scope in Scope.known()} >= {one for one in skills.FIRST if one.startswith("scope:")}
    assert not skills.FIRST & set(skills.FEATURES)


def test_what_a_probe_tells_is_bounded() -> None:
    """A probe that went mad fills no row: so many words, so long, plain ones."""
    told = trimmed(("experiment:tls", "x" * 1000, "a\nb", "\u202e", *(f"w{n}" for n in range(5000))))
    assert "experiment:tls" in told
    assert len(told) <= skills.MOST
    assert all(len(word) <= skills.LONGEST and word.isprintable() for word in told)


def test_the_skills_of_this_version_fit_what_is_kept() -> None:
    """Every word that our own probes tell survives."""
    told = skills.skills(Experiment.known())
    assert trimmed(told) == frozenset(told)


# ---------------------------------------------------------------- confirmations


def order(issued: Issued, taken: Taken | None) -> Order:
    """Return an order as the registry makes it."""
    return Order(version=issued.version, halted=issued.halted, turned=issued.turned, taken=taken)


def test_only_what_was_taken_up_since_the_turn_confirms() -> None:
    """Through a halt, a second reason, a lift and another halt: an acceptance of the time before never counts."""
    issued = Issued()
    history: list[Issued] = []
    for halt in ("", "one", "another reason", "", "", "again"):
        task = stopped("c", halt, 300) if halt else TASK
        asked = msgspec.structs.replace(task, catalogue=f"{len(history)}")
        following = due(asked, issued, NOW)
        assert following is not None
        history.append(issued := following)
    assert [(one.version, one.halted, one.turned) for one in history] == [
        (1, False, 1), (2, True, 2), (3, True, 2), (4, False, 4), (5, False, 4), (6, True, 6),
    ]  # fmt: skip
    for now in history:
        for then in history[: now.version]:
            confirmed = order(now, Taken(version=then.version, halted=then.halted, at=NOW)).confirmed
            assert confirmed is (then.version >= now.turned), (now, then)


def test_no_word_is_no_confirmation() -> None:
    """Neither silence nor a word of the other kind."""
    halt = Issued(version=7, halted=True, turned=6)
    assert not order(halt, None).confirmed
    assert not order(halt, Taken(version=7, halted=False, at=NOW)).confirmed
    assert not NOTHING.confirmed


def test_what_is_left_out_is_kept_with_the_assignment() -> None:
    """The same task with another lack is issued anew, so that what the fleet's page says is what was issued."""
    first = due(TASK, Issued(), NOW, {"experiment:path": 1})
    assert first is not None
    assert first.left_out == {"experiment:path": 1}
    assert due(TASK, first, NOW, {"experiment:path": 1}) is None
    assert due(TASK, first, NOW, {}) is not None
