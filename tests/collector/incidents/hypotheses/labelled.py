"""Labelled runs: small countries in which one thing is the case, and what probes, controls and references see of it.

A run is drawn from what happens, not from the table of shapes: who is hit, what is answered by whom, noise of single
results, what was not asked. Must not live here: expectations, or anything of ``balise_collector`` but the vocabulary.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from balise_collector.incidents.hypotheses.model import Count, Group, Hypothesis, effective

NOISE: Final = 0.02
"""Share of results that are wrong, for whatever reason."""
H: Final = Hypothesis
G: Final = Group


@dataclass
class Board:
    """One probe."""

    provider: int
    district: int
    version: str = "1"
    hit: bool = False


@dataclass
class Run:
    """One country at one time."""

    seed: int
    truth: Hypothesis
    chance: random.Random = field(init=False)
    boards: list[Board] = field(init=False)
    seen: dict[Group, Count] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Draw the fleet."""
        self.chance = chance = random.Random(f"{self.truth}-{self.seed}")
        providers = chance.choice((3, 3, 4, 5))
        self.boards = [
            Board(provider, chance.choice((0, 1, 2)))
            for provider in range(providers)
            for _ in range(chance.choice((2, 3, 3, 5)))
        ]

    # ------------------------------------------------------------ who is hit

    def strike(self, who: Callable[[Board], bool]) -> None:
        """Say which boards are hit."""
        for board in self.boards:
            board.hit = who(board)

    @property
    def hit(self) -> list[Board]:
        """The affected."""
        return [one for one in self.boards if one.hit]

    @property
    def spared(self) -> list[Board]:
        """All others."""
        return [one for one in self.boards if not one.hit]

    # ------------------------------------------------------------ what is seen

    def result(self, ok: float) -> float:
        """One member's share of ok results, of a handful of bins."""
        bins = self.chance.choice((3, 4, 6))
        return sum(self.chance.random() < abs(ok - NOISE) for _ in range(bins)) / bins

    def say(self, group: Group, boards: list[Board], ok: float, asked: float = 1.0) -> None:
        """Let boards see something of a group; ``asked`` is how likely it is that it was asked at all."""
        if not boards or self.chance.random() > asked:
            return
        shares: dict[str, list[float]] = {}
        for board in boards:
            shares.setdefault(str(board.provider), []).append(self.result(ok))
        found = effective(shares)
        if found is not None:
            self.seen[group] = found

    def homes(self, group: Group, boards: list[Board]) -> None:
        """Let boards see something that fails for those that are hit, and for nobody else."""
        shares: dict[str, list[float]] = {}
        for board in boards:
            shares.setdefault(str(board.provider), []).append(self.result(0.0 if board.hit else 1.0))
        found = effective(shares)
        if found is not None:
            self.seen[group] = found

    def abroad(self, group: Group, ok: float, asked: float = 1.0) -> None:
        """Let references in two to four countries see something."""
        if self.chance.random() > asked:
            return
        countries = self.chance.choice((2, 3, 4))
        shares = {str(n): [self.result(ok) for _ in range(self.chance.choice((1, 1, 2)))] for n in range(countries)}
        found = effective(shares)
        if found is not None:
            self.seen[group] = found

    def flags(self, group: Group, ok: float) -> None:
        """Note a sign of each affected board: ``ok`` is how likely it is not to be there."""
        shares: dict[str, list[float]] = {}
        for board in self.hit:
            shares.setdefault(str(board.provider), []).append(float(self.chance.random() < ok))
        found = effective(shares)
        if found is not None:
            self.seen[group] = found


def run(truth: Hypothesis, seed: int) -> dict[Group, Count]:
    """Return what one labelled run shows."""
    made = Run(seed, truth)
    _STORIES[truth](made)
    return made.seen


# ---------------------------------------------------------------- the network's doing


def _line_well(one: Run) -> None:
    one.say(G.DOMESTIC, one.hit, 1.0, asked=0.8)
    one.say(G.FOREIGN, one.hit, 1.0)
    one.say(G.GATEWAY, one.hit, 1.0, asked=0.8)
    one.flags(G.SPEAKING, 1.0)


def _service_alone(one: Run) -> None:
    """One service fails for those that are hit; everything else works."""
    one.say(G.TARGET, one.hit, 0.0)
    one.say(G.SERVICES, one.hit, 1.0)
    _line_well(one)
    hit = {b.provider for b in one.hit}
    one.homes(G.SIBLINGS, [b for b in one.boards if b.provider in hit])
    one.say(G.OTHERS, [b for b in one.boards if b.provider not in hit], 1.0)
    one.flags(G.UNREFUSED, 1.0)
    one.flags(G.UNSLOWED, 1.0)


def _blocked(one: Run, providers: int, *, forged: float = 0.0, swap: float = 0.5) -> None:
    """A number of providers keep one service from their customers."""
    chosen = set(range(providers))
    one.strike(lambda board: board.provider in chosen)
    _service_alone(one)
    one.say(G.ROLES, one.hit, one.chance.choice((0.0, 0.5, 1.0)), asked=0.7)
    one.abroad(G.REFERENCES, 1.0)
    one.abroad(G.ADDRESS, 1.0, asked=0.6)
    one.say(G.NEIGHBOUR, one.hit, 1.0, asked=0.7)
    one.say(G.SWAP, one.hit, 0.0, asked=swap)
    one.say(G.TUNNEL, one.hit, 1.0, asked=0.2)
    one.flags(G.TOGETHER, 1.0)
    one.flags(G.UNFORGED, 1.0 - forged)
    one.say(G.BY_NAME, one.hit, 0.0 if forged else one.chance.choice((0.0, 1.0)))
    one.say(G.BEYOND_DNS, one.hit, one.chance.choice((0.0, 1.0)))


def _isp(one: Run) -> None:
    _blocked(one, 1, forged=one.chance.choice((0.0, 0.9)))


def _multi(one: Run) -> None:
    providers = 1 + max(b.provider for b in one.boards)
    _blocked(one, max(2, providers // 2), forged=one.chance.choice((0.0, 0.9)))
    # A provider that is not measured well enough to be clean, or that joins later.
    rest = one.spared
    one.seen.pop(G.OTHERS, None)
    one.say(G.OTHERS, [*rest, *[b for b in one.hit if b.provider > 0]], 0.5)


def _national(one: Run) -> None:
    """Every provider but what lags; by a forged packet or the neutral address it is known to be the network."""
    forged = one.chance.choice((0.0, 0.9))
    _blocked(one, 99, forged=forged, swap=0.6 if forged else 1.0)
    one.say(G.OTHERS, one.hit, 0.0)


def _throttle(one: Run) -> None:
    _isp(one)
    one.flags(G.UNSLOWED, 0.0)
    one.flags(G.UNFORGED, 1.0)
    one.seen.pop(G.SWAP, None)


def _protocol(one: Run) -> None:
    one.strike(lambda board: board.provider in {0, 1})
    _service_alone(one)
    one.say(G.SHAPE, one.hit, 1.0)
    one.abroad(G.REFERENCES, 1.0)
    one.flags(G.TOGETHER, 1.0)
    one.flags(G.UNFORGED, 1.0)
    one.say(G.BY_NAME, one.hit, 1.0)


def _port(one: Run) -> None:
    one.strike(lambda board: board.provider == 0)
    _service_alone(one)
    one.say(G.SERVICES, one.hit, one.chance.choice((0.0, 1.0)))
    one.say(G.PORT, one.hit, 1.0)
    one.say(G.NEIGHBOUR, one.hit, 0.0, asked=0.4)
    one.abroad(G.REFERENCES, 1.0)
    one.abroad(G.ADDRESS, 1.0)
    one.flags(G.TOGETHER, 1.0)
    one.flags(G.UNFORGED, 1.0)
    one.say(G.BY_NAME, one.hit, 1.0)


def _prefix(one: Run) -> None:
    one.strike(lambda board: board.provider == 0)
    _service_alone(one)
    one.say(G.SIBLING_ADDRESS, one.hit, 0.0)
    one.say(G.PORT, one.hit, 0.0, asked=0.7)
    one.say(G.NEIGHBOUR, one.hit, 0.0, asked=0.4)
    one.abroad(G.REFERENCES, 1.0)
    one.abroad(G.ADDRESS, 1.0)
    one.flags(G.TOGETHER, 1.0)
    one.flags(G.UNFORGED, 1.0)
    one.say(G.BY_NAME, one.hit, 1.0)


def _white_list(one: Run) -> None:
    """Every foreign name but a few dies; controls on the list work."""
    one.strike(lambda board: board.provider in {0, 1})
    _service_alone(one)
    one.say(G.SERVICES, one.hit, 0.0)
    one.say(G.ROLES, one.hit, 0.0, asked=0.7)
    one.say(G.FOREIGN, one.hit, one.chance.choice((0.3, 0.5, 0.7)))
    one.say(G.DOMESTIC, one.hit, 1.0)
    one.abroad(G.REFERENCES, 1.0)
    one.flags(G.TOGETHER, 1.0)
    one.flags(G.UNFORGED, 1.0)


def _family_block(one: Run) -> None:
    _isp(one)
    one.say(G.FAMILY, one.hit, 1.0)
    one.say(G.FAMILY_CONTROL, one.hit, 1.0)


# ---------------------------------------------------------------- lines, homes, electricity


def _line_gone(one: Run, *, silent: float) -> None:
    """Whoever is hit reaches nothing abroad; so many of them do not even tell us so."""
    one.say(G.FOREIGN, one.hit, 0.0, asked=1.0 - silent)
    one.say(G.SERVICES, one.hit, 0.0, asked=1.0 - silent)
    one.flags(G.SPEAKING, 1.0 - silent)
    hit = {b.provider for b in one.hit}
    districts = {b.district for b in one.hit}
    if silent == 1.0:
        one.seen.pop(G.FOREIGN, None)
    spared = one.spared
    one.say(G.PROVIDER_ALIVE, [b for b in one.boards if b.provider in hit and not b.hit], 1.0)
    near = [b for b in one.boards if b.district in districts and b.provider not in hit]
    one.say(G.DISTRICT_ALIVE, near, 1.0)
    one.say(G.COUNTRY_ALIVE, [b for b in spared if b.provider not in hit and b.district not in districts], 1.0)


def _rows_of_provider(one: Run) -> None:
    """A provider's whole fleet is hit: those who still speak and those who do not are all affected."""
    one.say(G.PROVIDER_ALIVE, one.hit, 0.0)


def _isp_outage(one: Run) -> None:
    one.strike(lambda board: board.provider == 0)
    silent = one.chance.choice((0.0, 1.0))
    _line_gone(one, silent=silent)
    _rows_of_provider(one)
    one.say(G.DISTRICT_ALIVE, one.spared, 1.0)
    one.say(G.COUNTRY_ALIVE, one.spared, 1.0)
    one.say(G.DOMESTIC, one.hit, 0.0, asked=1.0 - silent)
    one.say(G.GATEWAY, one.hit, 1.0, asked=1.0 - silent)
    one.flags(G.TOGETHER, 1.0)
    if one.chance.random() < 0.5:
        one.flags(G.SAME_BOOT, 1.0)


def _country_outage(one: Run) -> None:
    one.strike(lambda _board: True)
    silent = one.chance.choice((0.0, 1.0))
    _line_gone(one, silent=silent)
    for group in (G.PROVIDER_ALIVE, G.DISTRICT_ALIVE, G.COUNTRY_ALIVE):
        one.say(group, one.hit, 0.0)
    one.say(G.DOMESTIC, one.hit, 0.0, asked=1.0 - silent)
    one.flags(G.TOGETHER, 1.0)
    if one.chance.random() < 0.5:
        one.flags(G.SAME_BOOT, 1.0)


def _shutdown(one: Run) -> None:
    """The border: home works, abroad does not, for every provider."""
    one.strike(lambda _board: True)
    _line_gone(one, silent=0.0)
    one.say(G.DOMESTIC, one.hit, 1.0)
    one.say(G.GATEWAY, one.hit, 1.0)
    one.say(G.OTHERS, one.hit, 0.0)
    one.flags(G.TOGETHER, 1.0)


def _district(one: Run, *, boot: float) -> None:
    one.strike(lambda board: board.district == 0)
    while len(one.hit) < 2 or len({b.provider for b in one.hit}) < 2:
        one.chance.choice(one.boards).district = 0
        one.strike(lambda board: board.district == 0)
    one.flags(G.SPEAKING, 0.0)
    one.say(G.PROVIDER_ALIVE, one.boards, len(one.spared) / len(one.boards))
    one.say(G.DISTRICT_ALIVE, one.hit, 0.0)
    one.say(G.COUNTRY_ALIVE, one.spared, 1.0)
    one.flags(G.TOGETHER, 1.0)
    one.flags(G.SAME_BOOT, boot)


def _power(one: Run) -> None:
    _district(one, boot=0.0)


def _district_outage(one: Run) -> None:
    _district(one, boot=1.0)


def _board(one: Run) -> None:
    """Two hosts pulled the plug, days apart."""
    two = one.chance.sample(one.boards, 2)
    one.strike(lambda board: board in two)
    one.flags(G.SPEAKING, 0.0)
    hit = {b.provider for b in one.hit}
    one.homes(G.PROVIDER_ALIVE, [b for b in one.boards if b.provider in hit])
    for group in (G.DISTRICT_ALIVE, G.COUNTRY_ALIVE):
        one.say(group, one.spared, 1.0)
    one.flags(G.TOGETHER, 0.0)


def _lan(one: Run) -> None:
    two = one.chance.sample(one.boards, 2)
    one.strike(lambda board: board in two)
    one.say(G.TARGET, one.hit, 0.0)
    one.say(G.SERVICES, one.hit, 0.0)
    one.say(G.FOREIGN, one.hit, 0.0)
    one.say(G.DOMESTIC, one.hit, 0.0)
    one.say(G.GATEWAY, one.hit, 0.0)
    hit = {b.provider for b in one.hit}
    one.homes(G.SIBLINGS, [b for b in one.boards if b.provider in hit])
    one.say(G.OTHERS, one.spared, 1.0)
    one.flags(G.SPEAKING, 1.0)  # they tell it afterwards
    one.flags(G.TOGETHER, 0.0)


def _home_filter(one: Run) -> None:
    """Two homes of one provider filter the name, since different days; the provider's other homes are well."""
    two = one.chance.sample(one.boards, 2)
    one.strike(lambda board: board in two)
    _service_alone(one)
    one.say(G.BEYOND_DNS, one.hit, 0.0)
    one.say(G.ROLES, one.hit, 0.5, asked=0.5)
    one.abroad(G.REFERENCES, 1.0)
    one.flags(G.TOGETHER, 0.0)
    one.flags(G.UNFORGED, 1.0)


def _probe_fault(one: Run) -> None:
    two = one.chance.sample(one.boards, 2)
    one.strike(lambda board: board in two)
    _service_alone(one)
    one.say(G.SERVICES, one.hit, 0.0)
    one.say(G.FOREIGN, one.hit, 0.5)
    one.say(G.DOMESTIC, one.hit, 0.5)
    hit = {b.provider for b in one.hit}
    one.homes(G.SIBLINGS, [b for b in one.boards if b.provider in hit])
    one.abroad(G.REFERENCES, 1.0)
    one.flags(G.TOGETHER, 0.0)
    one.flags(G.UNFORGED, 1.0)


def _ok(one: Run) -> None:
    two = one.chance.sample(one.boards, 2)
    one.strike(lambda board: board in two)
    _service_alone(one)
    one.say(G.TARGET, one.hit, 1.0)
    hit = {b.provider for b in one.hit}
    one.homes(G.SIBLINGS, [b for b in one.boards if b.provider in hit])
    one.say(G.OTHERS, one.spared, 1.0)
    one.abroad(G.REFERENCES, 1.0)


# ---------------------------------------------------------------- the service's doing, and ours


def _fault(one: Run, *, references: float) -> None:
    one.strike(lambda _board: True)
    _service_alone(one)
    one.say(G.OTHERS, one.hit, 0.0)
    one.say(G.ROLES, one.hit, one.chance.choice((0.0, 0.5, 1.0)), asked=0.7)
    one.abroad(G.REFERENCES, references)
    one.flags(G.TOGETHER, 1.0)
    one.flags(G.UNFORGED, 1.0)


def _service_fault(one: Run) -> None:
    _fault(one, references=0.0)
    one.abroad(G.ADDRESS, 0.0, asked=0.5)


def _edge_fault(one: Run) -> None:
    _fault(one, references=1.0)
    one.abroad(G.ADDRESS, 0.0)
    one.say(G.NEIGHBOUR, one.hit, 0.0, asked=0.6)
    one.say(G.BY_NAME, one.hit, 1.0)


def _server_geo(one: Run) -> None:
    _fault(one, references=1.0)
    one.say(G.ROLES, one.hit, 0.0, asked=0.7)
    one.abroad(G.ADDRESS, 1.0, asked=0.5)
    one.flags(G.UNREFUSED, 0.0)


def _server_front(one: Run) -> None:
    """The front cuts by name; said to an address of ours, the name passes."""
    _fault(one, references=1.0)
    one.abroad(G.ADDRESS, 1.0, asked=0.5)
    one.say(G.NEIGHBOUR, one.hit, 1.0, asked=0.7)
    one.say(G.SWAP, one.hit, 1.0)
    one.say(G.BY_NAME, one.hit, 0.0)


def _instrument(one: Run) -> None:
    """An update of half of the fleet, in every provider, says a hello that the service dislikes."""
    for number, board in enumerate(one.boards):
        board.version = "2" if number % 2 else "1"
    one.strike(lambda board: board.version == "2")
    _service_alone(one)
    one.say(G.OTHER_VERSION, one.spared, 1.0)
    one.say(G.SAME_VERSION, one.hit, 0.0, asked=0.7)
    hit = {b.provider for b in one.hit}
    one.homes(G.SIBLINGS, [b for b in one.boards if b.provider in hit])
    one.abroad(G.REFERENCES, one.chance.choice((0.5, 1.0)))
    one.say(G.NEIGHBOUR, one.hit, 1.0, asked=0.7)
    one.flags(G.TOGETHER, 1.0)
    one.flags(G.UNFORGED, 1.0)


def _family_fault(one: Run) -> None:
    one.strike(lambda board: board.provider == 0)
    one.say(G.TARGET, one.hit, 0.0)
    one.say(G.SERVICES, one.hit, one.chance.choice((0.0, 0.5)))
    one.say(G.FAMILY, one.hit, 1.0)
    one.say(G.FAMILY_CONTROL, one.hit, 0.0)
    one.say(G.OTHERS, one.spared, 1.0)
    _line_well(one)
    one.abroad(G.REFERENCES, 1.0)
    one.flags(G.UNFORGED, 1.0)


_STORIES: Final[dict[Hypothesis, Callable[[Run], None]]] = {
    H.OK: _ok,
    H.PROBE_FAULT: _probe_fault,
    H.HOME_FILTER: _home_filter,
    H.LAN: _lan,
    H.BOARD: _board,
    H.POWER: _power,
    H.ISP_OUTAGE: _isp_outage,
    H.DISTRICT_OUTAGE: _district_outage,
    H.SHUTDOWN: _shutdown,
    H.COUNTRY_OUTAGE: _country_outage,
    H.SERVICE_FAULT: _service_fault,
    H.EDGE_FAULT: _edge_fault,
    H.SERVER_GEO: _server_geo,
    H.SERVER_FRONT: _server_front,
    H.BLOCK_ISP: _isp,
    H.BLOCK_MULTI_ISP: _multi,
    H.BLOCK_NATIONAL: _national,
    H.THROTTLE: _throttle,
    H.PROTOCOL_BLOCK: _protocol,
    H.PORT_BLOCK: _port,
    H.PREFIX_BLOCK: _prefix,
    H.WHITE_LIST: _white_list,
    H.FAMILY_FAULT: _family_fault,
    H.FAMILY_BLOCK: _family_block,
    H.INSTRUMENT_FAULT: _instrument,
}
