"""The doctor names the one first cause of a set-up that was really broken, and what to do; it never guesses past it."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from balise_agent.provisioning.card import store
from balise_agent.provisioning.enrolment.files import Files
from balise_agent.provisioning.enrolment.request import certificate_request
from balise_agent.run import cli, diagnostics, doctor
from balise_agent.run.doctor import AREAS, Facts, Mark, diagnose
from balise_agent.system import hardware as boards
from balise_agent.system.clock import Clock
from balise_agent.system.identity import load_or_create
from balise_agent.system.problems import PROBLEMS, ProblemId, Trouble
from balise_agent.system.status import Status
from balise_wire.card import CONSENT_VERSION
from balise_wire.enrolment import FrontDoor
from balise_wire.words import ClockState, Lifecycle
from tests.agent.provisioning.enrolment.conftest import Authority, FrontDoors

_I = ProblemId


class SetUp:
    """A probe's folder, settings, and a tree of /proc and /sys in which all is well; each test breaks one thing."""

    def __init__(self, folder: Path, doors: FrontDoors) -> None:
        self.folder = folder
        self.doors = doors
        self.state = folder / "data"
        self.state.mkdir()
        self.root = folder / "root"
        self.lines = {
            "urls": f'["{doors.url}"]',
            "fingerprint": f'"{doors.authority.fingerprint}"',
            "token": '"t"',
            "version": f'"{CONSENT_VERSION}"',
            "accepted": "true",
        }
        self.interface = ""
        self.resolvers = '["127.0.0.1"]'
        self.write("sys/class/net/eth0/carrier", "1\n")
        self.write("sys/class/net/lo/carrier", "1\n")
        head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        default = "eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        connected = "eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        self.head, self.default, self.connected = head, default, connected
        self.write("proc/net/route", head + default + connected)
        self.run()

    def write(self, name: str, content: str) -> None:
        """Write one file of the machine."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def run(self) -> None:
        """Let the service run, with its right to capture."""
        lock = self.state / "lock"
        lock.touch()
        self.write("proc/locks", f"1: FLOCK  ADVISORY  WRITE 77 00:2d:{lock.stat().st_ino} 0 EOF\n")
        self.write("proc/77/status", "Name:\tbalise-agent\nCapEff:\t0000000000002000\n")

    def says(self, *troubles: ProblemId, connected: bool = False) -> None:
        """Let the running service say what troubles it."""
        (self.folder / "run").mkdir(exist_ok=True)
        told = Status(
            at=time.time(),  # noqa: TID251 - a file's age is real time
            clock_state=ClockState.SYNCED,
            state=Lifecycle.READY,
            since=0.0,
            software="0",
            connected=connected,
            troubles=tuple(Trouble(id=one) for one in troubles),
        )
        (self.folder / "run" / "status.json").write_bytes(msgspec.json.encode(told))

    def enrol(self, *brokers: FrontDoor, days: tuple[float, float] = (-1, 90)) -> None:
        """Enrol it with these brokers."""
        identity = load_or_create(self.state)
        self.doors.brokers, self.doors.days = brokers, days
        Files(self.state).keep(self.doors.enrolment(certificate_request(identity.key)), identity, "t")

    @property
    def settings(self) -> Path:
        """Write the settings."""
        path = self.folder / "agent.toml"
        keys = ("urls", "fingerprint", "token")
        enrolment = "".join(f"{key} = {self.lines[key]}\n" for key in keys if key in self.lines)
        consent = "".join(f"{key} = {self.lines[key]}\n" for key in ("version", "accepted") if key in self.lines)
        path.write_text(
            f'[probe]\nstate_dir = "{self.state}"\nruntime_dir = "{self.folder}/run"\nsettings = "/nowhere"\n'
            f'[network]\ninterface = "{self.interface}"\nresolvers = {self.resolvers}\n'
            f"[enrolment]\n{enrolment}[consent]\n{consent}"
        )
        return path

    def facts(self) -> Facts:
        """Let the doctor look."""
        return diagnostics.examine(self.settings, self.root)


@pytest.fixture
def setup(tmp_path: Path, doors: FrontDoors, monkeypatch: pytest.MonkeyPatch) -> SetUp:
    """Return a healthy set-up that is about to enrol."""
    monkeypatch.setattr(Clock, "machine_vouched", property(lambda _: True))
    monkeypatch.setattr(Clock, "state", lambda _: ClockState.SYNCED)
    monkeypatch.setattr(diagnostics, "receive_offloads", lambda _: ())
    return SetUp(tmp_path, doors)


def _far(setup: SetUp, name: str = "192.0.2.1") -> None:
    """Let what is needed be on the other side of the line."""
    setup.lines["urls"] = f'["https://{name}:8443"]'


def _file(name: str, content: str, *, far: bool = True) -> Callable[[SetUp], None]:
    """Return what breaks a set-up by another content of one file of the machine."""

    def broken(setup: SetUp) -> None:
        if far:
            _far(setup)
        setup.write(name, content.format(setup=setup))

    return broken


def _line(**lines: str | None) -> Callable[[SetUp], None]:
    """Return what breaks a set-up by other settings."""

    def broken(setup: SetUp) -> None:
        for key, value in lines.items():
            if value is None:
                del setup.lines[key]
            else:
                setup.lines[key] = value

    return broken


def _says(*troubles: ProblemId, enrolled: bool = True) -> Callable[[SetUp], None]:
    """Return what breaks a set-up by what the running program says of itself."""

    def broken(setup: SetUp) -> None:
        if enrolled:
            setup.enrol(FrontDoor(host="127.0.0.1", port=1))
        setup.says(*troubles, connected=enrolled)

    return broken


def _never_filled(setup: SetUp) -> None:
    setup.lines.clear()


def _no_interface(setup: SetUp) -> None:
    _far(setup)
    setup.interface = "wlan7"


def _no_resolver(setup: SetUp) -> None:
    _far(setup, "front.example")
    setup.resolvers = "[]"


def _open_key(setup: SetUp) -> None:
    load_or_create(setup.state)
    (setup.state / "probe.key").chmod(0o644)


def _no_key(setup: SetUp) -> None:
    (setup.state / "probe.key").write_text("not a seed")
    (setup.state / "probe.key").chmod(0o600)


def _no_folder(setup: SetUp) -> None:
    (setup.state / "lock").unlink()
    setup.state.rmdir()


def _half_an_enrolment(setup: SetUp) -> None:
    setup.enrol(FrontDoor(host="127.0.0.1"))
    (setup.state / "enrolment" / "enrolment.json").write_text('{"probe":')


def _over(setup: SetUp) -> None:
    setup.enrol(FrontDoor(host="127.0.0.1", port=1), days=(-90, -1))


BROKEN: list[tuple[str, Callable[[SetUp], None], ProblemId]] = [
    ("a typing error in the settings", _line(accepted="yes"), _I.SETTINGS_BROKEN),
    ("a card that was never filled in", _never_filled, _I.SETTINGS_MISSING),
    ("a board that was wiped", lambda setup: (setup.state / store.WIPED).touch(), _I.WIPED),
    ("a host who has not agreed", _line(accepted="false"), _I.CONSENT_MISSING),
    ("a consent to an older text", _line(version='"2001-01"'), _I.CONSENT_OUTDATED),
    ("a pause file", lambda setup: (setup.state / "paused").touch(), _I.PAUSED),
    ("no data folder", _no_folder, _I.DATA_UNWRITABLE),
    ("a key that others can read", _open_key, _I.KEY_UNUSABLE),
    ("a key that is none", _no_key, _I.KEY_UNUSABLE),
    ("a service without its right", _file("proc/77/status", "CapEff:\t0000000000000000\n"), _I.NO_CAPTURE),
    ("an interface that is not there", _no_interface, _I.NO_INTERFACE),
    ("a cable that is out", _file("sys/class/net/eth0/carrier", "0\n"), _I.NO_CARRIER),
    ("no address from the router", _file("proc/net/route", "{setup.head}{setup.default}"), _I.NO_ADDRESS),
    ("no way out", _file("proc/net/route", "{setup.head}{setup.connected}"), _I.NO_ROUTE),
    ("no name server", _no_resolver, _I.NO_RESOLVER),
    ("a service that does not run", _file("proc/locks", "", far=False), _I.NOT_RUNNING),
    ("a name that nobody knows", lambda setup: _far(setup, "front.example"), _I.RESOLVER_SILENT),
    ("a closed place to enrol", _line(urls='["https://127.0.0.1:1"]'), _I.ENROLMENT_UNREACHABLE),
    ("somebody else in its place", _line(fingerprint=f'"{"ab" * 32}"'), _I.AUTHORITY_WRONG),
    ("no token", _line(token=None), _I.TOKEN_MISSING),
    ("a token that is not known", _says(_I.TOKEN_UNKNOWN, enrolled=False), _I.TOKEN_UNKNOWN),
    ("a damaged enrolment", _half_an_enrolment, _I.CERTIFICATE_UNUSABLE),
    ("a certificate that ran out", _over, _I.CERTIFICATE_EXPIRED),
    ("a revoked probe", _says(_I.REVOKED, _I.BROKER_REFUSES), _I.REVOKED),
    ("a closed broker", lambda setup: setup.enrol(FrontDoor(host="127.0.0.1", port=1)), _I.BROKER_UNREACHABLE),
    ("a collector that signs nothing", _says(_I.RECEIPTS_MISSING), _I.RECEIPTS_MISSING),
    ("a kill switch", _says(_I.HALTED), _I.HALTED),
    ("no task", _says(_I.NO_ASSIGNMENT), _I.NO_ASSIGNMENT),
]


@pytest.mark.parametrize(("broken", "cause"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_the_cause_of_a_broken_set_up_is_named(
    setup: SetUp, broken: Callable[[SetUp], None], cause: ProblemId, capsys: pytest.CaptureFixture[str]
) -> None:
    """One cause, with its mend; what stands above it is well and what stands below was not looked at."""
    broken(setup)
    facts = setup.facts()
    found = diagnose(facts)
    assert found.cause is not None
    assert found.cause.id is cause
    marks = [area.mark for area in found.areas]
    wrong = marks.index(Mark.WRONG)
    assert set(marks[:wrong]) <= {Mark.OK}
    assert set(marks[wrong + 1 :]) <= {Mark.SKIPPED, Mark.REMARK}
    told = doctor.rendered(found)
    assert PROBLEMS[cause].mend in told
    assert capsys.readouterr().out == ""


def test_where_nothing_is_wrong_nothing_is_said(setup: SetUp) -> None:
    """Before enrolment with an open door, and after it with a connected program."""
    assert diagnose(setup.facts()).cause is None
    setup.enrol(FrontDoor(host="127.0.0.1", port=1))
    setup.says(connected=True)
    found = diagnose(setup.facts())
    assert found.cause is None
    assert "nothing keeps it" in doctor.rendered(found)


def test_without_consent_the_doctor_knocks_nowhere(setup: SetUp) -> None:
    """It does what the probe may do, and no more."""
    setup.lines["accepted"] = "false"
    setup.facts()
    assert setup.doors.connections == 0
    setup.lines["accepted"] = "true"
    setup.facts()
    assert setup.doors.connections == 2
    assert setup.doors.heads == []


def test_the_doctor_changes_nothing(setup: SetUp) -> None:
    """Whoever types it may be another user than the service: no file of the probe is written or made."""
    setup.enrol(FrontDoor(host="127.0.0.1", port=1))
    (setup.state / "enrolment" / "ca.pem").unlink()
    before = {path: path.stat().st_mtime_ns for path in setup.state.rglob("*") if path.is_file()}
    setup.facts()
    assert {path: path.stat().st_mtime_ns for path in setup.state.rglob("*") if path.is_file()} == before


@pytest.fixture
def refusing(setup: SetUp, stranger: Authority) -> Iterator[int]:
    """Return the port of a broker that wants a certificate of another authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(setup.doors.authority.server())
    context.load_verify_locations(cadata=stranger.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            try:
                context.wrap_socket(client, server_side=True).close()
            except OSError:
                client.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield int(server.getsockname()[1])
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def test_a_refused_certificate_is_told_from_a_dead_broker(setup: SetUp, refusing: int) -> None:
    """The one that answers says more than the one that does not."""
    setup.enrol(FrontDoor(host="127.0.0.1", port=1), FrontDoor(host="127.0.0.1", port=refusing))
    found = diagnose(setup.facts())
    assert found.cause is not None
    assert found.cause.id is _I.BROKER_REFUSES


def test_a_full_disk_is_told_from_one_that_refuses(setup: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is left decides."""
    monkeypatch.setattr(boards, "disk_free", lambda _: 4096)
    found = diagnose(setup.facts())
    assert found.cause is not None
    assert (found.cause.id, found.cause.detail) == (_I.DATA_FULL, "4 KiB left")


def test_a_tunnel_is_told_and_stops_nothing(setup: SetUp) -> None:
    """A VPN by halves takes the whole internet: the way is open, and what is measured is the VPN's network."""
    _far(setup)
    setup.write("proc/locks", "")
    halves = "".join(f"wg0\t{half}\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n" for half in ("00000000", "00000080"))
    setup.write("proc/net/route", setup.head + setup.default + setup.connected + halves)
    setup.write("sys/class/net/wg0/type", "65534\n")
    setup.write("sys/class/net/wg0/uevent", "DEVTYPE=wireguard\nINTERFACE=wg0\n")
    facts = setup.facts()
    assert facts.line is not None
    assert (facts.line.interface, facts.line.default_route, facts.line.tunnel) == ("eth0", True, "wg0")
    found = diagnose(facts)
    assert [trouble.id for trouble in found.remarks] == [_I.THROUGH_TUNNEL]
    assert found.cause is not None
    assert found.cause.id is _I.NOT_RUNNING
    setup.interface = "eth0"
    assert diagnose(setup.facts()).remarks == ()


def test_what_only_makes_results_worse_is_a_remark() -> None:
    """It is told with its mend, and is no cause."""
    found = diagnose(Facts(undervoltage=True, hot=True, clock_state=ClockState.UNSYNCED))
    assert found.cause is None
    assert [trouble.id for trouble in found.remarks] == [_I.UNDER_VOLTAGE, _I.TOO_HOT, _I.CLOCK_UNVOUCHED]
    assert PROBLEMS[_I.UNDER_VOLTAGE].mend in doctor.rendered(found)


def test_every_problem_stands_in_one_area_in_the_order_of_cause() -> None:
    """The table, the areas and the words cannot drift apart."""
    assert [problem for _, ids in AREAS for problem in ids] == list(ProblemId)
    assert list(PROBLEMS) == list(ProblemId)


def test_the_command_has_exit_codes_and_json(setup: SetUp, capsys: pytest.CaptureFixture[str]) -> None:
    """1 with a cause, 2 where the settings cannot be read; the JSON holds what the terminal shows."""
    setup.lines["accepted"] = "false"
    assert cli.main(["--config", str(setup.settings), "doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["cause"]["id"] == "consent-missing"
    assert told["areas"]["consent"] == "wrong"
    assert cli.main(["doctor", "--config", str(setup.settings)]) == 1
    assert "first cause: consent-missing" in capsys.readouterr().out
    setup.lines["accepted"] = "maybe"
    assert cli.main(["doctor", "--config", str(setup.settings)]) == 2
    assert "settings-broken" in capsys.readouterr().out


def test_the_status_command(setup: SetUp, capsys: pytest.CaptureFixture[str]) -> None:
    """What the running program said last; 1 where nothing did."""
    assert cli.main(["status", "--config", str(setup.settings)]) == 1
    assert "balise-agent doctor" in capsys.readouterr().err
    setup.says(_I.PAUSED)
    assert cli.main(["status", "--config", str(setup.settings)]) == 0
    assert "paused: " in capsys.readouterr().out
    assert cli.main(["status", "--json", "--config", str(setup.settings)]) == 0
    assert json.loads(capsys.readouterr().out)["troubles"][0]["id"] == "paused"


UP = "ip link add line0 type veth peer name far0; ip link set line0 up; "
PLUGGED = f"{UP} ip link set far0 up; "
ADDRESSED = f"{PLUGGED} ip addr add 198.18.0.2/24 dev line0; "
SWALLOWED = "ip route add blackhole 0.0.0.0/1; ip route add unreachable 128.0.0.0/1; "


@pytest.mark.netns
@pytest.mark.parametrize(
    ("steps", "cause"),
    [
        ("", _I.NO_INTERFACE),
        (UP, _I.NO_CARRIER),
        (PLUGGED, _I.NO_ADDRESS),
        (ADDRESSED, _I.NO_ROUTE),
        (f"{ADDRESSED} ip route add default via 198.18.0.1; ", _I.NOT_RUNNING),
        (f"{ADDRESSED} ip route add 0.0.0.0/1 dev line0; ip route add 128.0.0.0/1 dev line0; ", _I.NOT_RUNNING),
        (f"{ADDRESSED} ip rule add from all lookup 99; ip route add default via 198.18.0.1 table 99; ", _I.NOT_RUNNING),
        (f"{ADDRESSED} ip route add blackhole default; ", _I.NO_ROUTE),
        (f"{ADDRESSED} ip route add default via 198.18.0.1; {SWALLOWED}", _I.NO_ROUTE),
        (f"{ADDRESSED} ip route add default via 198.18.0.1; ip rule add from all unreachable pref 9; ", _I.NO_ROUTE),
    ],
    ids=[
        *("no interface", "no carrier", "no address", "no route", "all but the service", "by halves", "by policy"),
        *("a blackhole", "blackholes by halves", "refused by policy"),
    ],
)
def test_a_real_line_that_is_broken(
    namespace_wrapper: tuple[str, ...], tools_bin: Path, tmp_path: Path, steps: str, cause: ProblemId
) -> None:
    """With the kernel's own files, in a network of its own: interface, cable, address, route, and then the service."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "agent.toml"
    path.write_text(
        f'[probe]\nstate_dir = "{tmp_path}/data"\nruntime_dir = "{tmp_path}/run"\n[enrolment]\n'
        f'urls = ["https://192.0.2.1"]\nfingerprint = "{"ab" * 32}"\ntoken = "t"\n'
        f'[consent]\nversion = "{CONSENT_VERSION}"\naccepted = true\n'
    )
    command = f"mount -t sysfs sysfs /sys; {steps} exec {sys.executable} -m balise_agent doctor --json"
    done = subprocess.run(
        (*namespace_wrapper, "sh", "-c", f"{command} --config {path}"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PATH": f"{tools_bin}:{os.environ['PATH']}"},
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["cause"]["id"] == cause
