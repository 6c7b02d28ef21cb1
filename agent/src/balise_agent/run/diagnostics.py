"""Gathering the facts for the doctor: first what can be seen on this machine, then, with consent, by probing endpoints.

Probing is shaking hands with the places that the settings name, and asking for their names: nothing that the probe
itself would not do, and nothing at all where a cause was found on the machine already. Lives here: reading files and
running tasks. Must not live here: what the facts mean (doctor.py).
"""

import fcntl
import os
import socket
import ssl
import struct
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from balise_agent.delivery.backoff import is_refusal
from balise_agent.delivery.dial import Lookup, open_stream, task
from balise_agent.delivery.lookup import literal, lookup_through
from balise_agent.net.local_networks import own_prefixes
from balise_agent.net.offloads import receive_offloads
from balise_agent.net.resolvers import Resolvers
from balise_agent.net.routes import bind_device, default_gateway, family_of, interface_towards, is_tunnel
from balise_agent.provisioning.card import store
from balise_agent.provisioning.enrolment import decide, request
from balise_agent.provisioning.enrolment.files import Files, token_of
from balise_agent.provisioning.enrolment.visit import greet
from balise_agent.run.doctor import FRESH, Facts, Line, ProbedEndpoint, diagnose
from balise_agent.system import config, hardware, status_file
from balise_agent.system.clock import Clock, machine_time
from balise_agent.system.config import Broker, Config
from balise_agent.system.errors import ConfigError, LinkUnusable
from balise_agent.system.identity import KEY_FILE, load_or_create
from balise_agent.system.lifecycle import PAUSE_FILE
from balise_agent.system.problems import ProblemId, Trouble
from balise_agent.system.reactor import READ, Reactor
from balise_agent.system.status import Status
from balise_agent.system.task import ReactorTask, Steps, file_ready

_CAP_NET_RAW: Final = 13
_SIOCGIFADDR: Final = 0x8915
_FAR: Final = ("9.9.9.9", "149.112.112.112", "2620:fe::fe")
"""Addresses in both halves of IPv4, and in IPv6: the routing table is asked about them, and nobody else."""
_MOST_SECONDS: Final = 40.0
"""Real seconds for all the knocking together."""
_REFUSAL_SECONDS: Final = 1.0
"""A TLS 1.3 server says no to a certificate right after the handshake."""


def examine(path: Path, root: Path = Path("/")) -> Facts:
    """Return the facts about the probe whose settings are at ``path``.

    Raises:
        ConfigError: this user may not look at the probe's data.
    """
    try:
        found = config.load(path)
    except ConfigError as error:
        return Facts(settings_error=str(error))
    clock = Clock.from_environment()
    facts, known = _look(found, clock, root)
    if facts.consent is not None or diagnose(facts).cause is not None:
        return facts
    return _probe_endpoints(facts, found, known, clock)


# --- what can be seen -------------------------------------------------------------------------------------------------


def _look(found: Config, clock: Clock, root: Path) -> tuple[Facts, Config]:
    """Look without sending anything; also return the settings with what enrolment brought."""
    state_dir = Path(found.probe.state_dir)
    data_error = _data_error(state_dir)
    key_error, enrolled, damaged, known = "", found.by_hand, "", found
    if not data_error and (state_dir / KEY_FILE).exists():
        key_error, enrolled, damaged, known = _identity(found, state_dir)
    hosts = _hosts(known, enrolled=enrolled)
    pid = _holder(state_dir / "lock", root)
    status = _fresh(status_file.found(found, root)) if pid is not None else None
    reading = hardware.read(root)
    life = _life(state_dir, known, enrolled=enrolled and not found.by_hand)
    facts = Facts(
        settings_filled=found.by_hand or bool(found.enrolment.urls),
        wiped=any((state_dir / mark).exists() for mark in (store.WIPED, store.WIPING)),
        consent=decide.consent_trouble(found),
        paused=(state_dir / PAUSE_FILE).exists(),
        data_error=data_error,
        data_free=None if data_error else hardware.disk_free(state_dir),
        key_error=key_error,
        capture_error=_capture_error(pid, root),
        line=None if hosts and all(_is_loopback(host) for host in hosts) else _line(found, root),
        names=tuple(host for host in hosts if not literal(host)),
        running=pid is not None,
        status=status,
        enrolled=enrolled,
        damaged=damaged,
        token=bool(token_of(found.enrolment)),
        certificate_over=life is not None and clock.machine_vouched and clock.certificate_time() >= life.ends,
        undervoltage=reading.undervoltage,
        hot="temperature" in hardware.limited_by(reading, None),
        clock_state=clock.state() if status is None else status.clock_state,
    )
    return facts, known


def _hosts(known: Config, *, enrolled: bool) -> tuple[str, ...]:
    """Return whom the probe needs to reach next."""
    if enrolled:
        return tuple(dict.fromkeys(broker.host for broker in known.broker))
    return tuple(dict.fromkeys(request.front(url).host for url in known.enrolment.urls))


def _is_loopback(host: str) -> bool:
    return host == "::1" or (host.startswith("127.") and bool(literal(host)))


def _data_error(state_dir: Path) -> str:
    """Say why the data folder cannot be written, empty where it can (ConfigError where we may not even look)."""
    try:
        if not state_dir.is_dir():
            return f"{state_dir} is no folder"
        with tempfile.NamedTemporaryFile(dir=state_dir, prefix=".doctor-"):
            pass
    except PermissionError:
        if os.geteuid() != 0:
            raise ConfigError(f"{state_dir}: this user may not look there; run the doctor as root") from None
        return f"{state_dir}: permission denied"
    except OSError as error:
        # A full disk refuses as well; how much is left tells the two apart.
        return "" if error.errno == 28 else f"{state_dir}: {error.strerror}"
    return ""


def _identity(found: Config, state_dir: Path) -> tuple[str, bool, str, Config]:
    """Return what is wrong with the key, whether it is enrolled, what is damaged of that, and the settings then."""
    if state_dir.stat().st_uid != (state_dir / KEY_FILE).stat().st_uid:
        return f"{state_dir / KEY_FILE} belongs to another user than its folder", False, "", found
    try:
        identity = load_or_create(state_dir)
    except ConfigError as error:
        return str(error), False, "", found
    if found.by_hand:
        return "", True, "", found
    files = Files(state_dir)
    kept = files.peek(identity, found.enrolment.fingerprint)
    if kept.enrolment is None:
        return "", False, kept.damaged, found
    return "", True, "", decide.enrolled(found, kept.enrolment, files.pems)


def _life(state_dir: Path, known: Config, *, enrolled: bool) -> decide.Life | None:
    """Return the dates of the certificate in force, where there is one."""
    if not enrolled:
        return None
    kept = Files(state_dir).peek(load_or_create(state_dir), known.enrolment.fingerprint).enrolment
    return None if kept is None else decide.life(kept)


def _holder(lock: Path, root: Path) -> int | None:
    """Return the process that holds the state folder (0: one that we cannot see), None where nobody does.

    Read from /proc/locks: trying the lock ourselves could keep a program that starts at this moment from it.
    """
    try:
        inode = str(lock.stat().st_ino)
        lines = (root / "proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for fields in map(str.split, lines):
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode:
            return max(0, int(fields[4]))
    return None


def _fresh(folder: Path) -> Status | None:
    """Return what the program said of itself within the last minutes."""
    try:
        age = machine_time() - (folder / status_file.RECORD).stat().st_mtime
    except OSError:
        return None
    return status_file.read(folder) if abs(age) < FRESH else None


def _capture_error(pid: int | None, root: Path) -> str:
    """Say whether the service, or we in its place, may see packets; empty where that cannot be said."""
    if pid is not None:
        for line in _text(root / f"proc/{pid}/status").splitlines():
            if line.startswith("CapEff:") and not int(line.split()[1], 16) & 1 << _CAP_NET_RAW:
                return f"process {pid} has no CAP_NET_RAW"
        return ""
    if os.geteuid() != 0:
        return ""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0).close()
    except OSError as error:
        return f"a capture socket: {error.strerror}"
    return ""


def _line(found: Config, root: Path) -> Line:
    """Look at interface, carrier, addresses and routes."""
    wanted = found.network.interface
    folder = root / "sys/class/net"
    present = sorted(path.name for path in folder.iterdir() if path.name != "lo") if folder.is_dir() else []
    refused, default = _way_out(root)
    tunnel = _tunnel(default, wanted, root, present)
    # What a tunnel goes through is the line.
    gateway = default_gateway(proc=root / "proc/net")
    line = gateway.interface if default == tunnel and gateway is not None else default
    interface = next((name for name in ([wanted] if wanted else [line, default, *present]) if name in present), "")
    if not interface:
        return Line(wanted=wanted)
    addresses = tuple(prefix for prefix in own_prefixes(root) if not prefix.startswith("169.254."))
    return Line(
        interface=interface,
        wanted=wanted,
        carrier=_text(folder / interface / "carrier").strip() == "1",
        addresses=addresses,
        default_route=bool(default) if root != Path("/") else _kernel_has_a_way(wanted),
        refused=refused,
        tunnel=tunnel,
        resolvers=Resolvers(found.network.resolvers, root).addresses(),
        offloads=receive_offloads(interface),
    )


def _way_out(root: Path) -> tuple[bool, str]:
    """Return whether a route refuses the internet, and the interface that it is reached by; empty without one."""
    told = [interface_towards(address, root / "proc/net") for address in _FAR]
    return "" in told, next((interface for interface in told if interface), "")


def _kernel_has_a_way(wanted: str) -> bool:
    """Whether the kernel would send anything out, by whatever table it asks; nothing is sent."""
    return any(_source_towards(address, wanted) for address in _FAR)


def _source_towards(address: str, wanted: str) -> str:
    """Return the address that we would have towards another; empty where there is no way."""
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as asking:
        try:
            bind_device(asking, wanted)
            asking.connect((address, 9))
        except (OSError, LinkUnusable):
            return ""
        return str(asking.getsockname()[0])


def _tunnel(default: str, wanted: str, root: Path, present: list[str]) -> str:
    """Return the tunnel that packets leave by; empty where they do not, or the settings name an interface."""
    if wanted:
        return ""
    tunnels = [name for name in present if is_tunnel(name, root / "sys/class/net")]
    if default in tunnels:
        return default
    if root != Path("/"):
        return ""
    # Policy routing (wg-quick) leaves the main table as it is: the source address tells.
    ours = {_source_towards(address, "") for address in _FAR}
    return next((name for name in tunnels if _address_of(name) in ours), "")


def _address_of(interface: str) -> str:
    """Return the first IPv4 address of an interface (netdevice(7): SIOCGIFADDR); empty without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        request = struct.pack("16s24x", interface.encode()[:15])
        try:
            return socket.inet_ntoa(fcntl.ioctl(asking.fileno(), _SIOCGIFADDR, request)[20:24])
        except OSError:
            return "none"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


# --- by knocking ------------------------------------------------------------------------------------------------------


def _probe_endpoints(facts: Facts, found: Config, known: Config, clock: Clock) -> Facts:
    """Ask for the names, and shake hands with those whom the probe needs next."""
    reactor = Reactor(clock)
    lookup = lookup_through(Resolvers(found.network.resolvers).addresses)
    check_time = clock.machine_vouched
    try:
        empty = _all(reactor, [_is_unknown(name, lookup) for name in facts.names])
        unknown = tuple(name for name, was in zip(facts.names, empty, strict=True) if was is not False)
        facts = msgspec.structs.replace(facts, unknown_names=unknown if len(unknown) == len(facts.names) else ())
        if diagnose(facts).cause is not None:
            return facts
        if not facts.enrolled or facts.certificate_over:
            places = [request.front(url) for url in found.enrolment.urls]
            fingerprint = found.enrolment.fingerprint
            visits = [greet(one, fingerprint=fingerprint, lookup=lookup, check_time=check_time) for one in places]
            told = [_or_silence(answer, ProblemId.ENROLMENT_UNREACHABLE) for answer in _all(reactor, visits)]
            fronts = (ProbedEndpoint(name=f"{p.host}:{p.port}", trouble=t) for p, t in zip(places, told, strict=True))
            return msgspec.structs.replace(facts, fronts=tuple(fronts))
        if facts.status is not None and facts.status.connected:
            return facts
        doors = [_is_open(broker, lookup, check_time=check_time) for broker in known.broker]
        told = [_or_silence(answer, ProblemId.BROKER_UNREACHABLE) for answer in _all(reactor, doors)]
        brokers = (
            ProbedEndpoint(name=f"{b.host}:{b.port}", trouble=t) for b, t in zip(known.broker, told, strict=True)
        )
        return msgspec.structs.replace(facts, brokers=tuple(brokers))
    finally:
        reactor.close()


def _or_silence(answer: "Trouble | bool | None", silence: ProblemId) -> Trouble | None:
    """Return what one of them brought; one that did not end in time is silence."""
    if isinstance(answer, Trouble):
        return answer
    return Trouble(id=silence, detail="no answer in time") if answer is None else None


Probing = Steps["Trouble | bool | None"]


def _all(reactor: Reactor, probes: Iterable[Probing]) -> list["Trouble | bool | None"]:
    """Run them side by side; True or False is their answer, None that there was none in time."""
    answers: dict[int, Trouble | bool | None] = {}
    running: list[ReactorTask[Trouble | bool | None]] = []

    def keep(number: int, answer: "Trouble | bool | None") -> None:
        answers[number] = True if answer is None else answer

    for number, steps in enumerate(probes):
        probing = task(
            steps,
            reactor=reactor,
            done=lambda answer, number=number: keep(number, answer),  # type: ignore[misc]
            failed=lambda _why, number=number: answers.setdefault(number, None),  # type: ignore[misc]
        )
        running.append(probing)
        probing.start()
    reactor.run_until(lambda: len(answers) == len(running), _MOST_SECONDS)
    for number, probing in enumerate(running):
        if number not in answers:
            probing.cancel()
    return [answers.get(number) for number in range(len(running))]


def _is_unknown(name: str, lookup: Lookup) -> Probing:
    """Whether no resolver knows a name."""
    return not (yield from lookup(name))


def _is_open(broker: Broker, lookup: Lookup, *, check_time: bool) -> Probing:
    """Open the stream, say nothing, and see whether the other side refuses our certificate."""
    try:
        stream = yield from open_stream(broker, lookup, check_time=check_time)
    except (OSError, ValueError) as error:
        return _closed(str(error) or type(error).__name__)
    try:
        yield file_ready(stream, READ, _REFUSAL_SECONDS)
        stream.recv(1)
    except (ssl.SSLWantReadError, BlockingIOError):
        return None
    except OSError as error:
        return _closed(str(error))
    finally:
        stream.close()
    return None


def _closed(why: str) -> Trouble:
    kind = ProblemId.BROKER_REFUSES if is_refusal(why) else ProblemId.BROKER_UNREACHABLE
    return Trouble(id=kind, detail=why)
