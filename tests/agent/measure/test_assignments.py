"""Whatever arrives on the assignment's topic, signed or not, ends as notices: never as a crash or a silent task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.measure.assignments import Assignments
from balise_agent.policy.limits import Limits
from balise_agent.system.errors import ConfigError
from balise_agent.system.identity import Identity, ephemeral
from balise_wire import SCHEMA
from balise_wire.assignment import Assignment, Target
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.seal import Sealer
from balise_wire.status import EventKind
from balise_wire.words import TargetRole

PROBE = "k7m2q9xd"
NOW = 1_700_000_000.0
COLLECTOR = ephemeral()


def keeper(folder: Path) -> Assignments:
    """Return a keeper with nothing in force."""
    return Assignments(
        folder / "assignment.sealed",
        collector=COLLECTOR.key.public_key(),
        probe=PROBE,
        allowed=Limits(laboratory=("198.18.0.0/15",)),
    )


def sealed(
    body: bytes,
    *,
    kind: Kind = Kind.ASSIGNMENT,
    signer: Identity = COLLECTOR,
    probe: str = PROBE,
    schema: int = SCHEMA,
) -> bytes:
    """Seal any JSON as if it were an assignment."""
    envelope = Envelope(kind=kind, id="0" * 32, probe=probe, sent_at=NOW, body=msgspec.Raw(body), schema=schema)
    return Sealer(signer.key).seal(encode_envelope(envelope))


def task(version: int = 1, **changes: Any) -> Assignment:
    """Return a good assignment."""
    target = Target(
        id="t/web/a.example/4", service="t", role=TargetRole.WEB, host="a.example", addresses=("198.18.1.1",)
    )
    return Assignment(**{"version": version, "catalogue": "c", "expires": NOW + 1e6, "targets": (target,), **changes})


NUMBERS = st.integers(-(2**65), 2**65) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=20)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
FIELDS = st.dictionaries(st.sampled_from([*Assignment.__struct_fields__, "strange"]), JSON, max_size=4)


@pytest.mark.slow
@given(changes=FIELDS)
def test_signed_nonsense_is_a_notice(changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """A collector with a bug, or a stolen key, cannot crash a probe."""
    good = msgspec.to_builtins(task())
    assignments = keeper(tmp_path_factory.mktemp("state"))
    notices = assignments.offer(sealed(msgspec.json.encode({**good, **changes})), NOW)
    assert {notice.kind for notice in notices} <= set(EventKind)
    assert (assignments.current is not None) == any(n.kind is EventKind.ASSIGNMENT_ACCEPTED for n in notices)


@given(frame=st.binary(max_size=300))
def test_unsigned_bytes_are_a_notice(frame: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever the broker lets through."""
    assignments = keeper(tmp_path_factory.mktemp("state"))
    assert [notice.kind for notice in assignments.offer(frame, NOW)] == [EventKind.ASSIGNMENT_REFUSED]
    assert assignments.current is None


def test_the_accepted_one_is_stored_as_it_was_sealed(tmp_path: Path) -> None:
    """Byte for byte, so that it can be verified at each start; a refused one leaves it alone."""
    assignments = keeper(tmp_path)
    frame = sealed(msgspec.json.encode(task(2)))
    assignments.offer(frame, NOW)
    assignments.offer(sealed(msgspec.json.encode(task(1))), NOW)
    assignments.offer(sealed(msgspec.json.encode(task(9, expires=NOW - 1.0))), NOW)
    assert (tmp_path / "assignment.sealed").read_bytes() == frame
    again = keeper(tmp_path)
    assert again.restore(NOW) == ()
    assert again.current == assignments.current


HALTS: list[dict[str, Any]] = [
    {"targets": [{"role": "holodeck"}, None, 7]},
    {"targets": "everything", "controls": {"a": 1}, "timetable": [], "budget": "none"},
    {"expires": NOW - 1e6},
    {"expires": None, "catalogue": 7},
    {"expires": "never", "public_resolvers": [["x"]], "strange": {"deep": [[[]]]}},
    {"targets": [{}] * 3000},
]


@pytest.mark.parametrize("junk", HALTS, ids=" ".join)
@pytest.mark.parametrize("halt", ["an election", True, {"reason": "an election"}, 1])
def test_a_halt_holds_whatever_else_the_message_is(junk: dict[str, Any], halt: Any, tmp_path: Path) -> None:
    """The head is obeyed before anything else is read: no word of tomorrow and no wrong type voids the kill switch."""
    assignments = keeper(tmp_path)
    assignments.offer(sealed(msgspec.json.encode(task(4))), NOW)
    whole = {**msgspec.to_builtins(task(5)), **junk, "halt": halt}
    told = assignments.offer(sealed(msgspec.json.encode(whole)), NOW)
    assert [(notice.kind, notice.detail) for notice in told] == [(EventKind.ASSIGNMENT_ACCEPTED, "version 5: stop")]
    assert assignments.current is not None
    assert assignments.current.halt
    assert not assignments.current.targets
    again = keeper(tmp_path)
    again.restore(NOW)
    assert again.current == assignments.current, "it holds after a restart"
    assert again.offer(sealed(msgspec.json.encode(task(6))), NOW)[0].detail == "version 6: 1 of 1 targets"


def test_a_halt_in_a_message_without_anything_else_holds(tmp_path: Path) -> None:
    """Version and reason are enough; a message without a version can be ordered nowhere and changes nothing."""
    assignments = keeper(tmp_path)
    assert assignments.offer(sealed(b'{"halt":"x"}'), NOW)[0].kind is EventKind.ASSIGNMENT_REFUSED
    assert assignments.offer(sealed(b'{"version":1,"halt":"x"}'), NOW)[0].detail == "version 1: stop"


def test_what_is_not_understood_is_left_out_and_told(tmp_path: Path) -> None:
    """A catalogue with a word of tomorrow costs one target of an older probe, not its whole task."""
    good = msgspec.to_builtins(task(3))
    whole = {**good, "targets": [*good["targets"], {**good["targets"][0], "id": "new", "role": "holodeck"}]}
    assignments = keeper(tmp_path)
    told = [(notice.kind, notice.detail) for notice in assignments.offer(sealed(msgspec.json.encode(whole)), NOW)]
    assert told == [
        (EventKind.ASSIGNMENT_ACCEPTED, "version 3: 1 of 1 targets; 1 not understood"),
        (EventKind.TARGET_REFUSED, "new: not understood: a word of role is newer than this software"),
    ]
    assert assignments.current is not None
    assert assignments.current.targets == task().targets


def test_of_another_schema_only_the_halt_is_obeyed(tmp_path: Path) -> None:
    """Where an old reader could misread the words (docs/wire.md, law 3) nothing is measured by them."""
    assignments = keeper(tmp_path)
    assignments.offer(sealed(msgspec.json.encode(task(1))), NOW)
    told = assignments.offer(sealed(msgspec.json.encode(task(2)), schema=2), NOW)
    refused = "version 2: schema 2 where this program reads 1; update it"
    assert [(notice.kind, notice.detail) for notice in told] == [(EventKind.ASSIGNMENT_REFUSED, refused)]
    assert assignments.current == task(1)
    told = assignments.offer(sealed(msgspec.json.encode(task(3, halt="an election")), schema=2), NOW)
    assert [notice.detail for notice in told] == ["version 3: stop"]
    by_hand = tmp_path / "by_hand"
    by_hand.write_bytes(sealed(msgspec.json.encode(task()), schema=2))
    with pytest.raises(ConfigError, match="schema 2 where this program reads 1"):
        assignments.read(by_hand, NOW)


def test_a_message_of_another_kind_is_no_assignment(tmp_path: Path) -> None:
    """A receipt that the collector signed, replayed on the assignment's topic."""
    told = keeper(tmp_path).offer(sealed(msgspec.json.encode(task()), kind=Kind.RECEIPT), NOW)
    assert [notice.kind for notice in told] == [EventKind.ASSIGNMENT_REFUSED]


def test_a_full_disk_costs_the_memory_of_it_not_the_measuring(tmp_path: Path) -> None:
    """Accepted and in force, with a line in the log."""
    assignments = keeper(tmp_path / "nowhere")
    told = assignments.offer(sealed(msgspec.json.encode(task())), NOW)
    assert told[0].kind is EventKind.ASSIGNMENT_ACCEPTED
    assert assignments.current is not None


def test_a_person_may_read_plain_or_sealed_files(tmp_path: Path) -> None:
    """``plan --day --assignment`` takes what the collector sealed for this probe, and JSON written by hand."""
    plain, frame, foreign = tmp_path / "plain.json", tmp_path / "sealed", tmp_path / "foreign"
    plain.write_bytes(msgspec.json.encode(task()))
    frame.write_bytes(sealed(msgspec.json.encode(task())))
    foreign.write_bytes(sealed(msgspec.json.encode(task()), probe="another1"))
    assert keeper(tmp_path).read(plain, NOW) == keeper(tmp_path).read(frame, NOW)
    with pytest.raises(ConfigError, match="not an assignment for this probe"):
        keeper(tmp_path).read(foreign, NOW)
    with pytest.raises(ConfigError, match="refused: expired"):
        keeper(tmp_path).read(plain, NOW + 1e7)
    with pytest.raises(ConfigError, match="No such file"):
        keeper(tmp_path).read(tmp_path / "none", NOW)
