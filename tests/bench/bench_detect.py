"""P10 of the performance goals: one update of the detector, and what ten thousand cells weigh.

Lives here: the measuring and the figures. Must not live here: the table (run.py).
"""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from typing import Any

from balise_collector.detect import Detector
from balise_collector.judge import Level, Verdict, VerdictState
from balise_wire.measurement import Network
from balise_wire.words import Design, Experiment, TargetRole

Figure = dict[str, Any]
START = 1_589_733_000.0
PROVIDERS, SERVICES = 30, 330
"""9,900 cells of providers with one probe each, and 330 that sum up the country: as a large country would have."""
ROUNDS = 5
GOAL_US, GOAL_MB = 2.0, 5.0


def verdict(provider: int, service: int, slot: int) -> Verdict:
    """Return one quiet verdict."""
    at = START + slot * 300.0 + provider
    return Verdict(
        measurement=f"{provider}-{service}-{slot}",
        probe=f"pk{provider:06}",
        network=Network(country="PK", asn=64500 + provider),
        service=f"service{service}",
        role=TargetRole.WEB,
        target=f"service{service}/web/host/4",
        layer=Experiment.TLS,
        design=Design.SENTINEL,
        at=at,
        since=at,
        state=VerdictState.OK,
        rule="tls.ok",
        level=Level.NONE,
    )


def slot_of(slot: int) -> list[Verdict]:
    """Return the verdicts of every cell in one slot."""
    return [verdict(provider, service, slot) for service in range(SERVICES) for provider in range(PROVIDERS)]


def figures() -> list[Figure]:
    """Measure P10; a few seconds."""
    detector = Detector()
    first = slot_of(0)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for each in first:
        detector.observe(each)
    megabytes = (tracemalloc.get_traced_memory()[0] - before) / 1e6
    tracemalloc.stop()
    cells = PROVIDERS * SERVICES + SERVICES
    spent = []
    for slot in range(1, ROUNDS + 1):
        verdicts = slot_of(slot)
        begun = time.process_time()
        for each in verdicts:
            detector.observe(each)
        spent.append((time.process_time() - begun) / len(verdicts) * 1e6)
        detector.advance(START + slot * 300.0 + 299.0)
    update, weight = statistics.median(spent), megabytes * 10_000 / cells
    return [
        {
            "id": "P10",
            "what": "detector, one update / 10,000 cells",
            "goal": f"<= {GOAL_US:g} us / <= {GOAL_MB:g} MB",
            "limit": "0.42-0.85 us / 3.1 MB",
            "figure": f"{update:.2f} us / {weight:.1f} MB",
            "ok": update <= GOAL_US and weight <= GOAL_MB,
        }
    ]


if __name__ == "__main__":
    print(*figures(), sep="\n")
