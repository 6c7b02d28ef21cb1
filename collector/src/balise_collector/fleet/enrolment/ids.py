"""Opaque ids: what a probe is called, chosen when its card is made so that the label can say it. Pure.

Must not live here: chance itself (the caller brings it), or any meaning: an id tells neither place nor order.
"""

from collections.abc import Callable, Container
from typing import Final

ALPHABET: Final = "23456789abcdefghjkmnpqrstvwxyz"
"""Without 0, 1, i, l, o and u: read aloud and off a label without mistakes, and hardly ever a word."""
LENGTH: Final = 8
"""30^8 is 6.5e11: two of ten thousand probes never meet by chance (and are drawn again where they do)."""


def draw(choose: Callable[[str], str], taken: Container[str]) -> str:
    """Return an id that is not taken; ``choose`` picks one character of a text by chance."""
    while True:
        name = "".join(choose(ALPHABET) for _ in range(LENGTH))
        if name not in taken:
            return name
