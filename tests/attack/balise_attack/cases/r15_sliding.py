"""Row 15: no two answers of the public view may subtract to what one probe measured."""

from __future__ import annotations

import urllib.request
from contextlib import suppress
from itertools import combinations
from typing import Any

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre

_STORE = """
import json, sys
from pathlib import Path
from balise_collector.judge.verdict import VerdictState, Verdict
try:
    from balise_collector.conclude.store.sqlite import SqliteStore as Store
except ImportError:  # an older checkout
    from balise_collector.conclude.store import Store
from balise_wire.measurement import Network
from balise_wire.words import Design, Experiment, TargetRole

def verdict(probe, at, state):
    return Verdict(
        measurement="", probe=probe, network=Network(country="PK", asn=64501), reference=False, service="twitter",
        role=TargetRole.WEB, target="twitter/web/twitter.com/4", layer=Experiment.TLS, design=Design.SENTINEL, at=at,
        since=at, state=state, rule="tls.ok",
    )

start = float(sys.argv[2])
rows = [verdict("lonely01", start + 1900 + 10, VerdictState.BLOCKED)]
for at in range(0, 5400, 300):
    for probe in ("lonely01", "second01"):
        if at != 1800:
            rows.append(verdict(probe, start + at + 100, VerdictState.OK))
store = Store(Path(sys.argv[1]))
store.save_verdicts(enumerate(rows, 1))
store.close()
print(json.dumps({"rows": len(rows)}))
"""
"""Two probes measure every five minutes; in one bin only one of them does, and it is blocked."""
_START = 1_589_724_000.0
"""2020-05-17T14:00:00Z, on a whole hour, well before the horizon."""


def run(bed: Bed) -> Outcome:
    """Ask for every window, and subtract each from each: no difference may hold the lonely measurement alone."""
    centre = Centre(bed)
    centre.ask("key")
    bed.script(_STORE, str(centre.state / "derived.sqlite"), str(_START))
    centre.start()
    bed.until(lambda: _is_there(centre), 20.0)
    answers: dict[int, dict[str, int]] = {}
    for at in range(900, 5700, 300):
        answers[at] = _states(centre.json(f"/api/v1/matrix?at={_START + at}", public=True))
    found = []
    for first, second in combinations(sorted(answers), 2):
        difference = {
            state: answers[second].get(state, 0) - answers[first].get(state, 0) for state in ("ok", "blocked")
        }
        if abs(difference["blocked"]) == 1:
            found.append((first // 60, second // 60))
    measured = sum(bool(states) for states in answers.values())
    figure = (
        f"{len(answers)} windows asked, {measured} with counts; {len(found)} pairs subtract to one probe's measurement"
        + (f", e.g. those up to minute {found[0][0]} and {found[0][1]}" if found else "")
    )
    return Outcome(not found and measured > 0, figure)


def _is_there(centre: Centre) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{centre.public_port}/method", timeout=5):
        return True
    return False


def _states(answer: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for cell in answer["cells"]:
        for state, count in cell["states"].items():
            found[state] = found.get(state, 0) + count
    return found


CASES = (Case("15", "windows of the public view that subtract to one probe's measurement", run),)
