"""Reading a backup: what is in it, whether it is whole, and putting it where no collector lives.

Everything is unpacked beside its place and checked before anything is moved. Must not live here: making one.
"""

import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from balise_collector.fleet.authority import CA_FILE, CRL_FILE, Authority
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.run.backup.parts import (
    DATABASES,
    FLEET,
    FORMAT,
    JOURNAL,
    MANIFEST,
    NAMES,
    PLAIN,
    RECORD,
    Manifest,
)
from balise_collector.run.backup.sealed import MAGIC, Damaged, SealedReader, WrongPassphrase
from balise_collector.run.backup.write import digest_of
from balise_collector.system import durable
from balise_collector.system.errors import ConfigError, JournalError
from balise_collector.system.identity import load_or_create, public_hex

_BLOCK: Final = 1 << 20
_VERSIONS_AHEAD: Final = 1000
"""Assignments that may have been given out since the backup: probes ignore a version that is not newer."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, as a person wants to hear it."""

    made_at: float
    """UNIX seconds."""
    measurements: int
    probes: int
    key: str
    """The collector's public key."""
    fingerprint: str
    """Of the authority; empty where the backup has none."""


def examine(file: Path, passphrase: bytes) -> Found:
    """Unpack a backup into a folder that is thrown away, and check all of it (ConfigError with what is wrong)."""
    with _unpacked(file, passphrase, Path(tempfile.gettempdir())) as (folder, manifest):
        return _look(folder, manifest)


def restore(file: Path, passphrase: bytes, state_dir: Path) -> Found:
    """Put a backup where no collector lives, once all of it was checked.

    What root restores belongs to the owner of ``state_dir`` afterwards.

    Raises:
        ConfigError: ``state_dir`` holds anything of a collector, or cannot be written, or the backup is not whole.
    """
    _refuse_living(state_dir)
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _unpacked(file, passphrase, state_dir) as (folder, manifest):
            found = _look(folder, manifest)
            _move_ahead(folder / FLEET)
            for name in NAMES:
                if (folder / name).exists():
                    _put(folder / name, state_dir / name, state_dir.stat())
            durable.sync_folder(state_dir)
    except OSError as error:
        raise ConfigError(f"{state_dir}: {error.strerror}; name a folder that you can write, with room") from None
    return found


def _refuse_living(state_dir: Path) -> None:
    there = [name for name in (*NAMES, "derived.sqlite", "collector.lock") if (state_dir / name).exists()]
    if there:
        raise ConfigError(
            f"{state_dir}: holds {there[0]}, so a collector lives or lived there; a restore overwrites nothing: move "
            "the folder away, or set another [collector] state_dir"
        )


@contextmanager
def _unpacked(file: Path, passphrase: bytes, beside: Path) -> Iterator[tuple[Path, Manifest]]:
    """Unpack into a folder that is gone afterwards; every part is there and is what the manifest says."""
    broken = f"{file}: damaged, or not a backup of ours; use another copy"
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=beside) as name:
        folder = Path(name)
        try:
            manifest = _unpack(file, passphrase, folder)
        except (tarfile.TarError, msgspec.DecodeError, Damaged, EOFError):
            raise ConfigError(broken) from None
        except WrongPassphrase:
            raise ConfigError(f"{file}: does not open with this passphrase (or it is damaged)") from None
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror or error}; name a backup that this user can read") from None
        for part in manifest.parts:
            path = folder / part.name
            if not path.exists() or path.stat().st_size != part.size or digest_of(path) != part.sha256:
                raise ConfigError(f"{broken} ({part.name} is not as it was)")
        yield folder, manifest


def _unpack(file: Path, passphrase: bytes, folder: Path) -> Manifest:
    with file.open("rb") as opened:
        sealed = opened.read(len(MAGIC)) == MAGIC
        opened.seek(0)
        if sealed and not passphrase:
            raise ConfigError(f"{file}: sealed with a passphrase; give --passphrase-file")
        source: Any = SealedReader(opened, passphrase) if sealed else opened
        with tarfile.open(fileobj=source, mode="r|", bufsize=_BLOCK) as archive:
            manifest = _manifest(archive)
            wanted = {part.name: part for part in manifest.parts if part.name in NAMES}
            for entry in archive:
                content = archive.extractfile(entry) if entry.name in wanted else None
                if content is None or entry.size != wanted[entry.name].size:
                    continue
                target = folder / entry.name
                target.parent.mkdir(mode=0o700, exist_ok=True)
                with target.open("xb") as out:
                    shutil.copyfileobj(content, out, _BLOCK)
                    os.fchmod(out.fileno(), durable.SECRET)
                    durable.sync(out)
        if sealed and source.read(1):
            raise Damaged("more than the archive")
    return manifest


def _manifest(archive: tarfile.TarFile) -> Manifest:
    """Read the first entry (DecodeError where it is none of ours)."""
    first = archive.next()
    content = archive.extractfile(first) if first is not None and first.name == MANIFEST else None
    if content is None:
        raise msgspec.DecodeError("no manifest")
    manifest = msgspec.json.decode(content.read(1 << 20), type=Manifest)
    if manifest.format != FORMAT:
        raise ConfigError(f"a backup of format {manifest.format}, this collector reads {FORMAT}; update the collector")
    return manifest


def _look(folder: Path, manifest: Manifest) -> Found:
    """Open what was unpacked as a collector would (ConfigError where it could not)."""
    for name in DATABASES:
        if (folder / name).exists():
            _check_database(folder / name)
    if not (folder / PLAIN[-1]).exists():
        raise ConfigError("the backup has no key of a collector; use another copy")
    try:
        key = public_hex(load_or_create(folder))
        with closing(SqliteRegistry(folder / FLEET)) as registry:
            probes = len(registry.fleet().active())
        measurements = 0
        if (folder / JOURNAL).exists():
            with closing(SqliteJournal(folder / JOURNAL)) as journal:
                measurements = journal.counts().measurements
        fingerprint = ""
        if (folder / RECORD).exists():
            with closing(Authority.open_or_create((folder / RECORD).parent)) as authority:
                fingerprint = authority.fingerprint
    except JournalError as error:
        raise ConfigError(f"the backup cannot be used: {error}") from None
    return Found(made_at=manifest.made_at, measurements=measurements, probes=probes, key=key, fingerprint=fingerprint)


def _check_database(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as db:
            said = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        raise ConfigError(f"the backup's {path.name} is damaged ({said}); use another copy")


def _move_ahead(fleet_file: Path) -> None:
    """Make every assignment newer than any that was given out since the backup."""
    with closing(SqliteRegistry(fleet_file)) as registry:
        registry.skip_versions(_VERSIONS_AHEAD)


def _put(source: Path, target: Path, owner: os.stat_result) -> None:
    """Move a part to its place; nothing that is there is replaced."""
    target.parent.mkdir(mode=0o700, exist_ok=True)
    for path in (target.parent, source):
        if os.geteuid() == 0:
            os.chown(path, owner.st_uid, owner.st_gid)
    source.chmod(durable.PUBLIC if target.name in {CA_FILE, CRL_FILE} else durable.SECRET)
    target.hardlink_to(source)
