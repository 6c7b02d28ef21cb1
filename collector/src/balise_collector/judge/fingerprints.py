"""Known block pages and forged addresses, matched as data in OONI's format (ooni/blocking-fingerprints).

Lives here: the format, the match, and our own small set. Must not live here: reading files (the caller gives text) or
conclusions. The probe sends title, hash and allow-listed headers, never a body: prints for bodies are matched against
the title only, so some cannot match.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Final

PROOF: Final = frozenset({"nat", "isp"})
"""Scopes of prints that prove: what a nation or a provider shows in a service's place."""
CLEARS: Final = "fp"
"""Scope of prints that look like a block and are none."""
_SPEAK: Final = PROOF | {CLEARS}


class Place(StrEnum):
    """Where a print is looked for."""

    DNS = "dns"
    BODY = "body"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One print."""

    name: str
    place: Place
    header: str
    """Header name in lower case where ``place`` is HEADER."""
    pattern_type: str
    """``full``, ``prefix``, ``contains`` or ``regexp``."""
    pattern: str
    scope: str = ""
    """OONI's word: ``nat``, ``isp``, ``prod``, ``inst``, ``vbw`` or ``fp`` (looks like a block, is none)."""
    countries: tuple[str, ...] = ()

    def matches(self, text: str) -> bool:
        """Tell whether the print is in ``text``."""
        if self.pattern_type == "full":
            return text == self.pattern
        if self.pattern_type == "prefix":
            return text.startswith(self.pattern)
        if self.pattern_type == "contains":
            return self.pattern in text
        return _compiled(self.pattern).search(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern, compiled once: there are more of them than the interpreter keeps."""
    return re.compile(pattern)


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """A set of prints, indexed for the one match that is frequent: a full DNS address."""

    prints: tuple[Fingerprint, ...] = ()
    _dns: Mapping[str, Fingerprint] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Build the index once."""
        found = {p.pattern: p for p in self.prints if p.place is Place.DNS and p.scope in PROOF}
        for print_ in self.prints:
            if print_.place is Place.DNS and print_.scope == CLEARS:
                found.pop(print_.pattern, None)
        object.__setattr__(self, "_dns", found)

    def address(self, address: str) -> Fingerprint | None:
        """Return the print of a forged DNS answer, if it is one."""
        return self._dns.get(address)

    def page(self, title: str, headers: Iterable[tuple[str, str]]) -> Fingerprint | None:
        """Return the print of a block page that a country or a provider shows.

        A print of a known false positive clears the page. Prints of products, institutions and of varying reliability
        say what stands there, and not on whose behalf: they prove nothing.
        """
        found = [p for p in self.prints if p.scope in _SPEAK and self._on_page(p, title, headers)]
        if any(p.scope == CLEARS for p in found):
            return None
        return next(iter(found), None)

    @staticmethod
    def _on_page(print_: Fingerprint, title: str, headers: Iterable[tuple[str, str]]) -> bool:
        """Match one print against title or header."""
        if print_.place is Place.BODY:
            return bool(title) and print_.matches(f"<title>{title}</title>")
        if print_.place is Place.HEADER:
            return any(name.lower() == print_.header and print_.matches(value) for name, value in headers)
        return False


def read_fingerprints(lines: Iterable[str]) -> Fingerprints:
    """Read prints from CSV lines in OONI's format.

    Raises:
        ValueError: a column is missing or a pattern cannot be used; the message names the line.
    """
    prints = []
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            place, _, header = row["location_found"].partition(".")
            if row["pattern_type"] == "regexp":
                re.compile(row["pattern"])
            prints.append(
                Fingerprint(
                    name=row["name"],
                    place=Place(place),
                    header=header.lower(),
                    pattern_type=row["pattern_type"],
                    pattern=row["pattern"],
                    scope=row["scope"],
                    countries=tuple(row["expected_countries"].split(",")) if row["expected_countries"] else (),
                )
            )
        except (KeyError, ValueError, AttributeError, re.error) as error:
            msg = f"fingerprints line {number}: {error!r}; expected the columns of ooni/blocking-fingerprints"
            raise ValueError(msg) from error
    return Fingerprints(tuple(prints))


OWN: Final = Fingerprints(
    (
        Fingerprint("ir-10-10-34", Place.DNS, "", "full", "10.10.34.34", "nat", ("IR",)),
        Fingerprint("ir-10-10-35", Place.DNS, "", "full", "10.10.34.35", "nat", ("IR",)),
        Fingerprint("ir-10-10-36", Place.DNS, "", "full", "10.10.34.36", "nat", ("IR",)),
        Fingerprint("surf-safely", Place.BODY, "", "contains", "<title>Surf Safely", "nat", ("PK",)),
        Fingerprint("access-denied-order", Place.BODY, "", "contains", "blocked by order of", "nat", ()),
    )
)
"""What ships with us: addresses verified in detectors.md 2.1 and two page titles. The large sets are given as data."""
