"""docs/agent.md says what the code says: the doctor's findings, the profiles, the overlay."""

from __future__ import annotations

from pathlib import Path

from balise_agent.run.doctor import AREAS
from balise_agent.system.config import OVERLAY
from balise_agent.system.problems import PROBLEMS
from balise_wire.profiles import SHARES


def test_every_finding_of_the_doctor_stands_in_the_document(repo_root: Path) -> None:
    """With its area, its words and its mend, in the order of cause: troubleshooting trees are made from it."""
    text = (repo_root / "docs" / "agent.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "| `" in line]
    wanted = [
        f"| {area} | `{one}` | {PROBLEMS[one].told} | {PROBLEMS[one].mend} |" for area, ids in AREAS for one in ids
    ]
    assert [row for row in rows if row in wanted] == wanted


def test_the_caps_in_the_document_are_the_ones_that_hold(repo_root: Path) -> None:
    """What the host reads is what the gate enforces."""
    text = (repo_root / "docs" / "agent.md").read_text(encoding="utf-8")
    for profile, share in SHARES.items():
        day, incident = share.bytes_per_day / 1e6, share.bytes_per_incident / 1e6
        assert f"| `{profile}` | {day:g} MB | {incident:g} MB | {share.connections_per_day:,} |" in text


def test_what_the_card_may_say_is_in_the_document(repo_root: Path) -> None:
    """Each key of the overlay."""
    text = (repo_root / "docs" / "agent.md").read_text(encoding="utf-8")
    listed = text.partition("[probe] country, ")[2].partition("`")[0].replace(",", " ").split()
    assert {"country", *listed} == OVERLAY["probe"]
