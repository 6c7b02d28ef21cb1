"""Shutdowns."""

from balise_lab.boxes.engine.box import Box
from tests.lab.boxes.packets import script


def test_a_district_is_its_probes_alone() -> None:
    """Both ways, by their addresses."""
    text = script(Box("b", "district.shutdown", where="asn64501", probes=("probe-64501-2",)))
    assert "ip saddr { 198.18.1.11 }" in text
    assert "ip daddr { 198.18.1.11 }" in text


def test_a_country_is_cut_at_its_uplink() -> None:
    """What stays inside the country goes on."""
    text = script(Box("b", "country.shutdown"))
    assert 'iifname "wan0"' in text
    assert 'oifname "wan0"' in text
    assert "saddr" not in text
