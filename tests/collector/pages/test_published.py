"""The filter itself, as a function: whatever the counts, no small cell and no sum that gives one away comes out."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.incidents.findings import finding, told
from balise_collector.incidents.model import (
    UNTOLD,
    Incident,
    IncidentKind,
    IncidentState,
    Interval,
    MechanismShare,
    Scope,
)
from balise_collector.pages.public import Policy, outward, published
from balise_collector.pages.redraw import length_class, rounded
from balise_wire.mechanisms import Mechanism
from balise_wire.words import TargetRole

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
        scope=Scope(affected=ASNS[:split], clean=ASNS[split:], affected_probes=1, measured_probes=probes),
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
    """Fine enough to see a forged packet come too early, too coarse to find it in a log."""
    assert [rounded(ms) for ms in (0.4, 103.1, 186.0, 390.1, 8003.0)] == [0, 100, 190, 400, 8000]
    assert [length_class(n) for n in (0, 1, 99, 100, 517, 1400, 9000)] == [
        "none", "under 100", "under 100", "100 to 499", "500 to 1500", "500 to 1500", "over 1500",
    ]  # fmt: skip
