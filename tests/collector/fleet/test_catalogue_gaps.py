"""What a catalogue lacks is said, with what is lost by it; what it has is not."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.fleet.catalogue import Catalogue, ControlEntry, Dns, Entry, Service, default_folder, load
from balise_collector.fleet.catalogue_gaps import gaps
from balise_wire.words import Scope, TargetRole

SHIPPED = load(default_folder())


def told(catalogue: Catalogue, **around: object) -> str:
    """Return all lines; by default in a fleet that lacks nothing of its own."""
    table = {"silent": ("203.0.113.9",), "countries": ("PK",), "references": 2, **around}
    return "\n".join(gaps(catalogue, **table))  # type: ignore[arg-type]


def test_what_we_ship_lacks_what_only_an_operator_has() -> None:
    """A silent address of his, references, the controls of countries that we know none of; and some neighbours."""
    assert [line.split(":")[0][:12] for line in told(SHIPPED).splitlines()] == ["no neighbour"]
    assert "no silent address" in told(SHIPPED, silent=())
    assert "no reference" in told(SHIPPED, references=0)
    assert "no domestic control for XK" in told(SHIPPED, countries=("PK", "XK"))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"controls": ()}, "no international control"),
        ({"controls": (ControlEntry(name="a.example"), ControlEntry(name="b.example"))}, "on one port"),
        ({"controls": (ControlEntry(name="a.example"),)}, "no control with a known page"),
        ({"dns": Dns(public_resolvers=("8.8.8.8",))}, "no control name"),
        ({"dns": Dns(control_name="a.example")}, "no public resolver"),
        ({"services": ()}, "nothing is fetched over TLS"),
    ],
)
def test_each_gap_has_its_line(change: dict[str, object], line: str) -> None:
    """Nothing is refused for it: what can be measured is."""
    assert line not in told(SHIPPED)
    assert line in told(msgspec.structs.replace(SHIPPED, **change))


def test_a_list_that_lacks_nothing_says_nothing() -> None:
    """Neighbours included."""
    entry = Entry(role=TargetRole.WEB, host="a.example", neighbour="b.example", http_port=443)
    home = ControlEntry(name="d.example", scope=Scope.DOMESTIC, country="PK")
    service = Service(id="s", name="S", version="1", targets=(entry,))
    whole = msgspec.structs.replace(SHIPPED, services=(service,), controls=(*SHIPPED.controls, home))
    assert told(whole) == ""
