"""Row 2: what a probe says of its provider, of the service that it measured and of its target's host moves nothing."""

import msgspec

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.experiments.tls import TlsObservation
from balise_wire.measurement import Network
from balise_wire.topics import Leaf
from balise_wire.words import Access, Arm, Experiment, TargetRole

_WAIT = 30.0


def _concluded(centre: Centre, bed: Bed, query: str) -> list[tuple[object, ...]]:
    """Return rows of verdicts, once an honest probe's newest result is among them: everything before it is judged."""
    last = centre.connect(centre.enrol(FieldProbe("honest99", asn=64599)))
    last.send(Leaf.MEASUREMENT, last.batch(last.measurement(centre.now()), sent_at=centre.now()))
    bed.until(lambda: bool(centre.rows("SELECT 1 FROM verdict WHERE probe = 'honest99'", file="derived.sqlite")), _WAIT)
    return centre.rows(query, file="derived.sqlite")


def provider(bed: Bed) -> Outcome:
    """A probe approved for one provider speaks in the name of another, on a mobile line of another region."""
    centre = Centre(bed)
    centre.start()
    liar = centre.connect(centre.enrol(FieldProbe("hostile1", asn=64501)))
    for number in range(20):
        place = Network(country="PK", asn=64510 + number % 4, access=Access.MOBILE, region="PK-IS")
        liar.send(Leaf.MEASUREMENT, liar.batch(liar.measurement(centre.now(), network=place), sent_at=centre.now()))
    bed.until(lambda: liar.through >= 20, _WAIT)
    rows = _concluded(
        centre, bed, "SELECT asn, json_extract(CAST(body AS TEXT), '$.network.access') FROM verdict"
        " WHERE probe = 'hostile1'",
    )  # fmt: skip
    elsewhere = sum(asn != 64501 or access == "mobile" for asn, access in rows)
    kept = centre.journalled("hostile1")
    shown = "64513" in centre.ask("fleet", "show", "hostile1")
    figure = (
        f"{elsewhere} of {len(rows)} verdicts in cells of other lines; {kept} results kept; difference shown: {shown}"
    )
    return Outcome(elsewhere == 0 and kept == 20 and len(rows) == 20 and shown, figure)


def targets(bed: Bed) -> Outcome:
    """A probe names services, hosts and families that it was never asked to measure, alone and under a target's id."""
    centre = Centre(bed)
    centre.start()
    liar = centre.connect(centre.enrol(FieldProbe("hostile1")))
    at = centre.now()
    stranger = TlsObservation(
        arm=Arm.SUBJECT, at=at, address="198.18.0.9", port=443, sni="bank.example", bytes_received=9
    )
    lies = [
        liar.measurement(at, target="gov/web/gov.example/4", service="gov", host="gov.example"),
        liar.measurement(at, target="Vote for me/web/x.example/4", service="Vote for me", host="x.example"),
        liar.measurement(at, service="zoom"),
        liar.measurement(at, role=TargetRole.API),
        liar.measurement(at, host="api.twitter.com"),
        liar.measurement(at, family=6),
        liar.measurement(at, target="internet/line/line/4"),
        liar.measurement(at, experiment=Experiment.LINE),
        liar.measurement(at, experiment=Experiment.TLS, observations=(stranger,)),
    ]
    honest = liar.measurement(at)
    liar.send(Leaf.MEASUREMENT, liar.batch(*lies, honest, sent_at=at))
    bed.until(lambda: liar.through >= 1, _WAIT)
    rows = _concluded(centre, bed, "SELECT body FROM verdict WHERE probe = 'hostile1'")
    judged = {msgspec.json.decode(bytes(body))["measurement"] for (body,) in rows}  # type: ignore[call-overload]
    believed = sum(lie.id in judged for lie in lies)
    reasons = centre.quarantined("hostile1")
    beside = f"the honest result beside them judged: {honest.id in judged}"
    figure = f"{believed} of {len(lies)} lies judged, {len(reasons)} quarantined; {beside}"
    return Outcome(believed == 0 and len(reasons) == len(lies) and honest.id in judged, figure)


_TABLE = "198.18.1.0/24,64501,PK\n198.18.2.0/24,64999,NL\n"
_HOME, _TUNNEL = "198.18.1.7", "198.18.2.7"


def observed(bed: Bed) -> Outcome:
    """Two boards approved for one provider; the line of one leads through a tunnel, where nothing is blocked."""
    table = bed.folder / "origins.csv"
    table.write_text(_TABLE, encoding="ascii")
    knows = "--observe" in centre_help(bed)
    centre = Centre(bed, settings=f'[network]\norigins = "{table}"\n' if knows else "", scale=10)
    centre.ask(
        "broker", "files", "--out", str(centre.files), "--name", "broker.example.org", "--listen", "127.0.0.1",
        "--mqtt", str(centre.tls_port), "--local", str(centre.local_port), "--data", str(centre.files),
        "--user", "root", *(("--observe",) if knows else ()),
    )  # fmt: skip
    bed.start(
        "mosquitto", [bed.tool("mosquitto"), "-c", centre.files / "mosquitto.conf"],
        {"OPENSSL_CONF": str(centre.files / "openssl.cnf")},
    )  # fmt: skip
    centre.start_collector()
    for address in (_HOME, _TUNNEL):
        bed.address(address)
    probes = [
        centre.connect(centre.enrol(FieldProbe(name, source=source)))
        for name, source in (("honest01", _HOME), ("tunnel01", _TUNNEL))
    ]
    bed.pause(1.0)
    for probe in probes:
        probe.send(Leaf.MEASUREMENT, probe.batch(probe.measurement(centre.now()), sent_at=centre.now()))
    query = "SELECT probe, state FROM verdict"
    bed.until(lambda: len(centre.rows(query, file="derived.sqlite")) >= len(probes), _WAIT)
    rows = dict(map(tuple, centre.rows(query, file="derived.sqlite")))
    bed.until(lambda: "is not where its record" in centre.get("/fleet")[1], 15.0)
    words = {"honest01": "is where its record says", "tunnel01": "is not where its record says"}
    shown = [words[probe.id] in centre.ask("fleet", "show", probe.id) for probe in probes]
    page = "is not where its record" in centre.get("/fleet")[1]
    for name in ("collector", "mosquitto"):
        bed.stop(name)
    kept = sum(
        address.encode() in path.read_bytes()
        for address in (_HOME, _TUNNEL)
        for path in (*centre.state.rglob("*"), *centre.files.glob("*"), *bed.folder.glob("*.log"))
        if path.is_file()
    )
    figure = (
        f"the tunnelled board: {rows.get('tunnel01')}, the honest one: {rows.get('honest01')}; shown: {shown}, {page}; "
        f"files that hold an address: {kept}"
    )
    held = rows.get("tunnel01") == "insufficient" and rows.get("honest01") == "ok" and all(shown) and page
    return Outcome(held and kept == 0, figure)


def centre_help(bed: Bed) -> str:
    """Return what `broker files` can be asked for."""
    return bed.call(bed.collector("broker", "files", "--help")).stdout


CASES = (
    Case("2a", "a probe says on which provider, access and region it stands", provider),
    Case("2c", "a line leads through a tunnel, and what is blocked at home reads ok", observed, seconds=150.0),
    Case("2b", "a probe says which service, role and host it measured", targets),
)
