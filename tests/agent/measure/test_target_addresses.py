"""Addresses that were learned: what proves them, what takes their place, how they outlive a restart."""

from __future__ import annotations

from balise_agent.measure.target_addresses import PROVEN_LASTS, TargetAddresses
from balise_wire.words import AddressSource

HOUR = 3600.0
T = "s/web/a.example/4"


def test_an_answer_is_the_address_until_another_comes() -> None:
    """Nothing is known before; the other family's addresses stay."""
    known = TargetAddresses()
    assert known.of(T) == ()
    known.learn(T, ["198.18.1.2", "198.18.1.1"], 0.0)
    known.learn(T, ["2a00::1"], 0.0)
    known.learn(T, ["198.18.1.3"], 10.0)
    assert known.of(T) == ("198.18.1.3", "2a00::1")
    assert known.origin(T, "198.18.1.3", 70.0) == (AddressSource.UNPROVEN, 60.0)
    assert known.origin(T, "198.18.1.1", 70.0) == (AddressSource.UNKNOWN, None)


def test_what_could_not_be_proven_takes_no_proven_ones_place() -> None:
    """A box that kills the proof, or a resolver that lies, leaves the probe with what it knew; for a week."""
    known = TargetAddresses()
    known.learn(T, ["198.18.1.1"], 0.0)
    known.prove(T, "198.18.1.1", 0.0)
    known.learn(T, ["198.18.66.6"], HOUR)
    assert known.of(T) == ("198.18.1.1",)
    assert known.origin(T, "198.18.1.1", HOUR) == (AddressSource.PROVEN, HOUR)
    known.learn(T, ["198.18.1.1", "198.18.66.6"], HOUR)
    assert known.of(T) == ("198.18.1.1", "198.18.66.6")
    known.learn(T, ["198.18.66.6"], PROVEN_LASTS)
    assert known.of(T) == ("198.18.66.6",)


def test_a_service_that_moved_proves_its_new_address() -> None:
    """Proof comes with the answer: the certificate is looked at before the address is used."""
    known = TargetAddresses()
    known.learn(T, ["198.18.1.1"], 0.0)
    known.prove(T, "198.18.1.1", 0.0)
    known.prove(T, "198.18.1.9", HOUR)
    known.learn(T, ["198.18.1.9"], HOUR)
    assert known.of(T) == ("198.18.1.9",)


def test_an_address_outlives_a_restart_with_its_age() -> None:
    """It is called kept until something is learned anew; hours are whole, so that a memory card is written seldom."""
    before, after = TargetAddresses(), TargetAddresses()
    before.learn(T, ["198.18.1.1"], 2 * HOUR + 5.0)
    before.prove(T, "198.18.1.1", HOUR + 5.0)
    after.restore(before.kept())
    assert after.origin(T, "198.18.1.1", 5 * HOUR) == (AddressSource.KEPT, 3 * HOUR)
    assert after.proved(T, 5 * HOUR) == {"198.18.1.1"}
    after.learn(T, ["198.18.1.1"], 6 * HOUR)
    assert after.origin(T, "198.18.1.1", 6 * HOUR).source is AddressSource.PROVEN
    after.restore(before.kept())
    assert after.origin(T, "198.18.1.1", 6 * HOUR).source is AddressSource.PROVEN


def test_what_is_measured_no_more_is_forgotten_and_no_time_is_to_come() -> None:
    """A catalogue that changes for years costs nothing that lasts; nor does a clock that is set back."""
    known = TargetAddresses()
    known.learn(T, ["198.18.1.1"], 9 * HOUR)
    known.prove(T, "198.18.1.1", 9 * HOUR)
    known.clock_went_back(HOUR)
    assert known.origin(T, "198.18.1.1", 2 * HOUR) == (AddressSource.PROVEN, HOUR)
    known.keep(())
    assert known.kept() == {}
