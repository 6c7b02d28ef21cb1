"""Row 7: a resolver that floods spends the host's day in one question, and the probe signs off as asleep."""

import json
import socket
import struct
import threading
from contextlib import suppress

from balise_attack.bed import Bed
from balise_attack.board import Board
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe

_RESOLVER, _SERVER = "198.18.53.53", "198.18.0.10"
_CATALOGUE = {
    "lab.toml": f"""
service = "lab"
version = "laboratory"
[[target]]
role = "web"
host = "a.lab"
addresses = ["{_SERVER}"]
experiments = ["dns", "tcp"]
"""
}
_SETTINGS = '[network]\nlaboratory = ["198.18.0.0/15"]\n[timetable]\ninterval = 60\nline = 30\nhealth = 60\n'
_SCALE = 30
_DAY = 3_000_000
"""Bytes that the host allows a day."""
_FLOOD = 20_000_000
"""Bytes that come back for each question."""
_DATAGRAM = 1_200


def flood(bed: Bed) -> Outcome:
    """Answer each question rightly and then with 20 MB; SYNs must go on all day, and the flood must be told."""
    for address in (_RESOLVER, _SERVER):
        bed.address(address)
    server = socket.create_server((_SERVER, 443))
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind((_RESOLVER, 53))
    poured = [0]
    threading.Thread(target=lambda: _pour(names, poured), daemon=True).start()
    centre = Centre(bed, catalogue=_CATALOGUE, settings=_SETTINGS, scale=_SCALE)
    centre.start()
    probe = centre.enrol(FieldProbe("probe0001"))
    board = Board(bed, centre, probe)
    with board.file.open("a", encoding="utf-8") as file:
        file.write(f"[limits]\nbytes_per_day = {_DAY}\n")
    board.start()
    bed.until(lambda: poured[0] >= _FLOOD and bool(_verdicts(centre)), 40.0)
    bed.pause(6.0)  # three intervals of the virtual clock, in which the day would be spent
    before = _verdicts(centre)
    bed.until(lambda: _verdicts(centre) >= before + 3, 14.0)
    after = _verdicts(centre)
    spent = "budget_exhausted" in board.said()
    told = _told(centre)
    server.close()
    return Outcome(
        after >= before + 3 and not spent and told > 0,
        f"{poured[0] / 1e6:.0f} MB poured at a day of {_DAY / 1e6:.0f} MB: {after - before} further results on SYNs, "
        f"day spent: {spent}, {told / 1e6:.1f} MB told as received unasked",
    )


def _verdicts(centre: Centre) -> int:
    return int(centre.rows("SELECT count(*) FROM verdict WHERE layer = 'tcp'", file="derived.sqlite")[0][0])


def _told(centre: Centre) -> int:
    """Return the most bytes that a health report calls unasked."""
    rows = centre.rows("SELECT body FROM health")
    return max((json.loads(body).get("excess_bytes_today", 0) for (body,) in rows), default=0)


def _pour(server: socket.socket, poured: list[int]) -> None:
    """Answer a question with the right address, and then with junk that has its number."""
    while True:
        question, client = server.recvfrom(2000)
        end = question.index(b"\0", 12) + 5
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(_SERVER)
        server.sendto(question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:end] + record, client)
        junk = question[:2] + b"\x81\x80" + bytes(_DATAGRAM - 4)
        for _ in range(_FLOOD // _DATAGRAM):
            with suppress(OSError):
                poured[0] += server.sendto(junk, client)


CASES = (Case("7", "a resolver floods to spend the host's day", flood, seconds=120.0),)
