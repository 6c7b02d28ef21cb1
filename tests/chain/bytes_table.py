"""``make bytes``: play every run of bytes_cases.py with packets, and write docs/bytes.md from what the tap saw.

Must not live here: the ground (netns_bytes.py), or what is demanded of the figures (test_netns_bytes.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from balise_agent.experiments import REGISTRY
from balise_wire.experiments import cost, usual
from balise_wire.words import Experiment
from tests.chain.bytes_cases import ANSWERED, CUT, SILENT, Kind, Spent, kinds, run

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = ROOT / "docs" / "bytes.md"
INTRODUCTION: Final = """\
# What each run sends and gets, by a tap

Bytes of one run, both directions, from the IP header on, without Ethernet, ARP and neighbour discovery: what a packet
socket at the home's one interface saw, which shares no code with the probe. The way has ten hops, 20 Mb/s and no delay;
the servers are nginx with a chain of two certificates (RSA, 30 names), dnsmasq, coturn, aioquic, microsocks and the
operator's helper; the page and what a rate is measured by are longer than what is asked for. *Answered* is what happens
nearly always, *usual* what a day's plan reckons with (`balise_wire.experiments.usual`; within a tenth of what was seen;
of `path`, which is asked where something is cut, of that). *Silent*: what the run is about answers nothing at all, IPv4
and IPv6. *Cut*: whatever shows the name is lost at the first router, of a long hello its full segment, of forms of a
hello what has the extension, of what a helper answers all but tokens. *At most* is what a budget reckons with
(`balise_wire.experiments.cost`), and never below what was seen; it holds for names of 24 letters. Rests of minutes are
left out, since nothing is sent then.

`make bytes` measures all of it and writes this page; a test measures it anew, and holds the probe's own count to it.

| run | answered, IPv4 | usual | answered, IPv6 | usual | silent | cut | at most |
|---|--:|--:|--:|--:|--:|--:|--:|
"""


class Figures(NamedTuple):
    """What one run is said to cost."""

    usual: dict[int, int]
    """By IP version."""
    most: int


def figures(kind: Kind) -> Figures:
    """Return what the cost table says of a kind of run."""
    found = {}
    most = 0
    for family in (4, 6):
        one = run(kind, family)
        shape = REGISTRY[kind.word].plan.shape(one.task)
        found[family] = usual(kind.word, shape)
        most = max(most, cost(kind.word, shape))
    return Figures(found, most)


def usual_situation(kind: Kind) -> str:
    """Return the situation in which a run usually is."""
    return CUT if kind.word is Experiment.PATH else ANSWERED


def rendered(found: Iterable[Spent]) -> str:
    """Return the document."""
    seen = {(one.kind, one.situation, one.family): one.whole for one in found}

    def pair(name: str, situation: str) -> str:
        both = [seen[name, situation, family] for family in (4, 6) if (name, situation, family) in seen]
        return " / ".join(f"{one:,}" for one in both) or "-"

    rows = []
    for kind in kinds():
        said = figures(kind)
        cells = [kind.name]
        for family in (4, 6):
            cells += [f"{seen[kind.name, ANSWERED, family]:,}", f"{said.usual[family]:,}"]
        cells += [pair(kind.name, SILENT), pair(kind.name, CUT), f"{said.most:,}"]
        rows.append(f"| {' | '.join(cells)} |\n")
    return INTRODUCTION + "".join(rows)


def read(text: str) -> dict[str, list[list[int]]]:
    """Return the numbers of each row, by the run's name; a cell may have one for each IP version."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {
        name: [[int(one.replace(",", "")) for one in cell.split(" / ") if one != "-"] for cell in cells]
        for name, *cells in rows[1:]
    }


def measured(wrapper: Sequence[str], folder: Path, words: Sequence[str] = ()) -> list[Spent]:
    """Play all runs, or those of some experiments, in namespaces of their own; some minutes.

    Raises:
        RuntimeError: it broke, with what it said.
    """
    environment = {**os.environ, "PATH": f"{ROOT / '.tools' / 'bin'}:{os.environ['PATH']}"}
    command = [*wrapper, sys.executable, "-m", "tests.chain.netns_bytes", str(folder), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr[-4_000:])
    return msgspec.json.decode(done.stdout, type=list[Spent])


def main() -> None:
    """Measure and write."""
    as_user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    wrapper = ("unshare", *as_user, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    with tempfile.TemporaryDirectory() as folder:
        found = measured(wrapper, Path(folder))
    broken = [one for one in found if one.failure or one.lost]
    if broken:
        raise SystemExit(f"not every run was carried out and heard in full: {broken}")
    DOCUMENT.write_text(rendered(found), encoding="utf-8")


if __name__ == "__main__":
    main()
