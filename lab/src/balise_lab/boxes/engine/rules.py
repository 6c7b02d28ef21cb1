"""The kernel's rules of a box: what is queued to its program, and what nft does to packets.

Lives here: a pure function from (box, topology, slot) to the text of rules and where they go. Must not live here:
running nft or iptables (run.lab does), or the rules of a kind (its own file).
"""

from dataclasses import dataclass, replace

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.kind import Kind, Stands, Versions
from balise_lab.boxes.engine.placement import Placement, link
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.errors import ConfigError
from balise_lab.world.topology import Topology

SLOTS = 31  # bits below ENFORCE
_KNOWS = {Versions.SIX: (6,), Versions.BOTH: (4, 6)}
_BEFORE = {Stands.HOSTING: "hosting", Stands.NAMES: "dns"}


@dataclass(frozen=True)
class Rules:
    """Rules of one box: nft script and iptables arguments (after -A or -D) for one namespace."""

    placement: Placement
    table: str
    script: str
    queued: tuple[tuple[str, ...], ...]
    shaped: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    """Arguments of tc, to put in force and to take away."""
    families: tuple[str, ...] = ("ip",)
    """Of its tables, in nft's words."""

    @property
    def namespace(self) -> str:
        """Where they go."""
        return self.placement.namespace


def kind_of(box: Box) -> Kind:
    """Return the kind of a box (ConfigError where it is none)."""
    kind = KINDS.get(box.kind)
    if kind is None:
        raise ConfigError(f"box {box.id}: {box.kind} is no kind", f"use one of {', '.join(KINDS)}")
    return kind


def rules(box: Box, topology: Topology, slot: int, scale: float = 1.0) -> Rules:
    """The rules of a box in slot number `slot` of its namespace; `scale` turns its residual into real seconds.

    Raises:
        ConfigError: the box misses what its kind needs, or stands where that cannot be.
    """
    if not 0 <= slot < SLOTS:
        raise ConfigError(f"box {box.id}: more than {SLOTS} boxes at one place", "give one box several patterns")
    kind = kind_of(box)
    kind.check(box)
    placement = Placement(box, topology, namespace(box, topology), slot, scale)
    table = "box_" + "".join(c if c.isalnum() else "_" for c in box.id)
    written = [replace(placement, family=family) for family in versions(box, topology)]
    script = "\n".join(_table(table, kind, each) for each in written)
    if kind.arp:
        drop = f'iifname "{link(box, topology)[1]}" drop'
        script += f"\ntable arp {table} {{\nchain quiet {{\ntype filter hook input priority 0; {drop}\n}}\n}}"
    queued = tuple(kind.queued(placement)) if kind.queued else ()
    shaped = tuple(kind.shapes(placement)) if kind.shapes else ()
    return Rules(placement, table, script, queued, shaped, tuple(each.ip for each in written))


def versions(box: Box, topology: Topology) -> tuple[int, ...]:
    """IP versions that a box touches: those that it was told, that its kind knows, and that are there."""
    known = tuple(one for one in _KNOWS.get(kind_of(box).versions, (4,)) if one == 4 or topology.layout.ipv6)
    literal = {6 if ":" in one else 4 for one in box.addresses} if not box.match else set()
    found = tuple(one for one in known if box.family in {0, one} and (not literal or one in literal))
    if not found:
        mend = "leave family: out, or name what has that family"
        raise ConfigError(f"box {box.id} ({box.kind}): it touches nothing over IPv{box.family or 6}", mend)
    return found


def _table(name: str, kind: Kind, placement: Placement) -> str:
    """The nft table of a box in one family, with its counters."""
    body = "\n".join(kind.rules(placement) if kind.rules else ())
    counters = "counter seen { }\ncounter matched { }\ncounter fired { }"
    return f"table {placement.ip} {name} {{\n{counters}\n{body}\n}}"


def namespace(box: Box, topology: Topology) -> str:
    """Where a box stands."""
    stands = kind_of(box).stands
    if stands in _BEFORE:
        return _BEFORE[stands]
    if stands is Stands.HOME:
        return _home(box, topology)
    return link(box, topology)[0] if stands is Stands.LINK else topology.namespace(box.where).name


def _home(box: Box, topology: Topology) -> str:
    """The router of a probe's home (ConfigError where it has none)."""
    place = topology.namespace(box.where)
    above = topology.namespace(place.parent) if place.parent else place
    if above.kind != "home":
        mend = "say where: a probe behind a router, and give its provider routers: so many of its first probes have one"
        raise ConfigError(f"box {box.id} ({box.kind}): {box.where} has no router of its own", mend)
    return above.name
