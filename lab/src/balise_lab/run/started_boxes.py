"""The boxes of a lab while they are in force: their rules in the kernel, their programs, and what they counted.

Lives here: starting, stopping, counting. What a box does, its kind says (boxes). Must not live here: servers, or ours.
"""

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from balise_lab.boxes.engine import counters
from balise_lab.boxes.engine.box import Box, to_plain
from balise_lab.boxes.engine.counters import Counters
from balise_lab.boxes.engine.rules import SLOTS, Rules, kind_of, namespace, rules
from balise_lab.counterparts import web
from balise_lab.counterparts.engine.counterpart import Roots
from balise_lab.errors import ConfigError, LabError
from balise_lab.run.servers import READY_SECONDS, stop
from balise_lab.world import namespaces, waiting
from balise_lab.world.reachable import listens
from balise_lab.world.topology import Topology


@dataclass
class StartedBox:
    """One box that is in force."""

    box: Box
    rules: Rules
    program: subprocess.Popen[bytes] | None
    tally: Path
    last: Counters = field(default_factory=Counters)
    dead: bool = False


class StartedBoxes:
    """Every box by its id. Not for two threads."""

    def __init__(self, topology: Topology, folder: Path, roots: Roots, scale: float) -> None:
        """`folder` takes counters, pages and logs; `scale` is the scenario clock's, for residuals."""
        self._topology = topology
        self._folder = folder
        self._roots = roots
        self._scale = scale
        self._boxes: dict[str, StartedBox] = {}
        self._stand_ins = 0  # numbers their folders: a box may be started again
        self._gone: dict[str, Counters] = {}

    def start(self, box: Box) -> None:
        """Start a box or fault; when this returns it is in force. Raises ConfigError when it cannot be."""
        self.prepare(box)
        self.engage(box.id)

    def prepare(self, *boxes: Box) -> None:
        """Start the programs of boxes, which touch nothing yet: what is to begin together waits for no program.

        Raises:
            ConfigError: a box cannot be.
            LabError: a program did not come up.
        """
        for box in boxes:
            self._prepare(box)
        for box in boxes:
            self._await(self._boxes[box.id])

    def _prepare(self, box: Box) -> None:
        """Begin to start a box's program."""
        if box.id in self._boxes:
            raise ConfigError(f"box {box.id} is started twice", "stop it first, or give the second another id")
        found = rules(box, self._topology, self._slot(box), self._scale)
        tally = self._folder / f"counters-{found.table}"
        tally.unlink(missing_ok=True)  # of an earlier box with this id
        kind = kind_of(box)
        program = self._program(found, tally) if found.queued else None
        if kind.serve is not None:
            program = self._stand_in(found, kind.serve(found.placement))
        if kind.splice is not None:
            program = self._proxy(found, *kind.splice(found.placement))
        self._boxes[box.id] = StartedBox(box, found, program, tally)

    def _await(self, started: StartedBox) -> None:
        """Wait until a box's own program has bound its queue (LabError, and the box is gone, where it does not)."""
        program, found = started.program, started.rules
        if not found.queued or program is None:
            return
        if program.stdout is None or not _says_ready(program.stdout):
            del self._boxes[started.box.id]
            program.kill()
            program.wait()
            said = self._log(found).read_text(errors="replace")[-800:]
            raise LabError(f"box {started.box.id} did not start: {said}")

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the boxes that are prepared or in force."""
        return tuple(self._boxes)

    def engage(self, identifier: str) -> None:
        """Put a prepared box in force."""
        found = self._boxes[identifier].rules
        try:
            for there, _ in found.shaped:
                namespaces.tc(found.namespace, *there)
            namespaces.nft(found.namespace, found.script)
            for line in found.queued:
                namespaces.iptables(found.namespace, "-t", "mangle", "-A", *line)
        except LabError:
            self.stop(identifier)
            raise

    def stop(self, identifier: str) -> None:
        """Stop a box: its rules go first, then its program; flows it had killed may go on."""
        started = self._boxes.get(identifier)
        if started is None:
            raise ConfigError(f"box {identifier} is not there", f"stop one of {', '.join(self._boxes) or 'none'}")
        self._gone[identifier] = _read(started)
        del self._boxes[identifier]
        _withdraw(started)
        stop(started.program)

    def stop_all(self) -> None:
        """End every program; the rules go with their namespaces. Safe to call twice."""
        for started in self._boxes.values():
            stop(started.program)
        self._boxes.clear()

    def counters(self) -> dict[str, dict[str, int]]:
        """Box id -> {packets, seen, matched, fired}, also of boxes that were stopped or died."""
        found = {**self._gone, **{key: _read(started) for key, started in self._boxes.items()}}
        return {key: {"packets": reading.seen, **asdict(reading)} for key, reading in found.items()}

    def failures(self) -> list[str]:
        """Which have died, in words. A dead box's rules are taken away: it fails open."""
        said = []
        for identifier, started in self._boxes.items():
            if started.program is not None and started.program.poll() is not None:
                if not started.dead:
                    started.last = _read(started)
                    started.dead = True
                    _withdraw(started)
                said.append(f"box {identifier} ended with {started.program.returncode}; traffic passes")
        return said

    def program_of(self, identifier: str) -> subprocess.Popen[bytes] | None:
        """The program of a box, where it has one: for whoever wants to see it die."""
        return self._boxes[identifier].program

    def _slot(self, box: Box) -> int:
        place = namespace(box, self._topology)
        taken = {each.rules.placement.slot for each in self._boxes.values() if each.rules.namespace == place}
        return next((slot for slot in range(SLOTS) if slot not in taken), SLOTS)

    def _program(self, found: Rules, tally: Path) -> subprocess.Popen[bytes]:
        placement = found.placement
        box = to_plain(placement.box)
        task = {"box": box, "queue": placement.queue, "bit": placement.bit, "counters": str(tally)}
        argv = [sys.executable, "-m", "balise_lab.boxes.engine.run", json.dumps(task)]
        return namespaces.popen(found.namespace, argv, log=self._log(found), stdout=subprocess.PIPE)

    def _stand_in(self, found: Rules, sites: tuple[web.Site, ...]) -> subprocess.Popen[bytes]:
        """The web server of a box, in its namespace."""
        self._stand_ins += 1
        path = web.write(sites, self._folder / f"web-{found.table}-{self._stand_ins}", self._roots)
        return self._listening(found, web.command(path), sites[0].address, sites[0].port)

    def _proxy(self, found: Rules, address: str, port: int, manner: str) -> subprocess.Popen[bytes]:
        """The proxy of a box, in its namespace."""
        argv = [sys.executable, "-m", "balise_lab.boxes.engine.splice", address, str(port), manner]
        return self._listening(found, argv, address, port)

    def _listening(self, found: Rules, argv: Sequence[str], address: str, port: int) -> subprocess.Popen[bytes]:
        """Start a program in a box's namespace; returns when it listens (LabError where it does not)."""
        program = namespaces.popen(found.namespace, argv, log=self._log(found))
        ready = partial(listens, address, port)
        try:
            with namespaces.inside(found.namespace):
                waiting.until(ready, f"the server of box {found.placement.box.id}", READY_SECONDS)
        except LabError:
            stop(program)
            raise
        return program

    def _log(self, found: Rules) -> Path:
        return self._folder / "logs" / f"{found.table}.log"


def _withdraw(started: StartedBox) -> None:
    found = started.rules
    for line in found.queued:
        with suppress(LabError):
            namespaces.iptables(found.namespace, "-t", "mangle", "-D", *line)
    with suppress(LabError):
        for family in found.families:
            namespaces.nft(found.namespace, f"delete table {family} {found.table}")
        if kind_of(started.box).arp:
            namespaces.nft(found.namespace, f"delete table arp {found.table}")
    for _, away in found.shaped:
        if away:
            with suppress(LabError):
                namespaces.tc(found.namespace, *away)


def _read(started: StartedBox) -> Counters:
    if started.dead:
        return started.last
    with suppress(LabError):
        total = counters.read(started.tally)
        for family in started.rules.families:
            kernel = namespaces.nft_counters(started.rules.namespace, started.rules.table, family)
            total = total.plus(Counters(**kernel))
        return total
    return counters.read(started.tally)


def _says_ready(output: IO[bytes]) -> bool:
    """Whether a box says within READY_SECONDS that its queue is bound."""
    try:
        waiting.until(lambda: bool(select.select([output], [], [], 0)[0]), "a box", READY_SECONDS)
    except LabError:
        return False
    return output.readline() == b"ready\n"
