"""`make image-test`: every scenario on a machine that is none, and the table of how they went.

Lives here: carrying out steps, gathering what is to be judged, and printing. The judging itself is `findings`, which
only thinks. Must not live here: how QEMU or the centre is started.
"""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec

from balise_image import machine as machines
from balise_image import recipe as recipes
from balise_image import shell
from balise_image.centre import Centre
from balise_image.machine import MAC, TARGET, Card, Machine
from balise_image.recipe import RecipeError
from balise_image.scenario import Do, Expectation, Scenario, Step, Until, filled, read_all
from balise_wire.card import CONSENT_VERSION, SETTINGS_FILE, STATUS_FILE

FOLDER: Final = shell.ROOT / "image/scenarios"
_LOOK: Final = 3.0
"""Seconds between two looks while waiting: each starts a program on a busy machine."""
_TELLS_WITHIN: Final = 180.0
"""Seconds from a new state to the status file on the card."""
_AGENT: Final = f"""\
[probe]
settings = "/var/lib/balise/card.toml"

# Only in this copy: QEMU's network is reserved address space, where a probe refuses to measure.
[network]
laboratory = ["{TARGET}/32"]
"""
_WATCHER: Final = """\
[Unit]
Description=Says on the console how the agent does (only in a trial's copy of the image)
[Service]
ExecStart=/bin/sh /etc/trial
"""
_WATCHING: Final = r"""
while sleep 15; do
    process=$(systemctl show -P MainPID balise-agent)
    resident=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$process/status")
    used=$(($(systemctl show -P CPUUsageNSec balise-agent) / 1000000))
    free=$(sed -n 's/^MemAvailable:[^0-9]*\([0-9]*\).*/\1/p' /proc/meminfo)
    failed=$(systemctl --failed --no-legend --plain | cut -d' ' -f1 | tr '\n' ,)
    doors=$(ss -Hltun | awk '{ print $5 }' | grep -v '^127\.\|%lo:\|^\[::1\]\|%eth0:68$' | tr '\n' ,)
    echo "trial: agent resident=${resident}kB processor=${used}ms up=$(cut -d. -f1 /proc/uptime)s" \
        "restarts=$(systemctl show -P NRestarts balise-agent) free=${free}kB failed=$failed doors=$doors" >/dev/console
done
"""


class Seen(msgspec.Struct):
    """What a trial came to, for judging and for the table."""

    probes: int = 0
    measurements: int = 0
    status: str = ""
    boot_files: dict[str, str] = {}
    """Small files of the boot partition, by name."""
    on_line: bytes = b""
    data_files: frozenset[str] = frozenset()
    data_end: int = 0
    card_size: int = 0
    values: dict[str, str] = {}
    enrolled_after: float | None = None
    """Seconds from the switch to the collector's register, on the first start."""
    measured_after: float | None = None
    written: int = 0
    """Bytes to the card until the last cut."""
    on_for: float = 0.0
    said: str = ""
    """The last that the watcher said."""


def findings(expected: Expectation, seen: Seen) -> list[str]:
    """Return what is not as it must be, one line each."""
    found: list[str] = []
    if seen.probes != expected.enrolments:
        found.append(f"{seen.probes} enrolled, not {expected.enrolments}")
    if expected.measured and not seen.measurements:
        found.append("nothing was measured")
    if seen.measurements < expected.at_least:
        found.append(f"{seen.measurements} measurements, fewer than {expected.at_least}")
    found += [f"the status does not say {text!r}" for text in expected.status if text not in seen.status]
    for text in expected.not_on_card:
        word = filled(text, seen.values)
        found += [f"{name} on the card still holds {text}" for name, held in seen.boot_files.items() if word in held]
    lower = seen.on_line.lower()
    words = [word.encode() for word in expected.not_on_line]
    chip = bytes.fromhex(MAC.replace(":", ""))
    if expected.not_on_line:
        words += [chip, MAC.encode()]
    found += [f"{word!r} was on the line" for word in words if word in lower]
    if expected.silent and lower:
        found.append(f"{len(lower)} bytes were on the line")
    found += [f"{path} is still there" for path in expected.gone if path in seen.data_files]
    found += [f"{path} is not there" for path in expected.kept if path not in seen.data_files]
    if expected.grown and seen.card_size - seen.data_end > 8 * recipes.MIB:
        found.append(f"the data partition ends {(seen.card_size - seen.data_end) >> 20} MiB before the card does")
    return found


class Trial:
    """One scenario under way."""

    def __init__(self, scenario: Scenario, image: Path, start: Path, folder: Path, pass_at_most: float) -> None:
        """Make the card's copy and the centre."""
        self._scenario = scenario
        self._start = start
        self._folder = machines.clear(folder)
        self._most = pass_at_most
        self._append = recipes.command_line(recipes.read(shell.ROOT / "image")).strip().replace("quiet ", "")
        self._append += " console=ttyAMA0 systemd.log_target=console systemd.show_status=1"
        self._centre = Centre(self._folder / "centre")
        self._card = Card(image, self._folder / "card.img", grow_to=scenario.card_mib)
        self._machine: Machine | None = None
        self._baseline: frozenset[str] = frozenset()
        self._captures: list[Path] = []
        self._good = ""
        self.seen = Seen()

    def run(self) -> list[str]:
        """Carry it all out, and return what was not as it must be."""
        try:
            self._prepare()
            for step in self._scenario.steps:
                self._carry_out(step)
            self._gather()
        except RecipeError as error:
            self._gather_quietly()
            return [str(error)]
        finally:
            if self._machine is not None:
                self._machine.cut()
            self._centre.close()
        return findings(self._scenario.expectation, self.seen)

    def _prepare(self) -> None:
        """Start the centre, and write settings and the trial's own files into the copy."""
        self._centre.start()
        self._wait_until(lambda: self._centre.up, 180, "the collector does not answer")
        text, _ = self._centre.card()
        self._good = text
        held = dict(re.findall(r'^(enrol|fingerprint|token) = "([^"]+)"', text, re.MULTILINE))
        self.seen.values = {**held, "consent": CONSENT_VERSION}
        self._card.put(SETTINGS_FILE, filled(self._scenario.settings, self.seen.values).encode())
        files = {
            "/etc/balise/agent.toml": _AGENT,
            "/etc/systemd/system/trial.service": _WATCHER,
            "/etc/trial": _WATCHING,
        }
        requests: list[str] = []
        for number, (path, content) in enumerate(files.items()):
            draft = self._folder / f"file-{number}"
            draft.write_text(content)
            requests += [f"rm {path}", f"write {draft} {path}", f"sif {path} mode 0100644"]
        wants = "/etc/systemd/system/multi-user.target.wants/trial.service"
        requests.append(f"symlink {wants} /etc/systemd/system/trial.service")
        self._card.debugfs(2, *requests, write=True)

    def _carry_out(self, step: Step) -> None:
        """Do one step."""
        if step.do is Do.ON:
            capture = self._folder / f"line-{len(self._captures)}.pcap"
            self._captures.append(capture)
            self._mark()
            (self._folder / "card.console").unlink(missing_ok=True)
            self._machine = Machine(
                self._card, self._start, cable=step.cable, clock=step.clock, append=self._append,
                capture=capture if step.cable else None,
            )  # fmt: skip
        elif step.do is Do.CUT:
            self._cut()
        elif step.do is Do.WAIT:
            self._wait(step)
        elif step.do is Do.PASS:
            self._pass(min(step.seconds, self._most))
        elif step.do is Do.BROKER:
            self._mark()
            if step.up:
                self._centre.start_broker()
            else:
                self._centre.stop_broker()
        elif step.do is Do.CABLE:
            self._mark()
            self._running().unplug(connected=step.up)
        elif step.do is Do.PUT:
            text = self._good if step.text == "good" else step.text
            self._card.put(step.file, text.encode())
        elif step.do is Do.REMOVE:
            self._card.remove(step.file)
        elif step.do is Do.EMPTY:
            self._card.mend(3)
            self._card.debugfs(3, "rm /filler", write=True)
        else:
            self._fill(step.left)

    def _running(self) -> Machine:
        if self._machine is None:
            raise RecipeError("the machine is off; the scenario needs a step `on` before this one")
        return self._machine

    def _cut(self) -> None:
        """Cut the power, after a look at what was written."""
        running = self._running()
        self.seen.written += running.written()
        self.seen.on_for += running.seconds()
        self.seen.said = self._said() or self.seen.said
        running.cut()
        self._machine = None

    def _said(self) -> str:
        """Return the watcher's last line."""
        lines = re.findall(r"trial: (.*)", self._console())
        return lines[-1].strip() if lines else ""

    def _console(self) -> str:
        path = self._folder / "card.console"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _mark(self) -> None:
        """Remember what has been measured: only what comes after counts for the next wait."""
        self._baseline = frozenset(_name(one) for one in self._centre.verdicts())

    def _pass(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._check_on()
            shell.rest(min(_LOOK, max(0.0, until - time.monotonic())))

    def _check_on(self) -> None:
        if self._machine is not None and not self._machine.on:
            raise RecipeError(f"the machine went off by itself; see {self._machine.console}")

    def _wait(self, step: Step) -> None:
        """Wait until something is so."""
        ways = {
            Until.ENROLLED: lambda: bool(self._centre.probes()),
            Until.MEASURED: lambda: any(_name(one) not in self._baseline for one in self._centre.verdicts()),
            Until.STATUS: lambda: step.text in self._card.get(STATUS_FILE),
            Until.CONSOLE: lambda: step.text in self._console(),
        }
        what = f"{step.until} {step.text!r}" if step.text else str(step.until)
        self._wait_until(ways[step.until], step.seconds, f"waited {step.seconds:.0f} s in vain for: {what}")
        if self._machine is None:
            return
        after = self._machine.seconds()
        if step.until is Until.ENROLLED and self.seen.enrolled_after is None:
            self.seen.enrolled_after = after
        if step.until is Until.MEASURED and self.seen.measured_after is None:
            self.seen.measured_after = after

    def _wait_until(self, ready: Any, seconds: float, vain: str) -> None:
        until = time.monotonic() + seconds
        while not ready():
            self._check_on()
            if time.monotonic() > until:
                raise RecipeError(vain)
            shell.rest(_LOOK)

    def _fill(self, left: int) -> None:
        """Fill the data partition of a machine that is off."""
        self._card.mend(3)
        told = self._card.debugfs(3, "stats")
        free = re.search(r"^Free blocks:\s+(\d+)", told, re.MULTILINE)
        if free is None:
            raise RecipeError("debugfs does not say how much of the data partition is free")
        filler = self._folder / "filler"
        filler.write_bytes(b"\xff" * max(0, int(free[1]) * 4096 - left * 1024))
        self._card.debugfs(3, f"write {filler} /filler", write=True)
        filler.unlink()

    def _gather(self) -> None:
        """Cut the power for the last time, and look at everything."""
        if self._machine is not None:
            self._let_it_tell()
            self._cut()
        self.seen.probes = len(self._centre.probes())
        self.seen.measurements = len(self._centre.verdicts())
        self.seen.status = self._card.get(STATUS_FILE)
        self.seen.boot_files = {name: self._card.get(name) for name in (SETTINGS_FILE, STATUS_FILE)}
        self.seen.on_line = b"".join(path.read_bytes()[24:] for path in self._captures if path.exists())
        self._card.mend(3)
        asked = {*self._scenario.expectation.gone, *self._scenario.expectation.kept}
        self.seen.data_files = frozenset(path for path in asked if "Inode:" in self._card.debugfs(3, f"stat {path}"))
        self.seen.data_end = self._card.start(3) + self._card.size(3)
        self.seen.card_size = self._card.path.stat().st_size

    def _let_it_tell(self) -> None:
        """Give the card the time in which it is told of a new state: once a minute, and this machine is slow."""
        until = time.monotonic() + _TELLS_WITHIN
        while time.monotonic() < until:
            told = self._card.get(STATUS_FILE)
            if all(text in told for text in self._scenario.expectation.status):
                return
            self._check_on()
            shell.rest(_LOOK)

    def _gather_quietly(self) -> None:
        """Keep what may explain a failure."""
        self.seen.status = self._card.get(STATUS_FILE)
        self.seen.said = self._said()
        (self._folder / "status.txt").write_text(self.seen.status)


def _name(verdict: dict[str, Any]) -> str:
    """Return what tells one verdict from another."""
    return str(verdict.get("measurement") or verdict.get("id") or verdict)


def run(names: list[str], *, pass_at_most: float, together: int) -> int:
    """Try the scenarios on the image that was built last, print the table, and return how many failed."""
    shell.leave_the_network(TARGET)
    image = shell.CACHE / "card.img"
    if not image.exists():
        raise RecipeError("no image here; run make image")
    start = Path((shell.CACHE / "card.start").read_text())
    wanted = [one for one in read_all(FOLDER) if not names or one.name in names]
    unknown = set(names) - {one.name for one in wanted}
    if unknown:
        raise RecipeError(f"no scenario {', '.join(sorted(unknown))} in image/scenarios")
    shell.end_on_signals()
    with ThreadPoolExecutor(together) as pool:
        rows = list(pool.map(lambda one: _one(one, image, start, pass_at_most), wanted))
    print(table(rows), flush=True)
    return sum(1 for _, _, wrong in rows if wrong)


def _one(scenario: Scenario, image: Path, start: Path, most: float) -> tuple[Scenario, Seen, list[str]]:
    """Try one scenario, and say how it went."""
    shell.say(scenario.name, scenario.about)
    trial = Trial(scenario, image, start, shell.CACHE / "trials" / scenario.name, most)
    wrong = trial.run()
    shell.say(scenario.name, "; ".join(wrong) or "as it must be")
    if not wrong:
        (shell.CACHE / "trials" / scenario.name / "card.img").unlink(missing_ok=True)
    return scenario, trial.seen, wrong


def table(rows: list[tuple[Scenario, Seen, list[str]]]) -> str:
    """Return the table: one row a scenario, and the figures of the agent below."""
    head = f"{'scenario':<20} {'enrolled':>9} {'measured':>9} {'kept':>5} {'written':>9} {'on':>7}  result"
    lines = [head, "-" * len(head)]
    for scenario, seen, wrong in rows:
        lines.append(
            f"{scenario.name:<20} {_seconds(seen.enrolled_after):>9} {_seconds(seen.measured_after):>9} "
            f"{seen.measurements:>5} {seen.written / 1e6:>6.1f} MB {seen.on_for:>5.0f} s  "
            f"{'as it must be' if not wrong else '; '.join(wrong)}"
        )
    said = [f"{scenario.name}: {seen.said}" for scenario, seen, _ in rows if seen.said]
    return "\n".join([*lines, "", *said])


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s"
