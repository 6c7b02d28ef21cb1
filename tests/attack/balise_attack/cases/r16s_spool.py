"""Row 16 and the field, the spool's half: one damaged page of a spool, one flipped bit, one torn log."""

import json

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome

_BATCHES = 300
_SCRIPT = """
import json, logging, random, shutil, sys
from pathlib import Path
import msgspec
from balise_agent.system.identity import load_or_create
from balise_agent.delivery.spool.packing import Record, Stamp
from balise_agent.delivery.spool.spool import Spool
from balise_wire.envelope import Kind, decode_envelope
from balise_wire.seal import Sealer, SealError, unseal
from balise_wire.words import ClockState
logging.disable(logging.CRITICAL)
try:
    from balise_wire.box import Opener, is_box, private_key, public_hex
    secret = private_key(bytes(range(32)))
except ImportError:
    secret = None
folder, batches = Path(sys.argv[1]), int(sys.argv[2])
identity = load_or_create(folder)


def opened(path):
    spool = Spool(
        path, probe="k7m2q9xd", sealer=Sealer(identity.key), max_bytes=1 << 26, batch_records=50, batch_seconds=1.0
    )
    if secret is not None:
        spool.seal_to(public_hex(secret.public_key()))
    return spool


def delivered(path):
    spool = opened(path)
    spool.seal(Stamp(9.0, ClockState.SYNCED, 1, historical=False))
    found = set()

    def read(frame):
        if secret is not None and is_box(frame):
            frame = Opener([secret]).open(frame)
        envelope = decode_envelope(unseal(frame, identity.key.public_key(), most=1 << 22))
        items = msgspec.json.decode(envelope.body)
        if envelope.kind == "carried":
            for item in msgspec.json.decode(envelope.body, type=list[bytes]):
                read(item)
        else:
            found.update(item["n"] for item in items)

    for row in spool.rows(0, 100_000):
        try:
            read(row.frame)
        except SealError:
            pass
    lost = spool.lost
    spool.close()
    return len(found), lost


chance = random.Random(7)
base = folder / "base.sqlite"
spool = opened(base)
for number in range(batches):
    body = {"n": number, "f": chance.randbytes(chance.choice((40, 300, 2500))).hex()}
    spool.record([Record(Kind.MEASUREMENT, msgspec.json.encode(body), 1.0 + number)])
    spool.seal(Stamp(1.0 + number, ClockState.SYNCED, 1, historical=False))
log = Path(f"{base}-wal").read_bytes()
shutil.copy(base, folder / "cut.sqlite")
spool.close()
data = base.read_bytes()
pages = len(data) // 4096
work = folder / "spool.sqlite"


def trial(content, name="spool.sqlite"):
    for old in folder.glob("spool.sqlite*"):
        old.unlink()
    work.write_bytes(content)
    return delivered(work)


zeroed = []
for page in sorted({0, 1, 2, 3, 4, pages - 1, *chance.sample(range(pages), 12)}):
    content = bytearray(data)
    content[page * 4096 : (page + 1) * 4096] = bytes(4096)
    zeroed.append(trial(bytes(content)))
flipped = []
for _ in range(6):
    content = bytearray(data)
    for _ in range(3):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    flipped.append(trial(bytes(content)))
for old in folder.glob("spool.sqlite*"):
    old.unlink()
content = bytearray(log)
frames = [place for place in range(32, len(log), 24 + 4096) if log[place + 8 : place + 16] == log[16:24]]
content[frames[len(frames) // 2] + 24 + 4000] ^= 1
shutil.copy(folder / "cut.sqlite", work)
Path(f"{work}-wal").write_bytes(bytes(content))
cut = delivered(work)
print(json.dumps({"pages": pages, "zeroed": zeroed, "flipped": flipped, "cut": cut}))
"""


def run(bed: Bed) -> Outcome:
    """Damage a spool of 300 batches in each way, and count what can still be delivered."""
    folder = bed.folder / "spool"
    folder.mkdir()
    said = bed.script(_SCRIPT, str(folder), str(_BATCHES), timeout=100.0)
    if "raised" in said:
        return Outcome(False, json.dumps(said))
    zeroed = [came for came, _ in said["zeroed"]]
    flipped = [came for came, _ in said["flipped"]]
    cut = said["cut"][0]
    told = all(lost > 0 for came, lost in (*said["zeroed"], *said["flipped"]) if came < _BATCHES)
    # A page of 4096 bytes holds a dozen of the smallest rows.
    held = min(zeroed) >= _BATCHES - 20 and min(flipped) >= _BATCHES - 6 and cut >= _BATCHES - 2 and told
    return Outcome(
        held,
        f"{_BATCHES} batches on {said['pages']} pages; delivered with one page zeroed: {min(zeroed)} to {max(zeroed)}, "
        f"three bits flipped: {min(flipped)} to {max(flipped)}, a bit of its log flipped: {cut}; all counted: {told}",
    )


CASES = (Case("16s", "one damaged page of a probe's spool gives up everything behind it", run, seconds=120.0),)
