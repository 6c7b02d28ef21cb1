"""Numbers that look drawn and are not: the same for the same words, in every run and every process.

Must not live here: chance that moves on with each draw (each home has a generator of its own, from the seed).
"""

import functools
import hashlib


@functools.lru_cache(16_384)
def number(*words: object) -> int:
    """Return 64 bits that the words decide."""
    text = "|".join(map(str, words))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def fraction(*words: object) -> float:
    """Return a number in [0, 1) that the words decide."""
    return number(*words) / 2.0**64


def digest(*words: object) -> str:
    """Return 64 hex digits that the words decide, as of a SHA-256."""
    return hashlib.sha256("|".join(map(str, words)).encode()).hexdigest()
