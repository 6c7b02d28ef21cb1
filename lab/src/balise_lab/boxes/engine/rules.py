"""The kernel's rules of a box: what is queued to its program, and what nft does to packets.

Lives here: a pure function from (box, topology, slot) to the text of rules and where they go. Must not live here:
running nft or iptables (run.lab does), or the rules of a kind (its own file).
"""

from dataclasses import dataclass

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.kind import Kind, Stands
from balise_lab.boxes.engine.placement import Placement, link
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.errors import ConfigError
from balise_lab.world.topology import Topology

SLOTS = 31  # bits below ENFORCE


@dataclass(frozen=True)
class Rules:
    """Rules of one box: nft script and iptables arguments (after -A or -D) for one namespace."""

    placement: Placement
    table: str
    script: str
    queued: tuple[tuple[str, ...], ...]

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
    body = "\n".join(kind.rules(placement) if kind.rules else ())
    script = f"table ip {table} {{\ncounter seen {{ }}\ncounter matched {{ }}\ncounter fired {{ }}\n{body}\n}}"
    if kind.arp:
        drop = f'iifname "{link(box, topology)[1]}" drop'
        script += f"\ntable arp {table} {{\nchain quiet {{\ntype filter hook input priority 0; {drop}\n}}\n}}"
    return Rules(placement, table, script, tuple(kind.queued(placement)) if kind.queued else ())


def namespace(box: Box, topology: Topology) -> str:
    """Where a box stands."""
    stands = kind_of(box).stands
    if stands is Stands.HOSTING:
        return "hosting"
    return link(box, topology)[0] if stands is Stands.LINK else topology.namespace(box.where).name
