"""The catalogue is read strictly, and what we ship is complete."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from balise_collector.fleet.assignment import LASTS, Issued, assignment_for, dated, digest, due, targets_of
from balise_collector.fleet.catalogue import Catalogue, Entry, ServiceFile, default_folder, findings, load
from balise_collector.fleet.members import Member
from balise_collector.system.errors import ConfigError
from balise_wire.assignment import Budget, Timetable
from balise_wire.experiments.http import HttpParameters
from balise_wire.experiments.tcp import TcpParameters
from balise_wire.measurement import Network
from balise_wire.words import Scope, TargetRole

NOW = 1_589_733_000.0


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    """Return the catalogue that we ship."""
    return load(default_folder())


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
        ({"stun": {"port": 1}}, "stun: no experiment of this target takes any"),
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
