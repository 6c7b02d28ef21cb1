"""Ordinary faults of a line: packets are lost, late, or none pass. No interference."""

from collections.abc import Iterator

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.flows import into
from balise_lab.boxes.engine.kind import Kind, Looks, Stands, Versions
from balise_lab.boxes.engine.placement import COUNT_FIRED, COUNT_SEEN, Placement, chain, link
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.boxes.engine.shaping import KBIT, QUEUE, into_class, shaped
from balise_lab.errors import ConfigError
from balise_lab.world import addresses

PERCENT = Setting("percent", Unit.PERCENT, 0.0, "of the packets that are lost, each way", 0.01, 100, required=True)
MS = Setting("ms", Unit.MILLISECONDS, 0.0, "by which round trips are longer", 0.01, required=True)
JITTER = Setting("jitter", Unit.MILLISECONDS, 0.0, "more of these, at random", 0.0)
_WAYS = (("prerouting", "iifname", -310), ("postrouting", "oifname", 310))
_NEIGHBOURS = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
_EACH_WAY_SECONDS = 2000  # in milliseconds of a round trip


def _lose(placement: Placement) -> Iterator[str]:
    """Loss on a link, both ways."""
    share = round(PERCENT.of(placement.box) * 100)
    return _drop(placement, f"numgen random mod 10000 < {share} " if share < 10000 else "")


def _cut(placement: Placement) -> Iterator[str]:
    """A dead access link loses everything."""
    _of_a_probe(placement)
    return _drop(placement, "")


def _cut_with_neighbours(placement: Placement) -> Iterator[str]:
    """As `_cut`, and nobody answers for the router either."""
    _of_a_probe(placement)
    return _drop(placement, "", arp=True)


def _of_a_probe(placement: Placement) -> None:
    box, topology = placement.box, placement.topology
    if topology.namespace(box.where).kind not in {"probe", "reference"}:
        raise ConfigError(f"box {box.id} ({box.kind}): where is {box.where}", "say where: the probe that it happens to")


def _drop(placement: Placement, chance: str, *, arp: bool = False) -> Iterator[str]:
    interface = link(placement.box, placement.topology)[1]
    # Where ARP goes on, so does what IPv6 has in its place (RFC 4861).
    found = [_NEIGHBOURS] if placement.family == 6 and not arp else []
    for hook, way, priority in _WAYS:
        here = f'{way} "{interface}"'
        lines = [f"{here} {COUNT_SEEN}", *found, f"{here} {chance}{COUNT_FIRED} drop"]
        yield from chain(f"{hook}_link", hook, priority, lines)


def _queue(placement: Placement) -> Iterator[tuple[str, ...]]:
    interface = link(placement.box, placement.topology)[1]
    yield ("PREROUTING", "-i", interface, *into(placement))
    yield ("POSTROUTING", "-o", interface, *into(placement))


def _wait(box: Box, chance: float) -> float:
    """Half of the round trip, plus a uniform jitter: in order per nothing, as on a real jittery path."""
    return (MS.of(box) + chance * JITTER.of(box)) / _EACH_WAY_SECONDS


def _slow(placement: Placement) -> Iterator[str]:
    """A slow link: all that passes it goes into its class, both ways."""
    interface = link(placement.box, placement.topology)[1]
    lines = [f'{way} "{interface}" {COUNT_SEEN} {into_class(placement)}' for way in ("iifname", "oifname")]
    yield from chain("enforce", "forward", 0, lines)


BREAKS = Setting(
    "breaks",
    Unit.WORD,
    "blackhole",
    "how: nothing comes back, or the router prohibits",
    choices=("blackhole", "prohibited"),
)


def _without_six(placement: Placement) -> Iterator[str]:
    """Nothing of a home leaves its provider's first router over IPv6; that router itself is reached."""
    interface, router = link(placement.box, placement.topology)[1], addresses.six(placement.place.address)
    here = f'iifname "{interface}"'
    beyond = f"{here} ip6 daddr {addresses.LABORATORY_6} ip6 daddr != {router}"
    action = "drop" if BREAKS.of(placement.box) == "blackhole" else "reject with icmpv6 type admin-prohibited"
    return chain("prerouting_link", "prerouting", -310, [f"{here} {COUNT_SEEN}", f"{beyond} {COUNT_FIRED} {action}"])


KINDS = (
    Kind(
        word="slow",
        means="a link carries no more than a rate, each way",
        looks=Looks.NOTHING,
        settings=(KBIT, QUEUE),
        rules=_slow,
        versions=Versions.BOTH,
        censors=False,
        stands=Stands.LINK,
        short=KBIT.name,
        shapes=shaped,
    ),
    Kind(
        word="loss",
        means="packets are lost at random, each way",
        looks=Looks.NOTHING,
        settings=(PERCENT,),
        rules=_lose,
        versions=Versions.BOTH,
        censors=False,
        stands=Stands.LINK,
        short=PERCENT.name,
        lossy=True,
    ),
    Kind(
        word="delay",
        means="round trips take longer",
        looks=Looks.NOTHING,
        settings=(MS, JITTER),
        rules=lambda _placement: (),
        queued=_queue,
        wait=_wait,
        censors=False,
        stands=Stands.LINK,
        short=MS.name,
        slows=(MS, JITTER),
    ),
    Kind(
        word="wifi",
        means="the line of one probe is gone, its router too (`where:` the probe)",
        looks=Looks.NOTHING,
        rules=_cut_with_neighbours,
        versions=Versions.BOTH,
        censors=False,
        stands=Stands.LINK,
        arp=True,
    ),
    Kind(
        word="line",
        means="nothing passes a home's router, which itself answers (`where:` the probe)",
        looks=Looks.NOTHING,
        rules=_cut,
        versions=Versions.BOTH,
        censors=False,
        stands=Stands.LINK,
    ),
    Kind(
        word="v6.broken",
        means="a home has IPv6, and nothing comes of it (`where:` the probe)",
        looks=Looks.NOTHING,
        settings=(BREAKS,),
        rules=_without_six,
        versions=Versions.SIX,
        censors=False,
        stands=Stands.LINK,
    ),
    Kind(
        word="power",
        means="a home is without power: its probe is killed, and starts when power is back (`where:` the probe)",
        looks=Looks.NOTHING,
        rules=_cut_with_neighbours,
        versions=Versions.BOTH,
        censors=False,
        stands=Stands.LINK,
        arp=True,
        power=True,
    ),
)
