"""A store as the pipeline leaves it after 17 May 2020 in Pakistan, made by hand and kept through the real Store.

Here lives the scenario: three providers that interfere each in its own way, one that is clean, references abroad, a
fault of a service earlier that day, an unconfirmed and a standing incident. Must not live here: expectations.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.testclient import TestClient

from balise_collector.conclude.k_anonymity import WitnessCounts
from balise_collector.conclude.store import Progress
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.conclude.whereabouts import Whereabouts
from balise_collector.fleet.members import Member, Pending
from balise_collector.fleet.token import Token
from balise_collector.incidents.model import (
    Incident,
    IncidentKind,
    IncidentScope,
    IncidentState,
    Interval,
    Locality,
    MechanismShare,
    ReferenceCount,
)
from balise_collector.journal import Batch, HealthRow, PresenceRow
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.judge.verdict import Level, Verdict, VerdictState
from balise_collector.pages.operator.api import api_routes
from balise_collector.pages.operator.app import create_app
from balise_collector.pages.operator.fleet import FleetFacts
from balise_collector.pages.operator.provisioning import ProvisioningFacts
from balise_collector.pages.public.app import Notice, create_public_app
from balise_collector.pages.public.filter import Policy, PublicStore, PublicView, public_view
from balise_collector.pages.views.read_model import View
from balise_collector.system.each_thread import EachThread
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth, Measurement, Network
from balise_wire.mechanisms import Mechanism
from balise_wire.observations import Observation
from balise_wire.seal import Sealer, public_bytes
from balise_wire.status import Health
from balise_wire.words import Arm, ClockState, Design, Experiment, Lifecycle, ProbeRole, Resolver, TargetRole

MIDNIGHT = 1_589_673_600.0
"""2020-05-17T00:00:00Z."""
FIRST = MIDNIGHT + 11.5 * 3600
ONSET = MIDNIGHT + 17 * 3600
END = MIDNIGHT + 20.5 * 3600
NOW = MIDNIGHT + 21.5 * 3600
STEP = 300.0

WEB, IMAGES, VIDEO = TargetRole.WEB, TargetRole.MEDIA_IMAGE, TargetRole.MEDIA_VIDEO
PARTS: dict[str, dict[TargetRole, str]] = {
    "twitter": {WEB: "twitter.com", IMAGES: "pbs.twimg.com", VIDEO: "video.twimg.com"},
    "periscope": {WEB: "www.pscp.tv", VIDEO: "prod-video-eu-central-1.pscp.tv"},
    "zoom": {WEB: "zoom.us", TargetRole.SIGNALLING: "zoomgov.com"},
    "whatsapp": {TargetRole.CHAT: "g.whatsapp.net"},
}
NAMES = {"twitter": "Twitter", "periscope": "Periscope", "zoom": "Zoom", "whatsapp": "WhatsApp"}
WAYS = {
    64501: (
        Experiment.TLS,
        "sni.drop",
        Mechanism.SNI_DROP,
        "Packets vanish once the hello carries this name, and only then.",
    ),
    64502: (
        Experiment.DNS,
        "dns.injected",
        Mechanism.DNS_INJECT,
        "An address that runs no resolver answered for this name and not for the control: forged on the way.",
    ),
    64503: (
        Experiment.TLS,
        "sni.rst",
        Mechanism.SNI_RST,
        "Connections are reset when the hello carries this name, and only then.",
    ),
}
PROOF = {
    "sni.drop": ("neighbour_ok",),
    "dns.injected": ("silent_address_answered",),
    "sni.rst": ("forged_packet", "neighbour_ok"),
}


def name(*parts: object, length: int = 32) -> str:
    """Return a stable hexadecimal id."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:length]


# ---------------------------------------------------------------- packets


def _out(ms: float, flags: str, **more: Any) -> Packet:
    return Packet(
        t_us=int(ms * 1000), direction=Direction.OUT, ttl=64, df=True, flags=flags, window=64240, ip_id=0x1C46, **more
    )


def _in(ms: float, flags: str, ttl: int = 49, **more: Any) -> Packet:
    usual: dict[str, Any] = {"df": True, "window": 65535, "ip_id": 0}
    return Packet(t_us=int(ms * 1000), direction=Direction.IN, ttl=ttl, flags=flags, **{**usual, **more})


def opening() -> list[Packet]:
    """A handshake over 92 ms and our hello."""
    return [
        _out(0.0, "S", options="mss,sackok,ts,nop,ws"),
        _in(91.8, "SA", options="mss,sackok,ts,nop,ws"),
        _out(91.9, "A", seq=1, ack=1),
        _out(92.4, "PA", seq=1, ack=1, length=517, sha256="9d1f0c5a7b3e2211"),
    ]


def answered() -> tuple[Packet, ...]:
    """The server's answer to a hello."""
    return (
        *opening(),
        _in(184.9, "A", seq=1, ack=518, ip_id=0x52A1),
        _in(185.3, "PA", seq=1, ack=518, length=1400, ip_id=0x52A2, sha256="77aa0102a0ffee10"),
    )


def reset() -> tuple[Packet, ...]:
    """A reset that no server sent: too early, from too near, and the server goes on."""
    return (
        *opening(),
        _in(103.1, "RA", ttl=61, seq=1, ack=518, ip_id=0xD431, window=0, df=False),
        _in(103.2, "R", ttl=61, seq=1, ip_id=0xD432, window=0, df=False),
        _in(185.3, "PA", seq=1, ack=518, length=1400, ip_id=0x52A2, sha256="77aa0102a0ffee10"),
    )


def silence() -> tuple[Packet, ...]:
    """Nothing comes back to a hello that is sent again and again."""
    hello = {"seq": 1, "ack": 1, "length": 517, "sha256": "9d1f0c5a7b3e2211"}
    return (*opening(), _out(390.1, "PA", **hello), _out(806.0, "PA", **hello), _out(1638.4, "PA", **hello))


# ---------------------------------------------------------------- measurements


def _tls(rule: str, host: str, at: float) -> tuple[Observation, ...]:
    """A paired series of hellos: control first, the subject twice, the suspicion carried along."""

    def hello(arm: Arm, sni: str, after: float, **more: Any) -> TlsObservation:
        good: dict[str, Any] = {
            "bytes_received": 3412, "record": "server_hello", "elapsed_ms": 186.0, "packets": answered()
        }  # fmt: skip
        shape = {"address": "104.244.42.65", "port": 443, "sni": sni, "connect_ms": 91.8}
        return TlsObservation(arm=arm, at=at + after, **{**shape, **good, **more})

    bad: dict[str, Any] = (
        {"failure": Failure.CONNECTION_RESET, "elapsed_ms": 103.1, "packets": reset()}
        if rule == "sni.rst"
        else {"failure": Failure.GENERIC_TIMEOUT, "elapsed_ms": 8000.0, "packets": silence()}
    ) | {"bytes_received": 0, "record": ""}
    return (
        hello(Arm.SUBJECT, host, -190.0, carried=True, **bad),
        hello(Arm.NEIGHBOUR, "about.example.com", 0.0),
        hello(Arm.SCRAMBLED, "xq" + host[2:], 5.2),
        hello(Arm.SUBJECT, host, 10.3, **bad),
        hello(Arm.SUBJECT, host, 23.9, **bad),
    )


def _dns(host: str, at: float) -> tuple[Observation, ...]:
    """Questions to the provider, and to an address where no resolver runs."""
    forged = DnsAnswer(rtt_ms=6.4, ttl=62, ip_id=0xBEEF, ra=True, addresses=("203.0.113.66",), rr_ttl=300)
    true = DnsAnswer(rtt_ms=11.7, ttl=63, ip_id=0x2A01, ra=True, addresses=("104.244.42.65",), rr_ttl=812)
    plain = DnsAnswer(rtt_ms=11.2, ttl=63, ip_id=0x2A00, ra=True, addresses=("93.184.216.34",), rr_ttl=3600)
    return (
        DnsObservation(arm=Arm.SUBJECT, at=at - 185, name=host, answers=(forged, true), elapsed_ms=6.4, carried=True),
        DnsObservation(arm=Arm.CONTROL, at=at, name="www.example.com", answers=(plain,), elapsed_ms=11.2),
        DnsObservation(arm=Arm.CONTROL, at=at + 2, name="www.example.com", resolver=Resolver.SILENT,
                       failure=Failure.GENERIC_TIMEOUT, elapsed_ms=4000.0),
        DnsObservation(arm=Arm.SUBJECT, at=at + 6, name=host, answers=(forged, true), elapsed_ms=6.4),
        DnsObservation(arm=Arm.SUBJECT, at=at + 9, name=host, resolver=Resolver.SILENT, answers=(forged,),
                       elapsed_ms=6.3),
    )  # fmt: skip


# ---------------------------------------------------------------- the fleet and its day


@dataclass
class Day:
    """What the scenario has gathered before it is kept."""

    members: list[Member] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    evidence: dict[str, tuple[str, Measurement]] = field(default_factory=dict)
    """Measurement id -> (probe, measurement), in order."""


def fleet() -> list[Member]:
    """Nine probes on four providers and three references."""
    found = []
    for asn, probes in ((64501, 3), (64502, 2), (64503, 2), (64504, 2)):
        found += [_member("PK", asn, number, ProbeRole.PROBE) for number in range(probes)]
    for country, asn, probes in (("DE", 64601, 2), ("SG", 64611, 1)):
        found += [_member(country, asn, number, ProbeRole.REFERENCE) for number in range(probes)]
    return found


def _member(country: str, asn: int, number: int, role: ProbeRole) -> Member:
    text = f"{country.lower()}{asn}{chr(97 + number)}"
    return Member(
        id=text, public_key=name("key", text, length=64), network=Network(country=country, asn=asn), role=role
    )


def day() -> Day:
    """Return every verdict of the day, and the measurements behind the failing ones."""
    gathered = Day(members=fleet())
    slots = int((NOW - FIRST) // STEP)
    for number in range(slots):
        for member in gathered.members:
            for service, parts in PARTS.items():
                for role, host in parts.items():
                    _slot(gathered, member, service, role, host, FIRST + number * STEP)
    return gathered


def _slot(gathered: Day, member: Member, service: str, role: TargetRole, host: str, at: float) -> None:
    """One endpoint in one slot: both layers, as the judge would have them."""
    asn = member.network.asn
    hit = WAYS.get(asn) if service in {"twitter", "periscope", "zoom"} and not member.reference else None
    at += int(name(member.id, service, role, length=2), 16) / 2
    for layer in (Experiment.DNS, Experiment.TLS):
        verdict = _verdict(member, service, role, host, layer, at + (2 if layer is Experiment.TLS else 0))
        if service == "zoom" and MIDNIGHT + 13 * 3600 <= at < MIDNIGHT + 14.6 * 3600 and layer is Experiment.TLS:
            verdict = _changed(verdict, VerdictState.DOWN, "tls.down", Mechanism.SERVER_DOWN)
        if hit and layer is hit[0] and ONSET <= at < END:
            _hit(gathered, member, verdict, hit, host, first=at < ONSET + STEP)
            continue
        if service == "periscope" and asn == 64504 and layer is Experiment.TLS and not member.reference:
            verdict = _changed(verdict, VerdictState.BLOCKED, "sni.drop", Mechanism.SNI_DROP)
        if service == "whatsapp" and member.id == "pk64504a" and at > NOW - 1500 and layer is Experiment.TLS:
            verdict = _changed(verdict, VerdictState.BLOCKED, "sni.rst", Mechanism.SNI_RST)
        if member.id == "pk64503b" and MIDNIGHT + 15 * 3600 < at < MIDNIGHT + 15.5 * 3600:
            verdict = _changed(verdict, VerdictState.INSUFFICIENT, "line.unwell", None)
        gathered.verdicts.append(verdict)


def _hit(
    gathered: Day,
    member: Member,
    verdict: Verdict,
    hit: tuple[Experiment, str, Mechanism, str],
    host: str,
    *,
    first: bool,
) -> None:
    """One failing endpoint: the sentinel in the first slot, the paired series after it."""
    layer, rule, mechanism, reason = hit
    if first:
        gathered.verdicts.append(_changed(verdict, VerdictState.INSUFFICIENT, f"{layer}.anomaly", None))
        return
    told = Verdict(
        **{
            key: getattr(verdict, key) for key in ("measurement", "probe", "network", "service", "role", "target", "at")
        },
        layer=layer,
        design=Design.PAIRED,
        since=ONSET + 40,
        state=VerdictState.BLOCKED,
        rule=rule,
        mechanism=mechanism,
        level=Level.SCORED,
        score=11.0 if rule == "sni.rst" else 0.0,
        proof=PROOF[rule],
        reason=reason,
        rules_version="3-5f2c9a10",
    )
    gathered.verdicts.append(told)
    trials = _dns(host, verdict.at) if layer is Experiment.DNS else _tls(rule, host, verdict.at)
    measurement = Measurement(
        id=told.measurement, experiment=layer, design=Design.PAIRED, target=told.target, service=told.service,
        role=told.role, host=host, started=told.at, ended=told.at + 40, network=told.network,
        catalogue="2026-11-01+1f00d5c0ffee", software="0.1.0", observations=trials,
        line=LineHealth(at=told.at - 20, gateway_ok=True, domestic_ok=2, domestic=2, international_ok=2,
                        international=2, resolver_ok=True),
    )  # fmt: skip
    gathered.evidence[told.measurement] = (member.id, measurement)


def _verdict(member: Member, service: str, role: TargetRole, host: str, layer: Experiment, at: float) -> Verdict:
    """A verdict of ok."""
    return Verdict(
        measurement=name(member.id, service, role, layer, at),
        probe=member.id,
        network=member.network,
        reference=member.reference,
        service=service,
        role=role,
        target=f"{service}/{role}/{host}/4",
        layer=layer,
        design=Design.SENTINEL,
        at=at,
        since=at,
        state=VerdictState.OK,
        rule=f"{layer}.ok",
        rules_version="3-5f2c9a10",
    )


def _changed(verdict: Verdict, state: VerdictState, rule: str, mechanism: Mechanism | None) -> Verdict:
    """The same verdict with another conclusion."""
    kept = {key: getattr(verdict, key) for key in Verdict.__struct_fields__}
    return Verdict(**{**kept, "state": state, "rule": rule, "mechanism": mechanism})


# ---------------------------------------------------------------- what was told of it

ONSET_SEEN = Interval(earliest=ONSET - 260, latest=ONSET + 40)
END_SEEN = Interval(earliest=END - 240, latest=END + 60)
TOLD: dict[str, str] = {
    one: name("incident", one, length=12)
    for one in ("twitter", "periscope", "zoom", "fault", "whatsapp", "standing", "withdrawn")
}


def incidents(evidence: dict[str, tuple[str, Measurement]]) -> list[list[Incident]]:
    """Return every incident with its revisions."""
    return [
        *(_blocked(service, evidence) for service in ("twitter", "periscope", "zoom")),
        [_fault()],
        [_lonely()],
        [_standing()],
        [_withdrawn()],
    ]


def _blocked(service: str, evidence: dict[str, tuple[str, Measurement]]) -> list[Incident]:
    """Interference that opened on one provider, grew, and closed."""
    roles = tuple(PARTS[service])
    shares = tuple(
        MechanismShare(mechanism=way[2], asns=(asn,), roles=roles, verdicts=82, onset=ONSET_SEEN, end=END_SEEN)
        for asn, way in WAYS.items()
    )
    strongest = [m.id for _, m in evidence.values() if m.service == service]
    ranked = [one for one in strongest if evidence[one][1].network.asn == 64503][:6] + strongest[:14]
    closed = Incident(
        id=TOLD[service],
        kind=IncidentKind.INTERFERENCE,
        state=IncidentState.CLOSED,
        country="PK",
        service=service,
        roles=roles,
        layers=("dns", "tls"),
        onset=ONSET_SEEN,
        end=END_SEEN,
        scope=IncidentScope(affected=(64501, 64502, 64503), clean=(64504,), affected_probes=7, measured_probes=9),
        mechanisms=shares,
        locality=Locality.LOCAL,
        references=ReferenceCount(ok=3, countries_ok=("DE", "SG")),
        grade="A",
        score=41.7,
        evidence=tuple(dict.fromkeys(ranked)),
        group=name("group", length=12),
        group_llr=6.4,
        opened_at=ONSET + 610,
        closed_at=END + 660,
        rules_version="3-5f2c9a10",
        revision=3,
        witnesses=7,
    )
    going_on = {"state": IncidentState.OPEN, "end": None, "closed_at": None}
    began = {
        "mechanisms": shares[:1],
        "scope": IncidentScope(affected=(64501,), clean=(64504,), affected_probes=2, measured_probes=9),
    }
    return [
        _with(closed, **going_on, **began, revision=1, grade="B", group="", group_llr=None),
        _with(closed, **going_on, revision=2),
        closed,
    ]


def _with(one: Incident, **changes: Any) -> Incident:
    kept = {key: getattr(one, key) for key in Incident.__struct_fields__}
    return Incident(**{**kept, **changes})


def _fault() -> Incident:
    """Zoom's own fault, earlier, everywhere."""
    return Incident(
        id=TOLD["fault"], kind=IncidentKind.SERVICE_FAULT, state=IncidentState.CLOSED, country="**", service="zoom",
        roles=(TargetRole.WEB, TargetRole.SIGNALLING), layers=("tls",),
        onset=Interval(earliest=MIDNIGHT + 12.95 * 3600, latest=MIDNIGHT + 13.03 * 3600),
        end=Interval(earliest=MIDNIGHT + 14.55 * 3600, latest=MIDNIGHT + 14.63 * 3600),
        scope=IncidentScope(affected=(64601, 64611), affected_probes=3, measured_probes=3), locality=Locality.GLOBAL,
        mechanisms=(MechanismShare(mechanism=Mechanism.SERVER_DOWN, asns=(64601, 64611), roles=(WEB,), verdicts=57),),
        references=ReferenceCount(failed=3), grade="B", score=22.0, rules_version="3-5f2c9a10", witnesses=3,
    )  # fmt: skip


def _lonely() -> Incident:
    """One probe's word."""
    return Incident(
        id=TOLD["whatsapp"], kind=IncidentKind.INTERFERENCE, state=IncidentState.UNCONFIRMED, country="PK",
        service="whatsapp", roles=(TargetRole.CHAT,), layers=("tls",),
        onset=Interval(earliest=NOW - 1800, latest=NOW - 1500),
        scope=IncidentScope(affected=(64504,), clean=(64501, 64502, 64503), affected_probes=1, measured_probes=9),
        mechanisms=(MechanismShare(mechanism=Mechanism.SNI_RST, asns=(64504,), roles=(TargetRole.CHAT,), verdicts=5),),
        locality=Locality.LOCAL, references=ReferenceCount(ok=3, countries_ok=("DE", "SG")), score=3.0, witnesses=1,
    )  # fmt: skip


def _standing() -> Incident:
    """Known since the first measurement."""
    return Incident(
        id=TOLD["standing"], kind=IncidentKind.INTERFERENCE, state=IncidentState.STANDING, country="PK",
        service="periscope", roles=(WEB, VIDEO), layers=("tls",), onset=Interval(earliest=None, latest=FIRST + 60),
        scope=IncidentScope(affected=(64504,), clean=(64501, 64502, 64503), affected_probes=2, measured_probes=9),
        mechanisms=(MechanismShare(mechanism=Mechanism.SNI_DROP, asns=(64504,), roles=(WEB, VIDEO), verdicts=400),),
        locality=Locality.LOCAL, references=ReferenceCount(ok=3, countries_ok=("DE", "SG")), grade="B", score=30.0,
        witnesses=2,
    )  # fmt: skip


def _withdrawn() -> Incident:
    """Disproved by results that came late."""
    return _with(
        _lonely(),
        id=TOLD["withdrawn"],
        state=IncidentState.WITHDRAWN,
        onset=Interval(earliest=FIRST, latest=FIRST + 300),
    )


# ---------------------------------------------------------------- kept through the real store


def fill(folder: Path) -> Day:
    """Keep the day in a journal and a store; return what was kept."""
    gathered = day()
    journal = SqliteJournal(folder / "journal.sqlite")
    key = Ed25519PrivateKey.generate()
    sealer, public = Sealer(key), public_bytes(key.public_key()).hex()
    wanted = {one for revisions in incidents(gathered.evidence) for one in revisions[-1].evidence}
    numbers = {}
    for number, one in enumerate((one for one in gathered.evidence if one in wanted), 1):
        probe, measurement = gathered.evidence[one]
        envelope = Envelope(
            kind=Kind.MEASUREMENT, id=name("batch", number), probe=probe, stream="0011223344556677", sequence=number,
            sent_at=measurement.ended, body=msgspec.Raw(msgspec.json.encode([measurement])),
        )  # fmt: skip
        batch = Batch(
            probe=probe, public_key=public, stream=envelope.stream, sequence=number, sent_at=measurement.ended,
            frame=sealer.seal(encode_envelope(envelope)), measurements=((0, one),),
        )  # fmt: skip
        journal.append([batch], (), (), measurement.ended + 20)
        numbers[one] = number
    journal.close()
    store = SqliteStore(folder / "derived.sqlite")
    free = len(numbers) + 1
    rows = []
    for verdict in gathered.verdicts:
        seq = numbers.get(verdict.measurement)
        if seq is None:
            seq, free = free, free + 1
        rows.append((seq, verdict))
    store.save_verdicts(rows)
    for revisions in incidents(gathered.evidence):
        for said in revisions:
            noted = {1: ONSET + 610, 2: ONSET + 1210, 3: END + 660}[said.revision]
            store.save_progress(Progress(), {}, [said], noted)
    store.close()
    return gathered


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the day's stores are."""
    return tmp_path_factory.mktemp("day")


@pytest.fixture(scope="session")
def kept(folder: Path) -> Day:
    """Return the day, kept once."""
    return fill(folder)


@pytest.fixture(scope="session")
def look_at(folder: Path, kept: Day) -> Callable[..., View]:
    """Return a maker of views of the day."""
    store = EachThread(lambda: SqliteStore(folder / "derived.sqlite", SqliteJournal(folder / "journal.sqlite")))

    def look(now: float = NOW) -> View:
        return View(store=store(), now=now, services=NAMES, members=tuple(kept.members), rules="3-5f2c9a10")

    return look


HEALTHY = Health(
    at=0, uptime_s=7300, cpu_percent=4, memory_bytes=61_000_000, temperature_c=78.4, throttled=True, undervoltage=False,
    disk_free_bytes=5_200_000_000, spool_rows=12, spool_oldest_s=420, sent_bytes_today=1_530_000,
    received_bytes_today=8_200_000, measurements=5120, clock_state=ClockState.SYNCED,
)  # fmt: skip


@pytest.fixture(scope="session")
def facts(look_at: Callable[..., View]) -> FleetFacts:
    """One probe that does well, one lost, one with a wrong clock, one never heard, and a stranger."""
    view = look_at()
    now = view.now
    told = {
        "pk64501a": (Lifecycle.READY, 30), "pk64501b": (Lifecycle.LOST, 5400), "pk64502a": (Lifecycle.READY, 40)
    }  # fmt: skip
    presence = {name: PresenceRow(at=now - ago, probe=name, state=state) for name, (state, ago) in told.items()}
    fresh = {"pk64501a": HEALTHY, "pk64502a": Health(at=0, temperature_c=None)}
    skew = {"pk64501a": 0.4, "pk64502a": 4000.0}
    health = {
        name: HealthRow(
            no=1, received_at=now - 60, probe=name,
            health=msgspec.structs.replace(one, at=now - 60 + skew[name]),
        )
        for name, one in fresh.items()
    }  # fmt: skip
    measured: dict[str, float] = {"pk64501a": now - 200, "pk64502a": now - 200, "pk64501b": now - 5500}
    return FleetFacts(
        members=view.members, waiting=(Pending(id="stranger1", public_key="ab" * 32, country="PK", asn=64999),),
        presence=presence, health=health, measured=measured.get, states=lambda _since, _until: list(presence.values()),
        silence=900,
    )  # fmt: skip


@pytest.fixture(scope="session")
def operator_pages(look_at: Callable[..., View], facts: FleetFacts, folder: Path) -> Callable[..., Starlette]:
    """Return a maker of the operator's pages, those of the fleet among them, with the JSON they link to."""
    live: dict[str, Any] = {"brokers": {"here": True}}

    now = look_at().now
    cards = [
        Token(
            hash=probe, probe=probe, network=Network(country="PK", asn=64501), batch="20200517-abcd", card=number,
            made_at=now - 7200, expires=now + 86_400, spent_at=spent, spent_by=probe if spent else "",
        )
        for number, (probe, spent) in enumerate(
            [("pk64501a", now - 3600), ("pk64502a", now - 3600), ("pk64503a", now - 600), ("newcard0", None)], 1
        )
    ]  # fmt: skip
    bench = ProvisioningFacts(
        batches=(("20200517-abcd", now - 7200, 4, 3),),
        cards=lambda name: cards if name == "20200517-abcd" else (),
        refresh=3600,  # a page that goes on by itself cannot be looked at in peace
    )

    def make(token: str = "") -> Starlette:
        store = EachThread(lambda: SqliteStore(folder / "derived.sqlite", SqliteJournal(folder / "journal.sqlite")))
        journal = EachThread(lambda: SqliteJournal(folder / "journal.sqlite"))
        api = api_routes(store, journal, lambda: look_at().now, lambda: live)
        return create_app(look_at, api=api, facts=lambda: facts, cards=lambda: bench, token=token)

    return make


def _nobodys(_one: Incident) -> tuple[Whereabouts, ...]:
    """Fail where a public page asks where on the way something is cut: routers before the border can find a probe."""
    raise AssertionError


@pytest.fixture(scope="session")
def public_pages(look_at: Callable[..., View], folder: Path) -> Starlette:
    """Return the pages for everybody, a day later: evidence is old enough to be redrawn, and was released."""
    witness_counts = EachThread(lambda: WitnessCounts(folder / "derived.sqlite"))
    policy = Policy(least=2, delay=1800.0, secret=b"of the tests")

    def look() -> PublicView:
        view = look_at(look_at().now + 26 * 3600)
        released = {one.id: view.now - 60 for one in view.store.incidents()}
        seen = PublicStore(
            store=view.store,
            witness_counts=witness_counts(),
            policy=policy,
            now=view.now,
            members=view.members,
            released=released,
        )
        return public_view(replace(view, where=_nobodys), seen)

    return create_public_app(look, base_url="https://observatory.example", notice=Notice(least=2, minutes=30))


@pytest.fixture(scope="session")
def walk(operator_pages: Callable[..., Starlette], public_pages: Starlette) -> Callable[[str, str], dict[str, str]]:
    """Return a walk along the links of a view in a language: every page by its path, one probe for all."""

    def pages(view: str, language: str) -> dict[str, str]:
        app = public_pages if view == "public" else operator_pages()
        client = TestClient(app, base_url="http://127.0.0.1:8484", headers={"accept-language": language})
        waiting, found = ["/"], dict[str, str]()
        seen = {"/"}
        while waiting:
            path = waiting.pop(0)
            answer = client.get(path)
            assert answer.status_code == 200, path
            if not answer.headers["content-type"].startswith("text/html"):
                continue
            found[path] = answer.text
            for link in re.findall(r'href="(/[^"?#]*)', answer.text):
                kind = "/probe/" if link.startswith("/probe/") else link
                if kind not in seen:
                    seen.add(kind)
                    waiting.append(link)
        return found

    return pages


@pytest.fixture(scope="session")
def client(look_at: Callable[..., View]) -> TestClient:
    """Return a reader on the same machine."""
    return TestClient(create_app(look_at), base_url="http://127.0.0.1:8484", raise_server_exceptions=False)


@pytest.fixture(scope="session")
def shown(client: TestClient) -> Callable[[str], str]:
    """Return a reading of a page that is there; each is made once, however many tests look at it."""

    @cache
    def page(path: str) -> str:
        answer = client.get(path)
        assert answer.status_code == 200, path
        return answer.text

    return page


@pytest.fixture(scope="session")
def told() -> dict[str, str]:
    """Ids of the incidents by what they are about."""
    return TOLD


# ---------------------------------------------------------------- reading a page as a strict reader does


class Reader(HTMLParser):
    """Reads a page and notes every break of form."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self._open: list[tuple[str, dict[str, bool]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag brings and lacks."""
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        for key in ("aria-labelledby", "aria-describedby"):
            self.references += str(given.get(key) or "").split()
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if "style" in given or any(key.startswith("on") for key in given) or tag == "script":
            self.wrong.append(f"<{tag}> brings its own style or program")
        if tag == "th" and given.get("scope") not in {"col", "row"}:
            self.wrong.append("<th> without scope")
        if tag in {"th", "title", "desc", "caption"}:
            for _, seen in self._open:
                seen[tag] = True
        if tag not in self.VOID:
            self._open.append((tag, {}))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the innermost tag is the one that closes."""
        if not self._open or self._open[-1][0] != tag:
            self.wrong.append(f"</{tag}> closes {self._open[-1][0] if self._open else 'nothing'}")
            return
        _, seen = self._open.pop()
        needs = {"table": ("th", "caption"), "svg": ("title", "desc")}.get(tag, ())
        self.wrong += [f"<{tag}> without <{need}>" for need in needs if not seen.get(need)]

    def handle_data(self, data: str) -> None:
        """Gather the text."""
        self.text.append(data)

    def close(self) -> None:
        """Check the whole page."""
        super().close()
        self.wrong += [f"<{tag}> is not closed" for tag, _ in self._open]
        self.wrong += [f"id {one!r} twice" for one in {one for one in self.ids if self.ids.count(one) > 1}]
        self.wrong += [f"nothing has the id {one!r}" for one in self.references if one not in self.ids]


@pytest.fixture(scope="session")
def read() -> Callable[[str], Reader]:
    """Return a reading of a page."""

    def reading(html: str) -> Reader:
        reader = Reader()
        reader.feed(html)
        reader.close()
        return reader

    return reading
