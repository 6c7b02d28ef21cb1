"""What a trial says of a proxy: a word that can hold no address, and how far it led."""

from __future__ import annotations

import msgspec
import pytest

from balise_wire.through import LABEL, ProxyStage, Through


@pytest.mark.parametrize("label", ["192.0.2.1", "p1080", "2001:db8::1", "", "East", "a" * 17, "-x"])
def test_a_label_holds_no_address_and_no_port(label: str) -> None:
    """Letters and hyphens, and no digit."""
    assert LABEL.fullmatch(label) is None


def test_a_stage_of_tomorrow_is_unknown() -> None:
    """A newer word costs itself alone."""
    read = msgspec.json.decode(b'{"label":"east","stage":"tomorrow"}', type=Through)
    assert read == Through(label="east", stage=ProxyStage.UNKNOWN)
