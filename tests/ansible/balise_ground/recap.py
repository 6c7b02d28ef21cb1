"""What ansible-playbook says at the end of a run, as numbers.

Lives here: reading its recap. Pure. Must not live here: running it (playbook.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    r"^(?P<host>\S+)\s*: ok=(?P<ok>\d+)\s+changed=(?P<changed>\d+)\s+unreachable=(?P<unreachable>\d+)"
    r"\s+failed=(?P<failed>\d+)\s+skipped=\d+\s+rescued=(?P<rescued>\d+)",
    flags=re.MULTILINE,
)
_TASK = re.compile(r"^TASK \[(.*?)\] \**$")
_CHANGED = re.compile(r"^changed: \[(\S+)\]")


@dataclass(frozen=True)
class Recap:
    """Counts of tasks, summed over hosts; an unreachable host counts as failed."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    hosts: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The numbers as Ansible writes them."""
        return f"ok={self.ok} changed={self.changed} failed={self.failed}"


def read(output: str) -> Recap:
    """Sum up the recap in what ansible-playbook printed; no recap is one failure."""
    rows = [match.groupdict() for match in _LINE.finditer(output)]
    if not rows:
        return Recap(failed=1)
    return Recap(
        ok=sum(int(row["ok"]) for row in rows),
        changed=sum(int(row["changed"]) for row in rows),
        failed=sum(int(row["failed"]) + int(row["unreachable"]) for row in rows),
        hosts=tuple(row["host"] for row in rows),
    )


def changed_tasks(output: str) -> list[str]:
    """Name the tasks that changed something, with the host: what a second run must not have."""
    found, task = [], ""
    for line in output.splitlines():
        if title := _TASK.match(line):
            task = title.group(1)
        elif changed := _CHANGED.match(line):
            found.append(f"{changed.group(1)}: {task}")
    return found
