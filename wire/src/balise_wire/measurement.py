"""The measurement: one run of one experiment on one target, with everything needed to judge it, now or in ten years.

It is self-contained on purpose: the line's health of the same minute, the versions, the network it was taken on and the
trial that caused it are inside, so that a re-judgement needs no join with other messages of the probe.
"""

from typing import Final, get_args

import msgspec

from balise_wire.observations import Observation
from balise_wire.words import (
    Access,
    AddressSource,
    ClockState,
    Design,
    Experiment,
    GatewayState,
    Portal,
    ResolverPlace,
    TargetRole,
)

LINE_TOLERANCE: Final = 120.0
"""Most seconds on the probe's clock between a run and the look at the line that gates it: the judge takes no older one
(attribution.md 2.1)."""
LINE_FRESH: Final = LINE_TOLERANCE / 2
"""The probe looks anew before a run with controls where its last look ended longer ago. The other half is for the look
itself, which on a dead line waits for every time-out: so the two ends cannot drift apart, whatever a timetable says."""


class LineHealth(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The line experiment's result of the same minute, in short; it gates every verdict (attribution.md 2.1)."""

    at: float
    gateway_ok: bool | None = None
    domestic_ok: int = 0
    domestic: int = 0
    international_ok: int = 0
    international: int = 0
    resolver_ok: bool | None = None
    captive: bool = False
    gateway: GatewayState = GatewayState.UNKNOWN
    portal: Portal = Portal.UNKNOWN
    resolver_place: ResolverPlace = ResolverPlace.UNKNOWN
    clock: ClockState = ClockState.UNKNOWN
    ipv4_ok: int = 0
    ipv4: int = 0
    """Controls asked over IPv4. Where both families have 0, the probe did not tell by family; where one has, it had no
    control of that family, and says nothing of it."""
    ipv6_ok: int = 0
    ipv6: int = 0
    others_ok: int = 0
    others: int = 0
    """Asked on port 80 or by ICMP echo, because none of the controls answered; 0 where that was not asked."""


class Network(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where the probe's line stood. Never an address: a country, a provider, an access type."""

    country: str
    """ISO 3166-1 alpha-2."""
    asn: int
    access: Access = Access.FIXED
    region: str = ""
    """First-level subdivision, only where the operator opted in."""


class Measurement(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One experiment on one target."""

    id: str
    """32 hex digits; repeats are dropped by it."""
    experiment: Experiment
    design: Design
    target: str
    """Target id of the catalogue, e.g. ``twitter/media-image/4/443``."""
    service: str
    role: TargetRole
    host: str
    family: int = 4
    """IP version, 4 or 6."""
    started: float
    """UNIX seconds on the probe's clock at which the first own trial began."""
    ended: float
    network: Network
    catalogue: str
    """Version of the catalogue that named the target."""
    software: str
    """Version of the agent."""
    line: LineHealth | None = None
    limited_by: tuple[str, ...] = ()
    """What limited the probe itself: ``cpu``, ``temperature``, ``undervoltage``, ``budget``, ``drops``."""
    tap_drops: int = 0
    """Packets that the kernel's capture counter lost during this measurement."""
    own_failure: str = ""
    """Why the probe itself could not carry the run to its end, in a few words for the operator; empty where it could.
    ``observations`` then holds what had been observed before: facts, but not the whole of an experiment."""
    address_source: AddressSource = AddressSource.UNKNOWN
    """Where the address under test came from; unknown where there is none, or it was not told."""
    address_age: float | None = None
    """Seconds since it was learned; ``None`` for an assigned one, and where it was not told."""
    request: str = ""
    """Id of the request that asked for it (request.py); empty for what the timetable or an anomaly brought."""
    observations: tuple[Observation, ...] = ()


_whole = msgspec.json.Decoder(Measurement)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])


class _Tag(msgspec.Struct, frozen=True):
    """The type of an observation, whatever else is in it."""

    kind: str = msgspec.field(name="is")


_tag = msgspec.json.Decoder(_Tag)
_TAGS: Final = frozenset(str(one.__struct_config__.tag) for one in get_args(Observation))
_LONGEST_WORD: Final = 40


def read_measurement(raw: bytes | msgspec.Raw) -> tuple[Measurement, tuple[str, ...]]:
    """Return a measurement, and the types of those of its observations that are newer than this program.

    Such an observation is left out: a newer experiment may look at more, and what it has in common with ours is judged
    as ever. Anything else that is wrong is an error of the sender, and then nothing of the measurement is believed.

    Raises:
        msgspec.DecodeError: it is no measurement.
    """
    try:
        return _whole.decode(raw), ()
    except msgspec.ValidationError:
        fields = _fields.decode(raw)
        observed = _list.decode(fields.get("observations", msgspec.Raw(b"[]")))
        newer = {place: tag for place, one in enumerate(observed) if (tag := _tag.decode(one).kind) not in _TAGS}
        if not newer:
            raise
    known = [one for place, one in enumerate(observed) if place not in newer]
    fields["observations"] = msgspec.Raw(msgspec.json.encode(known))
    words = dict.fromkeys(tag[:_LONGEST_WORD] for tag in newer.values())
    return _whole.decode(msgspec.json.encode(fields)), tuple(words)
