"""Rows 24 to 26: what a catalogue calls a service can end no document, control no terminal and be of no length."""

from __future__ import annotations

from contextlib import suppress
from xml.etree import ElementTree as ET

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome

_HOSTILE = {
    "U+FFFE": "\ufffe", "NUL": "\x00", "ESC": "\x1b[2J", "C1": "\x9b31m", "RLO": "\u202egro.live",
    "U+1FFFF": "\U0001ffff",
}  # fmt: skip
_STORE = """
import json, sys
from pathlib import Path
from balise_collector.incidents.model import (
    Incident, IncidentKind, IncidentState, Interval, Locality, MechanismShare, ReferenceCount, IncidentScope,
)
from balise_collector.pages.drawing import card, svg
from balise_collector.pages.public import feed
from balise_collector.pages.views.read_model import View
from balise_collector.words.report import ReportFacts, report
from balise_wire.mechanisms import Mechanism
from balise_wire.words import TargetRole

AT = 1_589_733_000.0
more = {"witnesses": 3} if "witnesses" in Incident.__struct_fields__ else {}
one = Incident(
    id="0123456789ab", kind=IncidentKind.INTERFERENCE, state=IncidentState.OPEN, country="PK", service="x",
    roles=(TargetRole.WEB,), layers=("tls",), onset=Interval(earliest=AT - 300, latest=AT), grade="A",
    scope=IncidentScope(affected=(64501,), affected_probes=3, measured_probes=3), opened_at=AT,
    mechanisms=(MechanismShare(mechanism=Mechanism.SNI_RST, asns=(64501,), roles=(TargetRole.WEB,), verdicts=7),),
    locality=Locality.LOCAL, references=ReferenceCount(ok=3, countries_ok=("DE",)), **more,
)
with __import__("contextlib").suppress(ImportError):
    from balise_collector.incidents.findings import finding
    one = finding(one) or one

class Store:
    def incidents(self): return [one]
    def withdrawn(self): return []
    def revisions(self, name): return [(AT, one)]
    def history(self, *_): return []
    def latest_verdict_at(self): return AT

seen = {}
for name, bad in json.loads(sys.argv[1]).items():
    view = View(store=Store(), now=AT + 900, services={"x": f"Name{bad}"})
    made = {
        "feed": lambda: feed.atom(view, "http://x"), "card": lambda: card.card(view, one, "http://x"),
        "timeline": lambda: str(svg.strip([], f"Name{bad}", "k")),
    }
    seen[name] = {}
    for what, make in made.items():
        try:
            seen[name][what] = make()
        except Exception as error:
            seen[name][what] = f"raised {type(error).__name__}"
print(json.dumps(seen))
"""


def documents(bed: Bed) -> Outcome:
    """Make feed, card and drawing with such a name, and read them as a strict reader does."""
    import json  # noqa: PLC0415 - the argument of the script

    seen = bed.script(_STORE, json.dumps(_HOSTILE))
    if "raised" in seen:
        return Outcome(False, seen["raised"])
    broken = []
    for name, documents_ in seen.items():
        for what, text in documents_.items():
            try:
                ET.fromstring(text)  # noqa: S314 - of our own programs
            except (ET.ParseError, ValueError):
                broken.append(f"{what} by {name}")
    total = sum(map(len, seen.values()))
    told = ", ".join(broken[:6]) + (" ..." if len(broken) > 6 else "")
    return Outcome(not broken, f"{len(broken)} of {total} documents broken" + (f": {told}" if broken else ""))


def _catalogue(name: str, more: str = "") -> str:
    return f'service = "x"\nname = "{name}"\n[[target]]\nrole = "web"\nhost = "x.example"\n{more}\n'


def terminals(bed: Bed) -> Outcome:
    """Check catalogues with escapes, and have the command line name a file that has one."""
    passed, obeyed = [], 0
    spelled = {"ESC": "\\u001b[2J", "C1": "\\u009b31m", "RLO": "\\u202e", "U+FFFE": "\\ufffe", "line feed": "\\n"}
    for number, (name, bad) in enumerate(spelled.items()):
        folder = bed.folder / f"c{number}"
        folder.mkdir()
        (folder / "x.toml").write_text(_catalogue(f"Name{bad}"), encoding="utf-8")
        settings = _settings(bed, folder)
        done = bed.call(bed.collector("--config", settings, "check"))
        if done.returncode == 0:
            passed.append(name)
        obeyed += _controls(done.stdout + done.stderr)
    hostile = bed.folder / "\x1b[2J\x1b]0;owned\x07.toml"
    done = bed.call(bed.collector("--config", hostile, "check"))
    obeyed += _controls(done.stdout + done.stderr)
    told = f"{len(passed)} of {len(spelled)} catalogues pass the check ({', '.join(passed) or 'none'})"
    return Outcome(not passed and obeyed == 0, f"{told}; {obeyed} control characters printed")


def sizes(bed: Bed) -> Outcome:
    """Check catalogues of 20,000 targets, of a name of a megabyte, of 10,000 addresses."""
    many = "".join(f'[[target]]\nrole = "web"\nhost = "h{n}.example"\n' for n in range(20_000))
    addresses = ", ".join(f'"198.18.{n // 250}.{n % 250}"' for n in range(10_000))
    texts = {
        "20,000 targets": f'service = "x"\n{many}',
        "a name of a megabyte": _catalogue("x" * 1_000_000),
        "10,000 addresses": _catalogue("x", f"addresses = [{addresses}]"),
    }
    passed = []
    for number, (name, text) in enumerate(texts.items()):
        folder = bed.folder / f"s{number}"
        folder.mkdir()
        (folder / "x.toml").write_text(text, encoding="utf-8")
        if bed.call(bed.collector("--config", _settings(bed, folder), "check")).returncode == 0:
            passed.append(name)
    return Outcome(not passed, f"{len(passed)} of {len(texts)} pass the check: {', '.join(passed) or 'none'}")


def _settings(bed: Bed, folder: object) -> str:
    file = bed.folder / "check.toml"
    file.write_text(
        f'[collector]\nstate_dir = "{bed.folder}/state"\n[broker]\nhost = "127.0.0.1"\n[catalogue]\ndir = "{folder}"\n'
    )
    return str(file)


def _controls(text: str) -> int:
    with suppress(ValueError):
        return sum(not letter.isprintable() for letter in text if letter != "\n")
    return 0


CASES = (
    Case("24", "names that no XML can hold, in feed, card and drawing", documents),
    Case("25", "a catalogue and a path with terminal escapes", terminals),
    Case("26", "a catalogue without bounds", sizes, seconds=120.0),
)
