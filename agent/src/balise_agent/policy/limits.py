"""The rules that no assignment can lift: where a probe never goes, how often, how much. Pure; time is an argument.

Lives here: refused destinations, well-formed names and paths, the token bucket per host, the caps, and the check of a
whole assignment against them. Must not live here: signatures, expiry of what is stored, or carrying anything out.
"""

import ipaddress
import math
import re
from enum import IntEnum
from functools import lru_cache
from typing import Final, TypeVar

import msgspec

from balise_agent.system import config
from balise_wire.addresses import Address, embedded, is_never, reserved
from balise_wire.assignment import Assignment, Budget, Control, StunServer, Target, Timetable, Watch
from balise_wire.bins import BIN
from balise_wire.experiments import PARAMETERS, REGISTRY
from balise_wire.experiments.http import HttpParameters
from balise_wire.experiments.tcp import TcpParameters
from balise_wire.experiments.traits import Parameters
from balise_wire.profiles import LABORATORY, share_of
from balise_wire.words import Profile

MAX_TARGETS: Final = 500
MAX_CONTROLS: Final = 32
MAX_AUTHORITIES: Final = 4
_LONGEST_AUTHORITY: Final = 6_000
MAX_RESOLVERS: Final = 8
MAX_ADDRESSES: Final = 16
MAX_BEGINS: Final = 200
"""Characters by which a control's page is known."""
MAX_FETCH_BYTES: Final = 65_536
"""Of any size that a target asks for. The precise media fetch of detectors.md 2.8 is 64 KB; nothing on schedule needs
more."""
MIN_INTERVAL: Final = 60
MAX_INTERVAL: Final = 86_400
MAX_WATCHES: Final = 8
LONGEST_WATCH: Final = 7 * 86_400.0
"""Seconds of a watch window."""
MIN_LINE: Final = 30
MIN_HEALTH: Final = 30
MIN_CHAIN: Final = 300
MAX_EVERY: Final = 1_000
MAX_REFUSALS_TOLD: Final = 50
"""Refused items named one by one in an event; the rest is a count."""

_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_IDENTIFIER: Final = re.compile(r"[!-~]{1,200}")


class Reserve(IntEnum):
    """What the rest of a day's bytes is kept for."""

    NONE = 0
    """There is enough for everything."""
    ANOMALIES = 1
    """Hellos and fetches on schedule rest; paired series go on."""
    NAMES = 2
    """Hellos and fetches rest; names and SYNs go on, on schedule and in series."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What this device allows at most. The operator can tighten it; nobody can widen it."""

    bytes_per_day: int = LABORATORY.bytes_per_day
    bytes_per_incident: int = LABORATORY.bytes_per_incident
    connections_per_day: int = LABORATORY.connections_per_day
    connections_per_host_per_minute: int = 12
    """One in five seconds (attribution.md 3, rate and data)."""
    laboratory: tuple[str, ...] = ()
    """Prefixes that the operator of a laboratory calls public."""
    lan: tuple[str, ...] = ()
    """Prefixes of this machine's own networks: refused even where they are public addresses."""


def tightened(
    settings: config.LimitSettings,
    network: config.NetworkSettings,
    lan: tuple[str, ...] = (),
    profile: Profile = Profile.STANDARD,
) -> Limits:
    """Return the profile's limits, tightened by the operator's file; a larger number there changes nothing."""
    share = LABORATORY if network.laboratory else share_of(profile)

    def least(ours: int, theirs: int) -> int:
        return min(ours, theirs) if theirs > 0 else ours

    return Limits(
        bytes_per_day=least(share.bytes_per_day, settings.bytes_per_day),
        bytes_per_incident=share.bytes_per_incident,
        connections_per_day=share.connections_per_day,
        connections_per_host_per_minute=least(
            Limits().connections_per_host_per_minute, settings.connections_per_host_per_minute
        ),
        laboratory=network.laboratory,
        lan=lan,
    )


# --- where never to go ------------------------------------------------------------------------------------------------


def _within(address: Address, prefixes: tuple[str, ...]) -> bool:
    return any(address in ipaddress.ip_network(prefix, strict=False) for prefix in prefixes)


@lru_cache(maxsize=4096)
def refuse_address(text: str, laboratory: tuple[str, ...] = (), lan: tuple[str, ...] = ()) -> str | None:
    """Say why a destination is refused; ``None`` where a probe may send to it.

    The same rule holds for addresses out of an assignment and out of a DNS answer: neither may turn the probe on the
    household it stands in.
    """
    if "%" in text:
        return "names an interface of this machine"
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return "is not an IP address"
    if is_never(address):
        return "multicast, broadcast or unspecified"
    if _within(address, lan):
        return "on this machine's own network"
    if _within(address, laboratory):
        return None
    inner = embedded(address)
    if inner is not None:
        reason = refuse_address(str(inner), laboratory, lan)
        return f"NAT64 of {inner}: {reason}" if reason else None
    return reserved(address)


def refuse_name(name: str) -> str | None:
    """Say why a host name is refused: it goes into SNI, Host and DNS questions as it is (RFC 1123, RFC 6066 3)."""
    if not name or len(name) > 253:
        return f"name has {len(name)} characters; 1 to 253 are possible"
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        return "name is not letters, digits and hyphens between dots"
    if name.rsplit(".", 1)[-1].isdigit():
        return "name is an address"
    return None


# --- how often --------------------------------------------------------------------------------------------------------


class Bucket(msgspec.Struct, frozen=True):
    """A token bucket: how many connections a host may still get, as of ``at``."""

    tokens: float
    at: float


def take(bucket: Bucket | None, count: int, per_minute: int, now: float) -> Bucket | None:
    """Take ``count`` tokens of a bucket that fills at ``per_minute``; ``None`` where there are not enough.

    A count above the capacity needs a full bucket and leaves it in debt, so that it is slow but not impossible. A
    clock that went back does not fill the bucket.
    """
    level = refilled(bucket, per_minute, now)
    return Bucket(level - count, now) if level >= min(count, per_minute) else None


def refilled(bucket: Bucket | None, per_minute: int, now: float) -> float:
    """Return the tokens in the bucket at ``now``."""
    if bucket is None:
        return float(per_minute)
    return min(float(per_minute), bucket.tokens + max(0.0, now - bucket.at) * per_minute / 60.0)


def wait(bucket: Bucket | None, count: int, per_minute: int, now: float) -> float:
    """Return the seconds until ``take`` would succeed."""
    lacking = min(count, per_minute) - refilled(bucket, per_minute, now)
    return max(0.0, lacking * 60.0 / per_minute)


# --- the day ----------------------------------------------------------------------------------------------------------

DAY_AT_LEAST: Final = 12 * 3600.0
"""Seconds of the steady clock between two new accounts, after the first: whoever can step the clock over midnight again
and again must not get a new day's bytes and connections each time."""


class Days:
    """Counts the accounts of days on a clock that may be stepped; pure, its readings are arguments.

    A new account begins when the clock shows a later day; a clock that goes back goes on with the account it has. The
    first midnight after a start may come at once, each further one half a day after the last.
    """

    def __init__(self, day: int) -> None:
        """Begin with the account of ``day`` (days since 1970, UTC)."""
        self.day = day
        self.account = 0
        """Grows with each new account."""
        self._turned = float("-inf")

    def look(self, day: int, steady: float) -> int:
        """Return the number of the account that is in force.

        Args:
            day: what the clock shows.
            steady: seconds of a clock that nothing steps.
        """
        if day <= self.day:
            self.day = day
        elif steady - self._turned >= DAY_AT_LEAST:
            self.day, self._turned = day, steady
            self.account += 1
        return self.account


def steadied(bucket: Bucket | None, now: float) -> Bucket | None:
    """Return a bucket that goes on filling after the clock went back: what is dated in the future is dated now."""
    return Bucket(bucket.tokens, now) if bucket is not None and bucket.at > now else bucket


# --- a whole assignment -----------------------------------------------------------------------------------------------


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The assignment as far as this device goes along with it."""

    assignment: Assignment
    refused: tuple[tuple[str, str], ...] = ()
    """Target id (or the field's name) and the reason; at most ``MAX_REFUSALS_TOLD``, then a count."""
    clamped: tuple[str, ...] = ()
    """What was brought within limits, in words."""


class RefusedPart(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of the assignment is used."""

    reason: str


def check_assignment(assignment: Assignment, limits: Limits, now: float) -> Accepted | RefusedPart:
    """Hold an assignment against the device's limits.

    Args:
        assignment: as received, its signature already verified.
        limits: of this device.
        now: UNIX seconds on the probe's clock.
    """
    if not now < assignment.expires:
        return RefusedPart(reason=f"expired at {assignment.expires:.0f}; the collector must send a newer one")
    if len(assignment.targets) > MAX_TARGETS:
        return RefusedPart(reason=f"{len(assignment.targets)} targets; at most {MAX_TARGETS} are measured by one probe")
    refused: list[tuple[str, str]] = []
    clamped: list[str] = []
    targets = _checked_targets(assignment.targets, limits, refused, clamped)
    controls = _checked_controls(assignment.controls, limits, refused)
    accepted = msgspec.structs.replace(
        assignment,
        targets=targets,
        controls=controls,
        public_resolvers=_checked_addresses("public_resolvers", assignment.public_resolvers, limits, refused),
        silent_addresses=_checked_addresses("silent_addresses", assignment.silent_addresses, limits, refused),
        provider_resolvers=_checked_addresses("provider_resolvers", assignment.provider_resolvers, limits, refused),
        stun_servers=_checked_stun_servers(assignment.stun_servers, limits, refused),
        helpers=_checked_addresses("helpers", assignment.helpers, limits, refused),
        control_name=_checked_control_name(assignment.control_name, refused),
        timetable=_clamped_timetable(assignment.timetable, clamped),
        watches=_clamped_watches(assignment.watches, clamped),
        budget=_clamped_budget(assignment.budget, limits, clamped),
    )
    if len(refused) > MAX_REFUSALS_TOLD:
        rest = len(refused) - MAX_REFUSALS_TOLD
        refused = [*refused[:MAX_REFUSALS_TOLD], ("...", f"and {rest} more")]
    return Accepted(assignment=accepted, refused=tuple(refused), clamped=tuple(clamped))


def check_target(target: Target, limits: Limits) -> Target | str:
    """Return one target as far as it may be measured, or why it may not."""
    refused: list[tuple[str, str]] = []
    kept = _checked_targets((target,), limits, refused, [])
    return kept[0] if kept else next((why for _, why in refused), "it may not be measured")


def _checked_targets(
    targets: tuple[Target, ...], limits: Limits, refused: list[tuple[str, str]], clamped: list[str]
) -> tuple[Target, ...]:
    """Keep the targets that may be measured, without the addresses that may not."""
    kept: dict[str, Target] = {}
    for target in targets:
        told = target.id if _IDENTIFIER.fullmatch(target.id) else ascii(target.id)[:80]
        bounded, sizes = _bounded_sizes(target)
        reason = refuse_target(bounded) or ("the id is there twice" if target.id in kept else None)
        if reason is None:
            addresses, whys = _split(target.addresses, limits)
            reason = whys[0] if whys and not addresses else None
            refused.extend((told, why) for why in (whys if addresses else ()))
        else:
            addresses = ()
        if reason is not None:
            refused.append((told, reason))
            continue
        clamped.extend(f"{told}: {change}" for change in sizes)
        ladder, whys = _split(target.parameters_of(TcpParameters).siblings, limits)
        refused.extend((told, f"sibling: {why}") for why in whys)
        if whys:
            bounded = bounded.saying(msgspec.structs.replace(bounded.parameters_of(TcpParameters), siblings=ladder))
        sibling = target.sibling
        if sibling and (why := refuse_address(sibling, limits.laboratory, limits.lan)):
            refused.append((told, f"sibling {ascii(sibling)[:60]} {why}"))
            sibling = ""
        kept[target.id] = msgspec.structs.replace(bounded, addresses=addresses, sibling=sibling)
    return tuple(kept.values())


def _bounded_sizes(target: Target) -> tuple[Target, list[str]]:
    """Return a target whose experiments fetch no more than the device allows, and what that changed, in words.

    A parameter whose name ends in ``_bytes`` is a size that somebody's line has to carry, whichever experiment has it.
    """
    changes: list[str] = []
    for kind in PARAMETERS.values():
        record = target.parameters_of(kind)
        sizes = {name: getattr(record, name) for name in kind.__struct_fields__ if name.endswith("_bytes")}
        bounded = {name: max(0, min(size, MAX_FETCH_BYTES)) for name, size in sizes.items()}
        if bounded != sizes:
            target = target.saying(msgspec.structs.replace(record, **bounded))
            changes += [f"{name} {size} to {bounded[name]}" for name, size in sizes.items() if size != bounded[name]]
    return target, changes


def refuse_target(target: Target) -> str | None:
    """Say why a target is refused for its words and numbers; its addresses are looked at one by one elsewhere."""
    for field in ("id", "service"):
        if not _IDENTIFIER.fullmatch(getattr(target, field)):
            return f"{field} has control characters, spaces or more than 200 characters"
    for field in ("host", "neighbour"):
        text = getattr(target, field)
        if (text or field == "host") and (why := refuse_name(text)):
            return f"{field}: {why}"
    if not 0 < target.port < 65536:
        return "port is outside 1 to 65535"
    for word, kind in PARAMETERS.items():
        if why := _refuse_parameters(target.parameters_of(kind)):
            return f"{word}: {why}"
    if len(target.authorities) > MAX_AUTHORITIES or any(len(one) > _LONGEST_AUTHORITY for one in target.authorities):
        return (
            f"more than {MAX_AUTHORITIES} authorities of its own, or one of more than {_LONGEST_AUTHORITY} characters"
        )
    if not target.experiments:
        return "no experiment is asked for"
    known = [REGISTRY[word] for word in target.experiments if word in REGISTRY]
    if own := [traits.word for traits in known if not traits.of_target]:
        return f"{own[0]} is an experiment on the probe's own line, not on a target"
    asked = [traits.word for traits in known if traits.asked]
    return f"{asked[0]} is carried out only where it is asked for, once; leave it out of the target" if asked else None


def _refuse_parameters(record: Parameters) -> str:
    """Say which parameter is out of its bounds, or could become something else where it is written; else nothing."""
    for name in type(record).__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, str) and not value.isprintable():
            return f"{name} has control characters"
    try:
        msgspec.convert(msgspec.to_builtins(record), type(record))
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _split(addresses: tuple[str, ...], limits: Limits) -> tuple[tuple[str, ...], list[str]]:
    """Split addresses into those that may be contacted and reasons for the others."""
    kept: dict[str, None] = {}
    whys: list[str] = []
    for text in addresses:
        if why := refuse_address(text, limits.laboratory, limits.lan):
            whys.append(f"address {ascii(text)[:60]} {why}")
        elif len(kept) >= MAX_ADDRESSES:
            whys.append(f"more than {MAX_ADDRESSES} addresses")
            break
        else:
            kept[str(ipaddress.ip_address(text))] = None
    return tuple(kept), whys


def _checked_controls(
    controls: tuple[Control, ...], limits: Limits, refused: list[tuple[str, str]]
) -> tuple[Control, ...]:
    """Keep the controls that may be contacted."""
    kept: list[Control] = []
    for control in controls[:MAX_CONTROLS]:
        addresses, whys = _split(control.addresses, limits)
        reason = refuse_name(control.name) or (None if 0 < control.port < 65536 else "port is outside 1 to 65535")
        # One without any address is looked up by the probe itself; one whose addresses are all refused is not.
        reason = reason or (None if addresses else next(iter(whys), None)) or _refuse_page(control)
        if reason:
            refused.append((f"control {ascii(control.name)[:60]}", reason))
        else:
            kept.append(msgspec.structs.replace(control, addresses=addresses))
    if len(controls) > MAX_CONTROLS:
        refused.append(("controls", f"{len(controls)} of them; the first {MAX_CONTROLS} are used"))
    return tuple(kept)


def _checked_stun_servers(
    servers: tuple[StunServer, ...], limits: Limits, refused: list[tuple[str, str]]
) -> tuple[StunServer, ...]:
    """Keep the servers of STUN that may be contacted; one whose addresses are all refused is not looked up either."""
    kept: list[StunServer] = []
    for server in servers[:MAX_CONTROLS]:
        addresses, whys = _split(server.addresses, limits)
        reason = refuse_name(server.name) or (None if 0 < server.port < 65536 else "port is outside 1 to 65535")
        if reason := reason or (None if addresses else next(iter(whys), None)):
            refused.append((f"STUN server {ascii(server.name)[:60]}", reason))
        else:
            kept.append(msgspec.structs.replace(server, addresses=addresses))
    if len(servers) > MAX_CONTROLS:
        refused.append(("stun_servers", f"{len(servers)} of them; the first {MAX_CONTROLS} are used"))
    return tuple(kept)


def _refuse_page(control: Control) -> str | None:
    """Say why a control's known page is refused; ``None`` where it has none or may be asked for."""
    page = control.page
    if page is None:
        return None
    told = _refuse_parameters(HttpParameters(path=page.path))
    if not told and not (page.begins.isprintable() and len(page.begins) <= MAX_BEGINS):
        told = f"begins with no text, or with more than {MAX_BEGINS} characters"
    return f"page: {told}" if told else None


def _checked_addresses(
    field: str, addresses: tuple[str, ...], limits: Limits, refused: list[tuple[str, str]]
) -> tuple[str, ...]:
    """Keep the resolver or silent addresses that may be contacted."""
    kept, whys = _split(addresses[: MAX_RESOLVERS * 2], limits)
    refused.extend((field, why) for why in whys)
    return kept[:MAX_RESOLVERS]


def _checked_control_name(name: str, refused: list[tuple[str, str]]) -> str:
    """Keep the control name if it is one."""
    if name and (why := refuse_name(name)):
        refused.append(("control_name", why))
        return ""
    return name


def _clamped_timetable(timetable: Timetable, clamped: list[str]) -> Timetable:
    """Bring the timetable within what a household line and its neighbours on the net can bear."""
    bounds = {
        "interval": (MIN_INTERVAL, MAX_INTERVAL),
        "hello_every": (1, MAX_EVERY),
        "http_every": (1, MAX_EVERY),
        "quic_every": (1, MAX_EVERY),
        "throughput_every": (1, MAX_EVERY),
        "call_every": (1, MAX_EVERY),
        "vpn_every": (1, MAX_EVERY),
        "clienthello_every": (1, MAX_EVERY),
        "line": (MIN_LINE, MAX_INTERVAL),
        "health": (MIN_HEALTH, MAX_INTERVAL),
        "chain": (MIN_CHAIN, MAX_INTERVAL),
    }
    return _clamp(timetable, bounds, clamped)


def _clamped_watches(watches: tuple[Watch, ...], clamped: list[str]) -> tuple[Watch, ...]:
    """Keep a few windows, none of them longer or denser than a line can bear."""
    if len(watches) > MAX_WATCHES:
        clamped.append(f"watches {len(watches)} to {MAX_WATCHES}")
    kept = []
    for one in watches[:MAX_WATCHES]:
        if not (math.isfinite(one.since) and math.isfinite(one.until)):
            continue
        bounded = _clamp(one, {"interval": (BIN, MAX_INTERVAL)}, clamped)
        if bounded.until - bounded.since > LONGEST_WATCH:
            clamped.append(f"until {bounded.until:.0f} to {bounded.since + LONGEST_WATCH:.0f}")
            bounded = msgspec.structs.replace(bounded, until=bounded.since + LONGEST_WATCH)
        kept.append(bounded)
    return tuple(kept)


def _clamped_budget(budget: Budget, limits: Limits, clamped: list[str]) -> Budget:
    """Bring the budget within the device's."""
    bounds = {
        "bytes_per_day": (0, limits.bytes_per_day),
        "bytes_per_incident": (0, min(limits.bytes_per_incident, limits.bytes_per_day)),
    }
    return _clamp(budget, bounds, clamped)


T = TypeVar("T", bound=msgspec.Struct)


def _clamp(record: T, bounds: dict[str, tuple[int, int]], clamped: list[str]) -> T:
    """Return the record with each named field within its bounds, and tell what was changed."""
    changes: dict[str, int] = {}
    for field, (least, most) in bounds.items():
        value = getattr(record, field)
        if not least <= value <= most:
            changes[field] = min(max(value, least), most)
            clamped.append(f"{field} {value} to {changes[field]}")
    return msgspec.structs.replace(record, **changes)
