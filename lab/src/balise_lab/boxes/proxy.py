"""Proxies that nobody asked for and that block nothing: they answer every SYN in the place of the far server.

On satellite lines, to spare round trips (RFC 3135); before services, to keep floods away (RFC 4987 section 3.7). A
connect says nothing there of who is behind. Must not live here: the program (engine/splice.py).
"""

from collections.abc import Iterator

from balise_lab.boxes.engine import splice
from balise_lab.boxes.engine.kind import Kind, Looks, Stands
from balise_lab.boxes.engine.placement import COUNT_FIRED, COUNT_SEEN, STAND_IN_PORT, Placement, among, chain
from balise_lab.boxes.engine.setting import Setting, Unit

WEB = (80, 443)
BEHIND = Setting("behind", Unit.WORD, splice.ALIVE, "of the server there", choices=(splice.ALIVE, splice.DEAD))


def _divert(placement: Placement, condition: str) -> Iterator[str]:
    own = f"{placement.place.address}:{STAND_IN_PORT + placement.slot}"
    scope = placement.scope
    there = f"{scope} {condition} tcp dport {among(WEB)} {COUNT_FIRED} dnat to {own}"
    yield from chain("divert", "prerouting", -100, [f"{scope} {COUNT_SEEN}", there])


def _line(placement: Placement) -> Iterator[str]:
    yield from _divert(placement, "")


def _before_servers(placement: Placement) -> Iterator[str]:
    yield from _divert(placement, f"ip daddr {among(placement.targets())}")


def _program(placement: Placement) -> tuple[str, int, str]:
    return placement.place.address, STAND_IN_PORT + placement.slot, BEHIND.of(placement.box)


KINDS = (
    Kind(
        word="pep",
        means="a provider's proxy answers every SYN to the web's ports itself (`where:` the provider)",
        looks=Looks.NOTHING,
        rules=_line,
        censors=False,
        follows_isp=True,
        splice=_program,
    ),
    Kind(
        word="server.synproxy",
        means="a front answers every SYN to the addresses itself, for everyone, whoever is behind",
        looks=Looks.ADDRESSES,
        settings=(BEHIND,),
        rules=_before_servers,
        censors=False,
        where="abroad",
        stands=Stands.HOSTING,
        for_everyone=True,
        splice=_program,
    ),
)
