"""Row 17: two boards with one identity, which throw each other off: an event and a line, not nothing."""

import secrets
from dataclasses import replace

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.topics import Leaf

_TURNS = 3


def run(bed: Bed) -> Outcome:
    """Connect a board and its copy in turn; each goes on with a stream of its own, in sessions that grow."""
    centre = Centre(bed)
    centre.start()
    one = centre.enrol(FieldProbe("cloned01"))
    two = replace(one, stream=secrets.token_hex(8), receipts=[], retained={}, client=None)
    lonely = centre.connect(centre.enrol(FieldProbe("lonely01")))
    lonely.send(Leaf.MEASUREMENT, lonely.batch(lonely.measurement(centre.now()), sent_at=centre.now()))
    for turn in range(_TURNS):
        for board in (one, two):
            board.session = max(one.session, two.session)
            centre.connect(board)
            board.send(Leaf.MEASUREMENT, board.batch(board.measurement(centre.now()), sent_at=centre.now()))
            bed.until(lambda board=board, turn=turn: board.through >= turn + 1, 15.0)  # type: ignore[misc]
            board.leave()
    shown = "two boards" in centre.ask("fleet", "show", "cloned01")
    page = "two boards" in centre.get("/probe/cloned01")[1]
    listed = "two boards" in centre.get("/fleet")[1]
    alarm = "two boards" in centre.ask("fleet", "show", "lonely01")
    figure = (
        f"after {_TURNS} turns: fleet show: {shown}, its page: {page}, the fleet's page: {listed}; false alarm: {alarm}"
    )
    return Outcome(shown and page and listed and not alarm, figure)


CASES = (Case("17", "two boards speak under one identity, unnoticed", run),)
