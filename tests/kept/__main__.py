"""Makes anew what is expected of today's rules: `python -m tests.kept`, after a change that is meant.

What differs is then read, and told in the commit. Must not live here: what is compared (test_kept.py).
"""

from __future__ import annotations

import lzma
import tempfile
from pathlib import Path

from tests.kept.test_kept import CONCLUDED, LEFT, gone_on, judged_anew, unpacked


def main() -> None:
    """Write both files."""
    with tempfile.TemporaryDirectory() as name:
        then, now = gone_on(unpacked(LEFT, Path(name) / "gone-on"))
        found = {"gone-on": sorted(set(now) - set(then)), "replayed": judged_anew(unpacked(LEFT, Path(name) / "anew"))}
    CONCLUDED.mkdir(exist_ok=True)
    for what, rows in found.items():
        (CONCLUDED / f"{what}.xz").write_bytes(lzma.compress("\n".join([*rows, ""]).encode(), preset=9))


if __name__ == "__main__":
    main()
