"""What is wrong with this probe, and what to do about it: one first cause, named from facts. Pure.

Lives here: the facts that can be had, the areas in the order of cause, and the diagnosis. What stands above explains
what stands below, so below the first cause nothing is looked at: a cable that is out makes every broker unreachable,
and only the cable is worth a person's time. Must not live here: gathering the facts (diagnostics.py), words
(problems.py).
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

import msgspec

from balise_agent.system.problems import ProblemId, Trouble
from balise_agent.system.status import Status
from balise_wire.words import ClockState

_I = ProblemId
AREAS: Final[tuple[tuple[str, tuple[ProblemId, ...]], ...]] = (
    ("settings", (_I.SETTINGS_BROKEN, _I.SETTINGS_MISSING, _I.WIPED)),
    ("consent", (_I.CONSENT_MISSING, _I.CONSENT_OUTDATED)),
    ("pause", (_I.PAUSED, _I.HALTED)),
    ("data", (_I.DATA_UNWRITABLE, _I.DATA_FULL)),
    ("key", (_I.KEY_UNUSABLE,)),
    ("capture", (_I.NO_CAPTURE,)),
    ("network", (_I.NO_INTERFACE, _I.NO_CARRIER, _I.NO_ADDRESS, _I.NO_ROUTE, _I.NO_RESOLVER, _I.THROUGH_TUNNEL)),
    ("service", (_I.NOT_RUNNING,)),
    ("names", (_I.RESOLVER_SILENT,)),
    (
        "registration",
        (
            _I.ENROLMENT_UNREACHABLE, _I.AUTHORITY_WRONG, _I.ANSWER_MALFORMED, _I.TOKEN_MISSING, _I.TOKEN_UNKNOWN,
            _I.TOKEN_SPENT, _I.TOKEN_EXPIRED, _I.REQUEST_REFUSED, _I.REFUSED_NEWER, _I.TOO_MANY, _I.KEY_UNKNOWN,
            _I.REVOKED,
        ),
    ),
    ("certificate", (_I.CERTIFICATE_UNUSABLE, _I.CERTIFICATE_EXPIRED)),
    ("delivery", (_I.BROKER_UNREACHABLE, _I.BROKER_REFUSES, _I.COLLECTOR_OFFLINE, _I.RECEIPTS_MISSING, _I.PATH_NARROW)),
    ("task", (_I.NO_ASSIGNMENT, _I.ASSIGNMENT_EXPIRED, _I.DAY_SPENT)),
    ("board", (_I.UNDER_VOLTAGE, _I.TOO_HOT, _I.OFFLOADS_ON)),
    ("clock", (_I.CLOCK_UNVOUCHED,)),
)  # fmt: skip
"""Every problem in one area, in the order of ``ProblemId``."""

LEAST_FREE: Final = 16 * 1024 * 1024
"""Bytes: a data partition with less holds no day of a long outage."""
FRESH: Final = 180.0
"""Real seconds for which what the running program said of itself is believed: three of its status files."""
_ONLY_THE_PROGRAM_KNOWS: Final = frozenset(
    {
        _I.HALTED, _I.DATA_FULL, _I.ANSWER_MALFORMED, _I.TOKEN_UNKNOWN, _I.TOKEN_SPENT, _I.TOKEN_EXPIRED,
        _I.REQUEST_REFUSED, _I.REFUSED_NEWER, _I.TOO_MANY, _I.KEY_UNKNOWN, _I.REVOKED, _I.BROKER_REFUSES,
        _I.COLLECTOR_OFFLINE, _I.RECEIPTS_MISSING, _I.PATH_NARROW, _I.NO_ASSIGNMENT, _I.ASSIGNMENT_EXPIRED,
        _I.DAY_SPENT, _I.CERTIFICATE_EXPIRED,
    }
)  # fmt: skip
"""What a look from outside cannot find; everything else is looked at anew, because it may have changed since."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The network as far as it goes without sending anything; ``None`` where it was not looked at."""

    interface: str = ""
    """The one that would be used; empty: there is none."""
    wanted: str = ""
    """The one that the settings name."""
    carrier: bool | None = None
    addresses: tuple[str, ...] = ()
    """Prefixes of our own that are more than link-local."""
    default_route: bool = False
    """Packets to the internet leave by some interface, whatever the routes are called."""
    refused: bool = False
    """A route takes packets to the internet and refuses them: blackhole, unreachable, prohibit."""
    tunnel: str = ""
    """The tunnel that they leave by."""
    resolvers: tuple[str, ...] = ()
    offloads: tuple[str, ...] = ()
    """Receive offloads that are on."""


class ProbedEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One place that was knocked at."""

    name: str
    """``host:port``."""
    trouble: Trouble | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found out; ``None`` and empty where it was not looked at."""

    settings_error: str = ""
    settings_filled: bool = True
    wiped: bool = False
    consent: Trouble | None = None
    paused: bool = False
    data_error: str = ""
    data_free: int | None = None
    key_error: str = ""
    capture_error: str = ""
    line: Line | None = None
    """None: everything that is needed stands on this machine, as in a laboratory."""
    names: tuple[str, ...] = ()
    """Host names that are needed, literal addresses left out."""
    running: bool | None = None
    status: Status | None = None
    """What the running program said of itself last, if that is fresh."""
    unknown_names: tuple[str, ...] | None = None
    """Names among them that no resolver knows."""
    enrolled: bool = True
    """Or written by hand, so that there is nothing to enrol."""
    damaged: str = ""
    token: bool = False
    fronts: tuple[ProbedEndpoint, ...] | None = None
    """Places to enrol at."""
    certificate_over: bool = False
    brokers: tuple[ProbedEndpoint, ...] | None = None
    undervoltage: bool | None = None
    hot: bool | None = None
    clock_state: ClockState = ClockState.SYNCED


class Mark(StrEnum):
    """How an area does."""

    OK = "ok"
    WRONG = "wrong"
    REMARK = "remark"
    """It makes results worse, and stops nothing."""
    SKIPPED = "not looked at"


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the diagnosis."""

    name: str
    mark: Mark
    trouble: Trouble | None = None


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    cause: Trouble | None
    """The first thing to mend; ``None`` where nothing keeps the probe from its work."""
    remarks: tuple[Trouble, ...]
    areas: tuple[Area, ...]


def diagnose(facts: Facts) -> Diagnosis:
    """Name the first cause, and mark every area."""
    found = sorted(_troubles(facts), key=lambda trouble: tuple(ProblemId).index(trouble.id))
    cause = next((trouble for trouble in found if trouble.problem.stops), None)
    remarks = tuple(trouble for trouble in found if not trouble.problem.stops)
    return Diagnosis(cause=cause, remarks=remarks, areas=tuple(_areas(cause, remarks)))


def _areas(cause: Trouble | None, remarks: Iterable[Trouble]) -> Iterator[Area]:
    """Mark each area: those above the cause are well, those below were not looked at."""
    beyond = False
    for name, ids in AREAS:
        told = next((trouble for trouble in remarks if trouble.id in ids), None)
        if cause is not None and cause.id in ids:
            beyond = True
            yield Area(name=name, mark=Mark.WRONG, trouble=cause)
        elif told is not None:
            yield Area(name=name, mark=Mark.REMARK, trouble=told)
        else:
            yield Area(name=name, mark=Mark.SKIPPED if beyond else Mark.OK)


def _troubles(facts: Facts) -> Iterator[Trouble]:
    """Yield everything that the facts say is wrong, in any order."""
    yield from _on_the_card(facts)
    yield from _on_the_hardware(facts)
    if facts.line is not None:
        yield from _on_the_line(facts, facts.line)
    yield from _on_the_way(facts)
    status = facts.status
    if status is not None:
        yield from (trouble for trouble in status.troubles if trouble.id in _ONLY_THE_PROGRAM_KNOWS)


def _on_the_card(facts: Facts) -> Iterator[Trouble]:
    """Settings, consent, pause."""
    if facts.settings_error:
        yield Trouble(id=_I.SETTINGS_BROKEN, detail=facts.settings_error)
    if not facts.settings_filled:
        yield Trouble(id=_I.SETTINGS_MISSING)
    if facts.wiped:
        yield Trouble(id=_I.WIPED)
    if facts.consent is not None:
        yield facts.consent
    if facts.paused:
        yield Trouble(id=_I.PAUSED)


def _on_the_hardware(facts: Facts) -> Iterator[Trouble]:
    """Disk, key, rights, power, heat, clock."""
    if facts.data_error:
        yield Trouble(id=_I.DATA_UNWRITABLE, detail=facts.data_error)
    elif facts.data_free is not None and facts.data_free < LEAST_FREE:
        yield Trouble(id=_I.DATA_FULL, detail=f"{facts.data_free // 1024} KiB left")
    if facts.key_error:
        yield Trouble(id=_I.KEY_UNUSABLE, detail=facts.key_error)
    if facts.capture_error:
        yield Trouble(id=_I.NO_CAPTURE, detail=facts.capture_error)
    if facts.running is False:
        yield Trouble(id=_I.NOT_RUNNING)
    if facts.undervoltage:
        yield Trouble(id=_I.UNDER_VOLTAGE)
    if facts.hot:
        yield Trouble(id=_I.TOO_HOT)
    if facts.clock_state is ClockState.UNSYNCED:
        yield Trouble(id=_I.CLOCK_UNVOUCHED)


def _on_the_line(facts: Facts, line: Line) -> Iterator[Trouble]:
    """The network up to its edge, without sending anything."""
    if not line.interface:
        yield Trouble(id=_I.NO_INTERFACE, detail=f"no {line.wanted}" if line.wanted else "")
        return
    if line.carrier is False:
        yield Trouble(id=_I.NO_CARRIER, detail=line.interface)
    if not line.addresses:
        yield Trouble(id=_I.NO_ADDRESS, detail=line.interface)
    if not line.default_route:
        why = "a blackhole or unreachable route covers the internet, see `ip route`" if line.refused else ""
        yield Trouble(id=_I.NO_ROUTE, detail=f"{line.interface}: {why}" if why else line.interface)
    if line.tunnel:
        yield Trouble(id=_I.THROUGH_TUNNEL, detail=line.tunnel)
    if facts.names and not line.resolvers:
        yield Trouble(id=_I.NO_RESOLVER)
    if line.offloads:
        yield Trouble(id=_I.OFFLOADS_ON, detail=f"{line.interface}: {', '.join(line.offloads)}")


def _on_the_way(facts: Facts) -> Iterator[Trouble]:
    """Names, registration, certificate, delivery."""
    if facts.unknown_names:
        yield Trouble(id=_I.RESOLVER_SILENT, detail=", ".join(facts.unknown_names))
    if facts.damaged:
        yield Trouble(id=_I.CERTIFICATE_UNUSABLE, detail=facts.damaged)
    elif not facts.enrolled and not facts.token:
        yield Trouble(id=_I.TOKEN_MISSING)
    if not facts.enrolled or facts.certificate_over:
        yield from _none_open(facts.fronts)
    if facts.certificate_over:
        yield Trouble(id=_I.CERTIFICATE_EXPIRED)
    yield from _none_open(facts.brokers)


def _none_open(fronts: tuple[ProbedEndpoint, ...] | None) -> Iterator[Trouble]:
    """Yield the best reason why not one of several places is open; nothing where one is, or none was knocked at."""
    troubles = [front.trouble for front in fronts or ()]
    if troubles and all(trouble is not None for trouble in troubles):
        # The most telling: somebody who answers wrongly says more than silence.
        yield max((t for t in troubles if t is not None), key=lambda trouble: tuple(ProblemId).index(trouble.id))


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A trouble with its words, for programs."""

    id: ProblemId
    told: str
    mend: str
    seen: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A diagnosis for programs (``--json``)."""

    cause: Told | None
    remarks: tuple[Told, ...]
    areas: dict[str, Mark]


def record(diagnosis: Diagnosis) -> Record:
    """Return the diagnosis for a program: everything that the terminal shows."""
    cause = diagnosis.cause
    return Record(
        cause=None if cause is None else _told(cause),
        remarks=tuple(_told(trouble) for trouble in diagnosis.remarks),
        areas={area.name: area.mark for area in diagnosis.areas},
    )


def _told(trouble: Trouble) -> Told:
    return Told(id=trouble.id, told=trouble.problem.told, mend=trouble.problem.mend, seen=trouble.detail)


def rendered(diagnosis: Diagnosis) -> str:
    """Return the diagnosis for a terminal."""
    width = max(len(name) for name, _ in AREAS)
    because = "" if diagnosis.cause is None else f": {diagnosis.cause.id} comes first"
    lines = [_line(area, width, because) for area in diagnosis.areas]
    if diagnosis.cause is None:
        return "\n".join([*lines, "", "nothing keeps it from its work"])
    return "\n".join([*lines, "", f"first cause: {diagnosis.cause.id}", *_mend(diagnosis.cause)])


def _line(area: Area, width: int, because: str) -> str:
    """Return one area as a line, a remark with its mend below it."""
    head = f"{area.name:<{width}}  {area.mark}"
    if area.trouble is None:
        return head + (because if area.mark is Mark.SKIPPED else "")
    told = f"{head}  {area.trouble.id}"
    return told if area.mark is Mark.WRONG else "\n".join([told, *_mend(area.trouble)])


def _mend(trouble: Trouble) -> list[str]:
    seen = f"    seen: {trouble.detail}"
    told = [f"    {trouble.problem.told}", f"    what to do: {trouble.problem.mend}"]
    return [*told, seen] if trouble.detail else told
