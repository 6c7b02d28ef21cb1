"""Names and clocks of countries: what to call a country and which time of day people there read.

Tables come from CLDR (Babel) and the IANA time zone database (``zone.tab`` of tzdata). Here must not live: the time of
day itself (clock.py) or wording.
"""

from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from babel import Locale

from balise_collector.words.tables import PHRASES
from balise_collector.words.translation import ENGLISH, Language, translated

WORLD = "**"
"""The country code of incidents that are nobody's alone."""


def country_name(code: str, language: Language = ENGLISH) -> str:
    """Return the country's name, or the code itself where it is not one CLDR knows."""
    if code == WORLD:
        return translated(language, PHRASES["everywhere"], "phrase")
    return str(Locale(language).territories.get(code, code))


@cache
def _zones() -> dict[str, tuple[str, ...]]:
    """Read ``zone.tab``: country code -> its zones, most populous first (the file's own order is by longitude)."""
    found: dict[str, list[str]] = {}
    table = (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            code, _, zone, *_ = line.split("\t")
            found.setdefault(code, []).append(zone)
    return {code: tuple(zones) for code, zones in found.items()}


def zone_of(code: str, configured: str = "") -> ZoneInfo:
    """Return the zone to show a country's times in.

    A country with several zones is shown in UTC unless the operator configured one: a wrong local hour in a quote is
    worse than a UTC hour.
    """
    if configured:
        return ZoneInfo(configured)
    zones = _zones().get(code, ())
    return ZoneInfo(zones[0]) if len(zones) == 1 else ZoneInfo("UTC")
