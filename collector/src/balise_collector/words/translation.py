"""The pages' own sentences in the reader's language: gettext catalogues, read from their .po files once.

Lives here: which catalogues there are, and how a sentence is looked up; a sentence that a catalogue lacks is said in
English. The closed lists (mechanisms, grades, reports) have their own tables in wording.py. Must not live here: the
choice of a language for a request (request_parameters.py), sentences.
"""

import gettext
import io
from functools import cache
from importlib import resources
from typing import Final

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from balise_collector.words.wording import Language

DOMAIN: Final = "balise"
"""Name of the catalogues: ``locale/balise.pot`` and ``locale/<language>/LC_MESSAGES/balise.po``."""


@cache
def translations(language: Language) -> gettext.NullTranslations:
    """Return one language's catalogue; English, in which the sentences are written, has none.

    The .po file is compiled in memory: it is text that a translator can read, and no binary has to be kept beside it.
    """
    file = resources.files("balise_collector.words") / "locale" / language.value / "LC_MESSAGES" / f"{DOMAIN}.po"
    if not file.is_file():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), locale=language.value, domain=DOMAIN))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def direction(language: Language) -> str:
    """Return ``ltr`` or ``rtl``: the way the language is written, for the ``dir`` attribute."""
    return str(Locale(language.value).text_direction)
