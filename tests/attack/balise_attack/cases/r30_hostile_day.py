"""One enrolled probe and one enrolled reference, fully hostile, for a virtual day beside an honest fleet.

The day is played twice through the real ingest and pipeline (day_play.py), once without them; then the real collector
serves what came of each. What the public may see must be the same, no address of theirs given to anybody, a provider
with one host named nowhere, and the cost within twice that of the honest day.
"""

from __future__ import annotations

import json
import urllib.request
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre

_PLAY = Path(__file__).resolve().parents[1] / "day_play.py"
_CATALOGUE = {
    "twitter.toml": 'service = "twitter"\nversion = "2026-11-01"\n[[target]]\nrole = "web"\nhost = "twitter.com"\n'
    '[[target]]\nrole = "api"\nhost = "api.twitter.com"\n[[control]]\nname = "captive.apple.com"\n',
    "zoom.toml": 'service = "zoom"\nversion = "2026-11-01"\n[[target]]\nrole = "web"\nhost = "zoom.us"\n',
}
_LIE, _TRUE = "45.33.66.66", "104.244.42.1"
_HIDDEN = ("64503", "64777", "64666", "evil", "lonely01", "mallory", _LIE)
"""What nothing public may name: a provider with one host, those that were invented, a service that was."""
_TIMES = 2.0
_PLAYED = 900.0


def day(bed: Bed) -> Outcome:
    """Play 24 hours."""
    return _play(bed, 24.0)


def afternoon(bed: Bed) -> Outcome:
    """Play five hours of the same."""
    return _play(bed, 5.0)


def _play(bed: Bed, hours: float) -> Outcome:
    """Play both days, and hold them against each other."""
    quiet, loud = _one(bed, "honest", hours), _one(bed, "hostile", hours)
    if "raised" in quiet or "raised" in loud:
        return Outcome(False, f"the play ended: {quiet.get('raised') or loud['raised']}")
    dearer, larger = loud["cpu_s"] / quiet["cpu_s"], loud["memory_mb"] / quiet["memory_mb"]
    named = [word for word in _HIDDEN if word in loud["public"]]
    same = quiet["incidents"] == loud["incidents"]
    true = len(quiet["incidents"]) == 1
    held = same and true and not named and _LIE not in loud["addresses"] and _TRUE in loud["addresses"]
    figure = (
        f"public incidents: {len(quiet['incidents'])} without them, {len(loud['incidents'])} with, the same: {same}; "
        f"addresses given: {loud['addresses']}; named in public: {named or 'nothing of theirs'}; "
        f"CPU {quiet['cpu_s']} s to {loud['cpu_s']} s ({dearer:.2f}x), memory {quiet['memory_mb']} MB to "
        f"{loud['memory_mb']} MB ({larger:.2f}x), {quiet['messages']} to {loud['messages']} messages, "
        f"{quiet['journalled']} to {loud['journalled']} results, {loud['quarantined']} quarantined"
    )
    return Outcome(held and dearer <= _TIMES and larger <= _TIMES, figure)


def _one(bed: Bed, mode: str, hours: float) -> dict[str, Any]:
    """Play one day, and add what the public sees a day after its end."""
    folder = bed.folder / mode
    folder.mkdir()
    here = Bed(bed.checkout, folder)
    centre = Centre(here, catalogue=_CATALOGUE)
    found = here.script(_PLAY.read_text(encoding="utf-8"), str(centre.file), mode, str(hours), timeout=_PLAYED)
    if "raised" in found:
        return found
    at = datetime.fromtimestamp(found["ends"] + 7200.0, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    origin = centre.clock()["BALISE_CLOCK"].split("@", 1)[1]
    try:
        here.start("collector", here.collector("--config", centre.file, "run"), {"BALISE_CLOCK": f"{at}Z@{origin}"})
        here.until(lambda: _answers(centre), 60.0)
        answer = centre.json("/api/v1/incidents", public=True)
        held = answer["incidents"] if isinstance(answer, dict) else answer
        pages = ["/", "/PK/twitter", "/PK/zoom", "/feed.atom", "/api/v1/incidents", "/api/v1/matrix", "/matrix"]
        found["public"] = "\n".join(centre.get(page, public=True)[1] for page in pages)
        found["incidents"] = sorted(json.dumps(_as_told(one), sort_keys=True) for one in held)
    finally:
        here.close()
    return found


def _as_told(one: dict[str, Any]) -> dict[str, Any]:
    """Return what an incident says: whom, what, when, where, how sure; not its ids, sums and numbers of revisions."""
    words = ("kind", "state", "country", "service", "roles", "layers", "onset", "end", "locality", "grade")
    scope = {name: one["scope"].get(name) for name in ("affected", "clean", "not_measured")}
    shares = [(share["mechanism"], share["asns"]) for share in one.get("mechanisms", ())]
    return {**{word: one.get(word) for word in words}, "scope": scope, "mechanisms": shares}


def _answers(centre: Centre) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{centre.public_port}/method", timeout=5):
        return True
    return False


CASES = (
    Case("30a", "a hostile probe and a hostile reference beside an honest fleet, five hours", afternoon, seconds=400.0),
    Case(
        "30b", "a hostile probe and a hostile reference beside an honest fleet, a whole day", day, short=False,
        seconds=1800.0,
    ),
)  # fmt: skip
