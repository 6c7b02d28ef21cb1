"""What a case stands on: one checkout's programs, a folder of its own, and processes that end with the case.

Lives here: finding and starting programs, running a script with the checkout's interpreter, waiting for a condition.
Must not live here: what a broker and a collector are made of (centre.py), expectations (cases/).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from balise_attack.case import Skipped
from balise_attack.older_names import is_older, translated

OWN = Path(__file__).resolve().parents[3]
"""The checkout that these files belong to."""


class Bed:
    """One case's ground."""

    def __init__(self, checkout: Path, folder: Path, other: Path | None = None) -> None:
        """Take the checkout under attack, an empty folder, and another checkout for cases that need two."""
        self.checkout = checkout
        self.folder = folder
        self._other = other
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    # ------------------------------------------------------------ where things are

    @property
    def python(self) -> Path:
        """The interpreter of the checkout, with wire, agent, collector and lab."""
        return self.checkout / ".venv" / "bin" / "python"

    @property
    def other(self) -> Bed:
        """The same ground with the other checkout's programs; a case that needs two is skipped without one."""
        if self._other is None:
            raise Skipped("needs a second checkout: make attack OTHER=<a checkout with its .venv>")
        return Bed(self._other, self.folder)

    def tool(self, name: str) -> Path:
        """Return a program that `make setup` fetched (mosquitto, influxd, ip, nft, tc, ...)."""
        found = OWN / ".tools" / "bin" / name
        if not found.exists():
            raise Skipped(f"{name} is not in .tools/bin; run make setup")
        return found

    def inputs(self, name: str) -> Path:
        """Return a file of the recorded data beside the repository."""
        found = OWN.parent / "shared" / "data" / name
        if not found.exists():
            raise Skipped(f"no {name} in ../shared/data beside the repository")
        return found

    # ------------------------------------------------------------ running

    def start(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program in the background; what it says goes to ``<folder>/<name>.log``, it ends with the case."""
        with self.log(name).open("ab") as log:
            program = subprocess.Popen(
                [str(part) for part in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=self._environment(environment),
            )  # fmt: skip
        self._running[name] = program
        return program

    def call(
        self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        return subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, check=False, timeout=timeout,
            stdin=subprocess.DEVNULL, env=self._environment(environment), errors="replace",
        )  # fmt: skip

    def agent(self, *arguments: str | Path) -> list[str | Path]:
        """Return the command line of the checkout's agent."""
        return [self.python, "-m", "balise_agent", *arguments]

    def collector(self, *arguments: str | Path) -> list[str | Path]:
        """Return the command line of the checkout's collector."""
        return [self.python.with_name("balise-collector"), *arguments]

    def script(self, source: str, *arguments: str, timeout: float = 60.0) -> dict[str, Any]:
        """Run Python source with the checkout's interpreter; it prints one JSON object in its last line.

        It names modules as this checkout does; in an older one they are called by their names of then. A script that
        raises gives ``{"raised": "<last line of the traceback>"}``.
        """
        file = self.folder / f"script-{len(list(self.folder.glob('script-*')))}.py"
        file.write_text(translated(source) if is_older(self.checkout) else source, encoding="utf-8")
        done = self.call([self.python, file, *arguments], timeout=timeout)
        lines = done.stdout.strip().splitlines()
        if done.returncode != 0 or not lines:
            said = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
            return {"raised": said[:300]}
        result: dict[str, Any] = json.loads(lines[-1])
        return result

    def log(self, name: str) -> Path:
        """Return the file that takes what a program says."""
        return self.folder / f"{name}.log"

    def said(self, name: str) -> str:
        """Return everything that a program has said so far."""
        return self.log(name).read_text(encoding="utf-8", errors="replace") if self.log(name).exists() else ""

    def running(self, name: str) -> subprocess.Popen[bytes]:
        """Return a program that was started."""
        return self._running[name]

    def alive(self, name: str) -> bool:
        """Whether a program that was started still runs."""
        return self._running[name].poll() is None

    def stop(self, name: str, seconds: float = 5.0) -> None:
        """Ask a program to end, and kill it when it does not."""
        program = self._running.pop(name)
        program.terminate()
        try:
            program.wait(seconds)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()

    def close(self) -> None:
        """End everything that was started."""
        for name in list(self._running):
            self.stop(name)

    # ------------------------------------------------------------ waiting and measuring

    @staticmethod
    def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
        """Wait for a condition that another program brings about; whether it came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            threading.Event().wait(0.05)
        return condition()

    @staticmethod
    def pause(seconds: float) -> None:
        """Let time pass where there is nothing to wait for."""
        threading.Event().wait(seconds)

    def cpu(self, name: str) -> float:
        """Return the CPU seconds that a running program has used."""
        fields = Path(f"/proc/{self._running[name].pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, name: str) -> float:
        """Return the resident memory of a running program in MB."""
        text = Path(f"/proc/{self._running[name].pid}/status").read_text(encoding="ascii")
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    @staticmethod
    def free_port() -> int:
        """Return a port of loopback that nobody listens on."""
        with socket.socket() as trial:
            trial.bind(("127.0.0.1", 0))
            return int(trial.getsockname()[1])

    def address(self, address: str, device: str = "lo") -> None:
        """Give this namespace another address (198.18.0.0/15 and 2001:2::/48 are set aside for tests, RFC 2544)."""
        subprocess.run(
            [str(self.tool("ip")), "addr", "add", f"{address}/{128 if ':' in address else 32}", "dev", device],
            check=True,
        )

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in {"BALISE_CLOCK", "PYTHONPATH"}}
        return {**kept, "PATH": f"{OWN / '.tools' / 'bin'}:{kept.get('PATH', '')}", **(more or {})}
