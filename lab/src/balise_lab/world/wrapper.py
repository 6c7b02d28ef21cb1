"""Getting into the lab's own corner of the machine: one unshare(1) around everything, with or without root.

Lives here: the re-execution of the current command inside new user (if not root), network, mount and PID namespaces,
and the first steps inside. Must not live here: what the lab does there. When the first process inside ends, or the
outer one dies, every process and namespace of the lab is gone.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from balise_lab.errors import ConfigError
from balise_lab.world import tools
from balise_lab.world.namespaces import ip_batch

INSIDE = "BALISE_LAB_INSIDE"
LISTENER = "BALISE_LAB_LISTENER"
"""Descriptors of the listeners that were handed in, with blanks between them."""
LEASH = "BALISE_LAB_LEASH"
"""Descriptor of a pipe whose other end the outer process holds: when that dies, however, reading it ends."""
USER = ("--user", "--map-root-user")
UNSHARE = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
MEND = (
    "run the same command with `sudo`, or allow user namespaces: "
    "`sudo sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0`"
)


def is_inside() -> bool:
    """Whether this process runs in the lab's namespaces already."""
    return os.environ.get(INSIDE) == "1"


def command(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` inside; raises ConfigError where this machine or user may not."""
    unshare = shutil.which("unshare")
    if unshare is None:
        raise ConfigError("the program unshare is missing", "install util-linux")
    said = ""
    # Root needs no user namespace, but root of a container may have nothing else.
    for user in ((), USER) if os.geteuid() == 0 else (USER,):
        trial = [unshare, *user, *UNSHARE, tools.find("ip"), "link", "set", "lo", "up"]
        done = subprocess.run(trial, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return [unshare, *user, *UNSHARE, *argv]
        said = done.stderr.strip()
    raise ConfigError(f"this machine refuses namespaces of our own ({said})", MEND)


def reexec(argv: Sequence[str], *, ports: Sequence[int] = (), env: Mapping[str, str] | None = None) -> int:
    """Run `argv` inside and return its exit code. For each port a listener on the host's loopback is handed in.

    The listeners are made out here and inherited, so that what the inside accepts on them comes from the host's
    loopback: relay.start carries it to the collector's pages.
    """
    environment = {**os.environ, **(env or {}), INSIDE: "1"}
    leash, held = os.pipe()
    environment[LEASH] = str(leash)
    descriptors: tuple[int, ...] = (leash,)
    listeners = [_listen(port) for port in ports]
    if listeners:
        numbers = tuple(one.fileno() for one in listeners)
        descriptors += numbers
        environment[LISTENER] = " ".join(map(str, numbers))
    with subprocess.Popen(command(argv), env=environment, pass_fds=descriptors) as child:
        os.close(leash)

        def forward(number: int, _frame: FrameType | None) -> None:
            # unshare itself ignores the signal while it waits; the process it forked must get it.
            for inner in _children(child.pid):
                os.kill(inner, number)

        before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGHUP)}
        before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells the inside itself
        try:
            return child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(held)
            for listener in listeners:
                listener.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"port {port} of the loopback is taken ({error.strerror})", "choose another port") from error
    listener.listen(64)
    listener.set_inheritable(True)
    return listener


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text(encoding="ascii").split()] if path.exists() else []


def arrive() -> None:
    """First steps inside, once per lab: loopback up, a private /run, SIGTERM ends the program in order."""
    if not is_inside():
        raise ConfigError("this part of the lab must run inside its own namespaces", "start it through balise-lab")
    resolv = Path("/etc/resolv.conf")
    behind = resolv.resolve()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True, stdin=subprocess.DEVNULL)
    if not behind.exists():  # a link into /run (systemd-resolved): the lab's own resolv.conf is bound over it
        behind.parent.mkdir(parents=True, exist_ok=True)
        behind.touch()
    ip_batch(["link set lo up"])
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(128 + signal.SIGTERM))
    if leash := os.environ.get(LEASH):
        threading.Thread(target=_follow, args=(int(leash),), name="leash", daemon=True).start()


def _follow(leash: int) -> None:
    """End everything when the outer process is gone; a parent-death signal does not survive a user namespace."""
    os.set_inheritable(leash, False)
    os.read(leash, 1)
    os._exit(128 + signal.SIGKILL)
