"""What is done about a file that a disk damaged: made anew where it can be, put back where it cannot, and told.

The journal is made anew from what can be read of it (journal/mending.py), what is concluded from it is concluded again,
and the small files that nothing else knows (registry, releases, record of certificates) are put back from the copies
that are kept beside them. Whoever meets the damage
leaves a mark and ends the program, which starts again and does the rest before it opens anything: everything here is
built to be killed. Must not live here: how damage shows (the stores), reading what is left (journal/pages.py).
"""

import logging
import os
import sqlite3
import sys
from collections.abc import Iterable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet.authority import RECORD_FILE
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.mending import mend
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.run.backup.parts import FLEET
from balise_collector.system import durable
from balise_collector.system.clock import Clock, machine_time
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError, DamagedError, JournalError
from balise_collector.system.shared_file import is_damage

_log = logging.getLogger(__name__)
_MARK: Final = ".damaged"
"""Ending of the empty file beside a store that says: make this one anew before it is opened."""
_STARTED: Final = "BALISE_COLLECTOR_MENDED"
"""How often the program started itself again, in its environment."""
_STARTS_MOST: Final = 3
"""Then the disk is worse than the file, and the service manager's pause is what helps."""


def damaged_file(failed: BaseException | None) -> Path | None:
    """Return which file an exception says is damaged; ``None`` where it says something else."""
    return failed.path if isinstance(failed, DamagedError) else None


def mark(path: Path) -> None:
    """Note that a file is to be made anew at the next start."""
    with suppress(OSError):
        path.with_name(path.name + _MARK).touch()


def start_again(files: Iterable[Path]) -> None:
    """Put the program in its own place, to make damaged files anew; returns where it did so too often."""
    for path in files:
        mark(path)
        _log.error("%s is damaged: starting again, to make it anew", path)
    started = int(os.environ.get(_STARTED, "0"))
    if started >= _STARTS_MOST:
        _log.error("started again %d times in a row: look at the disk (smartctl -a)", started)
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, _STARTED: str(started + 1)})  # noqa: S606 - ourselves


def keep_copies(config: Config) -> None:
    """Keep sound copies of what nothing else knows; called whenever it changed and once in a while."""
    for path in shared_files(config):
        keep_copy(path)


def look(config: Config, clock: Clock) -> None:
    """Make every damaged file anew, before anything is opened; a sound registry is copied.

    Raises:
        ConfigError: the registry is damaged, and there is no copy of it.
        JournalError: a file cannot be opened for another reason.
    """
    stamp = f"{datetime.fromtimestamp(machine_time(), UTC):%Y%m%dT%H%M%SZ}"
    for path in shared_files(config):
        _look_at_shared(path, stamp)
    _look_at_journal(config, clock, stamp)
    _look_at_derived(config, stamp)


def _is_marked(path: Path) -> bool:
    return path.with_name(path.name + _MARK).exists()


def _unmark(path: Path) -> None:
    path.with_name(path.name + _MARK).unlink(missing_ok=True)


def _set_aside(path: Path, stamp: str) -> Path:
    """Move a database out of the way, with its log."""
    aside = path.with_name(f"{path.stem}.damaged-{stamp}.sqlite")
    for suffix in ("", "-wal"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    return aside


# ---------------------------------------------------------------- the journal


def _look_at_journal(config: Config, clock: Clock, stamp: str) -> None:
    path = config.journal_file
    try:
        if not _is_marked(path):
            SqliteJournal(path).close()
            return
    except DamagedError as error:
        _log.error("%s", error)
    try:
        mended = mend(path, _keys(config.fleet_file), clock.now(), stamp)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"{path}: damaged, and not made anew: {error}; make room for a second one") from None
    _unmark(path)
    _log.error("%s", mended.words)


def _keys(registry: Path) -> list[Ed25519PublicKey]:
    with closing(SqliteRegistry(registry)) as opened:
        return list(opened.fleet().keys.values())


# ---------------------------------------------------------------- what is concluded


def _look_at_derived(config: Config, stamp: str) -> None:
    path = config.derived_file
    try:
        if not _is_marked(path):
            SqliteStore(path).close()
            return
    except DamagedError as error:
        _log.error("%s", error)
    aside = _set_aside(path, stamp)
    _unmark(path)
    _log.error("%s was damaged: everything is judged anew from the journal; the old file is %s", path, aside.name)


# ---------------------------------------------------------------- the small ones, which nothing else knows


def shared_files(config: Config) -> tuple[Path, ...]:
    """Return the files of which a sound copy is kept beside each: registry, releases, record of certificates."""
    return (config.fleet_file, config.releases_file, config.authority_dir / RECORD_FILE)


def copy_of(path: Path) -> Path:
    """Return where the sound copy of a file is kept."""
    return path.with_name(f"{path.stem}.good.sqlite")


def _look_at_shared(path: Path, stamp: str) -> None:
    if not path.exists():
        return
    wrong = unsound(path)
    if not wrong:
        _unmark(path)
        keep_copy(path)
        return
    good = copy_of(path)
    if not good.exists() or unsound(good):
        raise ConfigError(
            f"{path}: damaged ({wrong}), and there is no sound copy beside it; restore it: balise-collector restore"
        )
    made = datetime.fromtimestamp(good.stat().st_mtime, UTC)
    aside = _set_aside(path, stamp)
    durable.replace(path, good.read_bytes(), durable.SECRET)
    _unmark(path)
    _log.error(
        "%s was damaged (%s): put back as of %s; what was approved, revoked, halted or released since then must be "
        "done again; the old file is %s",
        path, wrong, f"{made:%Y-%m-%d %H:%M} UTC", aside.name,
    )  # fmt: skip


def unsound(path: Path) -> str:
    """Return what is wrong with a small database, empty where nothing is; all of it is read."""
    try:
        with closing(sqlite3.connect(path, timeout=30.0)) as db:
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(3)")]
        if found == ["ok"] and path.name in {FLEET, copy_of(Path(FLEET)).name}:
            with closing(SqliteRegistry(path)) as registry:
                registry.fleet()
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise JournalError(f"{path}: {error}; see that it is readable, and that nobody holds it") from None
        return str(error)
    except DamagedError as error:
        return str(error)
    return "" if found == ["ok"] else "; ".join(found)[:200]


def keep_copy(path: Path) -> None:
    """Keep a copy of a sound file beside it; one that is not sound is not copied over a sound copy."""
    good = copy_of(path)
    draft = good.with_name(f"{good.name}.new")
    try:
        if not path.exists() or unsound(path):
            return
        draft.unlink(missing_ok=True)
        durable.write_once(draft, b"", durable.SECRET)
        with closing(sqlite3.connect(path, timeout=30.0)) as here, closing(sqlite3.connect(draft)) as there:
            here.backup(there)
        with draft.open("rb+") as file:
            durable.sync(file)
        draft.rename(good)
    except (OSError, sqlite3.Error, JournalError) as error:
        _log.warning("%s: no copy of it is kept: %s", path, error)
    finally:
        draft.unlink(missing_ok=True)
