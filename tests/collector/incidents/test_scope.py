"""Who is affected and whether it is local: one board, one host or one network alone moves neither."""

from __future__ import annotations

import pytest

from balise_collector.detect.interval import Interval
from balise_collector.detect.model import AffectedProbe, Coverage
from balise_collector.incidents.locality import dead, locality, references
from balise_collector.incidents.model import IncidentKind, Locality
from balise_collector.incidents.scope import scope

ONSET = Interval(earliest=0.0, latest=1.0)


def struck(probe: str, asn: int) -> AffectedProbe:
    """Return an affected probe."""
    return AffectedProbe(probe=probe, country="PK", asn=asn, onset=ONSET, failing_bins=3, observed_bins=3)


def saw(probe: str, asn: int, ok: int, failed: int, witness: str = "") -> Coverage:
    """Return what a probe saw."""
    return Coverage(probe=probe, country="PK", asn=asn, ok=ok, failed=failed, witness=witness)


def test_one_boards_word_does_not_count_a_provider_in() -> None:
    """A liar beside an honest home of its provider, in an incident that others confirm, changes no scope."""
    members = [struck("a1", 1), struck("a2", 1), struck("liar", 2)]
    seen = [saw("a1", 1, 0, 3), saw("a2", 1, 0, 3), saw("liar", 2, 0, 3), saw("b2", 2, 3, 0)]
    found = scope(members, seen, seen, frozenset({1, 2, 3}))
    assert (found.affected, found.clean, found.not_measured) == ((1,), (2,), (3,))


def test_two_hosts_of_a_provider_count_it_in() -> None:
    """Where two agree, a third that is well tells of a partial block, not of a clean provider."""
    members = [struck("b1", 2), struck("b2", 2)]
    seen = [saw("b1", 2, 0, 3), saw("b2", 2, 0, 3), saw("b3", 2, 3, 0)]
    assert scope(members, seen, seen, frozenset()).affected == (2,)


def test_two_boards_of_one_host_are_one_word() -> None:
    """They do not outvote the other home of their provider."""
    members = [struck("b1", 2), struck("b2", 2)]
    seen = [saw("b1", 2, 0, 3, "ali"), saw("b2", 2, 0, 3, "ali"), saw("b3", 2, 3, 0)]
    assert scope(members, seen, seen, frozenset()).clean == (2,)


def test_a_provider_with_one_probe_is_what_that_probe_sees() -> None:
    """Five providers with one probe each must be able to tell of a block in all of them."""
    members = [struck(f"p{asn}", asn) for asn in range(1, 6)]
    seen = [saw(f"p{asn}", asn, 0, 3) for asn in range(1, 6)]
    assert scope(members, seen, seen, frozenset()).affected == (1, 2, 3, 4, 5)


def test_what_was_well_before_it_began_alone_is_clean_of_nothing() -> None:
    """A forged alert could be the server's, and is no word: its provider was told as clean by looks of before it."""
    members = [struck("a1", 1), struck("a2", 1)]
    seen = [saw("a1", 1, 0, 3), saw("a2", 1, 0, 3), saw("b1", 2, 1, 0), saw("c1", 3, 2, 0)]
    found = scope(members, seen, [saw("a1", 1, 0, 2), saw("a2", 1, 0, 2), saw("c1", 3, 1, 0)], frozenset({1, 2, 3}))
    assert (found.affected, found.clean, found.not_measured) == ((1,), (3,), (2,))


def abroad(probe: str, country: str, ok: int, failed: int, witness: str = "") -> Coverage:
    """Return what a reference saw."""
    return Coverage(probe=probe, country=country, asn=1, ok=ok, failed=failed, witness=witness)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ([abroad("a", "DE", 9, 0), abroad("b", "DE", 9, 0), abroad("c", "SG", 9, 0)], Locality.LOCAL),
        ([abroad("a", "DE", 9, 0, "x"), abroad("b", "FR", 9, 0, "x"), abroad("c", "SG", 9, 0, "x")], Locality.UNKNOWN),
        ([abroad("a", "DE", 0, 9), abroad("b", "SG", 0, 9)], Locality.UNKNOWN),
        ([abroad("a", "DE", 0, 9, "x"), abroad("b", "SG", 0, 9, "x")], Locality.UNKNOWN),
        ([abroad("liar", "NL", 0, 9), abroad("b", "SG", 9, 0), abroad("c", "DE", 9, 0)], Locality.LOCAL),
        ([abroad("liar", "NL", 0, 9), abroad("b", "DE", 9, 0), abroad("c", "DE", 9, 0)], Locality.UNKNOWN),
        (
            [abroad("l", "NL", 0, 9), abroad("b", "SG", 9, 0), abroad("c", "DE", 9, 0), abroad("d", "FR", 9, 0)],
            Locality.LOCAL,
        ),
        ([abroad("liar", "NL", 9, 0), abroad("b", "SG", 0, 9), abroad("c", "DE", 0, 9)], Locality.UNKNOWN),
        ([abroad("liar", "NL", 0, 9)], Locality.UNKNOWN),
    ],
)
def test_one_host_or_network_alone_says_neither_local_nor_global(seen: list[Coverage], said: Locality) -> None:
    """Two witnesses in two countries at least, and more of both than say the contrary; never the world's."""
    assert locality(IncidentKind.INTERFERENCE, references(seen, "PK")) is said


@pytest.mark.parametrize("kind", list(IncidentKind))
def test_only_faults_of_the_service_are_the_worlds(kind: IncidentKind) -> None:
    """Interference that is global cannot exist, whatever the references saw."""
    worlds = {IncidentKind.SERVICE_FAULT, IncidentKind.EDGE_FAULT}
    for seen in ([], [abroad("a", "DE", 0, 9), abroad("b", "SG", 0, 9, "x")], [abroad("a", "DE", 9, 0)]):
        assert (locality(kind, references(seen, "PK")) is Locality.GLOBAL) is (kind in worlds)


def test_two_references_of_one_country_do_not_say_that_a_service_is_dead() -> None:
    """Their country blocks it, or their route leaks: that is not the world."""
    same = [abroad("a", "DE", 0, 9, "x"), abroad("b", "DE", 0, 9, "y")]
    assert not dead(references(same, "PK"))
    assert dead(references([*same, abroad("c", "SG", 0, 9, "z")], "PK"))


def test_a_dark_reference_is_named_and_takes_nothing_from_the_others() -> None:
    """Of three references one says nothing: two countries of the rest are enough."""
    known = {"de1": "DE", "sg1": "SG", "nl1": "NL", "pk9": "PK"}
    found = references([abroad("de1", "DE", 9, 0, "x"), abroad("sg1", "SG", 9, 0, "y")], "PK", known)
    assert found.countries_dark == ("NL",)
    assert locality(IncidentKind.INTERFERENCE, found) is Locality.LOCAL
