"""What a catalogue lacks is said, with what is lost by it; what it has is not."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.fleet.catalogue import (
    Catalogue,
    Confidence,
    ControlEntry,
    Dns,
    Entry,
    Service,
    default_folder,
    load,
)
from balise_collector.fleet.catalogue_gaps import gaps
from balise_wire.words import Experiment, Scope, TargetRole

SHIPPED = load(default_folder())


def told(catalogue: Catalogue, **around: object) -> str:
    """Return all lines; by default in a fleet that lacks nothing of its own."""
    table = {"silent": ("203.0.113.9",), "countries": ("PK",), "references": 2, **around}
    return "\n".join(gaps(catalogue, **table))  # type: ignore[arg-type]


def test_what_we_ship_lacks_what_only_an_operator_has() -> None:
    """A silent address of his, references, the controls of countries that we know none of; and some neighbours.

    A host that nobody vouches for is named as well (a region's playlists of Periscope).
    """
    assert [line.split(":")[0][:14] for line in told(SHIPPED).splitlines()] == ["no neighbour o", "no sure source"]
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


def test_hosts_without_a_sure_source_are_named() -> None:
    """What fails there may be a name that moved; one of which nothing is said was said so of by nobody."""
    entry = Entry(role=TargetRole.WEB, host="a.example", neighbour="b.example", http_port=443)
    for confidence, told_of in (("none", True), ("low", True), ("medium", False), ("high", False), (None, False)):
        one = entry if confidence is None else msgspec.structs.replace(entry, confidence=Confidence(confidence))
        service = Service(id="s", name="S", version="1", targets=(one,))
        lines = told(msgspec.structs.replace(SHIPPED, services=(service,)))
        assert ("no sure source of a.example" in lines) is told_of, confidence


def test_a_call_server_needs_other_operators() -> None:
    """Without three other servers of STUN a line that carries no UDP is not told from it."""
    entry = Entry(role=TargetRole.CALL_MEDIA, host="call.example", experiments=(Experiment.STUN,))
    calls = Service(id="s", name="S", version="1", targets=(entry,))
    measured = msgspec.structs.replace(SHIPPED, services=(*SHIPPED.services, calls))
    line = "calls are measured (call.example) and fewer than 3 other STUN servers are named"
    assert line not in told(measured)
    assert line in told(msgspec.structs.replace(measured, stun=measured.stun[:2]))
    assert line not in told(msgspec.structs.replace(SHIPPED, stun=()))


def test_what_goes_to_a_helper_needs_one() -> None:
    """Nothing else would say why nothing is measured."""
    entry = Entry(role=TargetRole.CALL_MEDIA, host="call.example", experiments=(Experiment.CALL,))
    measured = msgspec.structs.replace(SHIPPED, services=(Service(id="s", name="S", version="1", targets=(entry,)),))
    assert "no helper: nothing is sent for call" in told(measured)
    assert "no helper" not in told(measured, helpers=("192.0.2.20",))
    assert "no helper" not in told(SHIPPED)


def test_a_list_that_lacks_nothing_says_nothing() -> None:
    """Neighbours included."""
    entry = Entry(role=TargetRole.WEB, host="a.example", neighbour="b.example", http_port=443)
    home = ControlEntry(name="d.example", scope=Scope.DOMESTIC, country="PK")
    service = Service(id="s", name="S", version="1", targets=(entry,))
    whole = msgspec.structs.replace(SHIPPED, services=(service,), controls=(*SHIPPED.controls, home))
    assert told(whole) == ""
