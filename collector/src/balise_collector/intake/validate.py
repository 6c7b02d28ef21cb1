"""Whether a message may enter, and what of it: pure, total, never raising on anything a stranger can send.

Lives here: the checks from topic to single measurement, each with a reason that a person can act on. Must not live
here: sockets, clocks (the receive time is an argument), storage. The order is that of cost and trust: size, topic,
approval and signature come before anything is decompressed; a bad measurement never takes its neighbours with it.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from balise_collector.fleet.assignment import LASTS
from balise_collector.fleet.claims import unasked
from balise_collector.fleet.members import Fleet, Member
from balise_collector.intake.believable import unbelievable
from balise_collector.journal.clock_offset import RIGHT, Dating, ProbeClocks
from balise_wire.envelope import MAX_BATCH_BYTES, MAX_BODY_BYTES, Envelope, Kind, decode_envelope
from balise_wire.measurement import Measurement, Network, read_measurement
from balise_wire.seal import SealError, unseal
from balise_wire.status import Event, EventKind, Health, State, read_event
from balise_wire.topics import Leaf, ProbeTopic
from balise_wire.topics import topic as topic_of


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of what is believable; the reason for each is beside it."""

    batch_bytes: int = MAX_BATCH_BYTES
    body_bytes: int = MAX_BODY_BYTES
    """Decompression stops here: a bomb is harmless."""
    items: int = 2000
    """Measurements in a batch; a probe sends at most 500."""
    carried: int = 256
    """Frames in a carrier; a probe sends at most 200."""
    observations: int = 200
    packets: int = 4000
    """Packets of one measurement; twenty a trial (detectors.md, common rule b) would fill 200 trials."""
    text: int = 300
    """Characters of a target, a host or a service; a name has at most 253 (RFC 1035 2.3.4)."""
    future: float = 86_400.0
    """Seconds past the receive time, after correction."""
    past: float = 400 * 86_400.0
    """Seconds before the receive time, after correction: longer than any spool lasts."""
    lasting: float = 86_400.0
    """Most seconds between start and end of one measurement."""


DEFAULT_LIMITS: Final = Limits()

_GAUGE_MOST: Final = 10**15
_STATE_MOST: Final = 4096
"""Bytes of a proved state."""
_ID = re.compile(r"[0-9a-f]{32}")
_KIND_OF: Final = {
    Leaf.MEASUREMENT: Kind.MEASUREMENT,
    Leaf.EVENT: Kind.EVENT,
    Leaf.HEALTH: Kind.HEALTH,
}
_CARRIED_KINDS: Final = frozenset({Kind.MEASUREMENT, Kind.EVENT, Kind.CARRIED})


Gate = Callable[[str, int, float], str]
"""Says of a probe, the bytes of a body and the receive time why that body is not read; empty where it is."""


class Rejection(msgspec.Struct, frozen=True):
    """One item of an accepted batch that was not believable."""

    index: int
    reason: str
    raw: bytes


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A message of an approved probe, verified; its good items and its bad ones."""

    member: Member
    envelope: Envelope
    measurements: tuple[tuple[int, Measurement], ...] = ()
    """Place in the batch, and the measurement."""
    claimed: Network | None = None
    """Where the newest of them says it stood, where that is not what the record says: shown, and nothing else."""
    carried: tuple[bytes, ...] = ()
    """Frames of a carrier, each to be decided about by itself (unboxing)."""
    events: tuple[Event, ...] = ()
    health: Health | None = None
    rejected: tuple[Rejection, ...] = ()
    newer: frozenset[str] = frozenset()
    """What of it this collector cannot read yet, in words; the frame keeps it."""
    dating: Dating = RIGHT
    """What is known of the clock that dated it."""


class ReceiptDue(msgspec.Struct, frozen=True):
    """The moment of receipt, and what it says of the sender's clock."""

    at: float
    """UNIX seconds, ours."""
    dating: Dating


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A message that may not enter, with the reason."""

    reason: str
    raw: bytes
    probe: str = ""
    """The probe whose topic it came on; not proof of who sent it."""
    envelope: Envelope | None = None
    """Set when the signature held: the probe may then forget it, since we keep it."""


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A probe's state: presence, never evidence."""

    probe: str
    state: State
    """As proved, where it is; else as anybody could have written it."""
    proved: bool = False
    """The probe sealed it: session, stream and oldest are its own word."""
    number: int = 0
    """1, 2, 3, ... within the session of a proved state."""


def validate(
    topic: ProbeTopic,
    payload: bytes,
    fleet: Fleet,
    received_at: float,
    limits: Limits = DEFAULT_LIMITS,
    clocks: ProbeClocks | None = None,
    *,
    carried: bool = False,
    gate: Gate | None = None,
) -> Accepted | Quarantined:
    """Decide about one sealed message (measurement, event or health topic).

    Args:
        topic: that it came on.
        payload: the sealed frame.
        fleet: who may speak.
        received_at: UNIX seconds on the collector's clock.
        limits: bounds of the believable.
        clocks: what earlier messages told of the probes' clocks; this one adds to it.
        carried: it came in a carrier, whose topic says nothing of its kind.
        gate: asked before a body is read, with its sender and size; returns why it is not to be, or nothing.
    """
    if topic.leaf not in _KIND_OF:
        name = topic_of(topic.probe, topic.leaf)
        return Quarantined(reason=f"topic {name!r} is none that a probe publishes sealed messages on", raw=payload)
    refusal = _refuse_sender(topic, payload, fleet, limits)
    if refusal:
        return Quarantined(reason=refusal, raw=payload, probe=topic.probe)
    try:
        envelope = decode_envelope(unseal(payload, fleet.keys[topic.probe], most=limits.body_bytes))
    except SealError as error:
        return Quarantined(reason=f"seal: {error}", raw=payload, probe=topic.probe)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Quarantined(reason=f"envelope: {_short(error)}", raw=payload, probe=topic.probe)
    signed = Signed(topic, envelope, payload, carried)
    return believed(signed, fleet, received_at, limits, clocks or ProbeClocks(), gate)


class Signed(NamedTuple):
    """An envelope whose signature is that of the member on whose topic it came."""

    topic: ProbeTopic
    envelope: Envelope
    raw: bytes
    """The frame that it came in, for the quarantine."""
    carried: bool = False
    """It came in a carrier."""


def believed(
    signed: Signed,
    fleet: Fleet,
    received_at: float,
    limits: Limits,
    clocks: ProbeClocks,
    gate: Gate | None = None,
) -> Accepted | Quarantined:
    """Decide about what a member signed; the arguments as in ``validate``."""
    topic, envelope, raw, carried = signed
    refusal = _refuse_body(topic, envelope)
    if refusal:
        return Quarantined(reason=refusal, raw=raw, probe=topic.probe)
    if envelope.kind is Kind.UNKNOWN:
        # Signed and addressed rightly: the journal keeps it, and the probe's queue need not stand still for it.
        reason = "a body of a kind that is newer than this collector; update the collector"
        return Quarantined(reason=reason, raw=raw, probe=topic.probe, envelope=envelope)
    fits = _CARRIED_KINDS if carried or envelope.kind is Kind.CARRIED else {_KIND_OF[topic.leaf]}
    if envelope.kind not in fits:
        reason = f"body of kind {envelope.kind} on the {topic.leaf} topic"
        return Quarantined(reason=reason, raw=raw, probe=topic.probe)
    member = fleet.members[topic.probe]
    refusal = gate(member.id, len(envelope.body), received_at) if gate is not None else ""
    if refusal:
        return Quarantined(reason=refusal, raw=raw, probe=topic.probe, envelope=envelope)
    try:
        dating = clocks.date(envelope, received_at)
        return _BODY[envelope.kind](member, envelope, ReceiptDue(received_at, dating), limits, fleet)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Signed and addressed rightly: it is kept here, so the probe need not send it again.
        reason = f"body of {envelope.kind}: {_short(error)}"
        return Quarantined(reason=reason, raw=raw, probe=topic.probe, envelope=envelope)
    except Exception as error:  # noqa: BLE001 - whatever a body can make us do, it costs itself and nothing behind it
        reason = f"body of {envelope.kind}: our own fault, please report it: {_short(error)}"
        return Quarantined(reason=reason, raw=raw, probe=topic.probe, envelope=envelope)


def read_state(topic: ProbeTopic, payload: bytes, fleet: Fleet | None = None) -> Spoken | Quarantined:
    """Read a probe's retained state: as it proved it where it did, else as anybody could have written it.

    Args:
        topic: that it came on.
        payload: plain JSON; the broker's last will for a dead probe has the same form.
        fleet: who may prove a state; without it nothing is proved.
    """
    if len(payload) > 4096:
        return Quarantined(reason=f"state of {len(payload)} bytes; 4096 are allowed", raw=payload, probe=topic.probe)
    try:
        said = _state.decode(payload)
        key = fleet.keys.get(topic.probe) if fleet is not None else None
        if not said.proof or key is None:
            return Spoken(probe=topic.probe, state=said)
        envelope = decode_envelope(unseal(said.proof, key, most=_STATE_MOST))
        proved = _state.decode(envelope.body)
    except SealError as error:
        return Quarantined(reason=f"state: its proof: {error}", raw=payload, probe=topic.probe)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Quarantined(reason=f"state: {_short(error)}", raw=payload, probe=topic.probe)
    refusal = _refuse_proof(topic, envelope)
    if refusal:
        return Quarantined(reason=f"state: its proof: {refusal}", raw=payload, probe=topic.probe)
    # One statement, once: the envelope's fields are what counts, the body adds the lifecycle.
    state = msgspec.structs.replace(
        proved, session=envelope.session, stream=envelope.stream, oldest=envelope.oldest, at=envelope.sent_at, proof=b""
    )
    return Spoken(probe=topic.probe, state=state, proved=True, number=envelope.sequence)


def _refuse_proof(parsed: ProbeTopic, envelope: Envelope) -> str:
    """Why a proof that opened proves nothing; empty when it does."""
    if envelope.kind is not Kind.STATE:
        return f"body of kind {envelope.kind}"
    return _refuse_body(parsed, envelope)


def _refuse_sender(parsed: ProbeTopic, payload: bytes, fleet: Fleet, limits: Limits) -> str:
    """Why this sender or this size is refused before anything is opened; empty when it is not."""
    member = fleet.members.get(parsed.probe)
    if member is None:
        return f"probe {parsed.probe} is not approved; run: balise-collector fleet approve {parsed.probe}"
    if member.revoked:
        return f"probe {parsed.probe} was revoked"
    if member.retired_at is not None:
        return f"probe {parsed.probe} was retired; a new token for its id lets it speak again"
    if len(payload) > limits.batch_bytes:
        return f"message of {len(payload)} bytes where {limits.batch_bytes} are allowed"
    return ""


def _refuse_body(parsed: ProbeTopic, envelope: Envelope) -> str:
    """Why an envelope of any kind is refused; empty when it is not."""
    if envelope.schema != 1:
        return f"schema {envelope.schema} where this collector reads 1; update the collector"
    if envelope.probe != parsed.probe:
        return f"envelope of probe {envelope.probe[:40]!r} on the topic of {parsed.probe}"
    if not _ID.fullmatch(envelope.id):
        return "envelope id is not 32 hex digits"
    numbers = (envelope.sequence, envelope.session, envelope.oldest)
    if len(envelope.stream) > 64 or not all(0 <= number < 2**53 for number in numbers):
        return "stream, sequence, session or oldest out of bounds"
    if not math.isfinite(envelope.sent_at):
        return "sent_at is not a number"
    if len(envelope.boot) > 64 or not 0.0 <= envelope.uptime < 1e11 or not 0.0 <= (envelope.checked or 0.0) < 1e11:
        return "boot, uptime or checked out of bounds"
    return ""


def _short(error: Exception) -> str:
    """An error's text, bounded: it may quote hostile input."""
    return f"{type(error).__name__}: {error}"[:300]


# ---------------------------------------------------------------- bodies, one function a kind

_items = msgspec.json.Decoder(list[msgspec.Raw])
_measurements = msgspec.json.Decoder(list[Measurement])
_health = msgspec.json.Decoder(Health)
_frames = msgspec.json.Decoder(list[bytes])
_state = msgspec.json.Decoder(State)


def _read_measurements(
    member: Member, envelope: Envelope, receipt: ReceiptDue, limits: Limits, fleet: Fleet
) -> Accepted | Quarantined:
    """Decode the whole batch at once, and item by item only where something in it is wrong."""
    received_at, shift = receipt.at, -receipt.dating.offset
    try:
        whole = _measurements.decode(envelope.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_one_by_one(member, envelope, receipt, limits, fleet)
    if len(whole) > limits.items:
        return _too_many(member, envelope, len(whole), limits)
    if any(implausible(item, fleet, member, received_at, shift, limits) for item in whole):
        return _read_one_by_one(member, envelope, receipt, limits, fleet)
    return Accepted(
        member=member,
        envelope=envelope,
        dating=receipt.dating,
        measurements=tuple(enumerate(whole)),
        claimed=_claimed(whole, fleet, member, shift),
    )


def _read_one_by_one(
    member: Member, envelope: Envelope, receipt: ReceiptDue, limits: Limits, fleet: Fleet
) -> Accepted | Quarantined:
    """Keep every good item of a batch that holds a bad one."""
    received_at, shift = receipt.at, -receipt.dating.offset
    raws = _items.decode(envelope.body)
    if len(raws) > limits.items:
        return _too_many(member, envelope, len(raws), limits)
    good: list[tuple[int, Measurement]] = []
    bad: list[Rejection] = []
    newer: set[str] = set()
    for index, raw in enumerate(raws):
        try:
            measurement, unread = read_measurement(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            bad.append(Rejection(index, _short(error), bytes(raw)))
            continue
        reason = implausible(measurement, fleet, member, received_at, shift, limits)
        if reason:
            bad.append(Rejection(index, reason, bytes(raw)))
        else:
            good.append((index, measurement))
            newer.update(f"observation {word!r}" for word in unread)
    return Accepted(
        member=member,
        envelope=envelope,
        dating=receipt.dating,
        measurements=tuple(good),
        claimed=_claimed([measurement for _, measurement in good], fleet, member, shift),
        rejected=tuple(bad),
        newer=frozenset(newer),
    )


def _claimed(measurements: Sequence[Measurement], fleet: Fleet, member: Member, shift: float) -> Network | None:
    """Return where the newest measurement says that it stood, where the record says something else."""
    if not measurements:
        return None
    newest = max(measurements, key=lambda one: one.started)
    record = fleet.record_at(member.id, newest.started + shift, newest.network.country)
    return None if record is None or newest.network == record.network else newest.network


def _too_many(member: Member, envelope: Envelope, count: int, limits: Limits) -> Quarantined:
    reason = f"batch of {count} measurements where {limits.items} are allowed"
    return Quarantined(reason=reason, raw=bytes(envelope.body), probe=member.id, envelope=envelope)


def implausible(
    measurement: Measurement, fleet: Fleet, member: Member, received_at: float, shift: float, limits: Limits
) -> str:
    """Say why a well-formed measurement cannot be believed; empty when it can.

    Args:
        measurement: what the probe sent.
        fleet: where the operator says that each probe stood, and what each was given to measure.
        member: the sender.
        received_at: UNIX seconds, ours.
        shift: seconds to add to the probe's times.
        limits: the bounds.
    """
    m = measurement
    if not _ID.fullmatch(m.id):
        return "id is not 32 hex digits"
    if m.family not in {4, 6}:
        return f"family {m.family} is no IP version"
    if max(len(m.target), len(m.host), len(m.service), len(m.catalogue), len(m.software)) > limits.text:
        return f"a name is longer than {limits.text} characters"
    record = fleet.record_at(member.id, m.started + shift, m.network.country)
    country = member.network.country if record is None else record.network.country
    if m.network.country != country:
        return (
            f"says it stands in {m.network.country[:8]!r}, approved for {country}; "
            f"if it moved: balise-collector fleet approve {member.id} --country ... --since ..."
        )
    if not 0 <= m.network.asn < 2**32:
        return f"{m.network.asn} is no AS number"
    if len(m.observations) > limits.observations or sum(len(o.packets) for o in m.observations) > limits.packets:
        return f"more than {limits.observations} observations or {limits.packets} packets"
    return (
        _implausible_times(m, received_at, shift, limits)
        or unbelievable(m)
        or unasked(m, fleet.tasks_of(member.id), m.started + shift, LASTS)
    )


def _implausible_times(m: Measurement, received_at: float, shift: float, limits: Limits) -> str:
    """Say why a measurement's times cannot be believed; NaN and infinity fail every comparison below."""
    if not 0.0 <= m.ended - m.started <= limits.lasting:
        return f"ended {m.ended - m.started:.0f} s after it started; 0 to {limits.lasting:.0f} are believable"
    for what, at in (("started", m.started), *(("an observation began", o.at) for o in m.observations)):
        ahead = at + shift - received_at
        if not ahead <= limits.future:
            return f"{what} {ahead:.0f} s after it was received"
        if not ahead >= -limits.past:
            return f"{what} {-ahead / 86400:.0f} days before it was received; the clock is not to be believed"
    return ""


def _read_events(
    member: Member, envelope: Envelope, receipt: ReceiptDue, limits: Limits, _fleet: Fleet
) -> Accepted | Quarantined:
    """Keep every event of a batch that can be read, also those of a kind that is newer than we are."""
    raws = _items.decode(envelope.body)
    if len(raws) > limits.items:
        return _too_many(member, envelope, len(raws), limits)
    good: list[Event] = []
    bad: list[Rejection] = []
    for index, raw in enumerate(raws):
        try:
            good.append(_bounded(read_event(raw), limits))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            bad.append(Rejection(index, _short(error), bytes(raw)))
    newer = {f"event {e.detail.partition(':')[0]!r}" for e in good if e.kind is EventKind.UNKNOWN}
    return Accepted(
        member=member,
        envelope=envelope,
        dating=receipt.dating,
        events=tuple(good),
        rejected=tuple(bad),
        newer=frozenset(newer),
    )


def _bounded(event: Event, limits: Limits) -> Event:
    """Return an event whose words are no longer than a line; what was cut off is marked."""
    if len(event.detail) <= limits.text:
        return event
    return msgspec.structs.replace(event, detail=event.detail[: limits.text - 3] + "...")


def _read_health(
    member: Member, envelope: Envelope, receipt: ReceiptDue, _limits: Limits, _fleet: Fleet
) -> Accepted | Quarantined:
    health = _health.decode(envelope.body)
    for name in health.__struct_fields__:
        value = getattr(health, name)
        # No board has 10**15 of anything; beyond 2**63 a time series database could not even write it down.
        if isinstance(value, int | float) and not -_GAUGE_MOST <= value <= _GAUGE_MOST:
            reason = f"health: {name} is beyond what a board can have"
            return Quarantined(reason=reason, raw=bytes(envelope.body), probe=member.id, envelope=envelope)
    return Accepted(member=member, envelope=envelope, dating=receipt.dating, health=health)


def _read_carried(
    member: Member, envelope: Envelope, receipt: ReceiptDue, limits: Limits, _fleet: Fleet
) -> Accepted | Quarantined:
    frames = _frames.decode(envelope.body)
    if len(frames) > limits.carried:
        reason = f"carrier of {len(frames)} frames where {limits.carried} are allowed"
        return Quarantined(reason=reason, raw=bytes(envelope.body), probe=member.id, envelope=envelope)
    return Accepted(member=member, envelope=envelope, dating=receipt.dating, carried=tuple(frames))


_BODY: Final = {
    Kind.MEASUREMENT: _read_measurements,
    Kind.EVENT: _read_events,
    Kind.HEALTH: _read_health,
    Kind.CARRIED: _read_carried,
}
