"""What is carried is read: every field of every message has a reader in the program that receives it, or a reason.

The check is made twice. By names, in seconds: no attribute of that name in the receiving program means no reader. By
types (mypy's own), slow: an attribute of that name counts only where the value before the dot is of that message.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import pytest

import balise_wire
from balise_wire.assignment import FLAT, Assignment, Head
from balise_wire.card import CardSettings
from balise_wire.enrolment import Enrolment, EnrolmentRequest, Refused, RenewalRequest
from balise_wire.envelope import Envelope
from balise_wire.experiments import OF_TARGETS, PARAMETERS
from balise_wire.measurement import Measurement
from balise_wire.request import Request
from balise_wire.schema import PUBLISHED
from balise_wire.status import Acceptance, CollectorState, Event, Health, Meta, Receipt, State

if TYPE_CHECKING:
    from mypy.types import Type

Struct = type[msgspec.Struct]

RECEIVED: Final[dict[str, tuple[Struct, ...]]] = {
    "collector": (
        Measurement, Event, Health, Meta, State, Acceptance, EnrolmentRequest, RenewalRequest, Envelope,
    ),
    "agent": (Assignment, Head, Request, Receipt, CollectorState, Enrolment, Refused, CardSettings, Envelope),
}  # fmt: skip
"""What each program receives; what these refer to comes with them."""

STAYS: Final = {
    "Pace": "how often a probe speaks is in both programs, and in no message",
    "Share": "what a profile may use is in both programs, and in no message",
    "Traits": "what an experiment is like is in both programs, and in no message",
    "RunShape": "how a run is laid out is asked by both programs, and is in no message",
    **{
        kind.__name__: "no target asks for this experiment, so that none says anything to it"
        for word, kind in PARAMETERS.items()
        if word not in OF_TARGETS
    },
}
"""What the wire's package has that crosses nothing."""

_RAW: Final = "raw evidence: kept in the journal for rules to come, which a replay then asks"
_RECORD: Final = "the operator's record says it, from the token; what a board announces of itself decides nothing"
_BY_TYPE: Final = "asked for by the type of its record (Target.parameters_of), so that no name is needed"
_FLAT: Final = "asked for with the records of parameters (Target.parameters_of), which stand above it"
_PROBES: Final = "a collector fills it with nothing that a probe could need: it is for what probes send"

_FACTS: Final = (
    "HttpObservation.tls_failure",
    "LineHealth.resolver_place",
    "LineObservation.resolver_place",
    "TlsObservation.segments",
    "TlsObservation.wire_bytes",
    "ClienthelloObservation.wire_bytes",
    "DnsAnswer.ad",
    "DnsAnswer.soa",
    "DnsObservation.tls_connected",
    "HttpObservation.certificate",
    "HttpObservation.redirect_site",
    "HttpObservation.same_site",
    "LineHealth.others_ok",
    "LineObservation.unresolved",
    "Measurement.address_age",
    "TlsObservation.certificate_shown",
    "TlsObservation.hello_bytes",
)
"""Facts with three values that probes tell since commit 205bfc4."""

UNREAD: Final[dict[str, dict[str, str]]] = {
    "collector": {
        **dict.fromkeys(_FACTS, _RAW),
        "CallObservation.address": "the operator's own server, which no measurement names: it leaves the probe empty",
        "VpnObservation.address": "the operator's own server, which no measurement names: it leaves the probe empty",
        "ControlResult.address": _RAW,
        "ControlResult.source": _RAW,
        "DnsAnswer.records": _RAW,
        "LineHealth.clock": "what rides along is the short form; a probe's clock is judged by Envelope.clock_state",
        "LineHealth.gateway": "what rides along is gated by gateway_ok; the look at the line itself is asked in full",
        "LineHealth.others": "what rides along is gated by its controls; LineObservation.others is asked for them",
        "Packet.place": "asked on the trial (TcpObservation.icmp_place), which says it of the error that it failed by",
        "Packet.tos": _RAW,
        "Measurement.request": "kept in the journal; the answer to the request names the measurement",
        "Packet.ack": _RAW,
        "Packet.options": _RAW,
        "Packet.sha256": _RAW,
        "Meta.board": _RECORD,
        "Meta.consent": _RECORD,
        "Meta.profile": _RECORD,
        "State.at": "a state is dated by its arrival: a probe's clock may be wrong, and the broker may hold it back",
        "EnrolmentRequest.country": _RECORD,
        "EnrolmentRequest.access": _RECORD,
        "EnrolmentRequest.role": _RECORD,
        "EnrolmentRequest.board": "the token is bound to no kind of board, and the announcement says it again",
        "EnrolmentRequest.software": "the announcement says it again with every start, under the probe's seal",
    },
    "agent": {
        **{f"ParameterTable.{word}": _BY_TYPE for word in OF_TARGETS},
        **{f"Target.{field}": _FLAT for fields in FLAT.values() for field in fields.values()},
        "Timetable.hello_every": "asked for by the experiment (Timetable.every), whose traits name the figure",
        "Timetable.http_every": "asked for by the experiment (Timetable.every), whose traits name the figure",
        "StunParameters.port": "asked for by Target.port_of, by the name that every record calls it",
        "QuicParameters.port": "asked for by Target.port_of, by the name that every record calls it",
        "Timetable.quic_every": "asked for by the experiment (Timetable.every), whose traits name the figure",
        "Timetable.clienthello_every": "asked for by the experiment (Timetable.every), whose traits name the figure",
        "Timetable.vpn_every": "asked for by the experiment (Timetable.every), whose traits name the figure",
        "Timetable.call_every": "asked for by the experiment (Timetable.every), whose traits name the figure",
        "Timetable.throughput_every": "asked for by the experiment (Timetable.every), whose traits name the figure",
        "Target.spki": "which key is the right one is judged in the collector; the probe reports what it was shown",
        "Assignment.sealed_to": "read in the head (Head.sealed_to), which is read before the rest",
        "CollectorState.at": "signed time comes with receipts; this message is plain, and anyone could have written it",
        "Refused.mend": "what a stranger's server writes is never shown: a probe has its own words for each refusal",
        "Envelope.id": _PROBES,
        "Envelope.stream": _PROBES,
        "Envelope.session": _PROBES,
        "Envelope.oldest": _PROBES,
        "Envelope.clock_state": _PROBES,
        "Envelope.historical": _PROBES,
        "Envelope.boot": _PROBES,
        "Envelope.uptime": _PROBES,
        "Envelope.checked": _PROBES,
    },
}
"""Fields without a reader, and why. One that has got a reader is taken out of here."""


class Field(NamedTuple):
    """One field of a message, under the class that declares it."""

    owner: str
    """The class with its module."""
    name: str

    def __str__(self) -> str:
        return f"{self.owner.rpartition('.')[2]}.{self.name}"


def _structs(roots: tuple[Struct, ...]) -> set[Struct]:
    """Return the messages and everything that they can hold."""
    seen: set[Struct] = set()
    todo: list[Any] = list(roots)
    while todo:
        one = todo.pop()
        todo += typing.get_args(one)
        if inspect.isclass(one) and issubclass(one, msgspec.Struct) and one not in seen:
            seen.add(one)
            todo += typing.get_type_hints(one).values()
    return seen


def _fields(roots: tuple[Struct, ...]) -> set[Field]:
    """Return every field of what is received; an inherited one under the class that has it first."""
    found = set()
    for one in _structs(roots):
        for name in one.__struct_fields__:
            bases = [base for base in one.__mro__ if issubclass(base, msgspec.Struct) and base is not msgspec.Struct]
            owner = [base for base in bases if name in base.__struct_fields__][-1]
            found.add(Field(f"{owner.__module__}.{owner.__name__}", name))
    return found


def _unread(program: str, read: set[Field]) -> set[str]:
    return {str(field) for field in _fields(RECEIVED[program]) if field not in read}


def _named(program: str, source: Path) -> set[Field]:
    """Return the fields whose name is an attribute somewhere in the program, or a keyword of a class pattern."""
    names = set()
    for file in source.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.MatchClass):
                names.update(node.kwd_attrs)
    return {field for field in _fields(RECEIVED[program]) if field.name in names}


def _owners(kind: Type | None) -> Iterator[str]:
    """Yield the classes, with all that they inherit from, that a type of mypy may be."""
    from mypy.types import Instance, TupleType, TypeVarType, UnionType, get_proper_type  # noqa: PLC0415 - slow to load

    proper = get_proper_type(kind)
    if isinstance(proper, Instance):
        yield from (base.fullname for base in proper.type.mro)
    elif isinstance(proper, UnionType):
        for item in proper.items:
            yield from _owners(item)
    elif isinstance(proper, TypeVarType):
        yield from _owners(proper.upper_bound)
    elif isinstance(proper, TupleType):
        yield from _owners(proper.partial_fallback)


def _typed(source: Path, wire: Path) -> set[Field]:
    """Return the fields that the program reads, by the types of what stands before each dot."""
    from mypy import build, find_sources, nodes, options  # noqa: PLC0415 - slow to load

    wanted = options.Options()
    wanted.export_types = wanted.preserve_asts = True
    wanted.namespace_packages = wanted.explicit_package_bases = True
    wanted.incremental = False
    wanted.mypy_path = [str(wire), str(source)]
    wanted.follow_imports = "silent"
    wanted.ignore_missing_imports = True
    done = build.build(find_sources.create_source_list([str(source)], wanted), wanted)
    read: set[Field] = set()
    for node in done.types:
        if isinstance(node, nodes.MemberExpr):
            read.update(Field(owner, node.name) for owner in _owners(done.types.get(node.expr)))
    return read


def test_every_message_has_a_receiver() -> None:
    """Everything that the wire's package declares is received by a program here, or is told to cross nothing."""
    received = _structs(tuple(one for roots in RECEIVED.values() for one in roots))
    assert set(PUBLISHED) <= received
    declared = set()
    for module in pkgutil.walk_packages(balise_wire.__path__, f"{balise_wire.__name__}."):
        if not module.name.endswith("__main__"):
            for one in vars(importlib.import_module(module.name)).values():
                if inspect.isclass(one) and issubclass(one, msgspec.Struct) and one.__module__ == module.name:
                    declared.add(one)
    bases = {base for one in received for base in one.__mro__}
    views = {one for one in declared if one.__name__.startswith("_")}
    assert {one.__name__ for one in declared - received - bases - views} == set(STAYS)


@pytest.mark.parametrize("program", RECEIVED)
def test_every_field_has_a_reader_by_name(repo_root: Path, program: str) -> None:
    """A field whose name the receiving program never speaks is carried for nothing."""
    read = _named(program, repo_root / program / "src")
    assert _unread(program, read) <= set(UNREAD[program])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("program", RECEIVED)
def test_every_field_has_a_reader_by_type(repo_root: Path, program: str) -> None:
    """A field is read on a value of that message, or has its reason; a reason that no longer holds is taken out."""
    read = _typed(repo_root / program / "src", repo_root / "wire" / "src")
    assert _unread(program, read) == set(UNREAD[program])


def test_a_reason_is_a_sentence() -> None:
    """Nobody excuses a field with an empty line, or a field that is not there."""
    for program, reasons in UNREAD.items():
        fields = {str(field) for field in _fields(RECEIVED[program])}
        assert set(reasons) <= fields
        assert all(len(reason.split()) > 3 for reason in reasons.values())
