"""The program of one queued box: `python -m balise_lab.boxes.engine.run JSON`, started by the lab in its namespace.

Lives here: the loop between queue, decision, raw socket and counters; and the delay line, whose packets wait in a heap.
It prints `ready` when its queue is bound: only then does the world add the rules that feed it.
"""

import heapq
import json
import random
import select
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from balise_lab.boxes.engine.box import Box, from_plain
from balise_lab.boxes.engine.classify import Streams, packet
from balise_lab.boxes.engine.counters import Tally
from balise_lab.boxes.engine.kind import Decide
from balise_lab.boxes.engine.nfqueue import ACCEPT, REPEAT, Queue, Queued
from balise_lab.boxes.engine.placement import ENFORCE
from balise_lab.boxes.engine.rules import kind_of


def inspect(box: Box, decide: Decide, queue: Queue, bit: int, tally: Tally) -> None:
    """Look at packets, for ever."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW)
    streams = Streams()
    while True:
        for queued in queue.take():
            seen = packet(queued.payload)
            decision = decide(box, seen, streams) if seen is not None else None
            if seen is None or decision is None:
                queue.verdict(queued, REPEAT, queued.mark | bit)
                tally.add(seen=1)
                continue
            # Counted before it is felt: whoever sees the effect finds it counted, even if the box is killed right then.
            tally.add(seen=1, matched=1, fired=len(decision.forged), flows=streams.first_match(seen))
            for forged in decision.forged:
                with suppress(OSError):  # no route to one side: the other side still gets its copy
                    raw.sendto(forged, (socket.inet_ntoa(forged[16:20]), 0))
            if decision.strike:
                queue.verdict(queued, ACCEPT, ENFORCE | bit)
            else:
                queue.verdict(queued, REPEAT, queued.mark | bit)


def hold(box: Box, wait: Callable[[Box, float], float], queue: Queue, bit: int, tally: Tally) -> None:
    """Let every packet wait, for ever: each as long as the kind says for it."""
    waiting: list[tuple[float, int, Queued]] = []
    number = 0
    chance = random.Random(box.id)  # noqa: S311 - jitter, not secrets
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            queued = heapq.heappop(waiting)[2]
            queue.verdict(queued, REPEAT, queued.mark | bit)
            tally.add(fired=1)
        timeout = max(waiting[0][0] - now, 0.0) if waiting else None
        if not select.select([queue], [], [], timeout)[0]:
            continue
        now = time.monotonic()
        for queued in queue.take():
            number += 1
            heapq.heappush(waiting, (now + wait(box, chance.random()), number, queued))
            tally.add(seen=1, matched=1)


def main(arguments: list[str]) -> int:
    """Run the box described by the JSON object {box, queue, bit, counters}."""
    task: dict[str, Any] = json.loads(arguments[0])
    box = from_plain(task["box"])
    kind = kind_of(box)
    queue = Queue(task["queue"])
    tally = Tally(Path(task["counters"]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if kind.wait is not None:
        hold(box, kind.wait, queue, task["bit"], tally)
    elif kind.decide is not None:
        inspect(box, kind.decide, queue, task["bit"], tally)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
