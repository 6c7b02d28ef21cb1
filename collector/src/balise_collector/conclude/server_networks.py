"""Which networks served each part of a service, from where they were asked, and when that changed (re-homing). Pure.

Lives here: what of a measurement tells its server's address, and what of several runs is a move. An address counts as
the service's where the operator assigned it or it showed the probe a certificate for the name; what neither is true of
(a resolver's answer that was not shown to be right) is kept apart, for it may be anybody's. Must not live here: the
table of networks (intake/origins.py; the operator supplies it), the journal, sentences.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from balise_wire.measurement import Measurement
from balise_wire.words import AddressSource, Arm

_SHOWN: Final = frozenset({AddressSource.ASSIGNED, AddressSource.PROVEN})
ADDRESSES_MOST: Final = 64
"""Addresses of one network that are remembered for one part; more are counted no further."""


class ServerNetwork(NamedTuple):
    """Where an address belongs, by the operator's table; 0 and empty: not in it."""

    asn: int = 0
    country: str = ""


class Part(NamedTuple):
    """What was asked, and from where."""

    asked_from: str
    """Country of the probes."""
    service: str
    role: str
    host: str
    family: int


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One network that served one part."""

    part: Part
    network: ServerNetwork
    shown: bool
    """Whether its addresses are the service's; otherwise that is not known."""
    addresses: tuple[str, ...]
    runs: int
    first: float
    """UNIX seconds of the first run on it, by the probe's corrected clock."""
    last: float
    moved_from: tuple[ServerNetwork, ...] = ()
    """The networks that served it until then and not since: it was re-homed."""


class ServerNetworks:
    """What served what, run by run."""

    def __init__(self, look_up: Callable[[str], ServerNetwork | None]) -> None:
        """Know nothing yet.

        Args:
            look_up: the table.
        """
        self._look_up = look_up
        self._known: dict[str, ServerNetwork] = {}
        self._seen: defaultdict[tuple[Part, bool], dict[ServerNetwork, _Tally]] = defaultdict(dict)

    def take(self, measurement: Measurement, country: str, clock_offset: float) -> None:
        """Take in one run.

        Args:
            measurement: of a target; one without an address of its own (names, the line) tells nothing.
            country: where its probe stood, on the operator's word.
            clock_offset: of the probe's clock, seconds.
        """
        address = server_address(measurement)
        if not address:
            return
        part = Part(country, measurement.service, measurement.role.value, measurement.host, measurement.family)
        shown = measurement.address_source in _SHOWN
        network = self._network(address)
        tally = self._seen[part, shown].setdefault(network, _Tally())
        tally.add(address, measurement.started - clock_offset)

    def served(self) -> Iterable[Served]:
        """Yield what served each part, the parts in order, their networks by first run."""
        for (part, shown), networks in sorted(self._seen.items()):
            ordered = sorted(networks.items(), key=lambda item: (item[1].first, item[0]))
            for network, tally in ordered:
                yield Served(
                    part=part,
                    network=network,
                    shown=shown,
                    addresses=tuple(sorted(tally.addresses)),
                    runs=tally.runs,
                    first=tally.first,
                    last=tally.last,
                    moved_from=_before(tally, ordered) if shown else (),
                )

    def _network(self, address: str) -> ServerNetwork:
        if address not in self._known:
            self._known[address] = self._look_up(address) or ServerNetwork()
        return self._known[address]


def server_address(measurement: Measurement) -> str:
    """Return the address that a run asked, as its subject's trials have it; empty where there is none."""
    for trial in measurement.observations:
        if trial.arm is Arm.SUBJECT and (address := getattr(trial, "address", "")):
            return str(address)
    return ""


def _before(tally: "_Tally", all_of_it: Iterable[tuple[ServerNetwork, "_Tally"]]) -> tuple[ServerNetwork, ...]:
    """Return the networks after whose last run this one began, where no other served the part all the time."""
    others = [(network, other) for network, other in all_of_it if other is not tally]
    if any(other.first < tally.first <= other.last for _, other in others):
        return ()  # They serve it side by side, as content networks do: nothing has moved.
    return tuple(network for network, other in others if other.last < tally.first)


class _Tally:
    def __init__(self) -> None:
        self.addresses: set[str] = set()
        self.runs = 0
        self.first, self.last = float("inf"), float("-inf")

    def add(self, address: str, at: float) -> None:
        if len(self.addresses) < ADDRESSES_MOST:
            self.addresses.add(address)
        self.runs += 1
        self.first, self.last = min(self.first, at), max(self.last, at)
