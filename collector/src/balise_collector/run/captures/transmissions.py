"""The segments of transfers in a capture taken at their sender: when each left, whether it was lost, when it arrived.

A segment is lost whose bytes were sent again later (RFC 9293 3.8.1); it arrived when an acknowledgement first covered
it. Transfers between the same two hosts are one: they share whatever limits them. Must not live here: what holds them
down (limiters.py), links and headers (link.py).
"""

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from typing import Final

from balise_collector.run.captures import files, link
from balise_collector.run.captures.limiters import Sent
from balise_collector.run.captures.link import Segment

_LEAST: Final = 100
"""Segments of a connection that make it a transfer."""
_SPACE: Final = 1 << 32
_HALF: Final = 1 << 31
Hosts = tuple[bytes, bytes]
"""Sender and receiver."""


def transmissions(data: bytes) -> dict[Hosts, list[Sent]]:
    """Return the transfers of a capture file, by sender and receiver, each in the order of time.

    Raises:
        files.Damaged: it is no whole capture, or of a link that cannot be read.
    """
    frames = files.frames(data)
    for kind in sorted({frame.link for frame in frames}):
        link.check(kind)
    flows: defaultdict[tuple[bytes, bytes, tuple[int, int]], list[Segment]] = defaultdict(list)
    for each in sorted(filter(None, map(link.segment, frames)), key=lambda one: one.t_ns):
        flows[each.source, each.target, each.ports].append(each)
    found: defaultdict[Hosts, list[Sent]] = defaultdict(list)
    for (source, target, ports), out in flows.items():
        payload = [each for each in out if each.length]
        if len(payload) >= _LEAST:
            back = flows.get((target, source, ports[::-1]), [])
            found[source, target] += _sent(payload, [each for each in back if "A" in each.flags])
    return {hosts: sorted(each, key=lambda one: one.at) for hosts, each in found.items()}


def _sent(payload: list[Segment], acknowledged: list[Segment]) -> list[Sent]:
    """Return one connection's segments in one direction."""
    base = payload[0].seq
    starts = [(each.seq - base) % _SPACE for each in payload]
    again: dict[int, int] = {}
    lost = [False] * len(payload)
    for place, start in enumerate(starts):
        if start in again:
            lost[again[start]] = True
        again[start] = place
    marks = [(each.t_ns, (each.ack - base) % _SPACE) for each in acknowledged]
    marks = [(at, ack) for at, ack in marks if ack < _HALF]
    highest = list(accumulate((ack for _, ack in marks), max))
    found = []
    for place, each in enumerate(payload):
        covered = bisect_left(highest, starts[place] + each.length)
        delivered = marks[covered][0] / 1e9 if covered < len(marks) else None
        found.append(Sent(each.t_ns / 1e9, each.length, lost[place], delivered))
    return found
