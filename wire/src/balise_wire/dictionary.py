"""The zstd dictionaries by their id. A dictionary that was ever used on air stays here for ever.

zstd writes the id into each frame, so a reader finds the right one by itself. ``CURRENT`` is the one that new frames
are made with; 0 means none. tools/train-dictionary makes a new one from real measurements (docs/wire.md).
"""

from importlib import resources
from typing import Final

import zstandard


def _load() -> dict[int, zstandard.ZstdCompressionDict]:
    """Read every ``dictionaries/*.zdict`` of this package."""
    found: dict[int, zstandard.ZstdCompressionDict] = {}
    for entry in (resources.files("balise_wire") / "dictionaries").iterdir():
        if entry.name.endswith(".zdict"):
            dictionary = zstandard.ZstdCompressionDict(entry.read_bytes())
            found[dictionary.dict_id()] = dictionary
    return found


DICTIONARIES: Final = _load()
"""Every dictionary ever used on air, by zstd dictionary id."""
CURRENT: Final = max(DICTIONARIES, default=0)
"""The id that new frames are compressed with."""
