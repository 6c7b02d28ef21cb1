"""The one-time token as people meet it: on a label, in a settings file, read aloud over the telephone.

24 characters of chance (120 bits) and one check character in Crockford's base 32, in groups of five:
``7K3QF-0V9DM-XW2HC-T5JRA-8ENP4``. The check is a weighted sum over GF(32): it finds every single wrong character and
every two that were swapped, so a box can say "mistyped" without asking anybody. Must not live here: who may use a
token, or for how long (the collector keeps that).
"""

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32 (crockford.com/base32): no I, L, O or U, which are misread or make words."""
LENGTH: Final = 25
"""Characters without the hyphens."""
ENTROPY_BYTES: Final = 15
_GROUP: Final = 5
_LOOKALIKES: Final = str.maketrans("OIL", "011")
_GENERATOR: Final = 2
"""The element x of GF(2)[x] / (x^5 + x^2 + 1); that polynomial is primitive, so its powers differ for 31 places."""
_REDUCTION: Final = 0b100101


def make(chance: bytes) -> str:
    """Return the token that 15 bytes of chance spell, with hyphens (ValueError for another number of bytes)."""
    if len(chance) != ENTROPY_BYTES:
        raise ValueError(f"{len(chance)} bytes of chance; a token is made from {ENTROPY_BYTES}")
    number = int.from_bytes(chance, "big")
    body = "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(LENGTH - 1)))
    whole = body + _check(body)
    return "-".join(whole[start : start + _GROUP] for start in range(0, LENGTH, _GROUP))


def normalise(text: str) -> str:
    """Return the 25 bare characters that were meant: upper case, no hyphens or blanks, O for 0, I and L for 1.

    Both sides compare and hash this form. What is no token stays what it is, only tidied; ask ``fault`` first.
    """
    kept = "".join(character for character in text.upper() if character.isalnum())
    return kept.translate(_LOOKALIKES)


def fault(text: str) -> str:
    """Say what is wrong with a token, in words for the person who typed it; empty where nothing is."""
    bare = normalise(text)
    strange = sorted({character for character in bare if character not in ALPHABET})
    if strange:
        return f"has {' '.join(strange)}, which no token has"
    if len(bare) != LENGTH:
        return f"has {len(bare)} characters, a token has {LENGTH}"
    if _check(bare[:-1]) != bare[-1]:
        return "is mistyped (its last character, a check, does not fit the others)"
    return ""


def _check(body: str) -> str:
    """Return the check character: the sum of all characters, each weighted by its place's power of x."""
    total = 0
    for character in body:
        total = _times_generator(total ^ ALPHABET.index(character))
    return ALPHABET[total]


def _times_generator(element: int) -> int:
    """Multiply by x in GF(32)."""
    doubled = element * _GENERATOR
    return doubled ^ _REDUCTION if doubled & 0b100000 else doubled
