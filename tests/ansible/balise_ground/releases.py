"""Other releases of the agent, made out of the one in the wheelhouse: a good one, and one that does not start.

Lives here: taking the archive apart and putting it together again with one line more. Must not live here: what an
update does with it.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
import zipfile
from pathlib import Path

BROKEN = "\nraise SystemExit('this release does not start')\n"
GOOD = "\n# Another release with the same words.\n"
_MODULE = "balise_agent/run/cli.py"


def variant(wheelhouse: Path, folder: Path, line: str) -> str:
    """Write a wheelhouse whose agent has ``line`` at the end of its command line's module; returns its release."""
    shutil.copytree(wheelhouse, folder)
    archive = folder / "agent.tar"
    with tarfile.open(archive) as old:
        members = [(member, _content(old, member)) for member in old.getmembers()]
    with tarfile.open(archive, "w") as new:
        for member, content in members:
            data = _wheel(content, line) if "balise_agent-" in member.name else content
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    version = (wheelhouse / "agent.release").read_text(encoding="ascii").partition("-")[0]
    release = f"{version}-{hashlib.sha256(archive.read_bytes()).hexdigest()[:12]}"
    (folder / "agent.release").write_text(f"{release}\n", encoding="ascii")
    return release


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""


def _wheel(data: bytes, line: str) -> bytes:
    """The wheel with one line more; pip does not compare what it unpacks with the list of hashes inside."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry, content + line.encode() if entry.filename == _MODULE else content)
    return out.getvalue()
