"""Playing a row in a bed: as data in the virtual field, or with packets by `balise-lab run`.

Must not live here: what a row is (rows.py), or what its verdicts amount to (cells.py).
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from balise_lab.beds.of_scenario import situation_of
from balise_lab.errors import LabError
from balise_lab.field.play import play
from balise_lab.matrix.cells import Outcome, Said, Told, cell, published
from balise_lab.matrix.rows import EXPERIMENTS, Row
from balise_lab.matrix.scenario import HIT, counted, scenario_of, services_of, text_of

_DAILY: Final = 6
"""In which n-th interval of the field has a turn what is asked once a day. In the laboratory it is each second one; in
the field a day has its bytes, and what costs more takes the place of pages."""
_LONGEST: Final = 1_500
"""Seconds for one row with packets on a machine that is busy."""


def in_field(row: Row, seed: int = 1) -> Outcome:
    """Play a row in the virtual field.

    Raises:
        ConfigError: the field has no word for the kind.
    """
    scenario = scenario_of(row)
    played = play(situation_of(scenario, seed=seed, daily=_DAILY))
    asn = next(isp.asn for isp in scenario.isps if isp.name == HIT)
    since, until = counted(row, scenario)
    said = [
        Said(one.service, one.layer, one.state, one.rule)
        for one in played.centre.verdicts
        if one.network.asn == asn and since <= one.at <= until
    ]
    told = [
        told
        for one in played.centre.incidents()
        for told in published(
            one.kind,
            one.service,
            one.grade,
            one.state,
            [share.mechanism.value for share in one.mechanisms],
            confirmed=one.confirmed,
        )
    ]
    return _outcome(said, told)


def with_packets(row: Row, program: Path | None = None) -> Outcome:
    """Play a row with packets, in a process of its own.

    Raises:
        LabError: the run came to no result; says what it printed.
    """
    scenario, runs = scenario_of(row), program or Path(sys.executable).parent / "balise-lab"
    with tempfile.TemporaryDirectory(prefix="balise-matrix-") as folder:
        file, out = Path(folder) / f"{row.id}.yaml", Path(folder) / "result.json"
        file.write_text(text_of(row), encoding="utf-8")
        done = subprocess.run(
            [str(runs), "run", str(file), "--json", str(out)],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_LONGEST,
        )
        if not out.exists():
            raise LabError(f"{row.id}: no result (exit status {done.returncode}): {done.stdout}{done.stderr}")
        result = json.loads(out.read_bytes())
    since, until = counted(row, scenario)
    said = [
        Said(one["service"], one["layer"], one["state"], one["rule"])
        for one in result["verdicts"]
        if one["isp"] == HIT and since <= datetime.fromisoformat(one["at"]).timestamp() <= until
    ]
    told = [
        told
        for one in result["incidents"]
        for told in published(
            one["kind"],
            one["service"],
            one.get("grade", ""),
            one["state"],
            [share["mechanism"] for share in one.get("mechanisms", ())],
            confirmed=one.get("confirmed", True),
        )
    ]
    return _outcome(said, told, tuple(sorted(idle(result["boxes"]))))


def idle(boxes: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the kinds of which every box that counts touched no packet; one that counts nothing is not known."""
    fired: dict[str, int] = {}
    for one in boxes:
        if "fired" in one["counters"]:
            fired[one["kind"]] = fired.get(one["kind"], 0) + one["counters"]["fired"]
    return {kind for kind, count in fired.items() if not count}


def _outcome(said: list[Said], told: Iterable[Told], untouched: tuple[str, ...] = ()) -> Outcome:
    cells = {one: cell(said, services_of(one), one) for one in EXPERIMENTS}
    return Outcome(cells, tuple(sorted(set(told))), untouched)
