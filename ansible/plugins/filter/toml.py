"""The filter ``to_toml``: settings as a playbook holds them, written as the programs read them.

Lives here: TOML (https://toml.io/en/v1.0.0) of strings, numbers, booleans, lists, tables and lists of tables, in the
order they are given. The keys are the programs' own (examples/agent.toml, examples/collector.toml), so nothing is
translated. Must not live here: defaults, or a judgement of keys: the programs check their settings themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = """
  name: to_toml
  short_description: Write a mapping as TOML
  description:
    - Scalars of the mapping come first, then its tables, then its lists of tables.
    - A key whose value is null is left out, so that a setting can be taken back.
  options:
    _input:
      description: The settings.
      type: dict
      required: true
"""

EXAMPLES = """
- name: Write settings
  ansible.builtin.copy:
    content: "{{ {'probe': {'state_dir': '/var/lib/balise'}} | balise.observatory.to_toml }}"
    dest: /etc/balise/agent.toml
"""

RETURN = """
  _value:
    description: TOML text, ending in a line feed.
    type: str
"""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(settings: Mapping[str, Any]) -> str:
    """Return the TOML text of a mapping (AnsibleFilterError for what TOML cannot say)."""
    if not isinstance(settings, Mapping):
        raise AnsibleFilterError(f"to_toml wants a mapping, and got {type(settings).__name__}")
    return "\n".join(_table(settings, ())).strip() + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """Return the lines of one table: its pairs, then what has a heading of its own."""
    held = {str(key): value for key, value in table.items() if value is not None}
    lines = [f"{_key(key)} = {_value(value, key)}" for key, value in held.items() if not _has_heading(value)]
    for key, value in held.items():
        where = (*path, key)
        heading = ".".join(_key(part) for part in where)
        if isinstance(value, Mapping):
            lines += ["", f"[{heading}]", *_table(value, where)]
        elif _has_heading(value):
            for row in value:
                lines += ["", f"[[{heading}]]", *_table(row, where)]
    return lines


def _has_heading(value: Any) -> bool:
    """Whether a value is a table, or a list of nothing but tables."""
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key)


def _value(value: Any, key: str) -> str:
    """Return a scalar or a list; a JSON string without surrogates is a TOML string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, str):
        # JSON leaves DEL as it is; TOML does not allow it.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one, key) for one in value) + "]"
    raise AnsibleFilterError(f"to_toml cannot write {key}: it is a {type(value).__name__}")


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters of this file by name."""
        return {"to_toml": to_toml}
