"""A sentence for people, before the reader's language is known: marked here, put into it by words/translation.py. Pure.

Must not live here: catalogues, the choice of a language, any sentence.
"""

from collections.abc import Callable

Say = Callable[[str], str]
"""What returns a sentence in the reader's language; ``gettext_noop`` returns it in English."""


def gettext_noop(text: str) -> str:
    """Return a sentence as it is: marks it for translation where the reader's language is not known yet."""
    return text
