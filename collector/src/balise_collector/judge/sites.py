"""Which names are one site's: by the name that is registered, and by the brand in it. Pure.

The whole list of public suffixes is heavy and changes weekly; what matters here is whether a redirect stays with its
owner, and a wrong "same site" merely accuses nobody. So a short rule stands in its place: under a country's domain the
second label is part of the suffix where it is one of the usual words. Must not live here: what follows from it.
"""

import re
from collections.abc import Iterable
from typing import Final

_SECOND: Final = frozenset(
    re.findall(
        r"\w+",
        "ac ad asn biz co com conf ed edu firm gen go gob gouv gov govt gub id idf idn ind inf info k12 mil mi muni my "
        "name ne net nic nom or org plc press pro sch school sci web wiki",
    )
)
"""Second-level labels under which countries register names (publicsuffix.org, the usual ones)."""
_COUNTRY: Final = 2
"""Letters of a country's top-level domain."""


def site(host: str) -> str:
    """Return the registered name that a host belongs to, in lower case; what has fewer labels is its own."""
    labels = host.lower().rstrip(".").split(".")
    return ".".join(labels[-_kept(labels) :])


def _kept(labels: list[str]) -> int:
    deep = len(labels) > _COUNTRY and len(labels[-1]) == _COUNTRY and labels[-2] in _SECOND
    return 3 if deep else 2


def brand(host: str) -> str:
    """Return the label that somebody registered: ``google`` of www.google.com.pk; empty for an address."""
    labels = host.lower().rstrip(".").split(".")
    if len(labels) < _COUNTRY or labels[-1].isdigit():
        return ""
    return labels[-min(_kept(labels), len(labels))]


def same_site(one: str, other: str, ours: Iterable[str] = ()) -> bool:
    """Tell whether two hosts are one owner's, as far as names tell.

    Args:
        one: a host.
        other: another.
        ours: further hosts of the first one's owner, by the catalogue.
    """
    if site(one) == site(other) or site(other) in {site(host) for host in ours}:
        return True
    # The national domain of a service: the same brand under a country's suffix. Short brands are many people's.
    national = any(len(host.rstrip(".").rpartition(".")[2]) == _COUNTRY for host in (one, other))
    return national and brand(one) == brand(other) and len(brand(one)) >= _BRAND


_BRAND: Final = 4
"""Letters from which on a brand under two suffixes is taken for one owner's."""
