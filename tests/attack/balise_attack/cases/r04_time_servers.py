"""Row 4: whoever holds the line answers NTP with another time, and hides or misdates a block by it."""

import json
import subprocess
from pathlib import Path
from typing import Any

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome

_LIES = ("+2h", "-2h", "+31d", "-300d")
_SCENARIO = """
name: clock{number}
summary: The time servers of a provider lie by {lie} while it resets connections that name Twitter.
clock: {{scale: 60}}
country: {{code: PK, tz: Asia/Karachi, starts: 2020-05-18T10:00}}
isps:
  asn64501: {{probes: 2, clocks: ["{lie}", "{lie}"]}}
  asn64502: {{probes: 1}}
abroad: [{{code: DE, probes: 2}}, {{code: SG, probes: 1}}]
services:
  twitter: {{web: twitter.lab}}
  whatsapp: {{web: whatsapp.lab}}
timeline:
  - at: 10:15
    start: {{id: reset, where: gateway, isps: [asn64501], kind: sni, action: rst, match: [twitter]}}
ends: 10:55
expect:
  incidents:
    - {{services: [twitter], onset: 10:15, within: 10m, scope: {{affected: [asn64501]}}, mechanism: sni.rst}}
  quiet: [whatsapp]
"""


def run(bed: Bed) -> Outcome:
    """Play a block with each lie; each must be found and dated within ten minutes.

    One after the other: at scale 60 a second in which a busy machine runs nothing is a minute of the scenario.
    """
    program = bed.checkout / ".venv" / "bin" / "balise-lab"
    for number, lie in enumerate(_LIES):
        file = bed.folder / f"clock{number}.yaml"
        file.write_text(_SCENARIO.format(number=number, lie=lie), encoding="utf-8")
        out = bed.folder / f"clock{number}.json"
        bed.start(f"lab{number}", [program, "run", file, "--json", out]).wait(150)
    figures = [_told(bed, number) for number in range(len(_LIES))]
    return Outcome(
        all(right for right, _ in figures),
        "; ".join(f"{lie}: {what}" for lie, (_, what) in zip(_LIES, figures, strict=True)),
    )


def _told(bed: Bed, number: int) -> tuple[bool, str]:
    """Return whether a run came out right, and what was said of the onset (played: 10:15)."""
    file: Path = bed.folder / f"clock{number}.json"
    program: subprocess.Popen[bytes] = bed.running(f"lab{number}")
    if not file.exists():
        return False, (bed.said(f"lab{number}").strip().splitlines() or ["nothing"])[-1][:120]
    result: dict[str, Any] = json.loads(file.read_bytes())
    incidents = [one for one in result["incidents"] if "twitter" in str(one)]
    onset = str(incidents[0].get("onset", "no onset"))[:90] if incidents else "no incident"
    return program.returncode == 0, onset


CASES = (
    Case("4", "time servers lie by +2 h, -2 h, +31 d and -300 d while a block begins", run, short=False, seconds=650.0),
)
