"""The lab answers vpn."""

from __future__ import annotations

from balise_lab.counterparts.vpn import COUNTERPART
from balise_wire.words import Experiment


def test_somebody_answers() -> None:
    """A scenario may measure by it."""
    assert COUNTERPART.experiments == (Experiment.VPN,)
