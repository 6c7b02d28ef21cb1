"""One box or fault as the lab starts it.

Lives here: the record, its passage to the box's own program, and what a host pattern fits. Must not live here: what a
kind needs (kind), or how a scenario writes it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from balise_lab.boxes.engine.setting import Value


@dataclass(frozen=True)
class Box:
    """What stands where, for whom, and looks for what."""

    id: str
    kind: str
    """A word of the registry."""
    where: str = "gateway"
    """``gateway``, an ISP or a probe."""
    isps: tuple[str, ...] = ()
    """At the gateway: only these ISPs' prefixes."""
    probes: tuple[str, ...] = ()
    """Namespaces of the only probes that it touches; empty: every client of those ISPs."""
    match: tuple[str, ...] = ()
    """Host patterns; where addresses are looked for also ``service``, ``service/role``."""
    addresses: tuple[str, ...] = ()
    """Where addresses are looked for: besides those of ``match``."""
    family: int = 0
    """The only IP version that it touches, 4 or 6; 0: both, where there are both."""
    settings: Mapping[str, Value] = field(default_factory=dict)
    """The kind's own parameters, where they are not the usual ones."""


def to_plain(box: Box) -> dict[str, Any]:
    """Return a box as plain values, for JSON."""
    return asdict(box)


def from_plain(plain: Mapping[str, Any]) -> Box:
    """Return the box of plain values: JSON's lists were tuples."""
    settings = {name: _tuples(value) for name, value in plain["settings"].items()}
    return Box(**{**{name: _tuples(value) for name, value in plain.items()}, "settings": settings})


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def fits(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a host name fits one of the patterns; case and a final dot do not count (RFC 4343)."""
    plain = name.lower().rstrip(".")
    return any(fnmatchcase(plain, pattern.lower().rstrip(".")) for pattern in patterns)
