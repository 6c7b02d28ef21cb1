"""Nothing that a fleet makes says where the operator's proxies are: every artefact of a played scenario is searched.

The scenario's proxies have distinctive ports and credentials; what is looked for is in tests/testbed/secrets.py.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_agent.system import proxies
from balise_collector.journal.sqlite import SqliteJournal
from balise_wire.words import Arm
from tests.testbed.secrets import forms, found

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1_800)]

OWN = ("proxies.toml", "proxy-")
"""The probes' own files, and the proxies' own folders and logs: those know, of course."""
TEXTS = (".log", ".toml", "report", "parts", "servers", "check", "by proxy")
"""What holds few numbers: a port is looked for by itself there."""
KINDS = {
    "proxies": {"socks5", "http-connect"},
    "ir-whatsapp-proxy": {"socks5", "http-connect", "whatsapp-chat", "whatsapp-media"},
}
"""What the proxies of a scenario speak."""
WENT = {
    "proxies": {
        *((Arm.THROUGH.value, label, "open") for label in ("east", "west")),
        (Arm.THROUGH_CONTROL.value, "east", "unreached"),
    },
    "ir-whatsapp-proxy": {(Arm.THROUGH.value, label, "answered") for label in ("north", "south")},
}
"""What must have gone by way of them: arm, label, and how far it led."""
COMMANDS = (
    ("incidents", "--json", "--verdicts"),
    ("report",),
    ("report", "--language", "fr"),
    ("parts", "PK", "twitter"),
    ("servers",),
    ("export",),
    ("check",),
)


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file of a run but those of the proxies and of who must know them."""
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder)
        if file.is_file() and not any(part.startswith(OWN) for part in inside.parts):
            yield str(inside), file.read_bytes()


def said(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what the collector's programs print of it."""
    program = Path(sys.executable).parent / "balise-collector"
    for command in COMMANDS:
        done = subprocess.run(
            [str(program), "--config", str(folder / "collector.toml"), *command],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        yield " ".join(command), done.stdout + done.stderr


def decoded(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every measurement of the journal as it was sent, out of its compressed batch."""
    journal = SqliteJournal(folder / "collector" / "journal.sqlite")
    after = 0
    while rows := journal.read(after, 500):
        for row in rows:
            yield f"journal {row.seq}", msgspec.json.encode(row.measurement) + repr(row.measurement).encode()
            apart = [one for one in row.measurement.observations if getattr(one, "through", None) is not None]
            if apart:
                yield f"by proxy {row.seq}", repr(apart).encode()
        after = rows[-1].seq
    journal.close()


@pytest.mark.parametrize("scenario", [*KINDS])
def test_no_artefact_says_where_a_proxy_is(
    play: Callable[..., tuple[int, str, dict[str, Any]]], kept: Callable[[str], Path], scenario: str
) -> None:
    """Spools, stores, broker, logs, measurements, verdicts, reports and exports: as text, hex, packed or base64."""
    status, told, result = play(scenario)
    assert status == 0, told
    folder = kept(scenario)
    known = proxies.read(next(folder.rglob("proxies.toml")))
    assert {one.kind.value for one in known} == KINDS[scenario]
    wanted = set[bytes]().union(*map(forms, known))
    names = list[str]()
    # The scenario itself blocks the proxy's address, which the run's own account of its timeline repeats.
    account = result | {"truth": [], "boxes": [], "timeline": []}
    for name, data in (*files(folder), *said(folder), *decoded(folder), ("result", msgspec.json.encode(account))):
        names.append(name)
        # Sealed batches are random bytes, in which any four stand by chance: those are searched once they are opened.
        least = 6 if name.endswith((".sqlite", ".sqlite-wal", ".db")) else 4
        held = found(wanted, data, least, numbers=name.endswith(TEXTS) or name.startswith(TEXTS))
        assert not held, f"{name} holds {held}"
    assert sum(name.startswith("journal ") for name in names) > 500
    assert sum(name.startswith("by proxy ") for name in names) > 20
    assert {"report", "export", "logs/collector.log"} <= set(names)
    probes = {file.parent.name for file in folder.rglob("proxies.toml")}
    assert any(name.endswith(".log") and probe in name for name in names for probe in probes)


@pytest.mark.parametrize("scenario", [*KINDS])
def test_what_was_searched_did_go_by_way_of_proxies(
    play: Callable[..., tuple[int, str, dict[str, Any]]], kept: Callable[[str], Path], scenario: str
) -> None:
    """An empty haystack holds no needle: what went by way of each is in the journal, one of them not reached."""
    assert play(scenario)[0] == 0
    went = set[tuple[str, str, str]]()
    journal = SqliteJournal(kept(scenario) / "collector" / "journal.sqlite")
    after = 0
    while rows := journal.read(after, 500):
        for trial in (one for row in rows for one in row.measurement.observations):
            through = getattr(trial, "through", None)
            if through is not None:
                went.add((trial.arm.value, through.label, through.stage.value))
                assert trial.packets == ()
        after = rows[-1].seq
    journal.close()
    assert WENT[scenario] <= went
