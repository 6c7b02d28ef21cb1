"""What a kind of box is: one record with everything that the scenario language and the machine know of it.

Lives here: the record, the refusal of one that lacks a part, and the check of a box against its kind. Must not live
here: any kind (boxes/), or where they are gathered (registry). The word of a kind that blocks is one of
``balise_wire.mechanisms``; an ordinary fault has a word of its own.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Any, Final

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.classify import Packet, Streams
from balise_lab.boxes.engine.placement import Placement
from balise_lab.boxes.engine.setting import HasSettings, Setting
from balise_lab.counterparts.web import Site
from balise_lab.errors import ConfigError
from balise_wire.incomplete import Incomplete

COMMON: Final = ("id", "kind", "action", "where", "isps", "match", "services", "roles", "probes", "family")
"""Keys of every start in a timeline: no parameter of a kind is called so."""
_WORD = re.compile(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9]*(_[a-z]+)*)?")


class Looks(StrEnum):
    """What a kind looks for in the traffic."""

    NAMES = "names"
    """``match`` (or ``services``, ``roles``) must say which."""
    ADDRESSES = "addresses"
    """As NAMES; literal addresses and networks are welcome too."""
    ANYTHING = "anything"
    """As ADDRESSES where the file names some; else everything on its way is touched."""
    NOTHING = "nothing"
    """Everything on its way is touched."""


class Stands(Enum):
    """In which namespace a kind is put."""

    WHERE = auto()
    """Where the file says."""
    LINK = auto()
    """At the far end of the link of the place that the file says."""
    HOSTING = auto()
    """Before the servers, whatever the file says."""
    HOME = auto()
    """At the router of the home of the probe that the file says."""
    NAMES = auto()
    """Before the authorities, whatever the file says."""


class Versions(Enum):
    """Which IP versions a kind knows."""

    FOUR = auto()
    """IPv4 alone: over IPv6 everything passes it."""
    SIX = auto()
    """IPv6 alone."""
    BOTH = auto()
    """Its rules are written for each."""
    QUESTIONS = auto()
    """It is about questions, which travel over IPv4 in the lab whatever they ask for."""


@dataclass(frozen=True)
class Decision:
    """Forged packets to send first, and whether the seen packet (and its flow) is struck."""

    strike: bool
    forged: tuple[bytes, ...] = ()


Decide = Callable[[Box, Packet, Streams], Decision | None]
"""What a box does with a packet, from what is known of its flow; ``None`` where it is of no interest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of box or fault.

    Raises:
        Incomplete: a part is missing; the message names the kind and the part.
    """

    word: str = ""
    means: str = ""
    """What it does, for people: a clause that follows the word."""
    looks: Looks | None = None
    rules: Callable[[Placement], Iterable[str]] | None = None
    """The chains of its nft table, which has the counters ``seen``, ``matched`` and ``fired``."""
    settings: tuple[Setting[Any], ...] = ()
    censors: bool = True
    """Whether it is interference; an ordinary fault must never be called that."""
    mechanism: str = ""
    """The word by which the collector knows it, where that is another one."""
    where: str = "gateway"
    """Where it stands unless the file says otherwise."""
    stands: Stands = Stands.WHERE
    versions: Versions = Versions.FOUR
    follows_isp: bool = False
    """It stands at the provider where a file names one alone and no place."""
    for_everyone: bool = False
    """It happens to servers, and so to whoever asks them, in the country and abroad."""
    of_country: bool = False
    """It stands at servers, and concerns the country alone unless the file says otherwise."""
    short: str = ""
    """The parameter that may be written as the kind's value: ``loss: 5%``."""
    arp: bool = False
    """Its link answers no ARP either: the cable is out, or the power is."""
    power: bool = False
    """The program of its probe dies with it, and starts again when it ends."""
    of_probes: bool = False
    """It means nothing without the probes that it touches."""
    regional: bool = False
    """The hosts that it looks for are served to the country from addresses of their own."""
    lossy: bool = False
    """Whole packets get lost at random: time-outs must leave room for sending them again."""
    slows: tuple[Setting[float], ...] = ()
    """Parameters whose sum is what it adds to a round trip at most, in milliseconds."""
    waits: Callable[[HasSettings], float] | None = None
    """Milliseconds for which a packet waits in its queue at most, where flows share one."""
    queued: Callable[[Placement], Iterable[tuple[str, ...]]] | None = None
    """Arguments of iptables (table mangle, after -A or -D) that lead packets to its program."""
    decide: Decide | None = None
    """What its program does with a packet."""
    wait: Callable[[Box, float], float] | None = None
    """Instead of ``decide``: real seconds that a packet waits, from a chance between 0 and 1."""
    shapes: Callable[[Placement], Iterable[tuple[tuple[str, ...], tuple[str, ...]]]] | None = None
    """Pairs of tc's arguments: what puts it in force, and what takes it away (empty: nothing has to)."""
    serve: Callable[[Placement], tuple[Site, ...]] | None = None
    """The sites of a web server that it brings."""
    splice: Callable[[Placement], tuple[str, int, str]] | None = None
    """Address, port and manner (`engine.splice`) of a proxy that it brings."""

    def __post_init__(self) -> None:
        """Refuse a kind that lacks a part."""
        lacks = [f"{name} ({why})" for name, why in self._missing()]
        if lacks:
            raise Incomplete(f"the kind {self.word or '(without a word)'!r} lacks {', '.join(lacks)}")

    def _missing(self) -> Iterable[tuple[str, str]]:
        names = [setting.name for setting in self.settings]
        if not _WORD.fullmatch(self.word):
            yield "word", "what a scenario calls it, such as sni.drop"
        if not self.means:
            yield "means", "what it does, for people"
        if self.looks is None:
            yield "looks", "what it looks for in the traffic"
        if self.rules is None:
            yield "rules", "the chains of its nft table"
        if self.serve is not None and self.splice is not None:
            yield "splice", "a web server or a proxy, but not both"
        if self.queued is None and (self.decide or self.wait or self.looks is Looks.NAMES):
            yield "queued", "which packets reach its program"
        if self.queued is not None and (self.decide is None) is (self.wait is None):
            yield "decide", "what its program does with a packet, or wait, but not both"
        if len(names) != len(set(names)) or set(names) & set(COMMON):
            yield "settings", f"names of their own among {', '.join(names)}"
        if self.short and self.short not in names:
            yield "short", "the name of one of its settings"

    @property
    def required(self) -> tuple[Setting[Any], ...]:
        """Parameters without which it means nothing."""
        return tuple(setting for setting in self.settings if setting.required)

    def check(self, box: Box) -> None:
        """Raise ConfigError where a box misses what its kind needs, or has what it does not know."""
        here = f"box {box.id} ({box.kind})"
        if self.looks is Looks.NAMES and not box.match:
            raise ConfigError(f"{here}: match is empty", 'give host patterns, for instance match: ["*.twimg.lab"]')
        if self.looks is Looks.ADDRESSES and not (box.match or box.addresses):
            raise ConfigError(f"{here}: neither match nor addresses", "give a host, a service or an address")
        if self.of_probes and not box.probes:
            raise ConfigError(f"{here}: probes is empty", "say which probes it touches: probes: [...]")
        known = {setting.name: setting for setting in self.settings}
        for name in box.settings.keys() - known.keys():
            raise ConfigError(f"{here}: {name} is none of its parameters", f"it has {', '.join(known) or 'none'}")
        for name, setting in known.items():
            wrong = setting.refusal(box.settings.get(name, setting.default))
            if wrong:
                raise ConfigError(f"{here}: {wrong[0]}", wrong[1])
