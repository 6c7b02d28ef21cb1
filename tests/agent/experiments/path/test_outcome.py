"""The reserved word path: what would leave of its trials, on the day that something sends one."""

from __future__ import annotations

from balise_agent.experiments.path.outcome import READER
from balise_agent.policy.scrub import Allowed
from balise_wire.experiments.path import Hop, PathObservation
from balise_wire.words import Arm


def test_hops_are_blurred_and_the_home_is_a_word() -> None:
    """A router's address can name a household; its prefix names a provider."""
    trial = PathObservation(
        arm=Arm.SUBJECT, at=1.0, address="8.8.8.8", port=443,
        hops=(Hop(ttl=1, address="192.168.1.1", answer="exceeded"), Hop(ttl=2, address="9.9.9.9")),
    )  # fmt: skip
    left = READER.scrub(trial, Allowed())
    assert left["address"] == ""
    assert [hop.address for hop in left["hops"]] == ["private", "9.9.9.0/24"]
    assert READER.anomaly((trial,)) is None
    assert READER.describe(trial).back == "1 hops"
