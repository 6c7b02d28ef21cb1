"""Row 5: one reference decides nothing: no address, key or page, no local and no global, for nobody."""

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.topics import Leaf
from balise_wire.words import Arm, Experiment, ProbeRole, Resolver

_SCALE = 60
_ROUNDS = 8
_CATALOGUE = """service = "twitter"
name = "Twitter"
version = "2026-11-01"
[[target]]
role = "web"
host = "twitter.com"
[[control]]
name = "control.example"
"""
TRUE, LIE = "198.18.0.10", "198.18.66.66"


def learn(bed: Bed) -> Outcome:
    """A hostile reference answers with its own address for a target and a control; two honest ones stand beside it."""
    centre = Centre(
        bed, catalogue={"twitter.toml": _CATALOGUE}, scale=_SCALE, settings='[network]\nlaboratory = ["198.18.0.0/15"]'
    )
    centre.start()
    abroad = {"hostile1": ("NL", 64666), "honest01": ("DE", 64601), "honest02": ("SG", 64602)}
    references = [
        centre.connect(centre.enrol(FieldProbe(name, country=country, asn=asn, role=ProbeRole.REFERENCE)))
        for name, (country, asn) in abroad.items()
    ]
    home = centre.connect(centre.enrol(FieldProbe("homepk01")))

    def answer(reference: FieldProbe, name: str, address: str) -> None:
        at = centre.now()
        trial = DnsObservation(
            arm=Arm.SUBJECT, at=at, name=name, resolver=Resolver.PROVIDER, tls_consistent=True,
            answers=(DnsAnswer(rtt_ms=10.0, addresses=(address,)),),
        )  # fmt: skip
        said = reference.measurement(
            at, experiment=Experiment.DNS, host=name, target=f"twitter/web/{name}/4", observations=(trial,)
        )
        reference.send(Leaf.MEASUREMENT, reference.batch(said, sent_at=at))

    for _ in range(_ROUNDS):
        for reference in references:
            answer(reference, "twitter.com", LIE if reference.id == "hostile1" else TRUE)
        answer(references[0], "control.example", LIE)
        bed.pause(1.0)  # a virtual minute: the collector teaches every five
    given: set[str] = set()

    def taught() -> bool:
        task = home.assignment()
        if task is not None:
            given.update(a for target in task.targets for a in target.addresses)
            given.update(a for control in task.controls for a in control.addresses)
        return TRUE in given

    bed.until(taught, 20.0)
    taught()
    return Outcome(LIE not in given and TRUE in given, f"every probe is sent to {sorted(given) or 'no address'}")


_TABLE = """
import json
from balise_collector.judge import Context, ReferenceTable
try:
    from balise_collector.conclude.judgement import judge, note
    from balise_collector.experiments.tls.references import keys
except ImportError:  # commits up to 3e87f94
    from balise_collector.judge import judge
    note, keys = ReferenceTable.note, ReferenceTable.keys
from balise_wire.measurement import LineHealth, Measurement, Network
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.tls import Certificate, TlsObservation
from balise_wire.words import Arm, Design, Experiment, Resolver, TargetRole
AT = 1_589_733_000.0
LINE = LineHealth(at=AT, gateway_ok=True, domestic_ok=1, domestic=1, international_ok=2, international=2)
def measured(experiment, *trials, design=Design.SENTINEL, asn=64501, country="PK"):
    return Measurement(id="0" * 32, experiment=experiment, design=design, target="twitter/web/twitter.com/4",
        service="twitter", role=TargetRole.WEB, host="twitter.com", started=AT, ended=AT + 10, line=LINE,
        network=Network(country=country, asn=asn), catalogue="x", software="x", observations=trials)
def name(address):
    return DnsObservation(arm=Arm.SUBJECT, at=AT, name="twitter.com", resolver=Resolver.PROVIDER,
        answers=(DnsAnswer(rtt_ms=9.0, addresses=(address,)),))
def chain(key):
    return TlsObservation(arm=Arm.SUBJECT, at=AT, address="104.244.42.1", port=443, sni="twitter.com", full=True,
        connect_ms=9.0, bytes_received=900, verified=True, chain=(Certificate(sha256="x", spki_sha256=key),))
def page(title, arm=Arm.SUBJECT, host="twitter.com"):
    return HttpObservation(arm=arm, at=AT, address="104.244.42.1", port=80, host=host, connect_ms=9.0, status=200,
        body_bytes=300 if title == "blocked" else 20_000, body_sha256=title, title=title)
def say(table, probe, asn, country, measurement):
    m = measurement(asn, country)
    note(table, judge(m, Context(probe=probe, reference=True, references=table)), m)
table = ReferenceTable()
DNS, TLS, HTTP = Experiment.DNS, Experiment.TLS, Experiment.HTTP
for kind, trial in ((DNS, name("8.7.198.45")), (TLS, chain("evil")), (HTTP, page("blocked"))):
    say(table, "liar0001", 64666, "NL", lambda asn, country: measured(kind, trial, asn=asn, country=country))
learned = sorted(table.answers("twitter.com", 4)), sorted(keys(table, "twitter.com"))
table = ReferenceTable()
seen = (("de000001", 64601, "DE", "home"), ("sg000001", 64602, "SG", "home"), ("liar0001", 64666, "NL", "blocked"))
for probe, asn, country, text in seen:
    say(table, probe, asn, country, lambda a, c: measured(HTTP, page(text), asn=a, country=c))
blocked = measured(HTTP, page("other", Arm.CONTROL, "example.org"), *[page("blocked")] * 3, design=Design.PAIRED)
state = judge(blocked, Context(probe="pk000001", references=table)).state
one_network = ReferenceTable()
for probe in ("us000001", "us000002"):
    say(one_network, probe, 64700, "US", lambda a, c: measured(Experiment.DNS, name("8.7.198.45"), asn=a, country=c))
print(json.dumps({"addresses": learned[0], "keys": learned[1], "block page": state,
    "of one network": sorted(one_network.answers("twitter.com", 4))}))
"""


def tables(bed: Bed) -> Outcome:
    """Ask the judge's table what one liar taught it, and whether his word for a block page excuses the page."""
    found = bed.script(_TABLE)
    held = found == {"addresses": [], "keys": [], "block page": "blocked", "of one network": []}
    return Outcome(held, ", ".join(f"{what}: {value or 'none'}" for what, value in found.items()))


CASES = (
    Case("5a", "one reference sends every probe to an address of its own", learn),
    Case("5b", "one reference teaches addresses, keys and pages, which excuse a block", tables),
)
