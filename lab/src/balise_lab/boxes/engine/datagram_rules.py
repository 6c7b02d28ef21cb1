"""The nft rules of boxes that drop datagrams by their form, towards servers, towards homes, or both.

Must not live here: what any protocol's datagrams look like (the boxes).
"""

from collections.abc import Iterator, Sequence

from balise_lab.boxes.engine.placement import COUNT_FIRED, COUNT_SEEN, PORTS, SERVERS, Placement, among, chain
from balise_lab.world.topology import UPLINK


def drop_datagrams(placement: Placement, looks: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Return the chain.

    Args:
        placement: of the box.
        looks: ``up`` (from homes) or ``down``, what such a datagram looks like, and which of a flow are spared; the
            last two as nft matches.
    """
    box = placement.box
    ports, named = PORTS.of(box), bool(box.match or box.addresses)
    ends = {
        "up": [placement.scope, placement.destination, f"udp dport {among(ports)}" if ports else ""],
        "down": [
            f"ip daddr {among(placement.sources)}"
            if placement.sources
            else "" if placement.namespace in SERVERS else f'iifname "{UPLINK}"',
            f"ip saddr {among(placement.targets())}" if named else "",
            f"udp sport {among(ports)}" if ports else "",
        ],
    }  # fmt: skip
    lines = [f"{placement.scope} {COUNT_SEEN}"]
    lines += [
        " ".join(part for part in (*ends[direction], shape, late, COUNT_FIRED, "drop") if part)
        for direction, shape, late in looks
    ]
    yield from chain("enforce", "prerouting", -140, lines)
