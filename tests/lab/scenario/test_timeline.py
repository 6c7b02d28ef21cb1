"""Timelines: the ways an entry is written, their order, and what is refused before anything is started."""

import pytest

from balise_lab.scenario.load import parse
from balise_lab.scenario.schema import BEFORE, Start
from tests.lab.scenario.examples import errors, with_timeline


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("kind: sni.drop", "sni.drop"),
        ("kind: sni, action: rst, residual: 180s", "sni.rst"),
        ("kind: dns, action: inject", "dns.inject"),
        ("kind: dns, action: nxdomain", "dns.nxdomain"),
        ("kind: ip, action: drop", "ip.drop"),
        ("kind: http, action: blockpage", "http.blockpage"),
        ("kind: server.down", "server.down"),
        ("kind: edge.down", "edge.down"),
    ],
)
def test_kinds_are_written_in_one_word_or_two(written: str, kind: str) -> None:
    """``kind: sni, action: drop`` and ``kind: sni.drop`` are the same box."""
    scenario = parse(with_timeline(f"{{at: 22:00, start: {{id: x, {written}, match: [twitter]}}}}"))
    entry = scenario.timeline[0]
    assert isinstance(entry, Start)
    assert entry.disturbance.kind == kind
    assert entry.disturbance.hosts == ("twitter.lab", "pbs.twimg.lab")


@pytest.mark.parametrize(
    "written", ["kind: loss, percent: 5", "kind: loss, loss: 5%", "loss: 5 %", "kind: loss, percent: 5%"]
)
def test_loss_is_written_with_or_without_its_unit(written: str) -> None:
    """Five per cent can be said in the ways people say it."""
    scenario = parse(with_timeline(f"{{at: 22:00, start: {{id: x, where: asn64501, {written}}}}}"))
    entry = scenario.timeline[0]
    assert isinstance(entry, Start)
    assert (entry.disturbance.kind, entry.disturbance.settings) == ("loss", {"percent": 5.0})
    assert entry.disturbance.isps == ("asn64501",)


def test_services_and_roles_choose_hosts() -> None:
    """A box may be pointed at services and roles; it then looks for their hosts."""
    entry = "{at: 22:00, start: {kind: sni.drop, services: [twitter], roles: [media-image]}}"
    start = parse(with_timeline(entry)).timeline[0]
    assert isinstance(start, Start)
    assert start.disturbance.hosts == ("pbs.twimg.lab",)
    assert start.disturbance.isps == ("asn64501", "city-net")  # all of them, as none is named


def test_addresses_may_be_blocked_too() -> None:
    """ip.drop takes hosts, addresses and networks in one list."""
    start = parse(with_timeline("{at: 22:00, start: {kind: ip.drop, match: [zoom, 198.19.64.0/24, 198.19.65.9]}}"))
    entry = start.timeline[0]
    assert isinstance(entry, Start)
    assert entry.disturbance.hosts == ("zoom.lab",)
    assert entry.disturbance.addresses == ("198.19.64.0/24", "198.19.65.9")


def test_entries_are_sorted_by_time_with_a_warning() -> None:
    """Entries may stand in any order; a stop at the moment of a start comes first, so that an id can be handed on."""
    scenario = parse(
        with_timeline(
            "{at: 22:00, start: {id: a, kind: ip.drop, match: [zoom]}}",
            "{at: 23:00, start: {id: a, kind: sni.drop, match: [zoom]}}",
            "{at: 23:00, stop: a}",
            "{at: 21:00, start: [{id: c, kind: isp.shutdown, where: city-net}, {id: d, loss: 2%, where: asn64501p2}]}",
            "{at: 23:30, stop: [a, c, d]}",
        )
    )
    moments = [(entry.at, type(entry).__name__) for entry in scenario.timeline]
    assert moments == [
        (3600.0, "Start"), (3600.0, "Start"), (7200.0, "Start"), (10800.0, "Stop"), (10800.0, "Start"),
        (12600.0, "Stop"), (12600.0, "Stop"), (12600.0, "Stop"),
    ]  # fmt: skip
    assert any("earlier than the entry before it" in warning for warning in scenario.warnings)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (("{at: 22:00, start: {id: a, kind: ip.drop, match: [zoom]}}",) * 2, "is already running"),
        (("{at: 22:00, stop: a}", "{at: 23:00, start: {id: a, kind: ip.drop, match: [zoom]}}"), "is not running then"),
        (("{at: 22:00}",), "neither starts nor stops"),
        (("{at: 22:00, start: {kind: sni, match: [zoom]}}",), "needs an action"),
        (("{at: 22:00, start: {kind: loss, where: asn64501}}",), "loss needs percent"),
        (("{at: 22:00, start: {kind: loss, percent: 0}}",), "percent is 0; give 0.01 to 100"),
        (("{at: 22:00, start: {kind: sni.rst, ttl: 300, match: [zoom]}}",), "ttl is 300; give 1 to 255"),
        (("{at: 22:00, start: {kind: server.denies, status: 200, match: [zoom]}}",), "status is 200; use 403 or 451"),
        (("{at: 22:00, start: {kind: server.down, mode: explode, match: [zoom]}}",), "mode is explode; use drop or"),
        (("{at: 22:00, start: {kind: port.drop, ports: []}}",), "ports is empty"),
        (("{at: 22:00, start: {kind: loss, percent: 5, match: [zoom]}}",), "looks for nothing"),
        (("{at: 22:00, start: {kind: sni.drop, match: [198.19.64.1]}}",), "looks for names"),
        (("{at: 22:00, start: {kind: sni.drop, action: rst, match: [zoom]}}",), "contradicts"),
        (("{at: 2020-05-16T22:00, start: {kind: isp.shutdown}}",), "before the start"),
    ],
)
def test_a_timeline_that_cannot_be_is_refused(entries: tuple[str, ...], said: str) -> None:
    """Ids, kinds and parameters are checked before anything is started."""
    told = errors(with_timeline(*entries))
    assert any(said in one for one in told), told


def test_a_pattern_that_matches_no_host_is_a_warning() -> None:
    """A box may look for names that nobody measures; the author hears of it."""
    scenario = parse(with_timeline('{at: 22:00, start: {kind: sni.drop, match: ["*.example.org"]}}'))
    assert any("matches no host" in warning for warning in scenario.warnings)


@pytest.mark.parametrize(("kbit", "warned"), [(60, "scale: 25"), (100, "scale: 42"), (250, "")])
def test_a_rate_that_takes_long_on_the_scenarios_clock_is_a_warning(kbit: int, warned: str) -> None:
    """Bytes move in real seconds: at 60 times the speed a slow series leaves a probe without anything else to say."""
    entry = f"{{at: 22:00, start: {{kind: rate.police, kbit: {kbit}, match: [zoom]}}}}"
    plain = with_timeline(entry).replace("scale: 120", "scale: 60")
    assert parse(plain).warnings == (), "nobody measures a rate"
    measured = plain.replace("zoom: {web: zoom.lab}", "zoom: {web: {host: zoom.lab, experiments: [tcp, throughput]}}")
    assert measured != plain
    warnings = parse(measured).warnings
    assert any(warned in one for one in warnings) if warned else warnings == ()


def test_a_box_may_touch_some_probes_alone() -> None:
    """A second home of a provider is the control that tells a home's trouble from the provider's."""
    start = parse(
        with_timeline("{at: 22:00, start: {kind: ip.drop, match: [twitter], probes: [asn64501p1]}}")
    ).timeline[0]
    assert isinstance(start, Start)
    assert start.disturbance.probes == ("asn64501p1",)


def test_a_box_at_a_probe_stands_at_its_router() -> None:
    """What a probe sends passes no hook of its own machine: there the box would touch nothing and say nothing."""
    start = parse(with_timeline("{at: 22:00, start: {kind: sni.drop, match: [twitter], where: asn64501p1}}")).timeline[
        0
    ]
    assert isinstance(start, Start)
    assert (start.disturbance.where, start.disturbance.probes) == ("asn64501", ("asn64501p1",))


def test_a_block_may_be_older_than_the_first_measurement() -> None:
    """``at: before`` is in force when the programs start: what nobody saw begin is standing."""
    scenario = parse(with_timeline("{at: before, start: {id: b, kind: sni.drop, match: [twitter]}}"))
    assert [entry.at for entry in scenario.timeline] == [BEFORE]


@pytest.mark.parametrize(
    ("entry", "mend"),
    [
        ("{at: before, start: {kind: power, where: asn64501p1}}", "power from the first is no probe"),
        ("{at: 22:00, start: {kind: sni.drop, match: [twitter], where: abroad}}", "abroad"),
        ("{at: 22:00, start: {kind: district.shutdown}}", "needs probes"),
    ],
)
def test_what_would_touch_nothing_or_everybody_is_refused(entry: str, mend: str) -> None:
    """A box in a wrong place says so before the run, and darkens no country."""
    assert mend in " ".join(errors(with_timeline(entry)))


def over_six(*entries: str) -> str:
    """Return the whole scenario with IPv6 on its first provider and this timeline."""
    return with_timeline(*entries).replace("asn64501: {probes: 3}", "asn64501: {probes: 3, ipv6: yes}")


def test_a_box_may_touch_one_ip_version_alone() -> None:
    """Unless it says so it touches both."""
    one, other = (
        parse(over_six(f"{{at: 22:00, start: {{kind: ip.drop, match: [zoom]{more}}}}}")).timeline[0]
        for more in ("", ", family: 6")
    )
    assert isinstance(one, Start)
    assert isinstance(other, Start)
    assert (one.disturbance.family, other.disturbance.family) == (0, 6)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (
            "kind: sni.drop, match: [zoom]",
            "sni.drop knows IPv4 alone, and what it touches has IPv6, which would pass it",
        ),
        ("kind: sni.drop, match: [zoom], family: 6", "is not for sni.drop, which knows IPv4 alone; write family: 4"),
        ("kind: dns.nxdomain, match: [zoom], family: 4", "is not for dns.nxdomain"),
        ("kind: ip.drop, match: [zoom], family: 5", "'5' is not known"),
        ("kind: v6.broken, where: citynetp1", "touches nothing: nobody there has IPv6; give the provider ipv6: yes"),
        ("kind: ip.drop, isps: [city-net], match: [zoom], family: 6", "touches nothing: nobody there has IPv6"),
    ],
)
def test_an_ip_version_that_a_box_does_not_know_is_refused(start: str, said: str) -> None:
    """With the mend; what knows IPv4 alone would let the other version pass without a word."""
    assert any(said in line for line in errors(over_six(f"{{at: 22:00, start: {{{start}}}}}")))


@pytest.mark.parametrize(
    "start", ["kind: sni.drop, match: [zoom], family: 4", "kind: sni.drop, isps: [city-net], match: [zoom]",
              "kind: dns.nxdomain, match: [zoom]", "kind: v6.broken, where: asn64501p1"],
)  # fmt: skip
def test_what_knows_one_ip_version_may_stand_where_that_is_enough(start: str) -> None:
    """It says the version, touches nobody with the other, or is about questions."""
    assert parse(over_six(f"{{at: 22:00, start: {{{start}}}}}")).timeline
