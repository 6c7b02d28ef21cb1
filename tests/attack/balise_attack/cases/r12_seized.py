"""Row 12: a probe's disk is taken while results wait on it: who has the card reads what it saw, and where."""

import contextlib
import re
import sqlite3
from contextlib import closing

from balise_attack.bed import Bed
from balise_attack.board import Board
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.ext4 import readable_frames
from balise_attack.field import FieldProbe

_CATALOGUE = {
    "lab.toml": """
service = "lab"
version = "laboratory"
[[target]]
role = "web"
host = "a.lab"
addresses = ["198.18.0.10"]
experiments = ["tcp", "dns"]
[[target]]
role = "api"
host = "b.lab"
addresses = ["198.18.0.10"]
experiments = ["tcp", "dns"]
"""
}
_SETTINGS = '[network]\nlaboratory = ["198.18.0.0/15"]\n[timetable]\ninterval = 60\nline = 30\nhealth = 60\n'
_SCALE = 60
_RESULTS = 40
_RESULT = re.compile(rb'"experiment":"')
"""Stands once in each result's JSON, and in nothing else that a probe keeps."""


def run(bed: Bed) -> Outcome:
    """Let results pile up behind a dead broker, kill the agent, read its files; then let everything be delivered."""
    bed.address("198.18.0.10")
    centre = Centre(bed, catalogue=_CATALOGUE, settings=_SETTINGS, scale=_SCALE)
    centre.start()
    probe = centre.enrol(FieldProbe("probe0001"))
    board = Board(bed, centre, probe)
    board.start()
    state = bed.folder / board.name
    bed.until(lambda: "event assignment_accepted" in board.said(), 30.0)
    bed.stop("mosquitto")

    def held() -> int:
        with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(state / "spool.sqlite")) as spool:
            tables = {str(name) for (name,) in spool.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            queries = {"pending": "SELECT max(id) FROM pending", "boxed": "SELECT max(id) FROM boxed"}
            return sum(
                int(spool.execute(query).fetchone()[0] or 0) for name, query in queries.items() if name in tables
            )
        return 0

    bed.until(lambda: held() >= _RESULTS, 60.0)
    agent = bed.running(board.name)
    agent.kill()
    agent.wait()
    raw = b"".join(path.read_bytes() for path in sorted(state.rglob("*")) if path.is_file())
    readable = sum(len(_RESULT.findall(text)) for text in (raw, *readable_frames(raw)))
    recorded = held()
    centre.start_broker()
    board.start()
    waited = "SELECT count(*) FROM measurement m JOIN batch b ON b.no = m.batch WHERE b.historical"
    bed.until(lambda: int(centre.rows(waited)[0][0]) >= _RESULTS // 2, 40.0)
    arrived = int(centre.rows(waited)[0][0])
    return Outcome(
        readable == 0 and recorded >= _RESULTS and arrived >= _RESULTS // 2,
        f"{recorded} results and events recorded while nothing was delivered, then the disk is taken: {readable} "
        f"results readable on it; after the next start {arrived} of them are in the journal",
    )


CASES = (Case("12", "a probe's disk is taken while results wait on it", run, seconds=150.0),)
