"""One machine: a copy of the root that forgets, namespaces of its own, and Debian's init as their first process.

Lives here: the overlay, the files that make this copy itself, starting. Must not live here: how the root
is made (rootfs.py), or who is connected to whom (network.py). Everything lies in a tmpfs of our mount namespace, so
that a kill at any moment leaves nothing behind but empty control groups, which the next run takes over.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError

from balise_ground.network import Network
from balise_ground.patience import until

BOOT = Path(__file__).with_name("boot.sh")
READY_SECONDS = 60.0


class DoesNotBoot(Exception):
    """A machine did not come up: the text says which, and what it said last."""


@dataclass(frozen=True)
class Key:
    """The pair of keys that the controller enters machines with, and where it keeps their host keys."""

    private: Path
    known_hosts: Path

    @property
    def public(self) -> str:
        """The line for authorized_keys."""
        return self.private.with_suffix(".pub").read_text(encoding="ascii")


def make_key(folder: Path, root: Path) -> Key:
    """Make the controller's key; the host keys are the root's, which made them when sshd was installed."""
    private = folder / "controller"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ground", "-f", str(private)], check=True)
    known = folder / "known_hosts"
    kind, key = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text(encoding="ascii").split()[:2]
    known.write_text(f"* {kind} {key}\n", encoding="ascii")
    return Key(private, known)


class Machine:
    """A machine by name and address; started when it is made, gone with our namespaces."""

    def __init__(
        self, name: str, address: str, root: Path, folder: Path, network: Network, key: Key, trusted: Path
    ) -> None:
        """Boot it and plug it in; it may not answer yet (see ``wait``). ``trusted``: root of what is measured."""
        self.name, self.address = name, address
        self._key = key
        self.folder = folder / name
        self.root = self.folder / "root"
        for place in ("root", "upper", "work"):
            (self.folder / place).mkdir(parents=True)
        layers = f"lowerdir={root},upperdir={self.folder}/upper,workdir={self.folder}/work"
        subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", str(self.root)], check=True)
        self._settle(network, trusted)
        group = folder / "cgroup" / f"balise-ground-{os.getppid()}-{name}"
        group.mkdir(exist_ok=True)
        # The group is entered before the namespaces are made: it becomes what the machine takes for the root of all.
        command = f'echo $$ >"{group}/cgroup.procs"; exec "$@"'
        namespaces = ["--mount", "--uts", "--ipc", "--pid", "--cgroup", "--net", "--fork", "--kill-child"]
        self._process = subprocess.Popen(
            ["sh", "-c", command, "sh", "unshare", *namespaces, "sh", str(BOOT), str(self.root), name],
            stdin=subprocess.DEVNULL,
            stdout=(self.folder / "boot.log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        try:
            network.plug(name, address, self._init())
        except CalledProcessError:
            # The machine died before its cable was in: why stands in its log.
            raise DoesNotBoot(f"{name}: {self._log()}") from None

    def _settle(self, network: Network, trusted: Path) -> None:
        """Write what makes this copy of the root this machine."""
        etc = self.root / "etc"
        (etc / "hostname").write_text(f"{self.name}\n", encoding="ascii")
        (etc / "machine-id").write_text(f"{uuid.uuid4().hex}\n", encoding="ascii")
        (etc / "resolv.conf").write_text(f"nameserver {network.gateway}\n", encoding="ascii")
        lines = ["127.0.0.1 localhost", f"127.0.1.1 {self.name}"]
        (etc / "hosts").write_text("\n".join(lines) + "\n", encoding="ascii")
        (etc / "ssl/measured.pem").write_text(trusted.read_text(encoding="ascii"), encoding="ascii")
        keys = self.root / "root/.ssh"
        keys.mkdir(mode=0o700, exist_ok=True)
        (keys / "authorized_keys").write_text(self._key.public, encoding="ascii")

    def _init(self) -> int:
        """Process id, in our view, of the machine's first process."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")

        def born() -> int | None:
            # unshare makes the namespaces first and forks then: a child that is there is in them.
            found = children.read_text(encoding="ascii").split() if children.exists() else []
            return int(found[0]) if found else None

        init = until(born, 10.0, every=0.01)
        if init is None:
            raise DoesNotBoot(f"{self.name}: {self._log()}")
        return init

    def _log(self) -> str:
        return (self.folder / "boot.log").read_text(encoding="utf-8", errors="replace")

    def ssh(self, command: str, *, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a shell command on the machine, as root, over the network."""
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "5",
            "IdentityFile": str(self._key.private),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self._key.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
        }
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        line = ["ssh", "-F", "none", *words, f"root@{self.address}", command]
        return subprocess.run(line, capture_output=True, text=True, check=False, timeout=seconds)

    def wait(self) -> str:
        """Wait until systemd calls itself up; returns its word for it (DoesNotBoot after a minute)."""
        said = until(self._state, READY_SECONDS, every=0.2)
        if said is None:
            raise DoesNotBoot(f"{self.name}: not up after {READY_SECONDS:.0f} s")
        return said

    def _state(self) -> str | None:
        """systemd's word for the machine, once it has one."""
        said = self.ssh("systemctl is-system-running --wait").stdout.strip()
        return said if said in {"running", "degraded"} else None
