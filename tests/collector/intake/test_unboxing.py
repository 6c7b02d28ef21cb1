"""Boxes and carriers: whatever is in them is decided about as if it had come alone, and nothing hostile explodes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.fleet.members import Fleet
from balise_collector.intake.unboxing import Letter, letters
from balise_collector.intake.validate import Accepted, Quarantined
from balise_collector.system.identity import box_key
from balise_wire.box import Boxer, Opener, private_key, public_hex
from balise_wire.envelope import MAX_BODY_BYTES, Kind
from balise_wire.status import Event, EventKind
from balise_wire.topics import Leaf, ProbeTopic
from tests.collector.field_probe import FieldProbe

NOW = 1_589_733_100.0
OURS = private_key(bytes(range(32)))
BOXER = Boxer(public_hex(OURS.public_key()))
OPENER = Opener([OURS])


def read(probe: FieldProbe, payload: bytes, fleet: Fleet) -> list[Letter]:
    """Return every letter of a delivery on the topic of measurements."""
    return list(letters(ProbeTopic(probe.id, Leaf.MEASUREMENT), payload, fleet, NOW, OPENER))


def carrier(probe: FieldProbe, *frames: bytes, **changes: Any) -> bytes:
    """Return a boxed carrier around frames."""
    body = msgspec.json.encode([base64.b64encode(frame).decode() for frame in frames])
    return BOXER.box(probe.seal(probe.envelope(body, kind=Kind.CARRIED, **changes)))


def test_a_boxed_batch_is_what_was_signed(probe: FieldProbe, fleet: Fleet) -> None:
    """It is read like a bare one, and what the journal keeps is the frame that verifies without any secret."""
    frame = probe.batch(probe.measurement(), probe.measurement())
    for payload in (frame, BOXER.box(frame, 1)):
        (letter,) = read(probe, payload, fleet)
        assert letter.frame == frame
        assert isinstance(letter.outcome, Accepted)
        assert len(letter.outcome.measurements) == 2


def test_the_key_follows_from_the_collectors_own(probe: FieldProbe) -> None:
    """One secret is kept and restored; a backup of an earlier version has it."""
    assert public_hex(box_key(probe.key).public_key()) == public_hex(
        private_key(probe.key.private_bytes_raw()).public_key()
    )


def test_a_box_for_another_collector_is_kept_and_owed_nothing(probe: FieldProbe, fleet: Fleet) -> None:
    """Nobody here can say what is in it: it is no reason for the probe to forget it."""
    other = Boxer(public_hex(private_key(bytes(32)).public_key()))
    payload = other.box(probe.batch(probe.measurement()))
    (letter,) = read(probe, payload, fleet)
    assert isinstance(letter.outcome, Quarantined)
    assert (letter.outcome.envelope, letter.outcome.raw) == (None, payload)
    assert "another collector" in letter.outcome.reason


def test_a_carrier_brings_batches_of_both_kinds_in_order(probe: FieldProbe, fleet: Fleet) -> None:
    """The carrier has the sequence; what it carried is in no stream, whatever it says."""
    event = msgspec.json.encode([Event(kind=EventKind.STARTED, at=NOW)])
    parts = [
        probe.batch(probe.measurement(), sequence=0, historical=True),
        BOXER.box(probe.seal(probe.envelope(event, kind=Kind.EVENT, sequence=0))),
        BOXER.box(probe.batch(probe.measurement(), stream="given up", sequence=77, oldest=70)),
    ]
    found = read(probe, carrier(probe, *parts, sequence=9), fleet)
    outcomes = [letter.outcome for letter in found if isinstance(letter.outcome, Accepted)]
    assert [(one.envelope.kind, one.envelope.sequence, one.envelope.stream) for one in outcomes] == [
        (Kind.CARRIED, 9, probe.stream),
        (Kind.MEASUREMENT, 0, ""),
        (Kind.EVENT, 0, ""),
        (Kind.MEASUREMENT, 0, ""),
    ]
    assert [len(one.measurements) + len(one.events) for one in outcomes] == [0, 1, 1, 1]
    assert found[1].frame == parts[0]


def test_one_bad_part_costs_itself(probe: FieldProbe, fleet: Fleet, make_probe: Callable[..., FieldProbe]) -> None:
    """Noise, another probe's batch, a box that does not open: each has its reason, and the others enter."""
    damaged = bytearray(BOXER.box(probe.batch(probe.measurement())))
    damaged[-1] ^= 1
    stranger = make_probe(id="another0")
    parts = [
        b"noise", bytes(damaged), stranger.batch(stranger.measurement()), probe.batch(probe.measurement()), b"",
    ]  # fmt: skip
    outcomes = [letter.outcome for letter in read(probe, carrier(probe, *parts), fleet)]
    assert [isinstance(one, Accepted) for one in outcomes] == [True, False, False, False, True, False]
    assert all(one.reason for one in outcomes if isinstance(one, Quarantined))


def test_carriers_within_carriers_end(probe: FieldProbe, fleet: Fleet) -> None:
    """What was passed on twice is read; a probe that nests for ever is not followed."""
    nested = BOXER.box(probe.batch(probe.measurement()))
    for depth in range(1, 9):
        nested = carrier(probe, nested)
        outcomes = [letter.outcome for letter in read(probe, nested, fleet)]
        arrived = sum(len(one.measurements) for one in outcomes if isinstance(one, Accepted))
        assert arrived == (1 if depth <= 4 else 0)
        assert len(outcomes) <= 6


def test_a_carrier_full_of_bombs_does_not_go_off(probe: FieldProbe, fleet: Fleet) -> None:
    """256 frames of 4 MiB of blanks in a few KB: at most 16 MiB of all of it are ever unpacked."""
    bomb = probe.seal(probe.envelope(b"[" + b" " * (MAX_BODY_BYTES - 1000) + b"]", sequence=0))
    found = read(probe, carrier(probe, *[bomb] * 256), fleet)
    unpacked = sum(isinstance(letter.outcome, Accepted) for letter in found[1:])
    assert len(found) == 257
    assert unpacked <= 4


def test_too_many_frames_are_quarantined_whole_but_owed_a_receipt(probe: FieldProbe, fleet: Fleet) -> None:
    """As with too many measurements: it is kept here, and need not come again."""
    (letter,) = read(probe, carrier(probe, *[b"x"] * 257, sequence=4), fleet)
    assert isinstance(letter.outcome, Quarantined)
    assert letter.outcome.envelope is not None
    assert letter.outcome.envelope.sequence == 4


@given(body=st.recursive(st.none() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=4)))
def test_a_signed_carrier_of_any_json_never_raises(body: Any) -> None:
    """A hostile probe's carrier, which holds anything, gets its reasons."""
    probe = _PROBE
    frame = probe.seal(probe.envelope(msgspec.json.encode(body), kind=Kind.CARRIED))
    for letter in read(probe, BOXER.box(frame), Fleet.of([probe.member])):
        assert isinstance(letter.outcome, Accepted) or letter.outcome.reason


@pytest.fixture(scope="module", autouse=True)
def _known(make_module_probe: Callable[..., FieldProbe]) -> None:
    """One probe for every example: keys are slow to make."""
    global _PROBE  # noqa: PLW0603 - hypothesis and fixtures of a function do not go together
    _PROBE = make_module_probe()


_PROBE: Any = None
