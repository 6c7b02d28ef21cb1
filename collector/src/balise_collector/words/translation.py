"""The sentences in the reader's language: gettext catalogues, read from their .po files once.

A language is a catalogue: ``locale/<language>/LC_MESSAGES/balise.po``, and nothing else has to know of it. A sentence
that a catalogue lacks is said in English, in which all are written. Must not live here: the choice of a language for a
request (request_parameters.py), sentences.
"""

import gettext
import io
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, Self

from babel import Locale
from babel.core import get_global
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

DOMAIN: Final = "balise"
"""Name of the catalogues: ``locale/balise.pot`` and ``locale/<language>/LC_MESSAGES/balise.po``."""
CATALOGUES: Traversable = resources.files("balise_collector.words") / "locale"
_COUNTRIES: Final = {"en": "GB"}
"""Where the most likely country is another than the one whose spelling and dates our sentences have."""


class Language(str):
    """The tag of a language that there is a catalogue of, or of English (ValueError for any other)."""

    __slots__ = ()

    def __new__(cls, tag: str) -> Self:
        """Return the language of a tag, e.g. ``fr``."""
        if tag not in _tags():
            raise ValueError(f"{tag!r} is no language here")
        return super().__new__(cls, tag)

    @property
    def own_name(self) -> str:
        """What the language calls itself, e.g. ``français``."""
        return str(Locale(self).get_language_name(self))

    @property
    def with_country(self) -> str:
        """The tag with the country where most read it, e.g. ``fr_FR``; alone where that is no country's."""
        country = _COUNTRIES.get(self) or get_global("likely_subtags").get(self, "").rpartition("_")[2]
        return f"{self}_{country}" if len(country) == 2 else str(self)


def languages() -> tuple[Language, ...]:
    """Return English and every language that has a catalogue, by tag."""
    return tuple(Language(tag) for tag in _tags())


@cache
def _tags() -> tuple[str, ...]:
    return (_ENGLISH, *sorted(place.name for place in CATALOGUES.iterdir() if _catalogue(place.name).is_file()))


def _catalogue(tag: str) -> Traversable:
    return CATALOGUES / tag / "LC_MESSAGES" / f"{DOMAIN}.po"


@cache
def translations(language: Language) -> gettext.NullTranslations:
    """Return one language's catalogue; English has none.

    The .po file is compiled in memory: it is text that a translator can read, and no binary has to be kept beside it.
    """
    file = _catalogue(language)
    if not file.is_file():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), locale=language, domain=DOMAIN))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def translated(language: Language, text: str, context: str) -> str:
    """Return a text of one of the tables that have a context (tables.py) in a language."""
    return translations(language).pgettext(context, text)


def direction(language: Language) -> str:
    """Return ``ltr`` or ``rtl``: the way the language is written, for the ``dir`` attribute."""
    return str(Locale(language).text_direction)


_ENGLISH: Final = "en"
ENGLISH: Final = Language(_ENGLISH)
"""The language that the sentences are written in."""
