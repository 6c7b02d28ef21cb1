"""The kernel's rules of a box, as text: where they stand, whom they touch, what they leave alone."""

from dataclasses import replace
from typing import Any

import pytest

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.kind import Versions
from balise_lab.boxes.engine.placement import ENFORCE
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.boxes.engine.rules import SLOTS, rules
from balise_lab.boxes.engine.setting import Value
from balise_lab.errors import ConfigError
from balise_lab.world.layout import AccessNetwork
from balise_lab.world.topology import build
from tests.lab.boxes.packets import TOPOLOGY

PLACES = {
    "resolver.down": "asn64501",
    "resolver.servfail": "asn64501",
    "district.shutdown": "asn64501",
    "dns.hijack": "asn64501",
    "isp.shutdown": "asn64501",
    "pep": "asn64501",
    "wifi": "probe-64501-1",
    "v6.broken": "probe-64502-1",
    "line": "probe-64501-1",
    "power": "probe-64501-1",
    "router.filter": "probe-64501-1",
    "router.proxy": "probe-64501-1",
    "router.mute": "probe-64501-1",
}
NEEDED: dict[str, Value] = {"ports": (443,), "percent": 5.0, "ms": 10.0}
EXAMPLES = {
    word: Box(
        "b-1",
        word,
        where=PLACES.get(word, "gateway"),
        match=("twitter.lab",),
        probes=("probe-64501-1",) if kind.of_probes else (),
        settings={setting.name: NEEDED[setting.name] for setting in kind.required},
    )
    for word, kind in KINDS.items()
}


BOTH = build(
    replace(
        TOPOLOGY.layout,
        isps={"asn64501": AccessNetwork(64501, 2, routers=1), "asn64502": AccessNetwork(64502, 1, ipv6=True)},
    )
)
"""The same with IPv6 on one provider."""


@pytest.mark.parametrize("word", sorted(KINDS))
def test_every_kind_has_rules(word: str) -> None:
    """Each word a scenario may write becomes rules with the three counters; those that read bytes are queued."""
    found = rules(EXAMPLES[word], BOTH if KINDS[word].versions is Versions.SIX else TOPOLOGY, 0)
    assert found.table == "box_b_1"
    assert all(f"counter {name} {{ }}" in found.script for name in ("seen", "matched", "fired"))
    kind = KINDS[word]
    assert bool(found.queued) is (kind.decide is not None or kind.wait is not None)
    assert all("--queue-bypass" in line for line in found.queued), "a dead box must pass traffic"


def test_slots_have_bits_and_queues_of_their_own() -> None:
    """Boxes at one place must not read each other's marks."""
    first, second = (rules(EXAMPLES["sni.drop"], TOPOLOGY, slot) for slot in (0, 30))
    assert first.placement.bit != second.placement.bit
    assert first.placement.queue != second.placement.queue
    assert not second.placement.bit & ENFORCE
    with pytest.raises(ConfigError, match=f"more than {SLOTS} boxes"):
        rules(EXAMPLES["sni.drop"], TOPOLOGY, SLOTS)


@pytest.mark.parametrize(
    "word", ["wifi", "line", "power", "isp.shutdown", "dns.hijack", "resolver.down", "resolver.servfail"]
)
def test_a_place_left_out_never_means_the_whole_country(word: str) -> None:
    """At the gateway these words would darken everybody, or nothing: the operator is asked instead."""
    with pytest.raises(ConfigError, match="say where"):
        rules(Box("b", word), TOPOLOGY, 0)


@pytest.mark.parametrize(
    ("box", "says"),
    [
        (Box("b", "sni.drop"), "match is empty"),
        (Box("b", "ip.drop"), "neither match nor addresses"),
        (Box("b", "port.drop"), "ports is empty"),
        (Box("b", "district.shutdown", where="asn64501"), "probes is empty"),
        (Box("b", "loss", settings={"percent": 101.0}), "percent is 101"),
        (Box("b", "delay"), "ms is 0"),
        (Box("b", "server.denies", match=("a",), settings={"status": 200}), "use 403 or 451"),
        (Box("b", "server.down", match=("a",), settings={"mode": "explode"}), "use drop or refuse"),
        (
            Box("b", "ip.drop", match=("a",), settings={"kbit": 5.0}),
            "kbit is none of its parameters; mend: it has ports",
        ),
        (Box("b", "sni.dorp"), "sni.dorp is no kind"),
    ],
)
def test_an_impossible_box_is_refused(box: Box, says: str) -> None:
    """The operator hears what is missing before anything is touched."""
    with pytest.raises(ConfigError, match=says):
        rules(box, TOPOLOGY, 0)


def script(**changes: Any) -> str:
    """The rules of a box that drops what goes to Twitter's addresses, where there is IPv6."""
    return rules(Box("b", **{"kind": "ip.drop", "match": ("twitter",), **changes}), BOTH, 0).script


def test_a_box_touches_both_ip_versions_unless_it_is_told_one() -> None:
    """Each has a table of its own, with counters of its own; where there is no IPv6 there is one table."""
    both, six, four = script(), script(family=6), script(family=4)
    assert ("table ip b" in both.replace("box_", ""), "table ip6 b" in both.replace("box_", "")) == (True, True)
    assert "3fff:19:40::a" in six
    assert "198.19.64.10" not in six
    assert "3fff" not in four
    assert rules(Box("b", "ip.drop", match=("twitter",)), TOPOLOGY, 0).families == ("ip",)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"kind": "ip.icmp"}, "reject with icmpv6 type admin-prohibited"),
        ({"kind": "ip.rst"}, "reject with tcp reset"),
        ({"kind": "ip.prefix"}, "ip6 daddr { 3fff:19:40::/48, 3fff:19:80::/48 }"),
        ({"isps": ("asn64502",)}, "ip6 saddr { 3fff:18:10::/44 }"),
        ({"addresses": ("3fff:19:40::a",), "match": ()}, "ip6 daddr { 3fff:19:40::a }"),
        ({"kind": "isp.shutdown", "isps": ("asn64502",), "match": ()}, "ip6 saddr { 3fff:18:10::/44 }"),
        ({"kind": "ip.drop", "settings": {"share": 50.0}}, "jhash ip6 saddr . th sport . ip6 daddr . th dport"),
        ({"kind": "line", "where": "probe-64502-1", "match": ()}, "nd-neighbor-solicit"),
    ],
)
def test_rules_of_ipv6_say_what_those_of_ipv4_say(changes: dict[str, Any], line: str) -> None:
    """In the words of that family; a /24 is a /48 there."""
    assert line in script(family=6, **changes)


def test_a_literal_address_is_of_one_ip_version() -> None:
    """Whoever names it means that one alone; over the other one the box would touch nothing."""
    assert "ip6" not in script(addresses=("198.19.64.10",), match=())
    with pytest.raises(ConfigError, match="touches nothing over IPv6"):
        script(addresses=("198.19.64.10",), match=(), family=6)
    with pytest.raises(ConfigError, match="touches nothing over IPv6"):
        rules(EXAMPLES["v6.broken"], TOPOLOGY, 0)
