"""A rate by the kernel's traffic control: a class of HTB with a queue of bytes, on every interface of a box.

Lives here: the arguments of tc, and the nft verdict that puts a packet into the class (its priority is the class's id:
tc-htb(8)). Must not live here: running tc (run.started_boxes), or which packets are put there (boxes/).
"""

from collections.abc import Iterator

from balise_lab.boxes.engine.placement import COUNT_FIRED, Placement
from balise_lab.boxes.engine.setting import HasSettings, Setting, Unit
from balise_lab.world.topology import UPLINK

KBIT = Setting("kbit", Unit.NUMBER, 130.0, "thousand bits a second that pass, each way", 0.1, 1e6)
QUEUE = Setting("queue", Unit.COUNT, 40000, "bytes that wait before more are dropped", 1500, 10_000_000)
_ROOT = "1:"
_LEAST_BURST = 1_600
"""Bytes: one packet of Ethernet."""


def class_of(placement: Placement) -> str:
    """Return the id of a box's class; 1:1 is nobody's."""
    return f"{_ROOT}{placement.slot + 2:x}"


def into_class(placement: Placement) -> str:
    """Return the nft verdict that puts a packet into the box's class."""
    return f"{COUNT_FIRED} meta priority set {class_of(placement)}"


def wait(box: HasSettings) -> float:
    """Return the milliseconds in which a full queue is emptied: so long the last packet of it waits."""
    return QUEUE.of(box) * 8 / KBIT.of(box)


def interfaces(placement: Placement) -> tuple[str, ...]:
    """Return every interface by which packets leave the box's namespace."""
    here = placement.namespace
    down = [link.parent_interface for link in placement.topology.links if link.parent == here]
    up = [UPLINK] if any(link.child == here for link in placement.topology.links) else []
    return (*up, *down)


def shaped(placement: Placement) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return pairs of tc arguments: what puts the box in force, and what takes it away again; empty: nothing does."""
    box, own = placement.box, class_of(placement)
    rate, queue = f"{max(round(KBIT.of(box) * 1000), 8)}bit", str(QUEUE.of(box))
    burst = str(_LEAST_BURST)
    for each in interfaces(placement):
        on = ("dev", each)
        yield ("qdisc", "add", *on, "root", "handle", _ROOT, "htb"), ()
        yield (
            (
                "class",
                "add",
                *on,
                "parent",
                _ROOT,
                "classid",
                own,
                "htb",
                "rate",
                rate,
                "burst",
                burst,
                "cburst",
                burst,
            ),
            ("class", "del", *on, "classid", own),
        )
        yield ("qdisc", "add", *on, "parent", own, "bfifo", "limit", queue), ()
