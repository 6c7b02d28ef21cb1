"""What a backup holds, and how it says so: names of files within ``state_dir``, and the manifest. Only words.

A name that is not here is never written by a restore, whatever an archive says.
"""

from typing import Final

import msgspec

from balise_collector.fleet.authority import CA_FILE, CRL_FILE, FOLDER, KEY_FILE, RECORD_FILE
from balise_collector.system.identity import KEY_FILE as COLLECTOR_KEY

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
FLEET: Final = "fleet.sqlite"
JOURNAL: Final = "journal.sqlite"
RECORD: Final = f"{FOLDER}/{RECORD_FILE}"
DATABASES: Final = (JOURNAL, "releases.sqlite", FLEET, RECORD)
"""In the order of their snapshots. The journal is older than the registry, so that no row is of a probe that the
registry does not know; the registry is older than the authority's record, so that no member has a certificate that
could not be refused."""
PLAIN: Final = (f"{FOLDER}/{KEY_FILE}", f"{FOLDER}/{CA_FILE}", f"{FOLDER}/{CRL_FILE}", COLLECTOR_KEY)
"""Copied as they are. The collector's key comes last: where it is, a restore was whole."""
NAMES: Final = (*DATABASES, *PLAIN)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The first entry of the archive."""

    format: int
    made_at: float
    """UNIX seconds."""
    parts: tuple[Part, ...]
