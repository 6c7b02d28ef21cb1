"""Row 23: released evidence must not keep a delay, a number of resets or a sign by which a censor marks each line."""

from __future__ import annotations

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome

_SCRIPT = """
import json
from balise_collector.incidents.model import Incident, IncidentKind, IncidentScope, IncidentState
from balise_collector.incidents.model import Interval, MechanismShare
from balise_collector.journal import JournalRow
from balise_collector.judge.verdict import VerdictState, Verdict
from balise_collector.pages.public.filter import Policy, PublicStore
from balise_wire.evidence import Direction, Packet
from balise_wire.measurement import Measurement, Network
from balise_wire.mechanisms import Mechanism
from balise_wire.experiments.tls import TlsObservation
from balise_wire.words import Arm, ClockState, Design, Experiment, TargetRole

AT, NOW = 1_589_733_000.0, 1_589_733_000.0 + 10 * 86_400
NETWORK = Network(country="PK", asn=64501)
MARKS = {
    "line0001": (20, 1, "ip_id"), "line0002": (60, 1, "ttl"), "line0003": (100, 1, "ttl"), "line0004": (140, 1, "ttl"),
    "line0005": (700, 1, "ttl"), "line0006": (1200, 1, "ttl"), "line0007": (20, 4, "ttl"),
}

def packets(delay, resets):
    came = [Packet(t_us=5_000, direction=Direction.IN, ttl=57, flags="SA")]
    for number in range(resets):
        came.append(Packet(t_us=(delay + 10 + number) * 1000, direction=Direction.IN, ttl=57, flags="R"))
    return tuple(came)

def row(probe):
    delay, resets, _ = MARKS[probe]
    trial = TlsObservation(
        arm=Arm.SUBJECT, at=AT, address="198.18.0.10", port=443, sni="x.example", packets=packets(delay, resets),
        elapsed_ms=delay,
    )
    made = Measurement(
        id=probe.ljust(32, "0"), experiment=Experiment.TLS, design=Design.PAIRED, target="x/web/x/4", service="x",
        role=TargetRole.WEB, host="x.example", started=AT, ended=AT + 1, network=NETWORK, catalogue="1", software="1",
        observations=(trial,),
    )
    return JournalRow(
        seq=1, probe=probe, received_at=AT, sent_at=AT, clock_state=ClockState.SYNCED, historical=False,
        measurement=made,
    )

def verdict(probe):
    return Verdict(
        measurement=probe, probe=probe, network=NETWORK, service="x", role=TargetRole.WEB, target="x/web/x/4", at=AT,
        since=AT, layer=Experiment.TLS, design=Design.PAIRED, state=VerdictState.BLOCKED, rule="sni.rst",
        mechanism=Mechanism.SNI_RST, proof=(MARKS[probe][2],),
    )

more = {"witnesses": 7} if "witnesses" in Incident.__struct_fields__ else {}
incident = Incident(
    id="0123456789ab", kind=IncidentKind.INTERFERENCE, state=IncidentState.CLOSED, country="PK", service="x",
    roles=(TargetRole.WEB,), layers=("tls",), onset=Interval(earliest=AT - 300, latest=AT), grade="A",
    end=Interval(earliest=AT + 3000, latest=AT + 3300), scope=IncidentScope(affected=(64501,), affected_probes=7,
    measured_probes=7), mechanisms=(MechanismShare(mechanism=Mechanism.SNI_RST, asns=(64501,),
    roles=(TargetRole.WEB,), verdicts=7),), evidence=tuple(MARKS), opened_at=AT + 600, **more,
)

class Store:
    def revisions(self, name): return [(AT + 600, incident)]
    def measurement_row(self, name): return row(name) if name in MARKS else None
    def verdict(self, name): return verdict(name) if name in MARKS else None

class WitnessCounts:
    def by_provider(self, *_): return {("PK", 64501): 7}
    def incident_ids(self): return [incident.id]
    def kept(self, question, ask): return ask()

policy = Policy(least=2, delay=0.0, secret=b"x")
hosts = {"hosts": {name: name for name in MARKS}} if "hosts" in PublicStore.__dataclass_fields__ else {}
public = PublicStore(
    store=Store(), witness_counts=WitnessCounts(), policy=policy, now=NOW, released={incident.id: NOW - 60}, **hosts,
)
name = policy.alias(incident.id)
shown = public.exhibits(name)
signs = {}
for number in range(len(MARKS)):
    for sign in public.verdict(f"{name}/{number}").proof:
        signs[sign] = signs.get(sign, 0) + 1
forms = [[[(packet.after_ms, packet.what) for packet in trial.packets] for trial in one.trials] for one in shown]
times = [[trial.took_ms for trial in one.trials] for one in shown]
distinct = {json.dumps([form, took]) for form, took in zip(forms, times)}
print(json.dumps({"shown": len(shown), "distinct": len(distinct), "signs": signs}))
"""


def run(bed: Bed) -> Outcome:
    """Mark seven lines by delay, number of resets and sign; count what the released drawings tell apart."""
    seen = bed.script(_SCRIPT)
    if "raised" in seen:
        return Outcome(False, seen["raised"])
    alone = [sign for sign, count in seen["signs"].items() if count < 2]
    figure = (
        f"7 lines, each marked otherwise: {seen['shown']} drawings released, {seen['distinct']} that differ; "
        f"signs that one line alone bears: {', '.join(alone) or 'none'}"
    )
    return Outcome(seen["distinct"] <= 1 and not alone, figure)


CASES = (Case("23", "released evidence keeps what a censor marks lines by", run),)
