"""Row 21: a scenario of some lines must not ask the laboratory for 180,000 processes."""

from __future__ import annotations

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome

_SCRIPT = """
import json, sys, time
from pathlib import Path
from balise_lab.scenario.load import load
from balise_lab.scenario.source import ScenarioError

text = Path(sys.argv[1])
head = "name: x\\ncountry: {code: PK, tz: UTC, starts: 2020-05-17T21:30}\\nservices: {x: {web: x.lab}}\\n"
def providers(many):
    return "".join(f"  p{n}: {{asn: {10000 + n}, probes: 200}}\\n" for n in range(many))

files = {
    "900 providers of 200": head + "isps:\\n" + providers(900),
    "60 providers of 200": head + "isps:\\n" + providers(60),
    "by an alias": head + "isps:\\n  p0: &p {probes: 200}\\n" + "".join(f"  p{n}: *p\\n" for n in range(1, 60)),
    "nested 20,000 deep": head + "isps: " + "[" * 20000,
}
seen = {}
for name, content in files.items():
    text.write_text(content)
    begun = time.process_time()
    try:
        seen[name] = len(load(text).probes)
    except ScenarioError as error:
        seen[name] = f"refused: {str(error).rpartition('.yaml:')[2][:50]}"
    except BaseException as error:
        seen[name] = f"broke: {type(error).__name__}"
    seen[name] = [seen[name], time.process_time() - begun]
print(json.dumps(seen))
"""


def run(bed: Bed) -> Outcome:
    """Load four such files."""
    seen = bed.script(_SCRIPT, str(bed.folder / "scenario.yaml"))
    if "raised" in seen:
        return Outcome(False, seen["raised"])
    held = all(isinstance(what, str) and what.startswith("refused") for what, _ in seen.values())
    words = {name: what if isinstance(what, str) else f"{what} processes" for name, (what, _) in seen.items()}
    told = "; ".join(f"{name}: {what}" for name, what in words.items())
    return Outcome(held, f"{told}; slowest {max(took for _, took in seen.values()):.1f} CPU s")


CASES = (Case("21", "a scenario that asks for 180,000 processes", run),)
