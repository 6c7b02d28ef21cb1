"""No ordinary fault is ever blocked or throttled: the promise that everything else rests on."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.judge import VerdictState
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth
from balise_wire.words import Arm, Resolver
from tests.testbed.cases import Case

WIFI_GONE = LineHealth(at=1_589_734_800.0, gateway_ok=False, international=3)
DEAD_LINE = LineHealth(at=1_589_734_800.0, gateway_ok=True, international=3, domestic=2)
PORTAL = LineHealth(at=1_589_734_800.0, gateway_ok=True, international=3, international_ok=3, captive=True)


def _faults(case: Case) -> dict[str, Any]:
    """Every ordinary fault as the measurements it makes."""
    slow: dict[str, Any] = {"elapsed_ms": 900.0, "connect_ms": 300.0}
    return {
        "5 % loss takes a hello": case.measured(
            case.hello(end="silence", at=case.earlier, carried=True),
            case.hello(Arm.NEIGHBOUR),
            case.hello(Arm.SCRAMBLED),
            case.hello(),
            case.hello(),
        ),
        "5 % loss takes SYNs": case.measured(case.syns(0, syns=2, at=case.earlier, carried=True), case.syns(5)),
        "300 ms more": case.measured(case.hello(Arm.NEIGHBOUR, **slow), case.hello(**slow), case.hello(**slow)),
        "a server that resets every hello": case.series("rst", control="rst", scrambled="rst"),
        "a server that refuses the port": case.measured(
            case.syns(0, at=case.earlier, carried=True, resets=6, failure=Failure.CONNECTION_REFUSED),
            case.syns(0, resets=6, failure=Failure.CONNECTION_REFUSED),
        ),
        "an expired certificate": case.measured(
            case.hello(Arm.NEIGHBOUR),
            case.hello(),
            case.hello(end="expired", chain=(case.certificate("good", not_after=1.0),), verified=False),
        ),
        "a captive portal": case.measured(case.page(302, headers=(("location", "http://portal/"),)), line=PORTAL),
        "Wi-Fi gone, seen by SYNs": case.measured(
            case.syns(0, at=case.earlier, carried=True), case.syns(0), line=WIFI_GONE
        ),
        "Wi-Fi gone in the middle of a series": case.measured(
            case.hello(end="silence", at=case.earlier, carried=True),
            case.hello(Arm.NEIGHBOUR),
            case.hello(Arm.SCRAMBLED, "silence"),
            case.hello(end="silence"),
            case.hello(end="refused"),
        ),
        "the provider's line dead": case.measured(case.asked(), case.asked(), line=DEAD_LINE),
        "a content network's other address": case.measured(
            case.asked(case.answer("192.0.43.8"), arm=Arm.CONTROL),
            case.asked(case.answer(case.address), resolver=Resolver.PUBLIC),
            case.asked(case.answer("39.32.0.7"), tls_consistent=True),
            case.asked(case.answer("39.32.0.7")),
        ),
        "SERVFAIL, then an answer": case.measured(case.asked(case.answer(rcode=2), case.answer(case.address))),
        "NAT64": case.measured(case.asked(case.answer("64:ff9b::68f4:2a01"), qtype="AAAA"), family=6),
        "the home router's resolver is broken": case.measured(
            case.asked(arm=Arm.CONTROL),
            case.asked(case.answer(case.address), resolver=Resolver.PUBLIC),
            case.asked(at=case.earlier, carried=True),
            case.asked(),
            case.asked(),
        ),
        "a page in another language": case.measured(
            case.page(arm=Arm.NEIGHBOUR), case.page(title="Bonjour"), case.page(title="Bonjour")
        ),
    }


@pytest.mark.parametrize("references", ["alive", "dead", "none"])
def test_no_ordinary_fault_is_interference(case: Case, references: str) -> None:
    """With references that reach everything, reach nothing, or do not exist."""
    if references != "none":
        alive = references == "alive"
        case.abroad(case.syns(2 if alive else 0))
        case.abroad(case.hello(end="ok" if alive else "refused"))
        case.abroad(case.page(200 if alive else None))
    for name, measurement in _faults(case).items():
        if name == "a server that refuses the port" and references == "alive":
            continue  # Refused here and open abroad is no server's fault: that is ip.rst.
        verdict = case.judged(measurement, addresses=frozenset({case.address}))
        assert verdict.state not in {VerdictState.BLOCKED, VerdictState.THROTTLED}, (name, verdict.rule)
