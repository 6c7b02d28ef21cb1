"""What a scenario's later parts may refer to."""

import pytest

from balise_lab.scenario.names import Names, matches
from balise_lab.scenario.schema import Abroad, Endpoint, Isp, Service
from balise_lab.scenario.source import Field, Problems, read_tree
from balise_wire.words import TargetRole

TWITTER = Service(
    "twitter",
    "Twitter",
    (Endpoint("twitter", TargetRole.WEB, "twitter.lab"), Endpoint("twitter", TargetRole.API, "api.twitter.lab")),
)
NAMES = Names.of("PK", (Isp("asn64501", 64501, 2), Isp("city-net", 64601, 1)), (Abroad("DE", 1, 64801),), (TWITTER,))


def field(text: str) -> tuple[Field, Problems]:
    """Return a field as a file has it, and what is found wrong with it."""
    problems = Problems()
    return read_tree(text, "x.yaml", problems), problems


def test_a_provider_is_called_by_name_or_number() -> None:
    """AS64501 and asn64501 are one; none named is all."""
    assert NAMES.isp_list(field("[AS64501, city-net]")[0]) == ("asn64501", "city-net")
    assert NAMES.isp_list(None) == ("asn64501", "city-net")
    assert NAMES.asns(field("all")[0]) == (64501, 64601)


def test_a_provider_stands_for_its_probes() -> None:
    """So does a country abroad; a probe may be written with a dash."""
    assert NAMES.probe_list(field("[asn64501, refde]")[0]) == ("asn64501p1", "asn64501p2", "refde1")
    assert NAMES.probe_list(field("city-net-1")[0]) == ("citynetp1",)


def test_a_match_is_hosts_patterns_and_addresses() -> None:
    """A service's name stands for its hosts, ``service/role`` for that host."""
    hosts, addresses = NAMES.matched(field('[twitter/api, "*.x.lab", 198.19.64.0/24]')[0])
    assert (hosts, addresses) == (("api.twitter.lab", "*.x.lab"), ("198.19.64.0/24",))
    assert NAMES.hosts_matching(("*.twitter.lab",)) == ("api.twitter.lab",)
    assert not matches("twitter.lab", "*.twitter.lab")


@pytest.mark.parametrize("text", ["[twiter]", "[city]"])
def test_what_is_not_there_is_told_with_what_is(text: str) -> None:
    """The nearest name of the file is offered."""
    read, problems = field(text)
    NAMES.matched(read)
    assert "twitter" in problems.errors[0].mend
