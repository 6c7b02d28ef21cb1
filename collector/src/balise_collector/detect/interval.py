"""A moment that is known to lie between two observations. Pure; joining several is in episodes.py."""

import msgspec


class Interval(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A moment known to lie between two observations, in UNIX seconds, e.g. [last ok, first fail]."""

    earliest: float | None
    """``None``: before our first measurement."""
    latest: float
    staggered: bool = False
    """The probes' own intervals do not intersect; these are their 10th and 90th percentiles."""
    masked: bool = False
    """Another fault hid the moment."""
