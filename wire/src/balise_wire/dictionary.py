"""The zstd dictionaries by their id. A dictionary that was ever used on air stays here for ever.

zstd writes the id into each frame, so a reader finds the right one by itself; a frame made with one that it lacks it
cannot open at all. tools/train-dictionary makes a new one from real measurements (docs/wire.md).
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
COMMON: Final = 1
"""The id that every reader since the first version has: what a probe must be able to open, a halt above all, is made
with it, however old the probe is."""
CURRENT: Final = 1
"""The id that probes compress with. Raised by hand, a version after the dictionary was shipped, so that a collector of
the version before can open what they send."""
