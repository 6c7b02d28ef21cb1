"""Carrying out what a scenario changes: what is asked of programs and servers."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from balise_lab.counterparts import dns
from balise_lab.run.changes import carry_out, describe
from balise_lab.run.programs import Programs
from balise_lab.run.settings import Places
from balise_lab.scenario.layout import layout_of
from balise_lab.scenario.load import parse
from balise_lab.world.topology import build

SCENARIO = parse("""\
name: x
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T21:30}
isps: {asn64501: {probes: 2}, asn64502: {probes: 1, access: mobile}}
services: {twitter: {web: twitter.lab, api: a.lab}}
changes:
  - {at: 22:00, probes: [asn64501p1, asn64502p1], version: 0.2.0}
  - {at: 22:10, probes: asn64501p2, provider: asn64502}
  - {at: 22:20, host: twitter.lab, addresses: new}
  - {at: 22:30, host: a.lab, catalogued: no}
""")
VERSION, MOVE, ADDRESSES, OUT = SCENARIO.changes


@pytest.fixture
def lab() -> Any:
    """Return a lab that is not up."""
    return Mock(topology=build(layout_of(SCENARIO)))


@pytest.fixture
def programs(lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Return programs whose starts, stops and questions are noted, and nothing else."""
    made = Programs(lab, SCENARIO, Places(tmp_path, tmp_path / "ca.pem"), 8080)
    made.places.catalogue.mkdir()
    made.where = {"asn64501p1": "probe-64501-1", "asn64501p2": "probe-64501-2", "asn64502p1": "probe-64502-1"}
    for name in ("start", "stop", "ask"):
        monkeypatch.setattr(made, name, Mock())
    monkeypatch.setattr(made, "_running", dict.fromkeys(("asn64501p1", "asn64501p2")))
    return made


def test_a_new_version_is_started_where_one_ran(lab: Any, programs: Any) -> None:
    """All are stopped together; who is off starts with it when it is on again."""
    carry_out(VERSION, SCENARIO, lab, programs, 0.0)
    programs.stop.assert_called_once_with("asn64501p1")
    programs.start.assert_called_once_with("asn64501p1")
    for probe in VERSION.probes:
        _, argv = programs.command(probe)
        assert "0.2.0" in argv
        assert argv[-1] == "run"
    assert "0.2.0" not in programs.command("asn64501p2")[1]


def test_who_moves_stands_elsewhere_and_the_operator_writes_it_down(lab: Any, programs: Any) -> None:
    """Since the moment at which it does, with the AS number and the access of that place."""
    carry_out(MOVE, SCENARIO, lab, programs, SCENARIO.unix(MOVE.at))
    said = ("fleet", "approve", "asn64501p2", "--asn", "64502", "--access", "mobile", "--since", "2020-05-17T17:10:00Z")
    programs.ask.assert_called_once_with(*said)
    assert programs.command("asn64501p2")[0] == "probe-64502-2"
    programs.start.assert_called_once_with("asn64501p2")


def test_new_addresses_are_in_dns_and_in_the_catalogue(lab: Any, programs: Any) -> None:
    """The authorities start again with them, and the collector with its catalogue."""
    carry_out(ADDRESSES, SCENARIO, lab, programs, 0.0)
    assert [server.id for server in lab.servers.renew.call_args.args] == list(dns.AUTHORITIES)
    new = lab.topology.endpoints[0].later[0]
    assert new in (programs.places.catalogue / "twitter.toml").read_text(encoding="utf-8")
    programs.start.assert_called_once_with("collector")


def test_what_leaves_the_catalogue_is_in_no_file_of_it(lab: Any, programs: Any) -> None:
    """DNS says of it what it said."""
    carry_out(OUT, SCENARIO, lab, programs, 0.0)
    assert "a.lab" not in (programs.places.catalogue / "twitter.toml").read_text(encoding="utf-8")
    lab.servers.renew.assert_not_called()


def test_each_change_is_told_in_words() -> None:
    """For whoever watches."""
    assert [describe(one) for one in SCENARIO.changes] == [
        "version 0.2.0 on asn64501p1, asn64502p1",
        "move to asn64502: asn64501p2",
        "twitter.lab has new addresses, in DNS and in the catalogue",
        "a.lab is taken out of the catalogue",
    ]
