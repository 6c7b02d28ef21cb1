"""Making a backup while the collector runs: a snapshot of each database, then one file, whole or absent.

SQLite's backup interface gives each database as of one moment. The snapshots stand beside the file that is made, so its
folder needs room for twice the journal. Must not live here: reading one back.
"""

import hashlib
import io
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.run.backup.parts import DATABASES, FLEET, FORMAT, MANIFEST, PLAIN, RECORD, Manifest, Part
from balise_collector.run.backup.sealed import SealingWriter
from balise_collector.system import durable
from balise_collector.system.errors import ConfigError

_BLOCK: Final = 1 << 20


def back_up(state_dir: Path, file: Path, passphrase: bytes, now: float) -> Manifest:
    """Write everything that cannot be made again into a new file, readable for its user only.

    Args:
        state_dir: of the collector, which may be running.
        file: must not be there yet.
        passphrase: seals the whole file; empty: it is not sealed, and holds the keys as they are.
        now: UNIX seconds.

    Raises:
        ConfigError: nothing is there to be kept, ``file`` exists, or its folder has no room.
    """
    if file.exists():
        raise ConfigError(f"{file}: is there already; name another file, a backup is never overwritten")
    if not (state_dir / PLAIN[-1]).exists():
        raise ConfigError(f"{state_dir}: no collector was ever started there; see [collector] state_dir")
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=file.parent) as name:
            folder = Path(name)
            _snapshot(state_dir, folder)
            manifest = Manifest(format=FORMAT, made_at=now, parts=tuple(_parts(folder)))
            draft = folder / "archive"
            _pack(folder, manifest, draft, passphrase)
            draft.chmod(durable.SECRET)
            try:
                file.hardlink_to(draft)
            except FileExistsError:
                raise ConfigError(f"{file}: is there already; name another file") from None
            durable.sync_folder(file.parent)
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"{file}: {error}; its folder must be writable, with room for twice the journal") from None
    return manifest


def _snapshot(state_dir: Path, folder: Path) -> None:
    """Copy every part; registry and authority while nobody changes either."""
    (folder / RECORD).parent.mkdir()
    for name in DATABASES:
        if name not in {FLEET, RECORD}:
            _copy_database(state_dir / name, folder / name)
    with closing(SqliteRegistry(state_dir / FLEET)) as registry, registry.transaction():
        _copy_database(state_dir / FLEET, folder / FLEET)
        _copy_database(state_dir / RECORD, folder / RECORD)
        for name in PLAIN:
            if (state_dir / name).exists():
                shutil.copyfile(state_dir / name, folder / name)


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database as of one moment, in one step: a copy in several would begin anew with each write."""
    if not source.exists():
        return
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30.0)) as there,
        closing(sqlite3.connect(target)) as here,
    ):
        there.backup(here, pages=-1)


def _parts(folder: Path) -> Iterator[Part]:
    for name in (*DATABASES, *PLAIN):
        path = folder / name
        if path.exists():
            yield Part(name=name, size=path.stat().st_size, sha256=digest_of(path))


def digest_of(path: Path) -> str:
    """Return a file's SHA-256, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pack(folder: Path, manifest: Manifest, draft: Path, passphrase: bytes) -> None:
    """Write manifest and parts as one tar stream, sealed where there is a passphrase, down to the disk."""
    with draft.open("wb") as file:
        sealing = SealingWriter(file, passphrase) if passphrase else None
        target: Any = sealing or file
        with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK) as archive:
            text = msgspec.json.encode(manifest)
            _add(archive, MANIFEST, len(text), io.BytesIO(text), manifest.made_at)
            for part in manifest.parts:
                with (folder / part.name).open("rb") as source:
                    _add(archive, part.name, part.size, source, manifest.made_at)
        if sealing:
            sealing.close()
        durable.sync(file)


def _add(archive: tarfile.TarFile, name: str, size: int, source: BinaryIO, at: float) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, durable.SECRET, int(at)
    archive.addfile(entry, source)
