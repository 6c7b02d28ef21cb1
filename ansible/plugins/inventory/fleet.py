"""The inventory plugin ``fleet``: who is in the fleet, as the collector tells it, grouped for playbooks.

Lives here: reading `balise-collector fleet list --json` (from a file, or by a command such as ssh), the groups, and the
alias file, the only place where an opaque id meets an address. Must not live here: a cache. What an id's address is
stays in memory of this run; it goes into no log, no fact cache and nothing that is sent to the collector.
"""

from __future__ import annotations

import json
import re
import shlex
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleParserError

from ansible.plugins.inventory import BaseInventoryPlugin

DOCUMENTATION = """
  name: fleet
  short_description: The fleet as the collector knows it
  description:
    - Hosts are opaque ids; revoked and retired probes are left out.
    - Groups are probes and references, and country_pk, asn_64501, access_fixed, profile_standard, and one for each of
      the operator's words on a probe, as in ring_canary and board_pi4 for the tags ring-canary and board-pi4.
    - The file's name ends in fleet.yml or fleet.yaml.
  options:
    plugin:
      description: This plugin's name.
      required: true
      choices: [balise.observatory.fleet]
    command:
      description:
        - What prints the list; it is run without a shell, e.g.
          ssh centre runuser --user=balise-collector -- balise-collector fleet list --json
      type: str
    file:
      description: A file with the list, where there is no way to the collector from here.
      type: path
    aliases:
      description:
        - A YAML file of id and ansible_host (or a mapping of further connection variables). It belongs to one person's
          machine, outside any repository, readable to them alone.
      type: path
    only_with_alias:
      description: Whether probes without an alias are left out; most stand behind NAT, where no playbook reaches them.
      type: bool
      default: true
    seconds:
      description: How long the command may take.
      type: int
      default: 30
"""

EXAMPLES = """
# inventory/mine/fleet.yml
plugin: balise.observatory.fleet
command: ssh centre runuser --user=balise-collector -- balise-collector fleet list --json
aliases: ~/.config/balise/aliases.yml
"""

_ID = re.compile(r"[a-z0-9]{4,32}")
_CONNECTION = re.compile(r"ansible_[a-z_]+")


class InventoryModule(BaseInventoryPlugin):
    """What Ansible asks for."""

    NAME = "balise.observatory.fleet"

    def verify_file(self, path: str) -> bool:
        """Whether a file of the inventory is this plugin's."""
        return bool(super().verify_file(path)) and path.endswith(("fleet.yml", "fleet.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory (AnsibleParserError with the mend)."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        listed = _list(self.get_option("command"), self.get_option("file"), int(self.get_option("seconds")))
        aliases = _aliases(self.get_option("aliases"))
        for member in members(listed):
            name = member["id"]
            if self.get_option("only_with_alias") and name not in aliases:
                continue
            self.inventory.add_host(name)
            for group in groups_of(member):
                self.inventory.add_group(group)
                self.inventory.add_child(group, name)
            for key, value in {**variables_of(member), **aliases.get(name, {})}.items():
                self.inventory.set_variable(name, key, value)


def members(listed: str) -> list[dict[str, Any]]:
    """Return the approved members of a list that are neither revoked nor retired (AnsibleParserError)."""
    try:
        approved = json.loads(listed)["approved"]
        kept = [one for one in approved if not one.get("revoked") and not one.get("retired_at")]
        strange = [one["id"] for one in kept if not _ID.fullmatch(one["id"])]
    except (ValueError, KeyError, TypeError) as error:
        raise AnsibleParserError(
            f"fleet: this is no list of the collector's ({error}); it is what balise-collector fleet list --json prints"
        ) from None
    if strange:
        raise AnsibleParserError(f"fleet: {strange[0]!r} is no opaque id; ask who wrote this list")
    return kept


def groups_of(member: Mapping[str, Any]) -> list[str]:
    """Return the groups of one member, as names that Ansible allows."""
    network = member.get("network", {})
    words = [
        f"country_{network.get('country', 'unknown')}",
        f"asn_{network.get('asn', 0)}",
        f"access_{network.get('access', 'fixed')}",
        f"profile_{member.get('profile', 'standard')}",
        *member.get("tags", []),
    ]
    role = "references" if member.get("role") == "reference" else "probes"
    named = [re.sub(r"[^a-z0-9_]", "_", word.lower()) for word in words]
    # A tag that is a group's name already, or begins with a figure, would be no group or another one.
    allowed = [
        name for name in named if name[:1].isalpha() and name not in {"all", "ungrouped", "probes", "references"}
    ]
    return list(dict.fromkeys([role, *allowed]))


def variables_of(member: Mapping[str, Any]) -> dict[str, Any]:
    """Return the role's variables that the collector knows already."""
    network = member.get("network", {})
    known = {
        "probe_country": network.get("country"),
        "probe_asn": network.get("asn"),
        "probe_access": network.get("access"),
        "probe_region": network.get("region"),
        "probe_profile": member.get("profile"),
    }
    return {key: value for key, value in known.items() if value}


def _list(command: str | None, file: str | None, seconds: int) -> str:
    """Return the list's text (AnsibleParserError)."""
    if bool(command) == bool(file):
        raise AnsibleParserError("fleet: set one of command and file")
    try:
        if file:
            return Path(file).expanduser().read_text(encoding="utf-8")
        # The operator's own words; an answer that fails is told by its first line alone: it may hold an address.
        done = subprocess.run(  # noqa: S603 - as said
            shlex.split(command or ""), capture_output=True, text=True, check=False, timeout=seconds
        )
    except OSError as error:
        raise AnsibleParserError(f"fleet: {error.strerror}; mend command or file") from None
    except subprocess.TimeoutExpired:
        raise AnsibleParserError(f"fleet: the command did not answer within {seconds} s; try it by hand") from None
    if done.returncode != 0:
        raise AnsibleParserError(f"fleet: the command ended with {done.returncode}; try it by hand")
    return done.stdout


def _aliases(file: str | None) -> dict[str, dict[str, Any]]:
    """Return the connection variables by id (AnsibleParserError where others can read the file, or it says more)."""
    if not file:
        return {}
    path = Path(file).expanduser()
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise AnsibleParserError(f"fleet: others can read the alias file; run: chmod 600 {shlex.quote(file)}")
        held = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise AnsibleParserError(f"fleet: the alias file: {error.strerror}; mend aliases") from None
    except yaml.YAMLError:
        raise AnsibleParserError("fleet: the alias file is no YAML; write one line each: id: address") from None
    return connections(held)


def connections(held: Any) -> dict[str, dict[str, Any]]:
    """Return an alias file's content as connection variables by id (AnsibleParserError)."""
    if not isinstance(held, dict):
        raise AnsibleParserError("fleet: the alias file is no mapping; write one line each: id: address")
    found: dict[str, dict[str, Any]] = {}
    for name, value in held.items():
        variables = value if isinstance(value, dict) else {"ansible_host": value}
        if not _ID.fullmatch(str(name)) or not all(_CONNECTION.fullmatch(str(key)) for key in variables):
            # Which line it is may be said, its content may not.
            at = list(held).index(name) + 1
            raise AnsibleParserError(
                f"fleet: entry {at} of the alias file is no id with its address; write id: address"
            )
        found[str(name)] = variables
    return found
