"""What a scenario changes for good: how it is written, when it is so, and what is refused."""

import pytest

from balise_lab.scenario.layout import guests
from balise_lab.scenario.load import parse
from balise_lab.scenario.schema import BEFORE, Changed
from tests.lab.scenario.examples import WHOLE, errors


def with_changes(*entries: str) -> str:
    """Return the whole scenario with these changes."""
    return WHOLE.replace("timeline:", "changes:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries) + "timeline:")


def test_changes_are_read_in_the_order_they_happen() -> None:
    """A probe's version and provider, a host's addresses and its place in the catalogue."""
    found = parse(
        with_changes(
            "at: 23:00, probes: [asn64501p1, citynetp2], version: 0.2.0",
            "at: 22:30, probes: asn64501p2, provider: city-net",
            "at: 23:30, host: zoom.lab, addresses: new",
            "at: 23:40, host: pbs.twimg.lab, catalogued: no",
        )
    )
    assert [one.kind for one in found.changes] == [
        Changed.PROVIDER,
        Changed.VERSION,
        Changed.ADDRESSES,
        Changed.CATALOGUED,
    ]
    assert (found.changes[1].probes, found.changes[1].to) == (("asn64501p1", "citynetp2"), "0.2.0")
    assert guests(found, "city-net") == ("asn64501p2",)


def test_a_scenario_lasts_beyond_its_last_change() -> None:
    """As beyond the last entry of its timeline."""
    late = with_changes("at: +9h, host: zoom.lab, addresses: new").split("expect:", maxsplit=1)[0]
    assert parse(late).ends == 9 * 3600 + 1800


def test_what_is_added_later_is_not_in_the_catalogue_before() -> None:
    """And what is taken out is in it until then, whatever comes later."""
    found = parse(
        with_changes(
            "at: 22:00, host: zoom.lab, catalogued: yes",
            "at: 22:10, host: twitter.lab, catalogued: no",
            "at: 22:20, host: twitter.lab, catalogued: yes",
            "at: 22:30, host: pbs.twimg.lab, addresses: new",
        )
    )
    at = {one.at: found.catalogued(one.at) for one in found.changes}
    first, second, third, fourth = at.values()
    assert found.catalogued(BEFORE).without == {"zoom.lab"}
    assert [sorted(one.without) for one in (first, second, third)] == [[], ["twitter.lab"], []]
    assert [sorted(one.moved) for one in (third, fourth)] == [[], ["pbs.twimg.lab"]]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("at: 22:00, probes: asn64501p1", "changes nothing; give one of version, provider, addresses, catalogued"),
        ("at: 22:00, probes: asn64501p1, version: 0.2.0, provider: city-net", "changes version and provider"),
        ("at: 22:00, version: 0.2.0", "version of what is not said; add probes: ..."),
        ("at: 22:00, probes: asn64501p1, version: new", "'new' is no version; write one such as 0.2.0"),
        ("at: 22:00, probes: asn64501p1, host: zoom.lab, addresses: new", "probes: is not for addresses"),
        ("at: 22:00, host: zoom.lab, addresses: other", "'other' is not known"),
        ("at: 22:00, host: zom.lab, addresses: new", "did you mean zoom.lab?"),
        ("at: 22:00, probes: asn64501p1, provider: asn64501", "asn64501 is where it stands; name another provider"),
        ("at: 22:00, probes: refde1, provider: asn64501", "refde1 stands abroad; let probes of the country move"),
        ("at: 22:00, host: zoom.lab, catalogued: maybe", "'maybe' is neither yes nor no"),
    ],
)
def test_a_change_that_cannot_be_is_refused(entry: str, said: str) -> None:
    """With its line and the mend."""
    assert any(said in line for line in errors(with_changes(entry)))


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (("at: 22:00, probes: asn64501p1, provider: city-net",) * 2, "moves a probe twice; let each move once"),
        (("at: 22:00, host: zoom.lab, addresses: new",) * 2, "zoom.lab has new addresses twice"),
        (
            ("at: 22:00, host: zoom.lab, catalogued: no", "at: 22:10, host: zoom.lab, catalogued: no"),
            "zoom.lab is so already; leave it out",
        ),
    ],
)
def test_changes_that_contradict_each_other_are_refused(entries: tuple[str, ...], said: str) -> None:
    """Two of them make no sense together."""
    assert any(said in line for line in errors(with_changes(*entries)))


def test_addresses_that_are_shared_or_too_many_do_not_change() -> None:
    """The machine of two hosts is not moved by one of them."""
    change = "at: 22:00, host: zoom.lab, addresses: new"
    shared = with_changes(change).replace("web: zoom.lab", "web: zoom.lab, api: {host: a.lab, shares: zoom.lab}")
    several = with_changes(change).replace("web: zoom.lab", "web: {host: zoom.lab, addresses: 3}")
    partly = with_changes(change).replace("web: zoom.lab", "web: {host: zoom.lab, catalogued: none}")
    assert any("zoom.lab shares its addresses" in line for line in errors(shared))
    assert any("give it addresses: 2 at most" in line for line in errors(several))
    assert any("zoom.lab is catalogued: none" in line for line in errors(partly))
