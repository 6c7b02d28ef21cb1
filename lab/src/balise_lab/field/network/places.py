"""Where countries lie, and how long light takes between them.

Lives here: a point for each country that a situation may name, and the round trip between two. Must not live here:
what a line adds (homes.py).
"""

import functools
import math
from typing import Final

_POINTS: Final = {
    "AE": (24, 54), "AF": (34, 69), "AU": (-34, 151), "AZ": (40, 50), "BD": (24, 90), "BR": (-23, -46), "BY": (54, 28),
    "CA": (45, -75), "CH": (47, 8), "CN": (35, 110), "CU": (23, -82), "DE": (50, 9), "EG": (30, 31), "ES": (40, -4),
    "ET": (9, 39), "FI": (60, 25), "FR": (49, 2), "GB": (51, 0), "ID": (-6, 107), "IN": (23, 77), "IQ": (33, 44),
    "IR": (35, 51), "IT": (42, 12), "JP": (36, 140), "KE": (-1, 37), "KR": (37, 127), "KZ": (48, 68), "LK": (7, 80),
    "MM": (17, 96), "MX": (19, -99), "NG": (7, 3), "NL": (52, 5), "NP": (28, 85), "PK": (31, 73), "PL": (52, 21),
    "RU": (56, 38), "SA": (25, 46), "SD": (16, 33), "SE": (59, 18), "SG": (1, 104), "SY": (33, 36), "TH": (14, 101),
    "TM": (38, 58), "TR": (40, 30), "TW": (25, 121), "UA": (50, 31), "UG": (0, 33), "US": (40, -90), "UZ": (41, 69),
    "VE": (10, -67), "VN": (16, 107), "ZA": (-26, 28), "ZW": (-18, 31),
}  # fmt: skip
"""Latitude and longitude, whole degrees."""
_RADIUS_KM: Final = 6371.0
_KM_PER_MS: Final = 200.0
"""Of light in glass, one way."""
_DETOUR: Final = 1.6
"""Cables are longer than the great circle."""
_INSIDE_MS: Final = 6.0
_UNKNOWN_MS: Final = 120.0


@functools.cache
def round_trip_ms(here: str, there: str) -> float:
    """Return the milliseconds of a round trip between two countries; a country that is not known is far away."""
    if here == there:
        return _INSIDE_MS
    if here not in _POINTS or there not in _POINTS:
        return _UNKNOWN_MS
    (lat1, lon1), (lat2, lon2) = (tuple(map(math.radians, _POINTS[each])) for each in (here, there))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    km = 2 * _RADIUS_KM * math.asin(math.sqrt(half))
    return _INSIDE_MS + 2 * _DETOUR * km / _KM_PER_MS
