"""The filter itself, as a function: whatever the counts, no small cell and no sum that gives one away comes out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.incidents.findings import finding, told
from balise_collector.incidents.model import (
    UNTOLD,
    Incident,
    IncidentKind,
    IncidentScope,
    IncidentState,
    Interval,
    MechanismShare,
)
from balise_collector.journal import JournalRow
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.public.filter import Policy, outward, published
from balise_collector.pages.public.sanitised import (
    Drawn,
    Sanitised,
    SanitisedPacket,
    SanitisedTrial,
    common,
    length_class,
    rounded,
    sanitise,
)
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.tls import TlsObservation
from balise_wire.measurement import Measurement, Network
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, ClockState, Design, Experiment, TargetRole

ASNS = tuple(range(64501, 64507))
counts_of = st.fixed_dictionaries({asn: st.integers(0, 5) for asn in ASNS})


def incident(split: int, probes: int, state: IncidentState = IncidentState.OPEN) -> Incident:
    """Return an incident that affects the first providers and spares the others."""
    return Incident(
        id="22c09c732313",
        kind=IncidentKind.INTERFERENCE,
        state=state,
        country="PK",
        service="x",
        roles=(TargetRole.WEB,),
        onset=Interval(earliest=1_589_734_801.25, latest=1_589_734_829.75),
        scope=IncidentScope(affected=ASNS[:split], clean=ASNS[split:], affected_probes=1, measured_probes=probes),
        mechanisms=tuple(
            MechanismShare(mechanism=Mechanism.SNI_RST, asns=(asn,), roles=(TargetRole.WEB,), verdicts=7)
            for asn in ASNS[:split]
        ),
        evidence=("00112233445566778899aabbccddeeff",),
        opened_at=1_589_735_000.5,
        witnesses=1 if state is IncidentState.UNCONFIRMED else 2,
    )


@given(counts_of, st.integers(1, 5), st.integers(2, 4))
def test_no_small_cell_and_no_sum_that_gives_one_away(counts: dict[int, int], split: int, least: int) -> None:
    """Providers below k are in no list; the sum is told only where the hidden rest is k or more, or none."""
    policy = Policy(least=least, delay=0.0, secret=b"x")
    total = sum(counts.values())
    found = finding(incident(split, total))
    assert found is not None
    shown = published(found, counts, {}, frozenset(), policy)
    if total < least:
        assert shown is None
        return
    assert shown is not None
    named = {*shown.scope.affected, *shown.scope.clean, *(asn for share in shown.mechanisms for asn in share.asns)}
    assert all(counts[asn] >= least for asn in named)
    if shown.scope.measured_probes:
        hidden = total - sum(counts[asn] for asn in named)
        assert hidden == 0 or hidden >= least
    assert bool(set(ASNS) - named) == bool(shown.scope.withheld)
    text = msgspec.json.encode(shown)
    for secret in (b"22c09c732313", b"00112233445566778899aabbccddeeff", b"801.25", b"829.75", b"735000"):
        assert secret not in text


@pytest.mark.parametrize("state", IncidentState)
@pytest.mark.parametrize("kind", IncidentKind)
def test_what_is_unconfirmed_is_not_published(kind: IncidentKind, state: IncidentState) -> None:
    """However many probes measured the service, whatever it is and wherever it stands."""
    policy = Policy(least=2, delay=0.0, secret=b"x")
    for witnesses in (UNTOLD, 0, 1):
        one = msgspec.structs.replace(incident(1, 30, state), kind=kind, witnesses=witnesses)
        assert finding(one) is None
        assert told([(1.0, one)]) == []
        assert published(one, dict.fromkeys(ASNS, 5), {}, frozenset(), policy) is None


@given(st.floats(1e9, 2e9), st.floats(0, 1e5))
def test_intervals_are_rounded_outward(earliest: float, width: float) -> None:
    """The moment still lies within, on boundaries of five minutes."""
    shown = outward(Interval(earliest=earliest, latest=earliest + width))
    assert shown.earliest is not None
    assert shown.earliest <= earliest <= earliest + width <= shown.latest
    assert shown.earliest % 300 == shown.latest % 300 == 0


def test_public_ids_need_the_key() -> None:
    """Another key, another id: nobody finds an onset by trying seconds."""
    first, second = (Policy(least=2, delay=0.0, secret=secret) for secret in (b"a", b"b"))
    assert first.alias("22c09c732313") != second.alias("22c09c732313")
    assert first.alias("22c09c732313") == first.alias("22c09c732313")
    assert first.alias("") == ""


def test_times_and_lengths_are_classes() -> None:
    """Their order still shows that a forged packet came too early; too coarse for a log, a distance or a mark."""
    assert [rounded(ms) for ms in (0.4, 103.1, 186.0, 390.1, 1638.4, 8003.0)] == [0, 0, 0, 500, 1500, 8000]
    assert [length_class(n) for n in (0, 1, 99, 100, 517, 1400, 9000)] == [
        "none", "under 100", "under 100", "100 to 499", "500 to 1500", "500 to 1500", "over 1500",
    ]  # fmt: skip


# ---------------------------------------------------------------- evidence


def drawing(*after: int, provider: str = "", marked: bool = True) -> Sanitised:
    """Return a redrawn measurement whose packets came so long after its beginning (ms)."""
    packets = tuple(
        SanitisedPacket(after_ms=rounded(ms), direction="came", what="RST", ttl="-", length="none", marked=marked)
        for ms in after
    )
    trial = SanitisedTrial(
        number=1, arm="the subject", subject=True, after_s=0, result="reset", took_ms=0, packets=packets
    )
    return Sanitised(
        provider=provider,
        part="web",
        layer="TLS",
        state=VerdictState.BLOCKED,
        rule="sni.rst",
        reason="",
        trials=(trial,),
    )


def test_a_drawing_is_shown_where_k_witnesses_give_the_same() -> None:
    """Once, with the providers that k of them stand on; two boards of one host are one."""
    drawn = [
        Drawn("a", 64501, drawing(103)),
        Drawn("b", 64501, drawing(151)),
        Drawn("c", 64502, drawing(3)),
        Drawn("lonely", 64503, drawing(4000)),
        Drawn("twice", 64504, drawing(8000)),
        Drawn("twice", 64504, drawing(8000)),
    ]
    assert common(drawn, 2, "not published") == [drawing(103, provider="AS64501")]
    assert common(drawn, 3, "not published") == [drawing(103, provider="not published")]
    assert common(drawn[:1], 2, "not published") == []


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 20_000), st.booleans()), max_size=30))
def test_a_mark_of_one_line_is_never_seen(marks: list[tuple[str, int, bool]]) -> None:
    """A delay, a sign, a number of resets that differ from line to line: whatever is shown is true of two lines."""
    drawn = [Drawn(who, 64501, drawing(ms, marked=marked)) for who, ms, marked in marks]
    for one in common(drawn, 2, "-"):
        plain = msgspec.structs.replace(one, provider="")
        assert len({held.witness for held in drawn if held.redrawn == plain}) >= 2


MEASURED = 1_589_740_000.0


def exhibit_of(*packets: Packet) -> Sanitised:
    """Return a measurement of one trial with these packets, redrawn."""
    trial = TlsObservation(
        arm=Arm.SUBJECT, at=MEASURED, address="198.51.100.7", port=443, sni="x.example", packets=packets
    )
    measurement = Measurement(
        id="0" * 32, experiment=Experiment.TLS, design=Design.PAIRED, target="x/web/x/4", service="x",
        role=TargetRole.WEB, host="x.example", started=MEASURED, ended=MEASURED + 1, catalogue="1", software="1",
        network=Network(country="PK", asn=64501), observations=(trial,),
    )  # fmt: skip
    row = JournalRow(
        seq=1, probe="a", received_at=MEASURED, sent_at=MEASURED, clock_state=ClockState.SYNCED, historical=False,
        measurement=measurement,
    )  # fmt: skip
    verdict = Verdict(
        measurement="0" * 32, probe="a", network=Network(country="PK", asn=64501), service="x", role=TargetRole.WEB,
        target="x/web/x/4", layer=Experiment.TLS, design=Design.PAIRED, at=MEASURED, since=MEASURED,
        state=VerdictState.BLOCKED, rule="sni.rst",
    )  # fmt: skip
    return sanitise(row, verdict, "")


def packet(ms: float, flags: str, **more: Any) -> Packet:
    """Return a packet that came."""
    usual: dict[str, Any] = {"direction": Direction.IN, "ttl": 57, "flags": flags}
    return Packet(t_us=int(ms * 1000), **{**usual, **more})


def test_what_a_line_could_be_marked_by_is_not_in_a_drawing() -> None:
    """Delays within a round trip, repetitions, acknowledgements, IP-IDs, windows, TTLs near by, and made-up words."""
    plain = exhibit_of(packet(50, "SA"), packet(100, "R"))
    marked = [
        exhibit_of(packet(120, "SA"), packet(149, "R")),
        exhibit_of(packet(50, "SA"), packet(60, "A"), packet(100, "R"), packet(101, "R"), packet(102, "R")),
        exhibit_of(packet(50, "SA", ip_id=7, window=1, seq=5), packet(100, "R", ip_id=9, window=77, ack=4)),
        exhibit_of(packet(50, "SA", ttl=57), packet(100, "R", ttl=58)),
        exhibit_of(packet(50, "SA"), packet(100, "R!a probe of 64501!")),
    ]
    assert all(one == plain for one in marked)
    told = exhibit_of(packet(50, "", protocol="the probe at 198.51.100.7"))
    assert "198.51" not in repr(told)
