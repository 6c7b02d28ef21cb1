"""What every test stands on: where things are, what this machine can do, and a fence around the network.

Lives here: the fixtures that all members share, the reasons for which a kind of test is skipped, and the rule that
continuous integration may not skip a whole kind. It runs in the agent-only environment too, so it imports no member.
Must not live here: anything that belongs to one member (tests/<member>/conftest.py).
"""

from __future__ import annotations

import functools
import importlib.util
import ipaddress
import os
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.testbed import waiting

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / "bin"
CHROMIUM = ROOT / ".cache" / "browser" / "bin" / "chromium"
DRIVER_LIBRARIES = CHROMIUM.parent.parent / "driver"
"""What Playwright's driver is linked against and a small machine may lack (tools/fetch-browser)."""
SHARED_DATA = ROOT.parent / "shared" / "data"

NEEDED_TOOLS = {
    "netns": ("ip", "nft", "tc"),
    "lab": ("ip", "nft", "tc", "iptables", "mosquitto", "nginx", "dnsmasq", "turnserver"),
}
OPTIONAL_TOOLS = {"influx": ("influxd", "nginx")}
"""Kinds whose programs not every release has; they run on loopback, in no namespace."""
KINDS_CI_MUST_RUN = ("netns", "lab", "real_data")
"""Kinds of tests that continuous integration has all means for: skipping every one of a kind is a broken set-up."""

# Wall-clock deadlines say how busy the machine is, not whether the code is right.
settings.register_profile("balise", deadline=None, print_blob=True)
settings.load_profile("balise")


# ---------------------------------------------------------------- what this machine can do


@functools.cache
def namespace_wrapper_or_none() -> tuple[str, ...] | None:
    """Return the command prefix that gives a program a network of its own, or None where the kernel refuses.

    As root no user namespace is needed; inside a container even root may need one. The trial brings a loopback
    interface up, because some kernels (AppArmor on Ubuntu 24.04) grant the namespace and then no right inside it.
    """
    common = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    as_root = ("unshare", *common)
    as_user = ("unshare", "--user", "--map-root-user", *common)
    for wrapper in (as_root, as_user) if os.geteuid() == 0 else (as_user,):
        if shutil.which(wrapper[0]) is None or not (TOOLS / "ip").exists():
            continue
        trial = [*wrapper, str(TOOLS / "ip"), "link", "set", "lo", "up"]
        if subprocess.run(trial, capture_output=True, check=False, timeout=20).returncode == 0:
            return wrapper
    return None


@functools.cache
def why_not(kind: str) -> str:
    """Why tests of a kind cannot run here, in one line that says the mend; empty when they can."""
    missing = [name for name in NEEDED_TOOLS.get(kind, ()) if not (TOOLS / name).exists()]
    if missing:
        return f"{kind}: {', '.join(missing)} not in .tools/bin; run make setup"
    absent = [name for name in OPTIONAL_TOOLS.get(kind, ()) if not (TOOLS / name).exists()]
    if absent:
        return f"{kind}: {', '.join(absent)} not in .tools/bin: this release packages none, or make setup was not run"
    if kind in NEEDED_TOOLS and namespace_wrapper_or_none() is None:
        return f"{kind}: this kernel gives no user namespaces to ordinary users; run as root"
    if kind == "real_data" and not SHARED_DATA.is_dir():
        return "real_data: no recorded data at ../shared/data beside the repository"
    if kind == "browser" and not CHROMIUM.exists():
        return "browser: no Chromium in .cache/browser; run tools/fetch-browser"
    if kind == "browser" and importlib.util.find_spec("playwright") is None:
        return "browser: Playwright has no wheel for this machine"
    if kind == "browser" and (trouble := _driver_trouble()):
        return f"browser: Playwright's driver does not start: {trouble}"
    if kind == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "kvm: /dev/kvm is not to be had"
    return ""


def named_server(item: pytest.Item) -> bool:
    """Whether a test runs against a server of somebody's own (make influx-contract): it may dial there."""
    return bool(os.environ.get("BALISE_INFLUX_URL")) and item.get_closest_marker("contract") is not None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose kind this machine cannot run, and say why."""
    if named_server(item):
        return
    for marker in item.iter_markers():
        reason = why_not(marker.name)
        if reason:
            pytest.skip(reason)


# ---------------------------------------------------------------- a kind that was skipped whole


class KindsSeen:
    """Counts, per kind of test, how many were skipped and how many ran; fails CI when a kind only skipped."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()

    def silent(self) -> list[str]:
        """Kinds of which tests were collected and none ran."""
        return [kind for kind in KINDS_CI_MUST_RUN if self.skipped[kind] and not self.ran[kind]]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of one test; under xdist the reports of all workers arrive here."""
        for kind in KINDS_CI_MUST_RUN:
            if kind in report.keywords:
                self.skipped[kind] += report.skipped
                self.ran[kind] += report.when == "call" and not report.skipped

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn a silent kind into a failure where CI says so."""
        if os.environ.get("CI") == "true" and self.silent() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which kind did not run at all."""
        for kind in self.silent():
            verdict = "this fails CI" if os.environ.get("CI") == "true" else "CI would fail"
            terminalreporter.write_line(f"every test marked {kind} was skipped; {verdict}: {why_not(kind)}", red=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests recorded (property ``table``): also those of xdist's workers."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if name == "table" and report.when == "call":
                    terminalreporter.write_line(f"{report.nodeid}\n{value}")


def pytest_configure(config: pytest.Config) -> None:
    """Count in the main process only: xdist's workers send their reports to it."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(KindsSeen(), "kinds-seen")


# ---------------------------------------------------------------- a fence around the network


def is_fenced_in(address: object) -> bool:
    """Whether a socket address stays on this machine: loopback, any non-internet family, the unspecified address."""
    if not isinstance(address, tuple) or not address:
        return True
    host = address[0]
    if not isinstance(host, str) or host in {"", "localhost"}:
        return True
    try:
        ip = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False  # a name: it would ask a resolver
    return ip.is_loopback or ip.is_unspecified


@pytest.fixture(autouse=True)
def fence(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test dial out: outside a namespace of its own a test may talk to loopback only."""
    if any(request.node.get_closest_marker(kind) for kind in NEEDED_TOOLS) or named_server(request.node):
        return

    def guarded(name: str, address_at: int) -> Any:
        original = getattr(socket.socket, name)

        def method(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[address_at] if arguments else None
            if self.family in {socket.AF_INET, socket.AF_INET6} and not is_fenced_in(address):
                pytest.fail(f"a test dialled out: socket.{name} to {address}; use loopback, or mark it netns")
            return original(self, *arguments)

        return method

    for name, address_at in (("connect", 0), ("connect_ex", 0), ("sendto", -1)):
        monkeypatch.setattr(socket.socket, name, guarded(name, address_at))
    resolve = socket.getaddrinfo  # noqa: TID251 - to fence it, not to call it

    def getaddrinfo(host: str | bytes | None, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not is_fenced_in((name,)):
            pytest.fail(f"a test asked a resolver for {name}; use an address on loopback")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


# ---------------------------------------------------------------- where things are


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Return the root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of recorded data beside the repository; for tests marked real_data."""
    if reason := why_not("real_data"):
        pytest.skip(reason)
    return SHARED_DATA


@pytest.fixture(scope="session")
def tools_bin() -> Path:
    """Return the folder of the lab's programs (nft, mosquitto, ...); put it first on a child's PATH."""
    return TOOLS


@pytest.fixture(scope="session")
def chromium() -> Iterator[Path]:
    """Return the browser; for tests marked browser."""
    if reason := why_not("browser"):
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_LIBRARY_PATH", str(DRIVER_LIBRARIES), prepend=":")
        yield CHROMIUM


def _driver_trouble() -> str:
    """Say why Playwright's driver does not start, empty where it does."""
    spec = importlib.util.find_spec("playwright")
    node = Path((spec and spec.origin) or "").parent / "driver" / "node"
    libraries = os.pathsep.join(filter(None, (str(DRIVER_LIBRARIES), os.environ.get("LD_LIBRARY_PATH", ""))))
    try:
        done = subprocess.run(
            [node, "--version"], capture_output=True, text=True, check=False, timeout=20,
            env={**os.environ, "LD_LIBRARY_PATH": libraries},
        )  # fmt: skip
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]


@pytest.fixture(scope="session")
def namespace_wrapper() -> tuple[str, ...]:
    """Return the command prefix that runs a program in a network of its own; for tests marked netns or lab."""
    wrapper = namespace_wrapper_or_none()
    if wrapper is None:
        pytest.skip(why_not("netns"))
    return wrapper


@pytest.fixture(autouse=True)
def real_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test on the real clock, whatever the shell that ran it had set."""
    monkeypatch.delenv("BALISE_CLOCK", raising=False)


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Return a wait for a condition that another program brings about; it polls, and fails after ``within`` seconds."""
    return waiting.eventually
