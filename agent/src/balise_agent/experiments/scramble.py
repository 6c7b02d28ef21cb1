"""The scrambled name: the subject's shape, nobody's name. The control for everything that looks at names.

Lives here: which label of a name a registry sells, and its letters replaced one by one. Must not live here: when a
scrambled trial is made.
"""

import hashlib
from typing import Final

_SECOND_LEVELS: Final = frozenset({"ac", "co", "com", "edu", "go", "gob", "gov", "net", "ne", "or", "org"})
"""Labels under a two-letter country code that are themselves sold under (``co.uk``, ``com.pk``)."""
_VOWELS: Final = "aeiou"
_CONSONANTS: Final = "bcdfghjklmnpqrstvwxyz"
_DIGITS: Final = "0123456789"


def registrable(labels: list[str]) -> int:
    """Return the index of the label that was registered: ``twitter`` in ``api.twitter.com``, ``x`` in ``a.x.com.pk``.

    A short list instead of the public suffix list: a wrong guess scrambles a label further left or right, and the
    control is still a name that nobody blocks.
    """
    if len(labels) <= 2:
        return 0
    if len(labels[-1]) == 2 and labels[-2].lower() in _SECOND_LEVELS:
        return len(labels) - 3
    return len(labels) - 2


def registered_name(name: str) -> str:
    """Return the registered part of a name, in lower case: ``x.co.uk`` of ``a.b.x.co.uk``."""
    labels = name.lower().split(".")
    return ".".join(labels[registrable(labels) :])


def scrambled(name: str, seed: int) -> str:
    """Return ``name`` with every letter and digit of its registrable label replaced by another of its class.

    Vowels stay vowels, consonants consonants, digits digits; hyphens, underscores, dots, the top-level domain, the
    length and an ``xn--`` prefix stay. No position keeps its character, so that no part of the original survives
    (rotated letters can be somebody's domain, and can still hold a blocked keyword).
    """
    labels = name.split(".")
    index = registrable(labels)
    label = labels[index]
    kept = 4 if label.lower().startswith("xn--") and len(label) > 4 else 0
    digest = hashlib.sha256(f"scramble|{seed}|{name.lower()}".encode()).digest() * 2
    labels[index] = label[:kept] + "".join(
        _another(character, digest[position]) for position, character in enumerate(label[kept:])
    )
    return ".".join(labels)


def random_label(name: str, seed: int) -> str:
    """Return a name that nobody has under the registered part of ``name``: twelve letters of the seed before it.

    No cache holds it, so that whoever answers has asked further, or lies (RFC 8020: it does not exist).
    """
    digest = hashlib.sha256(f"random-label|{seed}|{name.lower()}".encode()).digest()
    label = "".join(_CONSONANTS[byte % len(_CONSONANTS)] for byte in digest[:12])
    return f"{label}.{registered_name(name)}"


def _another(character: str, drawn: int) -> str:
    """Return another character of the same class; one of no class stays."""
    for kind in (_VOWELS, _CONSONANTS, _DIGITS):
        position = kind.find(character.lower())
        if position >= 0:
            other = kind[(position + 1 + drawn % (len(kind) - 1)) % len(kind)]
            return other.upper() if character.isupper() else other
    return character
