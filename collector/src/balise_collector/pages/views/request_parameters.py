"""What a URL may ask, checked before anything is looked up: a hostile value is a 4xx and a sentence, never a 5xx.

Pure. Must not live here: answers.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from starlette.exceptions import HTTPException

from balise_collector.system.sentences import gettext_noop
from balise_collector.words.translation import ENGLISH, Language, languages

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TIME: Final = "%Y-%m-%dT%H:%MZ"
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing was measured before; near the year 1 local times cannot be written."""
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_SERVICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
_QUALITY: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")
_LONGEST_ACCEPT: Final = 500
_LONGEST: Final = 40
"""Characters of a bad value that are told back."""


def incident_id(text: str) -> str:
    """Return a well-formed incident id (HTTPException 404)."""
    if not _ID.fullmatch(text):
        raise HTTPException(404, gettext_noop("That is not the form of an incident's id."))
    return text


def language(asked: Mapping[str, str]) -> Language:
    """Return the language asked for, English by default (HTTPException 400)."""
    text = asked.get("language", ENGLISH)
    if text not in languages():
        raise _bad("language", text, " or ".join(languages()))
    return Language(text)


def reader_language(asked: Mapping[str, str], accepted: str) -> Language:
    """Return the language to answer in: the one asked for, else the first of the browser's that we have, else English.

    Args:
        asked: the query's parameters.
        accepted: the Accept-Language header (RFC 9110, 12.5.4); what is malformed in it is passed over.
    """
    if "language" in asked:
        return language(asked)
    ranked: list[tuple[float, int, str]] = []
    for place, one in enumerate(accepted[:_LONGEST_ACCEPT].split(",")):
        name, _, weight = one.strip().partition(";")
        quality = _QUALITY.fullmatch(weight.strip()) if weight else None
        share = float(quality[1]) if quality else 0.0 if weight else 1.0
        if share > 0:
            ranked.append((-share, place, name.strip().partition("-")[0].lower()))
    return next((Language(name) for _, _, name in sorted(ranked) if name in languages()), ENGLISH)


def country(text: str) -> str | None:
    """Return a country's code in capitals; ``None`` where it is not of that form."""
    return text.upper() if _COUNTRY.fullmatch(text) else None


def service(text: str) -> str | None:
    """Return a service's id in small letters; ``None`` where it is not of that form."""
    return text.lower() if _SERVICE.fullmatch(text) else None


def moment(asked: Mapping[str, str], name: str = "at") -> float | None:
    """Return a time in UNIX seconds, ``None`` where none is asked for (HTTPException 400)."""
    text = asked.get(name)
    if text is None:
        return None
    try:
        asked_for = datetime.strptime(text, TIME).replace(tzinfo=UTC)
    except ValueError:
        asked_for = _EARLIEST
    if asked_for <= _EARLIEST:
        raise _bad(name, text, "a UTC time of this century such as 2020-05-17T17:30Z")
    return asked_for.timestamp()


def _bad(name: str, text: str, wanted: str) -> HTTPException:
    """Return the answer to a bad value; the page escapes what is told back."""
    told = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    return HTTPException(400, f"{name}={told!r} cannot be answered; give {wanted}.")
