"""Row 29, what was carried and lost: what probes tell, what a board could not hear, by which rules it was judged."""

import json
import re
import secrets
import shutil
from typing import Any

import msgspec

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.envelope import Kind
from balise_wire.experiments.http import HttpObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.status import Event, EventKind
from balise_wire.topics import Leaf
from balise_wire.words import Arm, Design, Experiment

_WAIT = 20.0
_TOLD = (
    EventKind.SPOOL_FULL, EventKind.HALTED, EventKind.ASSIGNMENT_REFUSED, EventKind.BUDGET_EXHAUSTED,
    EventKind.LINK_UNUSABLE, EventKind.REBOOT, EventKind.STARTED, EventKind.CLOCK_JUMP,
)  # fmt: skip
_HOSTILE = "word{n} <script>alert({n})</script> \x1b[2J\x07\u202e"


def events(bed: Bed) -> Outcome:
    """A board tells that its store is full, that it was halted and refuses tasks, in words that harm who reads them."""
    centre = Centre(bed)
    centre.start()
    probe = centre.connect(centre.enrol(FieldProbe("honest01")))
    now = centre.now()
    said = [Event(at=now, kind=kind, detail=_HOSTILE.format(n=n)) for n, kind in enumerate(_TOLD)]
    probe.send(Leaf.EVENT, probe.seal(msgspec.json.encode(said), Kind.EVENT, sent_at=now))
    bed.until(lambda: probe.through >= 1, _WAIT)

    def heard(text: str) -> int:
        return sum(f"word{n} " in text for n in range(len(_TOLD)))

    shown = centre.ask("fleet", "show", probe.id)
    bed.until(lambda: heard(centre.get(f"/probe/{probe.id}")[1]) == len(_TOLD), 5.0)
    page = centre.get(f"/probe/{probe.id}")[1]
    interface = centre.get(f"/api/v1/events?probe={probe.id}")[1]
    # The interface is for programs: JSON says faithfully what the board said.
    harm = "<script>alert" in page or any(sign in text for sign in "\x1b\x07\u202e" for text in (shown, page))
    counts = [heard(text) for text in (shown, page, interface)]
    figure = (
        f"of {len(_TOLD)} kinds `fleet show` tells {counts[0]}, the probe's page {counts[1]}, the API {counts[2]};"
        f" markup or control characters of the board: {harm}"
    )
    return Outcome(counts == [len(_TOLD)] * 3 and not harm, figure)


def _measured(**limits: Any) -> Measurement:
    """Return a paired run in clear HTTP: the neighbour answers, what names the host is never answered."""
    at = 1_589_733_000.0
    page = {"status": 200, "body_bytes": 20_000, "body_sha256": "ab" * 32, "title": "a page"}
    gone = {"failure": Failure.GENERIC_TIMEOUT}
    trials = (
        (-240.0, Arm.SUBJECT, {**gone, "carried": True}), (0.0, Arm.NEIGHBOUR, page), (1.0, Arm.SUBJECT, gone),
        (6.0, Arm.SUBJECT, gone),
    )  # fmt: skip
    usual = FieldProbe("honest01").measurement(
        at, id=secrets.token_hex(16), experiment=Experiment.HTTP, design=Design.PAIRED, ended=at + 16.0,
        observations=tuple(
            HttpObservation(
                arm=arm, at=at + after, address="198.18.0.10", port=80, connect_ms=40.0,
                host="twitter.com" if arm is Arm.SUBJECT else "control.example", **answer,
            )
            for after, arm, answer in trials
        ),
    )  # fmt: skip
    return msgspec.structs.replace(usual, **limits)


def _judged(bed: Bed, *measurements: Measurement) -> list[str]:
    """Return what the checkout's `balise-collector judge` says of each."""
    settings = Centre(bed).file
    file = bed.folder / "measurements.json"
    file.write_bytes(msgspec.json.encode(measurements))
    done = bed.call(bed.collector("--config", settings, "judge", "--json", file))
    return re.findall(r'"state": ?"([a-z_]+)"', done.stdout) or [done.stderr.strip()[-200:]]


_LIMITS = ({"limited_by": ("cpu",)}, {"limited_by": ("temperature",)}, {"limited_by": ("undervoltage",)})


def drops(bed: Bed) -> Outcome:
    """A board lost 4,000 packets, was hot, busy or badly powered, and calls its own deafness a block."""
    limits: tuple[dict[str, Any], ...] = ({"tap_drops": 4000, "limited_by": ("drops",)}, *_LIMITS)
    sound, *found = _judged(bed, _measured(), *(_measured(**one) for one in limits))
    figure = f"{found.count('blocked')} of {len(limits)} limited boards say blocked ({found}); a sound one: {sound}"
    return Outcome(found == ["insufficient"] * len(limits) and sound == "blocked", figure)


_ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
import msgspec
from pathlib import Path
from balise_collector.judge import RULES_VERSION, Context, ReferenceTable
try:
    from balise_collector.conclude.judgement import judge
except ImportError:  # commits up to 3e87f94
    from balise_collector.judge import judge
from balise_wire.measurement import Measurement
import balise_collector
assert balise_collector.__file__.startswith(sys.argv[1])
measurement = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=Measurement)
verdict = judge(measurement, Context(probe="honest01", references=ReferenceTable()))
print(json.dumps({"version": RULES_VERSION, "state": str(verdict.state)}))
"""


def version(bed: Bed) -> Outcome:
    """A condition is changed and the words of the rules are not: two answers must not bear one version."""
    file = bed.folder / "one.json"
    file.write_bytes(msgspec.json.encode(_measured()))
    found = {}
    edits = {
        "as it is": ("", ""),
        "a comment": ("MIN_TRIALS: Final = 3", "# a remark\nMIN_TRIALS: Final = 3"),
        "a condition": ("MIN_TRIALS: Final = 3", "MIN_TRIALS: Final = 9"),
    }
    for name, (old, new) in edits.items():
        folder = bed.folder / name.replace(" ", "-")
        shutil.copytree(bed.checkout / "collector" / "src", folder)
        rules = folder / "balise_collector" / "judge" / "rules.py"
        text = rules.read_text(encoding="utf-8")
        rules.write_text(text.replace(old, new) if old else text, encoding="utf-8")
        found[name] = bed.script(_ASK, str(folder), str(file))
    told = {name: (one.get("state", "?"), one.get("version", one.get("raised"))) for name, one in found.items()}
    whole, remark, changed = told.values()
    held = whole == remark and whole[0] == "blocked" and changed[0] == "insufficient" and whole[1] != changed[1]
    return Outcome(held, json.dumps(told))


CASES = (
    Case("29a", "a board tells of its troubles, in hostile words, and nobody reads it", events, seconds=120.0),
    Case("29b", "a board that lost 4,000 packets calls its own deafness a block", drops),
    Case("29c", "a condition changes, and the version of the rules does not", version),
)
