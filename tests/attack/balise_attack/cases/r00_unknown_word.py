"""Row 0: words that one side does not know yet, and two versions that meet: data flows, and the kill switch holds."""

import json
import re
import secrets
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from balise_attack.bed import Bed
from balise_attack.board import Board
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.envelope import Kind
from balise_wire.seal import Sealer
from balise_wire.topics import Leaf, topic

_CATALOGUE = {
    "lab.toml": """
service = "lab"
version = "laboratory"
[[target]]
role = "web"
host = "a.lab"
addresses = ["198.18.0.10"]
experiments = ["tcp"]
[[target]]
role = "api"
host = "b.lab"
addresses = ["198.18.0.11"]
experiments = ["tcp", "quic"]
"""
}
_SETTINGS = '[network]\nlaboratory = ["198.18.0.0/15"]\n[timetable]\ninterval = 60\nline = 30\nhealth = 60\n'
_SCALE = 30


def _events(centre: Centre) -> list[dict[str, Any]]:
    """Return the events that the collector keeps, oldest first."""
    return [json.loads(body) for (body,) in centre.rows("SELECT body FROM event ORDER BY rowid")]


def _told(centre: Centre, words: str) -> bool:
    return any(words in f"{event['kind']} {event.get('detail', '')}" for event in _events(centre))


class _Pair:
    """A centre of one version and a board of another."""

    def __init__(self, name: str, centre: Bed, board: Bed, folder: Path) -> None:
        self.name = name
        ground = folder / name
        ground.mkdir()
        self.bed = Bed(centre.checkout, ground)
        self.centre = Centre(self.bed, catalogue=_CATALOGUE, settings=_SETTINGS, scale=_SCALE)
        self.centre.start()
        self.probe = self.centre.enrol(FieldProbe(id="probe0001"))
        self.board = Board(Bed(board.checkout, ground), self.centre, self.probe)
        self.board.start()
        self.confirms = "--no-wait" in self.centre.ask("fleet", "halt", "--help")

    def flows(self, more_than: int) -> bool:
        """Whether measurements arrive."""
        return self.bed.until(lambda: self.centre.journalled(self.probe.id) > more_than, 25.0)

    def play(self) -> tuple[bool, str]:
        """Let data flow, halt, see that it stops, lift, see that it goes on."""
        wait = ("--wait", "20") if self.confirms else ()
        flows = self.flows(2)
        said = self.centre.ask("fleet", "halt", "PK", "--reason", "under review", *wait, check=False)
        stopped = self.bed.until(lambda: _told(self.centre, ": stop"), 10.0)
        self.bed.pause(2.0)  # what was measured before arrives
        before = self.centre.journalled(self.probe.id)
        self.bed.pause(4.0)  # two intervals of the virtual clock
        silent = self.centre.journalled(self.probe.id) == before
        confirmed = not self.confirms or f"{self.probe.id:<12} confirmed" in said
        lifted = self.centre.ask("fleet", "halt", "PK", "--undo", *wait, check=False)
        goes_on = self.flows(before)
        again = not self.confirms or f"{self.probe.id:<12} confirmed" in lifted
        held = flows and stopped and silent and confirmed and goes_on and again
        seen = {
            "flows": flows, "stopped": stopped, "silent": silent, "confirmed": confirmed, "goes on": goes_on,
            "confirmed again": again,
        }  # fmt: skip
        held = all(seen.values())
        missing = ", ".join(word for word, yes in seen.items() if not yes)
        told = f"{self.name}: {before} measurements, "
        told += "halt obeyed, confirmed and lifted" if held else f"not: {missing}"
        refused = self.centre.quarantined(self.probe.id)
        return held and not refused, told + (f", quarantined: {refused[:2]}" if refused else ", nothing quarantined")


class _Tomorrow:
    """A collector of tomorrow: it has today's sealing key and certificate, and words that nobody knows yet."""

    def __init__(self, centre: Centre, probe: str) -> None:
        self._probe = probe
        self._now = centre.now
        seed = bytes.fromhex((centre.state / "collector.key").read_text(encoding="ascii"))
        self._sealer = Sealer(Ed25519PrivateKey.from_private_bytes(seed))
        context = ssl.create_default_context(cafile=str(centre.files / "ca.pem"))
        context.load_cert_chain(centre.state / "broker" / "collector.pem")
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="collector")
        self._client.tls_set_context(context)
        taken = threading.Event()
        self._client.on_connect = lambda *_: taken.set()
        self._client.connect("127.0.0.1", centre.tls_port, keepalive=30)
        self._client.loop_start()
        if not taken.wait(20.0):
            raise TimeoutError("the broker did not take the collector")

    def assigns(self, **body: Any) -> None:
        """Publish an assignment as plain JSON in a sealed envelope."""
        envelope = {
            "kind": "assignment", "id": secrets.token_hex(16), "probe": self._probe, "sent_at": self._now(),
            "clock_state": "synced", "body": {"catalogue": "tomorrow", **body},
        }  # fmt: skip
        frame = self._sealer.seal(json.dumps(envelope).encode())
        self._client.publish(topic(self._probe, Leaf.ASSIGNMENT), frame, qos=1, retain=True).wait_for_publish(10.0)


def _target(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"lab/web/{name}/4", "service": "lab", "role": "web", "host": f"{name}.lab", "experiments": ["tcp"],
        "addresses": ["198.18.0.10"], **changes,
    }  # fmt: skip


def words_in_a_task(bed: Bed) -> Outcome:
    """Give a probe a task with words that it does not know, and then a halt among wrong types."""
    bed.address("198.18.0.10")
    centre = Centre(bed, catalogue=_CATALOGUE, settings=_SETTINGS, scale=_SCALE)
    centre.start()
    probe = centre.enrol(FieldProbe("probe0001"))
    board = Board(bed, centre, probe)
    board.start()
    bed.until(lambda: "event assignment_accepted: version 1:" in board.said(), 30.0)
    bed.stop("collector")
    tomorrow = _Tomorrow(centre, probe.id)
    tomorrow.assigns(
        version=100,
        expires=centre.now() + 1e6,
        targets=[
            _target("a"), _target("b", role="holodeck"), _target("c", experiments=["telepathy"]),
            _target("d", experiments=["tcp", "telepathy"]), _target("e", port="https"),
        ],
        controls=[{"name": "orbit.lab", "addresses": ["198.18.0.10"], "scope": "orbital"}],
    )  # fmt: skip
    bed.until(lambda: "version 100" in board.said() or "Invalid" in board.said(), 10.0)
    found = re.search(r"version 100: (\d+) of \d+ targets", board.said())
    told = board.said().count("event target_refused")
    began = time.monotonic()
    junk: dict[str, Any] = {"targets": [_target("b", role="holodeck"), 7], "controls": "orbit", "timetable": [1]}
    tomorrow.assigns(version=101, expires=None, halt="under review", **junk)
    halted = bed.until(lambda: "event halted" in board.said(), 10.0)
    took = time.monotonic() - began
    tomorrow.assigns(version=102, expires=centre.now() + 1e6, targets=[_target("a")])
    lifted = halted and bed.until(lambda: "event resumed" in board.said(), 10.0)
    in_force = int(found[1]) if found else 0
    return Outcome(
        in_force == 2 and halted and lifted,
        f"a task of 5 targets, 2 of them in today's words: {in_force} in force, {told} pieces told as left out; "
        f"a halt among wrong types: {f'obeyed after {took:.1f} s, lifted' if halted else 'NOT obeyed'}",
    )


def words_in_batches(bed: Bed) -> Outcome:
    """Send events and measurements with words that the collector does not know beside ordinary ones."""
    centre = Centre(bed)
    centre.start()
    probe = centre.connect(centre.enrol(FieldProbe("probe0001")))
    now = centre.now()

    def plain(**changes: Any) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(msgspec.json.encode(probe.measurement(now)))
        return {**made, **changes}

    strange = plain()
    strange["observations"].append({"is": "telepathy", "arm": "subject", "at": now})
    failed = plain()
    failed["observations"][0] |= {"failure": "quantum_decoherence", "synacks": 0}
    batch = [plain(), strange, failed, plain(experiment="telepathy"), plain(design="factorial")]
    probe.send(Leaf.MEASUREMENT, probe.seal(json.dumps(batch).encode(), sent_at=now))
    probe.send(Leaf.MEASUREMENT, probe.batch(probe.measurement(now), sent_at=now, clock_state="quantum"))
    events = [{"kind": kind, "at": now} for kind in ("started", "sauna_on", "halted")]
    probe.send(Leaf.EVENT, probe.seal(json.dumps(events).encode(), Kind.EVENT, sent_at=now))
    bed.until(lambda: probe.through >= 3, 15.0)
    kept = centre.journalled(probe.id)
    ((noted,),) = centre.rows("SELECT count(*) FROM event")
    accused = json.loads(centre.ask("incidents", "--json"))["incidents"]
    held = kept == 6 and noted == 3 and not accused
    return Outcome(held, f"{kept} of 6 measurements and {noted} of 3 events kept, {len(accused)} incidents")


def unconfirmed_halt(bed: Bed) -> Outcome:
    """Halt a country one of whose two probes does not answer: who has not stopped must be told, by the status too."""
    centre = Centre(bed, catalogue=_CATALOGUE, settings=_SETTINGS)
    centre.start()
    deaf, good = (
        centre.connect(centre.enrol(FieldProbe("deaf0001"))),
        centre.connect(centre.enrol(FieldProbe("good0001"))),
    )
    wait = ("--wait", "8") if "--wait" in centre.ask("fleet", "halt", "--help") else ()
    command = ("fleet", "halt", "PK", "--reason", "under review", *wait)
    told: list[tuple[int, str]] = []

    def ask() -> None:
        done = bed.call(bed.collector("--config", centre.file, *command), centre.clock())
        told.append((done.returncode, done.stdout))

    asking = threading.Thread(target=ask)
    asking.start()
    bed.until(lambda: bool((task := good.assignment()) and task.halt), 15.0)
    task = good.assignment()
    event = [
        {"kind": "assignment_accepted", "at": centre.now(), "detail": f"version {task.version if task else 0}: stop"}
    ]
    good.send(Leaf.EVENT, good.seal(json.dumps(event).encode(), Kind.EVENT, sent_at=centre.now()))
    asking.join()
    status, said = told[0]
    names = f"{good.id:<12} confirmed" in said and f"{deaf.id:<12} NOT CONFIRMED" in said
    return Outcome(status != 0 and names, f"exit status {status}; {' / '.join(said.strip().splitlines()[-3:])}")


def two_versions(bed: Bed) -> Outcome:
    """An agent of the other checkout with this collector, and the other way round."""
    other = bed.other
    for address in ("198.18.0.10", "198.18.0.11"):
        bed.address(address)
    pairs = [
        _Pair("other-agent-with-this-collector", bed, other, bed.folder),
        _Pair("this-agent-with-other-collector", other, bed, bed.folder),
    ]
    found = [pair.play() for pair in pairs]
    return Outcome(all(held for held, _ in found), "; ".join(told for _, told in found))


CASES = (
    Case("0", "a task holds words that a probe does not know, and so does a halt", words_in_a_task, seconds=120.0),
    Case("0a", "batches hold words that the collector does not know", words_in_batches, seconds=90.0),
    Case("0c", "a halt that a probe did not hear is told as done", unconfirmed_halt, seconds=90.0),
    Case("0b", "an agent and a collector of two versions meet", two_versions, short=False, seconds=240.0),
)
