"""Field 3: the way to the broker is narrower than the interface, and no ICMP says so; results arrive all the same."""

import json

from balise_attack.bed import OWN, Bed
from balise_attack.case import Case, Outcome

_BATCHES = 3


def run(bed: Bed) -> Outcome:
    """Four namespaces, an MTU of 1,280 in the middle, ICMP dropped, a real broker; the checkout's own publisher."""
    play = OWN / "tests" / "agent" / "net" / "netns_narrow.py"
    for tool in ("ip", "nft", "ethtool", "mosquitto", "mosquitto_sub"):
        bed.tool(tool)
    ground = {"BALISE_GROUND": str(bed.checkout / "tests" / "agent" / "net" / "netns_plays.py")}
    done = bed.call([bed.python, play, "1280"], ground, timeout=70.0)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        return Outcome(False, f"the play failed: {done.stderr.strip()[-200:]}")
    found = json.loads(lines[-1])
    figure = (
        f"{found['arrived']} of {_BATCHES} batches of 12 KB arrived in {found['seconds']} s over "
        f"{found['connections']} connections; segments {found['segments'] or 'unchanged'}"
    )
    return Outcome(found["arrived"] == _BATCHES and bool(found["segments"]), figure)


CASES = (Case("f3", "full packets are lost on the way to the broker, and nobody says so", run, seconds=90.0),)
