"""What may enter: hostile envelopes, topics and batches never crash it and never cost a good measurement."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from balise_collector.fleet.members import Fleet, Member
from balise_collector.intake.validate import Accepted, Limits, Quarantined, Spoken, read_state, validate
from balise_wire.envelope import MAX_BATCH_BYTES, MAX_BODY_BYTES, Kind, encode_envelope
from balise_wire.measurement import Network
from balise_wire.seal import HEADER, Sealer
from balise_wire.status import EventKind, State
from balise_wire.topics import Leaf, ProbeTopic
from balise_wire.words import ClockState, Lifecycle
from tests.collector.field_probe import FieldProbe

settings_of_fuzz = settings.get_profile("balise-fuzz")
NOW = 1_589_733_000.0

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
topics = st.builds(ProbeTopic, st.sampled_from(["k7m2q9xd", "stranger"]), st.sampled_from(Leaf))


@pytest.fixture(scope="module")
def known(make_module_probe: Callable[[], FieldProbe]) -> FieldProbe:
    """One probe for a whole module: keys are slow to make, and no example changes it."""
    return make_module_probe()


@pytest.fixture(scope="module")
def known_fleet(known: FieldProbe) -> Fleet:
    """Return a fleet of that probe alone."""
    return Fleet.of([known.member])


@pytest.fixture(scope="module")
def good_frame(known: FieldProbe) -> bytes:
    """One sealed batch; sealing anew for each example would make the examples differ by chance."""
    frame: bytes = known.batch(known.measurement())
    return frame


# ---------------------------------------------------------------- hostile input


@given(topic=topics, payload=st.binary(max_size=300))
@settings(settings_of_fuzz)
def test_noise_is_quarantined_with_a_reason(known_fleet: Fleet, topic: ProbeTopic, payload: bytes) -> None:
    """Whatever bytes come on whatever topic of a probe: a reason, never an exception."""
    outcome = validate(topic, payload, known_fleet, NOW)
    assert isinstance(outcome, Quarantined)
    assert outcome.reason
    assert isinstance(read_state(topic, payload, known_fleet), Quarantined) or topic.leaf is Leaf.STATE


@given(data=st.data())
@settings(settings_of_fuzz)
def test_a_damaged_frame_is_refused(
    known: FieldProbe, known_fleet: Fleet, good_frame: bytes, data: st.DataObject
) -> None:
    """One changed byte anywhere in a sealed frame is noticed: the signature covers header and payload."""
    frame = bytearray(good_frame)
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    assert isinstance(validate(ProbeTopic(known.id, Leaf.MEASUREMENT), bytes(frame), known_fleet, NOW), Quarantined)


@given(body=json_values)
@settings(settings_of_fuzz)
def test_a_signed_body_of_any_json_never_raises(known: FieldProbe, known_fleet: Fleet, body: Any) -> None:
    """An approved probe that went mad sends any JSON at all under a good signature: it is sorted, not believed."""
    envelope = known.envelope(json.dumps(body, allow_nan=True).encode())
    outcome = validate(ProbeTopic(known.id, Leaf.MEASUREMENT), known.seal(envelope), known_fleet, NOW)
    if isinstance(outcome, Accepted):
        assert not outcome.measurements
        assert len(outcome.rejected) == (len(body) if isinstance(body, list) else 0)


@pytest.mark.slow
@given(
    changes=st.dictionaries(
        st.sampled_from(
            [
                "schema",
                "kind",
                "id",
                "probe",
                "stream",
                "session",
                "sequence",
                "sent_at",
                "clock_state",
                "historical",
                "body",
            ]
        ),
        json_values,
        max_size=4,
    )
)
@settings(settings_of_fuzz)
def test_a_signed_envelope_of_any_fields_never_raises(
    known: FieldProbe, known_fleet: Fleet, changes: dict[str, Any]
) -> None:
    """Any field of the envelope may hold anything; it is accepted only when it still says who, what and where."""
    honest = msgspec.to_builtins(msgspec.json.decode(msgspec.json.encode(known.envelope(b"[]"))))
    frame = Sealer(known.key).seal(json.dumps({**honest, **changes}).encode())
    outcome = validate(ProbeTopic(known.id, Leaf.MEASUREMENT), frame, known_fleet, NOW)
    if isinstance(outcome, Accepted):
        assert outcome.envelope.probe == known.id
        assert outcome.envelope.kind is Kind.MEASUREMENT


@pytest.mark.slow
@given(
    hostile=st.lists(json_values, max_size=6),
    good=st.integers(1, 5),
    order=st.randoms(use_true_random=False),
)
@settings(settings_of_fuzz)
def test_no_good_measurement_is_lost_beside_bad_ones(
    known: FieldProbe, known_fleet: Fleet, hostile: list[Any], good: int, order: Any
) -> None:
    """Every good measurement of a batch is accepted in its place, every bad item rejected with its reason and bytes."""
    measurements = [known.measurement() for _ in range(good)]
    items = [(m.id, json.loads(msgspec.json.encode(m))) for m in measurements] + [("", item) for item in hostile]
    order.shuffle(items)
    body = json.dumps([item for _, item in items]).encode() if not _has_nan(hostile) else None
    if body is None:
        return
    outcome = validate(ProbeTopic(known.id, Leaf.MEASUREMENT), known.seal(known.envelope(body)), known_fleet, NOW)
    assert isinstance(outcome, Accepted)
    assert [(place, m.id) for place, m in outcome.measurements] == [(n, id) for n, (id, _) in enumerate(items) if id]
    assert len(outcome.rejected) == len(hostile)
    assert all(rejection.reason and rejection.raw for rejection in outcome.rejected)


def _has_nan(values: list[Any]) -> bool:
    """JSON has no NaN: Python writes one, and then the whole body is no JSON."""
    text = json.dumps(values)
    return "NaN" in text or "Infinity" in text


@given(field=st.sampled_from(["started", "ended"]), value=st.floats(allow_nan=True, allow_infinity=True))
@settings(settings_of_fuzz)
def test_no_measurement_with_absurd_times_is_believed(
    known: FieldProbe, known_fleet: Fleet, field: str, value: float
) -> None:
    """What is accepted lies within the bounds around the receive time, and lasted a believable while."""
    body = json.loads(msgspec.json.encode([known.measurement()]))
    body[0][field] = value
    outcome = validate(
        ProbeTopic(known.id, Leaf.MEASUREMENT), known.seal(known.envelope(json.dumps(body).encode())), known_fleet, NOW
    )
    limits = Limits()
    for _, measurement in outcome.measurements if isinstance(outcome, Accepted) else ():
        assert NOW - limits.past <= measurement.started <= NOW + limits.future
        assert 0.0 <= measurement.ended - measurement.started <= limits.lasting


def test_deep_nesting_is_refused(known: FieldProbe, known_fleet: Fleet) -> None:
    """A hundred thousand brackets end in a reason, not in a recursion error."""
    body = b"[" * 100_000 + b"]" * 100_000
    assert isinstance(
        validate(ProbeTopic(known.id, Leaf.MEASUREMENT), known.seal(known.envelope(body)), known_fleet, NOW),
        Quarantined,
    )


def test_a_decompression_bomb_is_refused_before_memory_is_taken(known: FieldProbe, known_fleet: Fleet) -> None:
    """A frame that unpacks to more than the bound is refused by its declared size."""
    frame = known.seal(known.envelope(b'["' + b"a" * (MAX_BODY_BYTES + 10) + b'"]'))
    assert len(frame) < MAX_BATCH_BYTES
    outcome = validate(ProbeTopic(known.id, Leaf.MEASUREMENT), frame, known_fleet, NOW)
    assert isinstance(outcome, Quarantined)
    assert "allowed" in outcome.reason


def test_an_undeclared_size_is_refused(known: FieldProbe, known_fleet: Fleet) -> None:
    """A signed zstd frame that hides its size is refused: our sealer never makes one."""
    honest = known.batch(known.measurement())
    hidden = zstandard.ZstdCompressor(write_content_size=False).compress(b"{}")
    signed = honest[:13] + known.key.sign(b"balise/v1\0" + honest[:13] + hidden) + hidden
    assert len(signed) > HEADER
    assert isinstance(validate(ProbeTopic(known.id, Leaf.MEASUREMENT), signed, known_fleet, NOW), Quarantined)


# ---------------------------------------------------------------- who speaks


def test_topic_envelope_and_key_must_be_one_probe(make_probe: Callable[..., FieldProbe]) -> None:
    """Topic's probe, envelope's probe and approved key are the same probe, or nothing enters."""
    one, other = make_probe(id="probe0001"), make_probe(id="probe0002")
    fleet = Fleet.of([one.member, other.member])
    good = one.batch(one.measurement())
    assert isinstance(validate(ProbeTopic(one.id, Leaf.MEASUREMENT), good, fleet, NOW), Accepted)
    assert "signed by another key" in _reason(validate(ProbeTopic(other.id, Leaf.MEASUREMENT), good, fleet, NOW))
    foreign = other.batch(other.measurement(), probe=one.id)
    assert "on the topic of" in _reason(validate(ProbeTopic(other.id, Leaf.MEASUREMENT), foreign, fleet, NOW))
    assert "not approved" in _reason(validate(ProbeTopic(one.id, Leaf.MEASUREMENT), good, Fleet(), NOW))


def test_a_revoked_probe_is_refused(probe: FieldProbe) -> None:
    """After `fleet revoke` nothing of that probe enters."""
    fleet = Fleet.of([msgspec.structs.replace(probe.member, revoked=True)])
    assert "revoked" in _reason(
        validate(ProbeTopic(probe.id, Leaf.MEASUREMENT), probe.batch(probe.measurement()), fleet, NOW)
    )


def test_the_size_is_checked_before_the_signature(known: FieldProbe, known_fleet: Fleet) -> None:
    """A message above the limit is not even opened."""
    assert "allowed" in _reason(
        validate(ProbeTopic(known.id, Leaf.MEASUREMENT), b"BLS1" + b"\0" * MAX_BATCH_BYTES, known_fleet, NOW)
    )


def test_a_probe_in_another_country_is_rejected_with_the_mend(known: FieldProbe, known_fleet: Fleet) -> None:
    """The registry's country holds: a probe that moved is not believed until the operator says so."""
    moved = known.measurement(network=Network(country="DE", asn=64500))
    outcome = validate(
        ProbeTopic(known.id, Leaf.MEASUREMENT), known.batch(moved, known.measurement()), known_fleet, NOW
    )
    assert isinstance(outcome, Accepted)
    assert len(outcome.measurements) == 1
    assert "fleet approve" in outcome.rejected[0].reason


def _reason(outcome: Accepted | Quarantined) -> str:
    assert isinstance(outcome, Quarantined)
    return outcome.reason


# ---------------------------------------------------------------- words of tomorrow


def test_an_observation_of_tomorrow_costs_itself(known: FieldProbe, known_fleet: Fleet) -> None:
    """The measurement enters with what is known of it, beside its neighbours; the operator can be told of the rest."""
    new = msgspec.to_builtins(known.measurement())
    new["observations"] = [*new["observations"], {"is": "ticc", "arm": "subject", "at": NOW}]
    body = msgspec.json.encode([msgspec.to_builtins(known.measurement()), new])
    outcome = validate(ProbeTopic(known.id, Leaf.MEASUREMENT), known.seal(known.envelope(body)), known_fleet, NOW)
    assert isinstance(outcome, Accepted)
    assert [len(measurement.observations) for _, measurement in outcome.measurements] == [1, 1]
    assert (outcome.rejected, outcome.newer) == ((), frozenset({"observation 'ticc'"}))


def test_an_event_of_tomorrow_costs_nothing_else(known: FieldProbe, known_fleet: Fleet) -> None:
    """It is kept with its word; one that is broken costs itself."""
    body = (
        b'[{"kind":"halted","at":1.0},{"kind":"sauna_on","at":2.0,"detail":"hot"},{"kind":5},{"kind":"started","at":3}]'
    )
    frame = known.seal(known.envelope(body, kind=Kind.EVENT))
    outcome = validate(ProbeTopic(known.id, Leaf.EVENT), frame, known_fleet, NOW)
    assert isinstance(outcome, Accepted)
    assert [event.kind for event in outcome.events] == [EventKind.HALTED, EventKind.UNKNOWN, EventKind.STARTED]
    assert outcome.events[1].detail == "sauna_on: hot"
    assert [rejection.index for rejection in outcome.rejected] == [2]
    assert outcome.newer == {"event 'sauna_on'"}


def test_words_of_tomorrow_in_the_envelope_cost_no_batch(known: FieldProbe, known_fleet: Fleet) -> None:
    """An unknown clock state vouches for nothing; an unknown kind is kept and receipted, so that the queue goes on."""
    plain = msgspec.json.decode(encode_envelope(known.envelope(msgspec.json.encode([known.measurement()]))))
    frame = Sealer(known.key).seal(msgspec.json.encode({**plain, "clock_state": "quantum"}))
    outcome = validate(ProbeTopic(known.id, Leaf.MEASUREMENT), frame, known_fleet, NOW)
    assert isinstance(outcome, Accepted)
    assert outcome.envelope.clock_state is ClockState.UNKNOWN
    assert len(outcome.measurements) == 1
    kept = validate(
        ProbeTopic(known.id, Leaf.MEASUREMENT),
        Sealer(known.key).seal(msgspec.json.encode({**plain, "kind": "hologram"})),
        known_fleet,
        NOW,
    )
    assert isinstance(kept, Quarantined)
    assert "newer than this collector" in kept.reason
    assert kept.envelope is not None


# ---------------------------------------------------------------- time


def test_a_board_that_woke_in_1970_is_believed_while_live(known: FieldProbe, known_fleet: Fleet) -> None:
    """A board without a clock battery measures in 1970; sent live it is corrected, sent late it cannot be."""
    early = known.measurement(100.0)
    live = known.batch(early, sent_at=130.0, clock_state=ClockState.UNSYNCED)
    late = known.batch(early, sent_at=130.0, clock_state=ClockState.UNSYNCED, historical=True)
    accepted, rejected = (
        validate(ProbeTopic(known.id, Leaf.MEASUREMENT), live, known_fleet, NOW),
        validate(ProbeTopic(known.id, Leaf.MEASUREMENT), late, known_fleet, NOW),
    )
    assert isinstance(accepted, Accepted)
    assert len(accepted.measurements) == 1
    assert isinstance(rejected, Accepted)
    assert "clock is not to be believed" in rejected.rejected[0].reason


def test_too_many_items_are_quarantined_whole_but_owed_a_receipt(known: FieldProbe, known_fleet: Fleet) -> None:
    """What is signed and kept in the quarantine need not be sent again: the envelope rides along."""
    outcome = validate(
        ProbeTopic(known.id, Leaf.MEASUREMENT),
        known.batch(*[known.measurement()] * 3),
        known_fleet,
        NOW,
        Limits(items=2),
    )
    assert isinstance(outcome, Quarantined)
    assert outcome.envelope is not None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"id": "nothex"}, "hex"),
        ({"family": 5}, "IP version"),
        ({"host": "a" * 400}, "longer"),
        ({"ended": NOW - 10.0}, "after it started"),
        ({"started": NOW + 200_000.0, "ended": NOW + 200_000.1}, "received"),
    ],
)
def test_each_absurdity_has_its_reason(
    known: FieldProbe, known_fleet: Fleet, change: dict[str, Any], word: str
) -> None:
    """A rejected measurement says what is wrong with it, and its neighbour enters."""
    bad, good = known.measurement(**change), known.measurement()
    outcome = validate(ProbeTopic(known.id, Leaf.MEASUREMENT), known.batch(bad, good), known_fleet, NOW)
    assert isinstance(outcome, Accepted)
    assert [m.id for _, m in outcome.measurements] == [good.id]
    assert word in outcome.rejected[0].reason


def test_members_keys_are_parsed_once(make_probe: Callable[..., FieldProbe]) -> None:
    """The table holds a ready key for every member."""
    members: list[Member] = [make_probe(id=f"probe{n:04}").member for n in range(3)]
    assert set(Fleet.of(members).keys) == {m.id for m in members}


def test_health_beyond_what_a_board_can_have_is_refused(known: FieldProbe, known_fleet: Fleet) -> None:
    """A number that no database can write down would stop every sink behind it."""

    def outcome(body: str) -> Any:
        envelope = known.envelope(body.encode(), kind=Kind.HEALTH, sequence=0, stream="")
        return validate(ProbeTopic(known.id, Leaf.HEALTH), known.seal(envelope), known_fleet, NOW)

    good = outcome('{"at": 1589733000, "spool_rows": 3}')
    assert isinstance(good, Accepted)
    assert good.health is not None
    for wrong in ('"spool_rows": 1' + "0" * 60, '"cpu_percent": 1e300', '"at": -1e20'):
        refused = outcome("{" + ('"at": 1, ' if "at" not in wrong else "") + wrong + "}")
        assert isinstance(refused, Quarantined)
        assert refused.reason.startswith("health: ")


# ---------------------------------------------------------------- states and their proofs


def said(proof: bytes = b"", **changes: Any) -> bytes:
    """Return a plain state of a probe, with a proof where one is given."""
    usual: dict[str, Any] = {"state": Lifecycle.READY, "session": 7, "stream": "forged", "oldest": 99, "proof": proof}
    return msgspec.json.encode(State(**{**usual, **changes}))


def proof_of(known: FieldProbe, **changes: Any) -> bytes:
    """Return a state sealed by the probe."""
    body = msgspec.json.encode(State(state=Lifecycle.SLEEPING, session=3))
    usual: dict[str, Any] = {"kind": Kind.STATE, "session": 3, "sequence": 2, "oldest": 5}
    return bytes(known.seal(known.envelope(body, **{**usual, **changes})))


def test_a_proved_state_is_what_was_sealed_whatever_stands_around_it(known: FieldProbe, known_fleet: Fleet) -> None:
    """State, session, stream and oldest are those under the seal; the plain ones beside it are not looked at."""
    spoken = read_state(ProbeTopic(known.id, Leaf.STATE), said(proof_of(known)), known_fleet)
    assert isinstance(spoken, Spoken)
    assert (spoken.proved, spoken.number) == (True, 2)
    assert spoken.state.state is Lifecycle.SLEEPING
    assert (spoken.state.session, spoken.state.stream, spoken.state.oldest) == (3, known.stream, 5)


def test_a_plain_state_proves_nothing(known: FieldProbe, known_fleet: Fleet) -> None:
    """It is read, and says so."""
    spoken = read_state(ProbeTopic(known.id, Leaf.STATE), said(), known_fleet)
    assert isinstance(spoken, Spoken)
    assert not spoken.proved


@pytest.mark.parametrize(
    "changes",
    [{"kind": Kind.HEALTH}, {"probe": "another0"}, {"oldest": -1}, {"session": 2**53}, {"schema": 2}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_proof_that_proves_something_else_is_refused(
    known: FieldProbe, known_fleet: Fleet, changes: dict[str, Any]
) -> None:
    """A batch of the probe, a proof of another one and absurd numbers are no proof, and no presence either."""
    outcome = read_state(ProbeTopic(known.id, Leaf.STATE), said(proof_of(known, **changes)), known_fleet)
    assert isinstance(outcome, Quarantined)
    assert "proof" in outcome.reason


def test_a_proof_by_another_key_is_refused(
    make_probe: Callable[..., FieldProbe], known: FieldProbe, known_fleet: Fleet
) -> None:
    """Who has not the probe's key cannot speak for it."""
    outcome = read_state(ProbeTopic(known.id, Leaf.STATE), said(proof_of(make_probe(id=known.id))), known_fleet)
    assert isinstance(outcome, Quarantined)
