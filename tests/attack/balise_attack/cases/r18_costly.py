"""Row 18: no question to the public view may cost much, however it is varied, and none holds measurements back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import EPOCH, Centre

_EACH = 20
_MOST = 0.1
"""CPU seconds that a question may cost in the mean of twenty varied ones."""
_STORE = """
import json, sys
from pathlib import Path
from balise_collector.incidents.model import (
    Incident, IncidentKind, IncidentState, Interval, Locality, MechanismShare, ReferenceCount, IncidentScope,
)
from balise_collector.judge.verdict import VerdictState, Verdict
from balise_collector.conclude.store import Progress
try:
    from balise_collector.conclude.store.sqlite import SqliteStore as Store
except ImportError:  # an older checkout
    from balise_collector.conclude.store import Store
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Design, Experiment, TargetRole

now = float(sys.argv[2])
store, seq = Store(Path(sys.argv[1])), 0
services, roles = ("twitter", "whatsapp", "periscope", "zoom"), (TargetRole.WEB, TargetRole.API, TargetRole.CHAT)
for slot in range(288):
    rows = []
    for probe in range(24):
        for service in services:
            for number, role in enumerate(roles):
                seq += 1
                at = now - 86400 + slot * 300 + probe * 7 + number
                rows.append((seq, Verdict(
                    measurement=f"{seq:032x}", probe=f"probe{probe:03d}", reference=False, service=service, role=role,
                    network=Network(country="PK", asn=64501 + probe % 6), target=f"{service}/{role}/x/4", at=at,
                    since=at, layer=Experiment.TLS, design=Design.SENTINEL, state=VerdictState.OK, rule="tls.ok",
                )))
    store.save_verdicts(rows)
told = []
for number in range(200):
    onset = now - 80000 + number * 350
    told.append(Incident(
        id=f"{number:012x}", kind=IncidentKind.INTERFERENCE, state=IncidentState.CLOSED, country="PK",
        service=services[number % 4], roles=roles, layers=("tls",), onset=Interval(earliest=onset - 200, latest=onset),
        end=Interval(earliest=onset + 3000, latest=onset + 3300), grade="A", score=20.0, opened_at=onset + 600,
        scope=IncidentScope(affected=(64501,), clean=(64504,), affected_probes=4, measured_probes=20), revision=1,
        mechanisms=(MechanismShare(mechanism=Mechanism.SNI_RST, asns=(64501,), roles=roles, verdicts=50),),
        locality=Locality.LOCAL, references=ReferenceCount(ok=5, countries_ok=("DE", "FR")),
    ))
store.save_progress(Progress(), {}, told, now - 3600)
store.close()
print(json.dumps({"verdicts": seq}))
"""


def _minutes(back: float) -> str:
    return datetime.fromtimestamp(EPOCH - 7200 - back, UTC).strftime("%Y-%m-%dT%H:%MZ")


_QUESTIONS: dict[str, Callable[[int], str]] = {
    "/matrix?at=": lambda n: f"/matrix?at={_minutes(n * 900)}",
    "/matrix?at= by minutes": lambda n: f"/matrix?at={_minutes(n * 60)}",
    "/matrix?x=": lambda n: f"/matrix?x={n}",
    "/?x=": lambda n: f"/?x={n}",
    "/PK/twitter?at=": lambda n: f"/PK/twitter?at={_minutes(n * 900)}",
    "/XX/twitter": lambda n: f"/{chr(65 + n)}X/twitter",
    "/incident/none": lambda n: f"/incident/{n:012x}.csv",
    "/feed.atom?x=": lambda n: f"/feed.atom?x={n}",
    "/api/v1/matrix?at=": lambda n: f"/api/v1/matrix?at={EPOCH - 7200 - n * 61}",
    "/api/v1/incidents?x=": lambda n: f"/api/v1/incidents?x={n}",
}


def run(bed: Bed) -> Outcome:
    """Ask each kind of question twenty times, each time a little otherwise, and weigh the CPU of all our processes."""
    centre = Centre(bed)
    centre.ask("key")
    made = bed.script(_STORE, str(centre.state / "derived.sqlite"), str(EPOCH - 3600))
    centre.start()
    bed.until(lambda: _asked(centre, "/method") == 200, 20.0)
    costs: dict[str, float] = {}
    for name, question in _QUESTIONS.items():
        before = _cpu(bed)
        for number in range(_EACH):
            _asked(centre, question(number))
        costs[name] = (_cpu(bed) - before) / _EACH
    worst = max(costs, key=lambda name: costs[name])
    figure = f"{made.get('verdicts')} verdicts, 200 incidents; CPU s a question: " + ", ".join(
        f"{name} {cost:.3f}" for name, cost in costs.items()
    )
    return Outcome(costs[worst] <= _MOST, f"worst {worst} {costs[worst]:.3f}; {figure}")


def _asked(centre: Centre, path: str) -> int:
    try:
        return centre.get(path, public=True, timeout=30.0)[0]
    except OSError:
        return 0


def _cpu(bed: Bed) -> float:
    """Return the CPU seconds of the collector and everything that it started."""
    return sum(_of(pid) for pid in _family(bed.running("collector").pid))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            yield from _family(int(child))


def _of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


CASES = (Case("18", "costly questions to the public view, each a little otherwise", run, seconds=300.0),)
