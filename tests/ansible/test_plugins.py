"""The collection's own plugins: TOML as the programs read it, and the fleet as groups of opaque ids."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Answer = Callable[..., Any]
Ansible = Callable[..., subprocess.CompletedProcess[str]]

SETTINGS = {
    "title": 'a "quoted" line\nand a tab\t, é and \x7f',
    "on": True,
    "count": 3,
    "seconds": 2.5,
    "hosts": ["a", "b"],
    "none": [],
    "probe": {"id": "k7m2q9xd", "odd key": 1, "inner": {"deep": [1, 2]}},
    "broker": [{"host": "192.0.2.1", "tls": True}, {"host": "::1"}],
}
MEMBER = {
    "id": "k7m2q9xd",
    "network": {"country": "PK", "asn": 64501},
    "role": "probe",
    "profile": "lean",
    "revoked": False,
    "retired_at": None,
    "tags": ["ring-canary", "Board pi4", "7up", "probes"],
}
LIST = {
    "approved": [
        MEMBER,
        {**MEMBER, "id": "r4bt8w2n", "role": "reference", "tags": []},
        {**MEMBER, "id": "gone1234", "revoked": True},
        {**MEMBER, "id": "late1234", "retired_at": 1.0},
    ],
    "pending": [{"id": "wait1234"}],
    "halted": [],
}


def test_toml_says_what_the_playbook_says(plugin: Answer) -> None:
    """Whatever stands in an inventory is read by the programs as it was meant; null takes a setting back."""
    written = plugin("filter/toml.py", "to_toml", {**SETTINGS, "gone": None})
    assert tomllib.loads(written) == SETTINGS


@pytest.mark.parametrize("value", [[1], "text", {"a": [{"b": 1}, 2]}])
def test_what_toml_cannot_say_is_refused(plugin: Answer, value: object) -> None:
    """A settings file is never written with something left out of it unseen."""
    assert str(plugin("filter/toml.py", "to_toml", value)).startswith("refused: to_toml")


def test_groups_are_what_the_collector_knows_and_the_operators_words(plugin: Answer) -> None:
    """A tag becomes a group, but never one of the groups that playbooks rely on."""
    assert plugin("inventory/fleet.py", "groups_of", MEMBER) == [
        *("probes", "country_pk", "asn_64501", "access_fixed", "profile_lean", "ring_canary", "board_pi4"),
    ]


def test_revoked_retired_and_waiting_probes_are_no_hosts(plugin: Answer) -> None:
    """A playbook reaches nobody whom the collector does not hear."""
    found = plugin("inventory/fleet.py", "members", json.dumps(LIST))
    assert [one["id"] for one in found] == ["k7m2q9xd", "r4bt8w2n"]


@pytest.mark.parametrize(
    "listed", ["", "[]", '{"approved": 3}', json.dumps({"approved": [{**MEMBER, "id": "lahore-office"}]})]
)
def test_a_list_that_is_none_is_refused(plugin: Answer, listed: str) -> None:
    """Nothing but opaque ids becomes a host: a name in its place would stand in every log."""
    assert str(plugin("inventory/fleet.py", "members", listed)).startswith("refused: fleet:")


@pytest.mark.parametrize("held", [["a"], {"Lahore": "192.0.2.1"}, {"k7m2q9xd": {"note": "the office"}}])
def test_an_alias_file_holds_ids_and_ways_to_connect_only(plugin: Answer, held: object) -> None:
    """What is refused of it is told by its place, never by its content."""
    said = str(plugin("inventory/fleet.py", "connections", held))
    assert said.startswith("refused: fleet:")
    assert "Lahore" not in said
    assert "192.0.2.1" not in said


@pytest.mark.slow
def test_the_fleet_is_an_inventory(ansible: Ansible, tmp_path: Path) -> None:
    """Ansible itself finds the plugin by its name, joins list and aliases, and leaves out whom nobody can reach."""
    (tmp_path / "list.json").write_text(json.dumps(LIST), encoding="utf-8")
    aliases = tmp_path / "aliases.yml"
    aliases.write_text("k7m2q9xd: 192.0.2.7\n", encoding="utf-8")
    aliases.chmod(0o600)
    source = tmp_path / "fleet.yml"
    source.write_text(
        f"plugin: balise.observatory.fleet\nfile: {tmp_path}/list.json\naliases: {aliases}\n", encoding="utf-8"
    )
    told = ansible("ansible-inventory", "--inventory", str(source), "--list")
    assert told.returncode == 0, told.stderr
    said = json.loads(told.stdout, object_hook=lambda held: held.get("__ansible_unsafe", held))
    assert said["probes"]["hosts"] == ["k7m2q9xd"]
    assert "references" not in said
    assert said["_meta"]["hostvars"]["k7m2q9xd"] == {
        "ansible_host": "192.0.2.7",
        "probe_asn": 64501,
        "probe_country": "PK",
        "probe_profile": "lean",
    }
    aliases.chmod(0o644)
    said_to_others = ansible("ansible-inventory", "--inventory", str(source), "--list")
    assert "others can read the alias file" in said_to_others.stderr
