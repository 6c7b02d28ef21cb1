"""Network namespaces: making them from a topology, entering them, starting programs inside.

Lives here: everything that calls `ip`, setns(2) and the two ioctls the lab needs. Must not live here: what the network
looks like (topology) and what runs in it (counterparts, boxes). Works the same for root and inside a user namespace; it
expects to be inside the lab's own unshare (wrapper), so that nothing outlives the lab.
"""

import array
import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from balise_lab.errors import LabError
from balise_lab.world import machine, tools, waiting
from balise_lab.world.topology import UPLINK, Topology

NETNS = Path("/run/netns")
RESOLV = Path("/etc/resolv.conf")
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 4096
SIOCETHTOOL = 0x8946
SIOCGIFFLAGS = 0x8913
IFF_RUNNING = 0x40
PR_SET_PDEATHSIG = 1
SIGKILL = 9
# ETHTOOL_STSO, SGSO, SGRO, STXCSUM (linux/ethtool.h). Merged packets would make 5 % loss hit 64 KB at once, and
# unfinished checksums would look like damage in a capture.
OFFLOADS = (0x0000001F, 0x00000024, 0x0000002C, 0x00000017)

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _setns(descriptor: int, kind: int) -> None:
    """setns(2); Python has it from 3.12 on."""
    _check(_libc.setns(descriptor, kind), "setns")


def ip_batch(lines: Sequence[str], namespace: str | None = None) -> None:
    """Run `ip` lines in one process; raises LabError with what ip said."""
    where = ["-n", namespace] if namespace else []
    done = subprocess.run(
        [tools.find("ip"), *where, "-batch", "-"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"ip in {namespace or 'the lab'}: {done.stderr.strip()}")


def bring_up(topology: Topology) -> None:
    """Make every namespace, link, address and route, and wait until the links carry."""
    NETNS.mkdir(parents=True, exist_ok=True)
    ip_batch([f"netns add {each.name}" for each in topology.namespaces])
    ip_batch(topology.link_lines())
    for each in topology.namespaces:
        ip_batch(topology.inside_lines(each.name), each.name)
        with inside(each.name):
            _settle(each.kind, six=each.six)
            ends = [link.parent_interface for link in topology.links if link.parent == each.name]
            _offloads_off([*ends, *([UPLINK] if each.parent else [])])
    for each in topology.namespaces:
        if each.parent:
            with inside(each.name):
                waiting.until(lambda: carries(UPLINK), f"the carrier of {each.name}")


def take_down(topology: Topology) -> None:
    """Delete the namespaces; the links go with them."""
    ip_batch([f"netns delete {each.name}" for each in topology.namespaces])


def _settle(kind: str, *, six: bool) -> None:
    """Kernel settings of the current namespace."""
    settings = {
        "net/ipv4/conf/all/rp_filter": "0",
        "net/ipv4/icmp_ratelimit": "0",  # every traceroute probe is to be answered
        "net/netfilter/nf_conntrack_tcp_be_liberal": "1",  # injected segments must not be sorted out as invalid
    }
    if kind not in {"probe", "reference", "centre"}:
        settings["net/ipv4/ip_forward"] = "1"
        if six:
            settings |= {"net/ipv6/conf/all/forwarding": "1", "net/ipv6/icmp/ratelimit": "0"}
    for name, value in settings.items():
        with suppress(FileNotFoundError, PermissionError):
            Path("/proc/sys", name).write_text(value, encoding="ascii")


def _offloads_off(interfaces: Sequence[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        for interface in interfaces:
            for command in OFFLOADS:
                value = array.array("B", struct.pack("II", command, 0))
                request = struct.pack("16sP", interface.encode(), value.buffer_info()[0])
                with suppress(OSError):  # an offload the kernel lacks is off
                    fcntl.ioctl(handle, SIOCETHTOOL, request)


def carries(interface: str) -> bool:
    """Whether an interface of the current namespace is up and has a carrier."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        answer = fcntl.ioctl(handle, SIOCGIFFLAGS, struct.pack("16sH14x", interface.encode(), 0))
    flags: int = struct.unpack_from("16sH", answer)[1]
    return bool(flags & IFF_RUNNING)


@contextmanager
def inside(name: str) -> Iterator[None]:
    """The calling thread is in that namespace within the block; sockets opened there stay there."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(name)
        try:
            yield
        finally:
            _setns(before, CLONE_NEWNET)
    finally:
        os.close(before)


def enter(name: str) -> None:
    """Move the calling thread into a namespace for good."""
    _enter(name)


def _enter(name: str) -> None:
    there = os.open(NETNS / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(there, CLONE_NEWNET)
    finally:
        os.close(there)


def _entry(name: str, resolv: Path | None) -> Callable[[], None]:
    """What a child does between fork and exec: enter the namespace, see its own resolv.conf, die with the lab."""

    def prepare() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, SIGKILL)
        _enter(name)
        if resolv is not None:
            _check(_libc.unshare(CLONE_NEWNS), "unshare")
            bound = _libc.mount(str(resolv).encode(), str(RESOLV.resolve()).encode(), None, MS_BIND, None)
            _check(bound, f"binding {RESOLV}")

    return prepare


def _path() -> str:
    """PATH for programs inside: the lab's own tools (ping, mosquitto_sub) are found as well."""
    return os.pathsep.join(dict.fromkeys(tools.folders()))


def popen(
    name: str,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    resolv: Path | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program inside a namespace. `log` (appended) takes what stdout and stderr do not name; `env` adds."""
    environment = {**os.environ, "PATH": _path(), **(env or {})}
    sink = log.open("ab") if log is not None else None
    try:
        return subprocess.Popen(
            list(argv),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout if stdout is not None else sink,
            stderr=stderr if stderr is not None else sink,
            pass_fds=tuple(pass_fds),
            preexec_fn=_entry(name, resolv),  # noqa: PLW1509 - setns between fork and exec is the point; it takes no lock
        )
    finally:
        if sink is not None:
            sink.close()


def run(name: str, argv: Sequence[str], *, timeout: float = 20.0) -> subprocess.CompletedProcess[str]:
    """Run a short program inside a namespace and return what it said."""
    return machine.run(argv, idle=timeout, env={**os.environ, "PATH": _path()}, preexec=_entry(name, None))


def nft(name: str, script: str) -> None:
    """Load an nft script in a namespace in one transaction; raises LabError when refused."""
    done = subprocess.run(
        [tools.find("nft"), "-f", "-"],
        input=script + "\n",
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_entry(name, None),
    )
    if done.returncode != 0:
        raise LabError(f"nft in {name}: {done.stderr.strip()}")


def nft_counters(name: str, table: str, family: str = "ip") -> dict[str, int]:
    """Packets counted by each named counter of a family's table; raises LabError when there is no such table."""
    done = run(name, [tools.find("nft"), "-j", "list", "counters", "table", family, table])
    if done.returncode != 0:
        raise LabError(f"nft in {name}: {done.stderr.strip()}")
    listed = (each["counter"] for each in json.loads(done.stdout)["nftables"] if "counter" in each)
    return {each["name"]: each["packets"] for each in listed}


def iptables(name: str, *arguments: str) -> None:
    """Run iptables in a namespace; raises LabError when refused."""
    done = run(name, [tools.find("iptables"), "-w", *arguments])
    if done.returncode != 0:
        raise LabError(f"iptables in {name}: {' '.join(arguments)}: {done.stderr.strip()}")


def tc(name: str, *arguments: str) -> None:
    """Run tc in a namespace; what is there already stays. Raises LabError when refused."""
    done = run(name, [tools.find("tc"), *arguments])
    if done.returncode != 0 and "File exists" not in done.stderr and "Exclusivity flag on" not in done.stderr:
        raise LabError(f"tc in {name}: {' '.join(arguments)}: {done.stderr.strip()}")
