"""Getting inside and out again: with and without root, with the host's loopback relayed, and leaving nothing behind."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from balise_lab.errors import ConfigError
from balise_lab.world import waiting, wrapper
from tests.lab import testbed

INSIDE_RELAY = """
import signal, socket, sys
from pathlib import Path
from balise_lab.world import namespaces
from balise_lab.world import relay
from balise_lab.world import wrapper
wrapper.arrive()
namespaces.NETNS.mkdir(parents=True, exist_ok=True)
namespaces.ip_batch(["netns add centre"])
namespaces.ip_batch(["link set lo up"], "centre")
with namespaces.inside("centre"):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 8484))
    listener.listen()
carrier = relay.start("centre", "127.0.0.1", 8484)
near, _ = listener.accept()
near.sendall(b"from inside: " + near.recv(100))
near.close()
print("carried", flush=True)
while True:
    signal.pause()
"""


def free_port() -> int:
    """A port of the loopback nobody uses now."""
    with socket.socket() as handle:
        handle.bind(("127.0.0.1", 0))
        port: int = handle.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Whether somebody listens on the port, without disturbing whom: the kernel's table says so."""
    wanted = f"0100007F:{port:04X} 00000000:0000 0A"
    return wanted in Path("/proc/net/tcp").read_text(encoding="ascii")


@pytest.mark.netns
def test_the_hosts_loopback_reaches_the_pages_and_sigterm_ends_everything(tmp_path: Path) -> None:
    """A person outside opens the collector's page; ending the outer process ends what is inside."""
    port = free_port()
    outer = f"""
import sys
from balise_lab.world import wrapper
sys.exit(wrapper.reexec([sys.executable, "-c", {INSIDE_RELAY!r}], ports=[{port}]))
"""
    log = tmp_path / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-c", outer], stdout=sink, stderr=sink)
    waiting.until(lambda: is_open(port), "the relay", 20)
    with socket.socket() as handle:
        handle.settimeout(10)
        handle.connect(("127.0.0.1", port))
        handle.sendall(b"hello")
        assert handle.recv(100) == b"from inside: hello"
    waiting.until(lambda: b"carried" in log.read_bytes(), "the inside", 10)
    process.terminate()
    assert process.wait(10) in {143, -15, 128 + 15}, log.read_text()


INSIDE_SLEEP = """
import signal
from balise_lab.world import wrapper
wrapper.arrive()
print("arrived", flush=True)
while True:
    signal.pause()
"""


@pytest.mark.netns
@pytest.mark.parametrize("user", [(), wrapper.USER], ids=["as we are", "in a user namespace"])
def test_the_inside_dies_with_the_outer_process(
    tmp_path: Path, namespace_wrapper: tuple[str, ...], user: tuple[str, ...]
) -> None:
    """kill -9 of the outer process leaves nothing running: no probe measures for nobody."""
    if not user and os.geteuid() != 0:
        pytest.skip("only root goes without a user namespace")
    del namespace_wrapper
    outer = f"""
import sys
from balise_lab.world import tools
from balise_lab.world import wrapper
wrapper.command = lambda argv: ["unshare", *{user!r}, *wrapper.UNSHARE, *argv]
sys.exit(wrapper.reexec([sys.executable, "-c", {INSIDE_SLEEP!r}]))
"""
    log = tmp_path / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-c", outer], stdout=sink, stderr=sink)
    waiting.until(lambda: b"arrived" in log.read_bytes(), "the inside", 20)
    inside = wrapper._children(process.pid)
    process.kill()
    process.wait(10)
    waiting.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in inside), "the end of the inside", 10)


@pytest.mark.netns
def test_user_namespaces_suffice(tmp_path: Path, namespace_wrapper: tuple[str, ...]) -> None:
    """The whole lab comes up and answers without any right outside its own user namespace."""
    del namespace_wrapper
    trial = ["unshare", *wrapper.USER, *wrapper.UNSHARE]
    if subprocess.run([*trial, "true"], capture_output=True, check=False).returncode:
        pytest.skip("netns: this kernel gives no user namespaces")
    asked = '{"do": "tcp", "place": "probe-64501-1", "address": "203.0.113.10", "port": 1883}\n'
    done = subprocess.run(
        [*trial, *testbed.command(tmp_path / "lab")],
        cwd=testbed.ROOT,
        env={**os.environ, wrapper.INSIDE: "1"},
        input=asked,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == '{"result": "connected"}'


@pytest.mark.netns
def test_nothing_of_the_lab_outlives_its_first_process(tmp_path: Path) -> None:
    """A killed lab leaves no server behind: the kernel ends every process of the PID namespace."""
    with subprocess.Popen(
        wrapper.command(testbed.command(tmp_path / "lab")),
        cwd=testbed.ROOT,
        env={**os.environ, wrapper.INSIDE: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.kill()

    def gone() -> bool:
        return not any(_mentions(entry, str(tmp_path)) for entry in Path("/proc").glob("[0-9]*/cmdline"))

    waiting.until(gone, "the lab's servers to end", 10)


def _mentions(entry: Path, word: str) -> bool:
    try:
        return word.encode() in entry.read_bytes()
    except OSError:
        return False


def test_the_inside_is_refused_outside() -> None:
    """Nothing of the lab may ever be built on the machine itself."""
    with pytest.raises(ConfigError, match="start it through balise-lab"):
        wrapper.arrive()


def test_a_taken_port_is_the_operators_to_change() -> None:
    """The page's port is said with its mend."""
    with socket.socket() as handle:
        handle.bind(("127.0.0.1", 0))
        handle.listen()
        with pytest.raises(ConfigError, match="choose another port"):
            wrapper.reexec(["true"], ports=[handle.getsockname()[1]])
