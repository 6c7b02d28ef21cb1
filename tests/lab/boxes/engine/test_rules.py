"""The kernel's rules of a box, as text: where they stand, whom they touch, what they leave alone."""

import pytest

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.placement import ENFORCE
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.boxes.engine.rules import SLOTS, rules
from balise_lab.boxes.engine.setting import Value
from balise_lab.errors import ConfigError
from tests.lab.boxes.packets import TOPOLOGY

PLACES = {
    "resolver.down": "asn64501",
    "district.shutdown": "asn64501",
    "dns.hijack": "asn64501",
    "isp.shutdown": "asn64501",
    "wifi": "probe-64501-1",
    "line": "probe-64501-1",
    "power": "probe-64501-1",
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


@pytest.mark.parametrize("word", sorted(KINDS))
def test_every_kind_has_rules(word: str) -> None:
    """Each word a scenario may write becomes rules with the three counters; those that read bytes are queued."""
    found = rules(EXAMPLES[word], TOPOLOGY, 0)
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


@pytest.mark.parametrize("word", ["wifi", "line", "power", "isp.shutdown", "dns.hijack", "resolver.down"])
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
