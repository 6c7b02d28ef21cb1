"""The catalogue is read strictly, and what we ship is complete."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_collector.fleet.assignment import LASTS, Issued, assignment_for, dated, digest, due, targets_of
from balise_collector.fleet.catalogue import (
    AuthorityEntry,
    Catalogue,
    Confidence,
    Entry,
    Service,
    ServiceFile,
    StunEntry,
    default_folder,
    findings,
    load,
)
from balise_collector.fleet.members import AT_RISK, Member
from balise_collector.fleet.orders import Able, within
from balise_collector.fleet.profiles import bytes_per_day, delivered_per_day, fitted
from balise_collector.system.errors import ConfigError
from balise_wire import skills
from balise_wire.assignment import Budget, Timetable
from balise_wire.experiments.http import HttpParameters
from balise_wire.experiments.tcp import TcpParameters
from balise_wire.measurement import Network
from balise_wire.profiles import SHARES
from balise_wire.words import Experiment, ProbeRole, Profile, Scope, TargetRole

NOW = 1_589_733_000.0


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    """Return the catalogue that we ship."""
    return load(default_folder())


@pytest.fixture(scope="module")
def whole() -> Catalogue:
    """Return the catalogue with all that can be chosen."""
    some = load(default_folder())
    return load(default_folder(), [service.id for service in (*some.services, *some.offered)])


def member(country: str = "PK") -> Member:
    """Return an approved probe of a country."""
    return Member(id="k7m2q9xd", public_key="0" * 64, network=Network(country=country, asn=64501))


# ---------------------------------------------------------------- what we ship


def test_the_services_of_the_first_report_are_there_with_their_roles(shipped: Catalogue) -> None:
    """Twitter, Periscope and Zoom (mission.md S1, S2), WhatsApp (S17), and controls in systems of their own."""
    roles = {service.id: {entry.role for entry in service.targets} for service in shipped.services}
    assert roles["twitter"] >= {TargetRole.WEB, TargetRole.API, TargetRole.MEDIA_IMAGE, TargetRole.MEDIA_VIDEO}
    assert TargetRole.REGISTRATION in roles["whatsapp"]
    assert {"periscope", "zoom"} <= set(roles)
    assert sum(control.scope is Scope.INTERNATIONAL for control in shipped.controls) >= 3


def test_every_file_says_where_its_names_come_from() -> None:
    """A name without a source is a guess: each shipped file opens with its sources and a confidence."""
    for path in default_folder().glob("*.toml"):
        head = path.read_text().split("service =")[0]
        assert head.startswith("#"), path
        assert "onfidence" in head, path


def test_every_host_says_where_it_is_published() -> None:
    """Each target and control of every shipped file has a date and a confidence, and a source unless that is none."""
    for path in default_folder().glob("*.toml"):
        file = msgspec.toml.decode(path.read_bytes(), type=ServiceFile)
        for held in (*file.target, *file.control):
            assert held.date, (path, held)
            assert held.confidence, (path, held)
            assert held.source or held.confidence is Confidence.NONE, (path, held)


def test_the_document_lists_what_is_shipped(whole: Catalogue, shipped: Catalogue) -> None:
    """docs/catalogue.md: each service with its parts and how sure they are, and whether it is measured unasked."""
    lines = (Path(__file__).parents[3] / "docs" / "catalogue.md").read_text().splitlines()
    rows = {cells[1].strip(" `"): cells for line in lines if len(cells := line.split("|")) == 6 and "`" in cells[1]}
    unasked = {service.id for service in shipped.services}
    assert rows.keys() == {service.id for service in whole.services}
    for service in whole.services:
        _, _, name, asked, parts, _ = (cell.strip() for cell in rows[service.id])
        sure = whole.confidence()[service.id]
        assert (name, asked) == (service.name, "yes" if service.id in unasked else "no")
        assert parts == ", ".join(f"{role} ({sure[role]})" for role in sure), service.id


def test_optional_services_are_measured_only_where_they_are_chosen(shipped: Catalogue, whole: Catalogue) -> None:
    """The default stays as small as it was; who names services has exactly those, under a version of their own."""
    assert {service.id for service in shipped.services} == {"twitter", "periscope", "whatsapp", "zoom"}
    chosen = load(default_folder(), ("twitter", "telegram"))
    assert {service.id for service in chosen.services} == {"twitter", "telegram"}
    assert {one.id for one in (*chosen.services, *chosen.offered)} == {service.id for service in whole.services}
    assert chosen.controls == shipped.controls
    assert chosen.version != shipped.version
    with pytest.raises(ConfigError, match=r"no file of .* has telegrm; there are app-store, "):
        load(default_folder(), ("twitter", "telegrm"))


@pytest.mark.parametrize("profile", Profile.known())
def test_all_services_together_still_fit_each_profile(whole: Catalogue, profile: Profile) -> None:
    """Who chooses everything has it rarely, and never above the day's bytes."""
    task = fitted(assignment_for(member(), whole, Timetable(), Budget(), {}), profile)
    assert bytes_per_day(task) + delivered_per_day(task, profile) <= SHARES[profile].bytes_per_day


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    """Measurements name the catalogue they were made with: another content is another version."""
    text = 'service = "x"\nversion = "2026-11-01"\n[[target]]\nrole = "web"\nhost = "{}"\n'
    (tmp_path / "x.toml").write_text(text.format("a.example"))
    before = load(tmp_path).version
    assert load(tmp_path).version == before
    (tmp_path / "x.toml").write_text(text.format("b.example"))
    assert load(tmp_path).version != before


# ---------------------------------------------------------------- mistakes

HEAD = 'service = "x"\n[[target]]\nrole = "web"\nhost = "a.example"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('service = "x"\n[[target]]\nrole = "wbe"\nhost = "a.example"\n', ["target[0].role", "wbe"]),
        ('service = "x"\n[[target]]\nrole = "web"\n', ["target[0]", "host"]),
        (HEAD + 'adresses = ["1.2.3.4"]\n', ["target[0].adresses", "did you mean 'addresses'"]),
        (HEAD + 'addresses = ["1.2.3"]\n', ["target[0].addresses", "1.2.3", "no"]),
        (HEAD + 'neighbour = "a.example"\n', ["target[0].neighbour", "another"]),
        (HEAD + "families = [5]\n", ["target[0].families"]),
        (HEAD + 'path = "x"\n', ["target[0].path", "start with /"]),
        (HEAD + HEAD.split("\n", 1)[1], ["target[1].host", "twice"]),
        ('service = "X Y"\n[[target]]\nrole = "web"\nhost = "a.example"\n', ["service", "a-z"]),
        ('service = "x"\n[[target]]\nrole = "web"\nhost = "http://a"\n', ["target[0].host", "host name"]),
        (
            HEAD + 'source = "s"\nconfidence = "high"\n',
            ["target[0].date", "source, date and confidence belong together"],
        ),
        (HEAD + 'date = "2026-11-29"\nconfidence = "low"\n', ["target[0].source", "belong together"]),
        (HEAD + 'date = "29.11.2026"\nconfidence = "none"\n', ["target[0].date", "29.11.2026", "as 2026-11-29"]),
        (HEAD + 'date = "2026-02-30"\nconfidence = "none"\n', ["target[0].date", "no day"]),
        (
            HEAD + 'source = "s"\ndate = "2026-11-29"\nconfidence = "none"\n',
            ["target[0].confidence", '"low" or better'],
        ),
        (HEAD + 'source = "s"\ndate = "2026-11-29"\nconfidence = "sure"\n', ["target[0].confidence", "sure"]),
        ('[[control]]\nname = "a.example"\nscope = "domestic"\n', ["control[0].country", "PK"]),
        ('[[control]]\nname = "a.example"\ncountry = "PK"\n', ["control[0].country", "domestic"]),
        ('[dns]\npublic_resolvers = ["x"]\n', ["dns.public_resolvers"]),
    ],
)
def test_each_mistake_names_file_key_and_mend(tmp_path: Path, text: str, words: list[str]) -> None:
    """Whoever edits a catalogue reads which line of which file is wrong and what to write."""
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    for word in ["x.toml", *words]:
        assert word in str(caught.value)


def test_a_service_in_two_files_is_refused(tmp_path: Path) -> None:
    """One service, one file: the error names both."""
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(HEAD)
    with pytest.raises(ConfigError, match=r"b\.toml.*a\.toml"):
        load(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """No catalogue is a mistake, not a quiet collector."""
    with pytest.raises(ConfigError, match=r"no \*\.toml"):
        load(tmp_path)


# ---------------------------------------------------------------- assignments


def test_a_probe_is_given_every_target_and_its_own_countrys_controls(shipped: Catalogue) -> None:
    """Domestic controls go to the probes of their country only; target ids are service/role/host/family."""
    here = assignment_for(member("PK"), shipped, Timetable(), Budget(), {})
    abroad = assignment_for(member("DE"), shipped, Timetable(), Budget(), {})
    assert here.targets == abroad.targets
    assert "twitter/media-image/pbs.twimg.com/4" in {target.id for target in here.targets}
    assert any(control.scope is Scope.DOMESTIC for control in here.controls)
    assert all(control.scope is Scope.INTERNATIONAL for control in abroad.controls)


def test_both_families_are_two_targets(tmp_path: Path) -> None:
    """An entry with addresses of both IP versions becomes two targets, each with its own addresses."""
    (tmp_path / "x.toml").write_text(HEAD + 'addresses = ["198.18.0.1", "2001:db8::1"]\n')
    targets = assignment_for(member(), load(tmp_path), Timetable(), Budget(), {}).targets
    assert [(t.id, t.addresses) for t in targets] == [
        ("x/web/a.example/4", ("198.18.0.1",)),
        ("x/web/a.example/6", ("2001:db8::1",)),
    ]


def test_addresses_that_references_found_fill_the_blanks(tmp_path: Path) -> None:
    """Where the catalogue names no address, probes and references test the same ones: those the references heard."""
    (tmp_path / "x.toml").write_text(HEAD)
    learned = {("a.example", 4): ("198.18.0.7",)}
    (target,) = assignment_for(member(), load(tmp_path), Timetable(), Budget(), learned).targets
    assert target.addresses == ("198.18.0.7",)


def test_the_version_grows_with_change_and_before_expiry_only(shipped: Catalogue) -> None:
    """Versions never go back, an unchanged assignment is not sent anew, and none runs out while we are there."""
    asked = assignment_for(member(), shipped, Timetable(), Budget(), {})
    first = due(asked, Issued(), NOW)
    assert first is not None
    assert (first.version, first.expires) == (1, NOW + LASTS)
    assert due(asked, first, NOW + 86_400.0) is None
    renewed = due(asked, first, NOW + LASTS * 0.6)
    assert renewed is not None
    assert renewed.version == 2
    changed = due(assignment_for(member(), shipped, Timetable(interval=600), Budget(), {}), first, NOW)
    assert changed is not None
    assert changed.version == 2
    assert dated(asked, first).version == 1
    assert digest(dated(asked, first)) == digest(asked)


@pytest.mark.parametrize("bad", [r"\u001b[2J", r"\u009b31m", r"\u202e", r"\uFFFE", r"\u200b", r"\n"])
@pytest.mark.parametrize("place", ["name", "version", "path"])
def test_a_text_that_would_move_a_cursor_or_turn_a_line_is_refused(tmp_path: Path, bad: str, place: str) -> None:
    """Such a catalogue passed the check, and its names stood in terminals, feeds and drawings."""
    texts = {"name": "X", "version": "1", "path": "/x", place: f"/x{bad}"}
    (tmp_path / "x.toml").write_text(
        f'service = "x"\nname = "{texts["name"]}"\nversion = "{texts["version"]}"\n'
        f'[[target]]\nrole = "web"\nhost = "a.example"\npath = "{texts["path"]}"\n'
    )
    with pytest.raises(ConfigError, match=rf"{place}.* holds the character \\u[0-9a-f]{{4}}") as refused:
        load(tmp_path)
    assert "\x1b" not in str(refused.value)


def target(number: int, more: str = "") -> str:
    """Return one endpoint."""
    return f'[[target]]\nrole = "web"\nhost = "h{number}.example"\n{more}\n'


@pytest.mark.slow
def test_a_catalogue_is_bounded(tmp_path: Path) -> None:
    """Files, targets, lists, texts and bytes: each too many is said with its number."""
    file = tmp_path / "x.toml"
    head = 'service = "x"\n'
    addresses = ", ".join(f'"198.51.100.{n}"' for n in range(100))
    for text, told in (
        (head + "".join(map(target, range(501))), "target: 501 of them; 500"),
        (head + target(1, f"addresses = [{addresses}]"), r"target\[0\].addresses: 100 of them; 64"),
        (head + f'name = "{"x" * 301}"\n' + target(1), "name: has 301 characters; 300"),
        (head + f"#{'x' * 2**20}\n" + target(1), "1048576 are the most"),
        (f"x = {'[' * 20_000}", "x.toml"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=told):
            load(tmp_path)
    file.unlink()
    for number in range(5):
        text = f'service = "s{number}"\n' + "".join(target(1000 * number + n) for n in range(450))
        (tmp_path / f"{number}.toml").write_text(text)
    with pytest.raises(ConfigError, match="2250 targets, 2000"):
        load(tmp_path)
    for number in range(501):
        (tmp_path / f"{number}.toml").write_text("")
    with pytest.raises(ConfigError, match="501 files, 500"):
        load(tmp_path)


def test_what_a_target_says_to_an_experiment_may_stand_in_its_table() -> None:
    """The table is above the keys that a catalogue always had; both reach every probe, old or new."""
    entry = Entry(
        role=TargetRole.WEB, host="a.example", path="/old", parameters={"http": {"path": "/new", "port": 443}}
    )
    (target,) = targets_of("x", entry, {})
    assert target.parameters_of(HttpParameters) == HttpParameters(path="/new", port=443)
    assert (target.path, target.http_port, target.other_port) == ("/new", 443, 80)
    assert target.parameters_of(TcpParameters) == TcpParameters(other_port=80)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"http": {"path": "x"}}, "http: Expected `str` matching"),
        ({"http": {"cookies": 1}}, "http: has no cookies; it has path, port, fetch_bytes"),
        ({"ech": {"port": 1}}, "ech: no experiment of this target takes any"),
        ({"tls": {}}, "tls: no experiment of this target takes any"),
    ],
)
def test_a_table_that_nobody_can_read_is_said_with_its_mend(table: dict[str, dict[str, object]], told: str) -> None:
    """A typing error in a catalogue is found before any probe is."""
    file = ServiceFile(service="x", target=(Entry(role=TargetRole.WEB, host="a.example", parameters=table),))
    ((place, wrong),) = findings(file)
    assert place == "target[0].parameters"
    assert wrong.startswith(told)


def test_a_catalogue_without_tables_has_the_version_that_it_had() -> None:
    """Measurements name it: the packaged one is not made anew by a key that it does not have."""
    assert b"parameters" not in msgspec.json.encode(Entry(role=TargetRole.WEB, host="a.example"))


def test_signals_own_authority_is_the_published_one_and_goes_with_its_targets(whole: Catalogue) -> None:
    """By the fingerprint that OONI's specification and its probe have; hosts with public chains have none."""
    targets = [one for one in assignment_for(member(), whole, Timetable(), Budget(), {}).targets if one.authorities]
    assert {target.service for target in targets} == {"signal"}
    assert {target.host for target in targets} >= {"chat.signal.org", "storage.signal.org", "sfu.voip.signal.org"}
    assert {hashlib.sha256(base64.b64decode(one)).hexdigest() for target in targets for one in target.authorities} == {
        "ddb0f92bb95c8d6fd202ea6e8cc5ccd182b544f8cd696f47d580659ddc9df65a"
    }


def test_a_probe_that_knows_no_own_authorities_is_given_no_target_with_one(whole: Catalogue) -> None:
    """It would look upon the service's own chain as a forged one, day after day."""
    task = assignment_for(member(), whole, Timetable(), Budget(), {})
    older = skills.skills(Experiment.known())
    kept, lacking = within(task, Able(skills=frozenset(older) - {skills.AUTHORITIES}))
    assert not any(target.authorities for target in kept.targets)
    assert lacking == {skills.AUTHORITIES: sum(bool(target.authorities) for target in task.targets)}
    assert within(task, Able(skills=frozenset(older)))[1] == {}


PEM = next(
    one.pem
    for one in msgspec.toml.decode((default_folder() / "signal.toml").read_bytes(), type=ServiceFile).authority or ()
)
SHA256 = "ddb0f92bb95c8d6fd202ea6e8cc5ccd182b544f8cd696f47d580659ddc9df65a"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"pem": "nonsense"}, ("authority[0].pem", "is no certificate of an authority")),
        ({"pem": PEM + PEM}, ("authority[0].pem", "one alone")),
        ({"sha256": "0" * 64}, ("authority[0].sha256", f"is not that of the certificate ({SHA256})")),
        ({"source": "s"}, ("authority[0].date", "belong together")),
        ({"name": "other"}, ("target[0].authorities", "'own' is no [[authority]] of this file; there are ['other']")),
    ],
)
def test_an_authority_that_is_not_what_it_is_said_to_be_is_refused(
    change: dict[str, str], told: tuple[str, str]
) -> None:
    """Whoever can put one in can read along unseen: it is named with its fingerprint, which the source has too."""
    authority = msgspec.convert({"name": "own", "pem": PEM, "sha256": SHA256, **change}, AuthorityEntry)
    entry = Entry(role=TargetRole.WEB, host="a.example", authorities=("own",))
    ((place, wrong),) = findings(ServiceFile(service="x", authority=(authority,), target=(entry,)))
    assert place == told[0]
    assert told[1] in wrong


def test_other_operators_servers_go_where_calls_are_measured() -> None:
    """They are no controls, which are asked over TCP; nobody else's assignment changes."""
    shipped = load(default_folder())
    entry = Entry(role=TargetRole.CALL_MEDIA, host="call.example", experiments=(Experiment.STUN,))
    calls = Service(id="s", name="S", version="1", targets=(entry,))
    measured = msgspec.structs.replace(shipped, services=(*shipped.services, calls))
    given = assignment_for(member("PK"), measured, Timetable(), Budget(), {})
    assert {(one.name, one.port) for one in given.stun_servers} == {
        ("stun.cloudflare.com", 3_478), ("global.stun.twilio.com", 3_478), ("stun.l.google.com", 19_302),
    }  # fmt: skip
    assert not {one.name for one in given.stun_servers} & {one.name for one in given.controls}
    assert assignment_for(member("PK"), shipped, Timetable(), Budget(), {}).stun_servers == ()


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({}, True),
        ({"network": Network(country="IR", asn=64501)}, False),
        ({"tags": (AT_RISK,)}, False),
        ({"network": Network(country="IR", asn=64501), "role": ProbeRole.REFERENCE}, True),
    ],
)
def test_what_hosts_can_be_blamed_for_is_not_asked_where_the_risk_is_high(
    change: dict[str, Any],
    asked: bool,
) -> None:
    """By the country or by the board; all else of a target is asked, and references are abroad."""
    entry = Entry(role=TargetRole.VPN, host="a.example", experiments=(Experiment.VPN,))
    mixed = Entry(role=TargetRole.WEB, host="b.example", experiments=(Experiment.TLS, Experiment.VPN))
    services = (Service(id="s", name="S", version="1", targets=(entry, mixed)),)
    measured = msgspec.structs.replace(load(default_folder()), services=services)
    probe = msgspec.structs.replace(member(), **change)
    given = assignment_for(probe, measured, Timetable(), Budget(), {}, {"IR"})
    every = [(Experiment.VPN,), (Experiment.TLS, Experiment.VPN)]
    assert [one.experiments for one in given.targets] == (every if asked else [(Experiment.TLS,)])


def test_rare_experiments_alone_leave_a_probe_silent_for_as_long() -> None:
    """What is asked once an hour is told once an hour: a probe that has nothing else to do is no outage."""
    rare = Entry(role=TargetRole.VPN, host="a.example", experiments=(Experiment.VPN,))
    often = Entry(role=TargetRole.WEB, host="b.example", experiments=(Experiment.TLS, Experiment.HTTP))
    found = []
    for targets in ((rare,), (rare, often), ()):
        services = (Service(id="s", name="S", version="1", targets=targets),)
        measured = msgspec.structs.replace(load(default_folder()), services=services)
        issued = due(assignment_for(member(), measured, Timetable(vpn_every=12), Budget(), {}), Issued(), NOW)
        assert issued is not None
        found.append(issued.interval)
    assert found == [3_600, 300, 300]


@pytest.mark.parametrize(("role", "every"), [(ProbeRole.PROBE, 288), (ProbeRole.REFERENCE, 12)])
def test_references_ask_each_hour_what_probes_ask_once_a_day(role: ProbeRole, every: int) -> None:
    """Their word on a moment counts for an hour; an operator who asks more often is not slowed down."""
    one = msgspec.structs.replace(member(), role=role)
    for figure, said in ((288, every), (2, 2)):
        made = assignment_for(one, load(default_folder()), Timetable(clienthello_every=figure), Budget(), {})
        assert made.timetable.clienthello_every == said


def test_what_is_no_services_has_a_service_of_its_own() -> None:
    """What dies with ECH is ECH: where a service lists it for one part alone that part would be called blocked."""
    forms = Entry(role=TargetRole.WEB, host="a.example", experiments=(Experiment.TLS, Experiment.CLIENTHELLO))
    usual = Entry(role=TargetRole.API, host="b.example")
    assert not findings(ServiceFile(service="s", name="S", version="1", target=(forms,)))
    found = findings(ServiceFile(service="s", name="S", version="1", target=(forms, usual)))
    assert [place for place, _ in found] == ["target[1].experiments"]
    assert "clienthello" in found[0][1]


def test_a_server_of_stun_is_read_strictly() -> None:
    """Name, addresses and port, with the key and the mend."""
    bad = ServiceFile(stun=(StunEntry(name="Bad Name"), StunEntry(name="a.example", addresses=("x",), port=0)))
    assert [place for place, _ in findings(bad)] == ["stun[0].name", "stun[1].addresses", "stun[1].port"]
