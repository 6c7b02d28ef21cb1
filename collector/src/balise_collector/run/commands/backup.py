"""``balise-collector backup|restore``: everything that cannot be made again, in one file.

Must not live here: what belongs into it, or how it is written (backup/).
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from balise_collector.run.backup import Found, back_up, examine, restore
from balise_collector.run.commands import AddCommand
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError

_SHORTEST: Final = 12
"""Characters of a passphrase: the file is tried offline, at three guesses a second and core."""


def add(commands: Any, command: AddCommand) -> None:
    """Add both commands."""
    saving = command(
        commands, "backup", _backup, "keys, authority, fleet, journal and releases as one file, at any time"
    )
    saving.add_argument("file", help="a new file; it is never overwritten")
    putting = command(commands, "restore", _restore, "put a backup where no collector lives")
    putting.add_argument("file")
    putting.add_argument("--dry-run", action="store_true", help="check all of it, and put nothing anywhere")
    for each in (saving, putting):
        each.add_argument("--passphrase-file", metavar="FILE", help="holds what seals the file; - is standard input")


def _backup(config: Config, clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    passphrase = _passphrase(arguments.passphrase_file)
    manifest = back_up(config.state_dir, Path(arguments.file), passphrase, clock.now())
    size = sum(part.size for part in manifest.parts)
    state = "sealed" if passphrase else "NOT SEALED"
    yield f"{arguments.file}  {len(manifest.parts)} files, {size / 1e6:.1f} MB, {state}"
    if not passphrase:
        yield "it holds the keys as they are: whoever reads it can pose as this collector; see --passphrase-file"
    found = examine(Path(arguments.file), passphrase)
    yield f"read back: {_told(found)}"


def _restore(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    file, passphrase = Path(arguments.file), _passphrase(arguments.passphrase_file)
    if arguments.dry_run:
        yield f"{file}: good: {_told(examine(file, passphrase))}"
        return
    found = restore(file, passphrase, config.state_dir)
    yield f"{config.state_dir}: {_told(found)}"
    yield "probes that were revoked, retired or enrolled since then are as they were then: do that again;"
    yield "then balise-collector check, and run; the past is judged anew from the journal"


def _told(found: Found) -> str:
    """Say what a backup holds."""
    made = datetime.fromtimestamp(found.made_at, UTC).strftime("%Y-%m-%d %H:%MZ")
    authority = f", authority {found.fingerprint}" if found.fingerprint else ", no authority"
    return f"of {made}, {found.measurements} measurements, {found.probes} probes, key {found.key}{authority}"


def _passphrase(name: str | None) -> bytes:
    """Return what seals the file; empty for nothing (ConfigError where it can be guessed)."""
    if not name:
        return b""
    try:
        text = sys.stdin.readline() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--passphrase-file {name}: {error}; name a text file that you can read") from None
    passphrase = text.strip("\r\n")
    if len(passphrase) < _SHORTEST:
        raise ConfigError(
            f"--passphrase-file {name}: {len(passphrase)} characters; use {_SHORTEST} or more, in one line"
        )
    return passphrase.encode()
