"""What a router of a home does by itself: it filters names, answers all DNS, or is deaf. No interference.

Must not live here: what befalls a home's line (link.py), or its provider's resolver (resolver_down.py).
"""

from collections.abc import Iterator

from balise_lab.boxes.dns import PORT
from balise_lab.boxes.engine import forge
from balise_lab.boxes.engine.box import Box, fits
from balise_lab.boxes.engine.classify import UDP, Packet, Streams, question
from balise_lab.boxes.engine.flows import queue_datagrams, strike_packets
from balise_lab.boxes.engine.kind import Decision, Kind, Looks, Stands
from balise_lab.boxes.engine.placement import COUNT_FIRED, COUNT_SEEN, Placement, chain
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.world.topology import UPLINK

ACT = Setting(
    "says", Unit.WORD, "zero", "of a filtered name", choices=("zero", "nodata", "nxdomain", "refused", "fake")
)
_FAKE = "10.66.66.66"
"""Where filters lead that answer with an address of their own: a page in the home (RFC 1918)."""
_ADDRESSES = {"zero": ("0.0.0.0",), "fake": (_FAKE,)}  # noqa: S104 - what filters answer
_CODES = {"nxdomain": forge.NXDOMAIN, "refused": forge.REFUSED}
_OWN = forge.Marks(ttl=64, ip_id=0, df=True)
"""Of the router's own packet, which no other router has passed on."""


def _filter(box: Box, seen: Packet, _streams: Streams) -> Decision | None:
    name = question(seen.payload) if seen.protocol == UDP else None
    if name is None or not fits(name, box.match):
        return None
    says = ACT.of(box)
    answer = forge.dns_answer(seen.payload, _ADDRESSES.get(says, ()), code=_CODES.get(says, 0))
    return Decision(strike=True, forged=(forge.dns_packet(seen, _OWN, answer),))


def _queue(placement: Placement) -> Iterator[tuple[str, ...]]:
    """Questions to the router itself: whoever asks another resolver is not filtered."""
    yield from queue_datagrams(placement, PORT, placement.place.inside)


def _divert(placement: Placement) -> Iterator[str]:
    inside, home = placement.place.inside, f'iifname != "{UPLINK}"'
    lines = [
        f"{home} {protocol} dport {PORT} ip daddr != {inside} {COUNT_FIRED} dnat to {inside}"
        for protocol in ("udp", "tcp")
    ]
    yield from chain("divert", "prerouting", -100, [f"{home} {COUNT_SEEN}", *lines])


def _deaf(placement: Placement) -> Iterator[str]:
    home = f'iifname != "{UPLINK}"'
    echo = f"{home} ip daddr {placement.place.inside} icmp type echo-request {COUNT_FIRED} drop"
    yield from chain("deaf", "input", 0, [f"{home} {COUNT_SEEN}", echo])


KINDS = (
    Kind(
        word="router.filter",
        means="a home's own resolver filters the names (`where:` a probe behind a router)",
        looks=Looks.NAMES,
        settings=(ACT,),
        rules=strike_packets,
        queued=_queue,
        decide=_filter,
        censors=False,
        stands=Stands.HOME,
    ),
    Kind(
        word="router.proxy",
        means="a home's router answers all DNS itself, whomever it is sent to (`where:` a probe behind a router)",
        looks=Looks.NOTHING,
        rules=_divert,
        censors=False,
        stands=Stands.HOME,
    ),
    Kind(
        word="router.mute",
        means="a home's router answers neither ARP nor echo, and carries (`where:` a probe behind a router)",
        looks=Looks.NOTHING,
        rules=_deaf,
        censors=False,
        stands=Stands.HOME,
        arp=True,
    ),
)
