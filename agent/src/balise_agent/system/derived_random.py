"""The probe's one source of arbitrary choices: HMAC-SHA-256 of its device secret over what the choice is for.

Unpredictable on the line without the secret, and explainable afterwards with it: the same choice for the same words.
Here must not live: the secret's storage, or any use of real randomness.
"""

import hashlib
import hmac
from typing import Final

_BITS: Final = 64


def number(secret: bytes, *words: object) -> int:
    """Return 64 arbitrary bits for these words."""
    message = "|".join(str(word) for word in words).encode()
    return int.from_bytes(hmac.digest(secret, message, hashlib.sha256)[: _BITS // 8], "big")


def fraction(secret: bytes, *words: object) -> float:
    """Return an arbitrary number in [0, 1) for these words, in steps of 2**-53."""
    return (number(secret, *words) >> 11) / (1 << 53)
