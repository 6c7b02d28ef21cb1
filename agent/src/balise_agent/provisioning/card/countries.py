"""Countries by code or by name: people write "Pakistan" where a file wants "PK".

Lives here: the table (``countries.tsv``) and finding one entry of it. Must not live here: which country is meant for
what.
"""

import difflib
import functools
import unicodedata
from importlib import resources
from typing import NamedTuple


class Table(NamedTuple):
    """Codes with their English names, and every folded name with its code."""

    names: dict[str, str]
    codes: dict[str, str]


@functools.cache
def table() -> Table:
    """Read the table once."""
    text = (resources.files("balise_agent.provisioning.card") / "countries.tsv").read_text(encoding="utf-8")
    names: dict[str, str] = {}
    codes: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        code, _, known = line.partition("\t")
        names[code] = known.partition(";")[0]
        codes.update({folded(name): code for name in known.split(";")})
    return Table(names, codes)


def folded(text: str) -> str:
    """Return a name without case, accents and punctuation."""
    plain = unicodedata.normalize("NFKD", text.casefold()).replace("&", " and ")
    return " ".join("".join(letter if letter.isalnum() else " " for letter in plain if not _mark(letter)).split())


def _mark(letter: str) -> bool:
    return unicodedata.combining(letter) != 0 or letter in "'\u2019\u02bb"


def code_of(text: str) -> str:
    """Return the code that ``text`` is or names, also by the beginning of one name; empty where it is neither."""
    known = table()
    upper = unicodedata.normalize("NFKC", text).strip().upper()
    if upper in known.names:
        return upper
    name = folded(text)
    if name in known.codes:
        return known.codes[name]
    if len(name) >= 3:
        begun = {code for other, code in known.codes.items() if other.startswith(name)}
        if len(begun) == 1:
            return begun.pop()
    return ""


def nearest(text: str) -> tuple[str, str] | None:
    """Return code and English name of the country whose name looks most like ``text``."""
    known = table()
    near = difflib.get_close_matches(folded(text)[:40], known.codes, n=1, cutoff=0.6)
    return (known.codes[near[0]], known.names[known.codes[near[0]]]) if near else None
