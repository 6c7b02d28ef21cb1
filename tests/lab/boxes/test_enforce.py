"""The kernel's rules of a box, as text: where they stand, whom they touch, what they leave alone."""

from __future__ import annotations

import pytest

from balise_lab.boxes.enforce import ENFORCE, SLOTS, rules
from balise_lab.boxes.spec import QUEUED, Box, Kind, check
from balise_lab.errors import ConfigError
from balise_lab.topology import HostSpec, Isp, Layout, build

TOPOLOGY = build(
    Layout(
        "PK",
        {"asn64501": Isp(64501, 2), "asn64502": Isp(64502, 1)},
        services={"twitter": {"web": (HostSpec("twitter.lab", edge=True),)}},
    )
)
PLACES = {
    Kind.RESOLVER_DOWN: "asn64501",
    Kind.DISTRICT_SHUTDOWN: "asn64501",
    Kind.DNS_HIJACK: "asn64501",
    Kind.ISP_SHUTDOWN: "asn64501",
    Kind.WIFI: "probe-64501-1",
}
EXAMPLES = {
    kind: Box(
        "b-1",
        kind,
        where=PLACES.get(kind, "gateway"),
        match=("twitter.lab",),
        ports=(443,) if kind is Kind.PORT_DROP else (),
        probes=("probe-64501-1",) if kind is Kind.DISTRICT_SHUTDOWN else (),
        percent=5.0,
        ms=10.0,
    )
    for kind in Kind
}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_rules(kind: Kind) -> None:
    """Each word a scenario may write becomes rules with the three counters; those that read bytes are queued."""
    check(EXAMPLES[kind])
    found = rules(EXAMPLES[kind], TOPOLOGY, 0)
    assert found.table == "box_b_1"
    assert all(f"counter {name} {{ }}" in found.script for name in ("seen", "matched", "fired"))
    assert bool(found.queued) is (kind in QUEUED)
    assert all("--queue-bypass" in line for line in found.queued), "a dead box must pass traffic"


def test_isps_restrict_by_source() -> None:
    """A box at the gateway for one ISP queues that ISP's packets only."""
    box = Box("b", Kind.SNI_DROP, isps=("asn64502",), match=("a.lab",))
    (line,) = rules(box, TOPOLOGY, 0).queued
    assert line[:3] == ("PREROUTING", "-s", "198.18.16.0/20")


def test_slots_have_bits_and_queues_of_their_own() -> None:
    """Boxes at one place must not read each other's marks."""
    first, second = (rules(EXAMPLES[Kind.SNI_DROP], TOPOLOGY, slot) for slot in (0, 30))
    assert first.bit != second.bit
    assert first.queue != second.queue
    assert not second.bit & ENFORCE
    with pytest.raises(ConfigError, match=f"more than {SLOTS} boxes"):
        rules(EXAMPLES[Kind.SNI_DROP], TOPOLOGY, SLOTS)


def test_a_residual_is_divided_by_the_scale() -> None:
    """180 s on a clock that runs 60 times as fast are 3 s of the kernel's."""
    box = Box("b", Kind.SNI_RST, match=("a.lab",), residual=180.0)
    assert "timeout 3000ms" in rules(box, TOPOLOGY, 0, scale=60.0).script
    assert "residual" not in rules(Box("b", Kind.SNI_RST, match=("a.lab",)), TOPOLOGY, 0).script


def test_a_probes_link_is_held_by_its_isp() -> None:
    """Faults of an access link stand at the ISP's end, so that the probe's own captures see them as the network's."""
    found = rules(Box("b", Kind.LOSS, where="probe-64501-2", percent=5.0), TOPOLOGY, 0)
    assert found.namespace == "isp-64501"
    assert 'iifname "d1" numgen random mod 10000 < 500' in found.script


def test_edge_down_leaves_the_other_address() -> None:
    """Only the regional address is dead."""
    endpoint = TOPOLOGY.endpoints[0]
    script = rules(Box("b", Kind.EDGE_DOWN, match=("twitter",)), TOPOLOGY, 0).script
    assert endpoint.country_addresses[0] in script
    assert endpoint.addresses[0] not in script
    script = rules(Box("b", Kind.SERVER_DOWN, match=("twitter",)), TOPOLOGY, 0).script
    assert endpoint.country_addresses[0] in script
    assert endpoint.addresses[0] in script


@pytest.mark.parametrize("kind", [Kind.WIFI, Kind.ISP_SHUTDOWN, Kind.DNS_HIJACK, Kind.RESOLVER_DOWN])
def test_a_place_left_out_never_means_the_whole_country(kind: Kind) -> None:
    """At the gateway these words would darken everybody, or nothing: the operator is asked instead."""
    with pytest.raises(ConfigError, match="say where"):
        rules(Box("b", kind), TOPOLOGY, 0)


@pytest.mark.parametrize(
    ("box", "says"),
    [
        (Box("b", Kind.SNI_DROP), "match is empty"),
        (Box("b", Kind.IP_DROP), "neither match nor addresses"),
        (Box("b", Kind.PORT_DROP), "ports is empty"),
        (Box("b", Kind.DISTRICT_SHUTDOWN), "probes is empty"),
        (Box("b", Kind.LOSS, percent=101.0), "percent is 101"),
        (Box("b", Kind.DELAY), "ms is 0"),
        (Box("b", Kind.SERVER_DENIES, match=("a",), status=200), "use 403 or 451"),
        (Box("b", Kind.SERVER_DOWN, match=("a",), mode="explode"), "use drop or refuse"),
    ],
)
def test_an_impossible_box_is_refused(box: Box, says: str) -> None:
    """The operator hears what is missing before anything is touched."""
    with pytest.raises(ConfigError, match=says):
        check(box)
