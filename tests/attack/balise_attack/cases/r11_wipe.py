"""Row 11: a wipe leaves results, tasks, enrolments or keys in free space: logs that were unlinked, files replaced."""

import signal
import subprocess
import time
from pathlib import Path

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.ext4 import Ext4

_RESULTS = 1600
_LIVES = 4
_LIFE = """
import json, sys
from pathlib import Path
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from balise_agent.policy import limits
from balise_agent.measure.assignments import Assignments
from balise_agent.system.config import LimitSettings, NetworkSettings
from balise_agent.provisioning.enrolment.files import Files
from balise_agent.system.identity import load_or_create
from balise_agent.delivery.spool.packing import Record, Stamp
from balise_agent.delivery.spool.spool import Spool
from balise_wire.assignment import Assignment, Control, Target
from balise_wire.enrolment import Enrolment, FrontDoor
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.seal import Sealer
from balise_wire.words import ClockState, TargetRole

data, life, each, told = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
collector = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
identity = load_or_create(data)
# One that this checkout takes for the real one: the files matter here, not who signed them.
word = {"sealed_to": told} if told and "sealed_to" in Enrolment.__struct_fields__ else {}
for turn in range(3):
    Files(data).keep(Enrolment(
        probe="k7m2q9xd", certificate="CERTIFICATE-%d-%d " % (life, turn) * 20, authority="A", collector="ab" * 32,
        brokers=(FrontDoor(host="front-%d-%d.example" % (life, turn)),), **word), identity, "token")
allowed = limits.tightened(LimitSettings(), NetworkSettings(laboratory=("198.18.0.0/15",)), (), "standard")
assignments = Assignments(
    data / "assignment.sealed", collector=collector.public_key(), probe="k7m2q9xd", allowed=allowed
)
assignments.restore(1.0)
for turn in range(3):
    task = Assignment(
        version=10 * life + turn + 1, catalogue="task-%d-%d" % (life, turn), expires=4e9,
        targets=(Target(id="a/web/b/4", service="task-%d-%d" % (life, turn), role=TargetRole.WEB, host="b.example"),),
        controls=(Control(name="c.example", addresses=("198.18.0.1",)),), **word)
    envelope = Envelope(kind=Kind.ASSIGNMENT, id="0" * 32, probe="k7m2q9xd", sent_at=1.0 + life,
                        body=msgspec.Raw(msgspec.json.encode(task)))
    assignments.offer(Sealer(collector).seal(encode_envelope(envelope)), 1.0)
spool = Spool(data / "spool.sqlite", probe="k7m2q9xd", sealer=Sealer(identity.key), max_bytes=1 << 26,
              batch_records=25, batch_seconds=60.0)
if told and hasattr(spool, "seal_to"):
    spool.seal_to(told)
for first in range(life * each, (life + 1) * each, 10):
    spool.record([
        Record(Kind.MEASUREMENT, b'{"id":"result-%05d","host":"twitter.com"}' % number, 1.0 + number)
        for number in range(first, first + 10)
    ])
    if first % 50 == 40 and first < (life + 1) * each - 10:
        spool.seal(Stamp(2.0 + first, ClockState.SYNCED, 1, historical=True))
if life % 2:
    spool.close()
print("done", flush=True)
sys.stdin.read()
"""


def run(bed: Bed) -> Outcome:
    """Four lives, each ended by kill -9 (the second and fourth just after closing their files), then a wipe."""
    figures = []
    left = 0
    for name, told in (("boxed", _recipient(bed)), ("never told of boxes", "")):
        ground = bed.folder / name.split()[0]
        ground.mkdir()
        card = Ext4(ground)
        with card as root:
            data = root / "data"
            data.mkdir()
            _live(bed, data, told)
            key = (data / "probe.key").read_bytes().strip()
            pem = (data / "enrolment" / "client.key").read_bytes().splitlines()[1]
        results = [b"result-%05d" % number for number in range(_RESULTS)]
        other = {
            "tasks": [b"task-%d-%d" % (life, turn) for life in range(_LIVES) for turn in range(3)],
            "enrolments": [
                mark % (life, turn)
                for life in range(_LIVES)
                for turn in range(3)
                for mark in (b"CERTIFICATE-%d-%d", b"front-%d-%d")
            ],
            "keys": [key, bytes.fromhex(key.decode()), pem],
        }
        before = card.counts(results, **other)
        with card as root:
            done = bed.call(bed.agent("wipe", "--yes", "--data", root / "data"))
        after = card.counts(results, **other)
        left += sum(after.values()) + (done.returncode != 0)
        seized = before["results"] if told else 0
        left += seized
        shown = ", ".join(f"{count} {what}" for what, count in after.items())
        figures.append(f"{name}: {before['results']} of {_RESULTS} results readable before, after a wipe {shown}")
    return Outcome(left == 0, "; ".join(figures))


def _recipient(bed: Bed) -> str:
    """Return a collector's key to box for; a checkout that knows no boxes is told nothing."""
    asked = bed.script(
        "import json\nfrom balise_wire.box import private_key, public_hex\n"
        "print(json.dumps({'key': public_hex(private_key(bytes(range(32))).public_key())}))"
    )
    return str(asked.get("key", ""))


def _live(bed: Bed, data: Path, told: str) -> None:
    """Let a probe's files live four times."""
    program = bed.folder / "life.py"
    program.write_text(_LIFE, encoding="utf-8")
    for life in range(_LIVES):
        command = [bed.python, program, data, str(life), str(_RESULTS // _LIVES), told]
        with subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            waited = time.monotonic()
            for line in child.stdout:
                if line.strip() == "done":
                    break
            child.send_signal(signal.SIGKILL)
            if time.monotonic() - waited > 60:
                raise TimeoutError("a life took too long")


CASES = (Case("11", "the card of a wiped probe is read with a hex editor", run, seconds=90.0),)
