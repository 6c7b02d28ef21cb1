"""Which broker is tried next, and when: after a failure the next at once, after a whole round with growing waits.

Lives here: that count, and what the end of a connection says about its cause. Must not live here: connecting, or a
clock; random numbers come from an argument. Waits are in seconds of the probe's clock, of which a laboratory's runs
faster than real ones.
"""

import random
from typing import Final

_FIRST_SECONDS: Final = 2.0
"""First wait; the real one is a random part of it ("full jitter"), the profile has the longest."""
_REFUSED_SECONDS: Final = 300.0
"""First wait where every broker refuses this probe: only a person, or a new certificate, changes that."""
_REFUSED_SECONDS_MOST: Final = 3600.0
_DOUBLINGS_MOST: Final = 10
REFUSED: Final = "the broker refuses this probe: "
"""How a session tells that the broker's CONNACK was a refusal."""
_REFUSING_ALERTS: Final = ("certificate", "unknown ca", "access denied")
"""Words of TLS alerts (RFC 8446 6.2) that speak of *our* certificate."""


class Backoff:
    """The failures in a row at a number of places that are tried in order."""

    def __init__(self, places: int, *, first: int, longest: float, rng: random.Random) -> None:
        """Begin at a place.

        Args:
            places: how many there are.
            first: index of the one that worked last time.
            longest: clock seconds that a wait has at most.
            rng: spreads the waits of a fleet.
        """
        self.place = first
        """Index of the place to try."""
        self.failures = 0
        self._places = max(1, places)
        self._longest = longest
        self._rng = rng
        self._refusals = 0

    @property
    def exhausted(self) -> bool:
        """Whether every place failed."""
        return self.failures >= self._places

    @property
    def refused(self) -> bool:
        """Whether every place refused this probe's certificate or name."""
        return self._refusals >= self._places

    def failed(self, why: str) -> float:
        """Count a failure, turn to the next place, and return the clock seconds until it is tried."""
        self.failures += 1
        self._refusals = self._refusals + 1 if is_refusal(why) else 0
        self.place = (self.place + 1) % self._places
        rounds = min((self.failures - 1) // self._places, _DOUBLINGS_MOST)
        if self.refused:
            most = min(_REFUSED_SECONDS_MOST, _REFUSED_SECONDS * 2.0**rounds)
            return self._rng.uniform(most / 2.0, most)
        return self._rng.uniform(0.0, min(self._longest, _FIRST_SECONDS * 2.0**rounds))

    def greeted(self) -> None:
        """A place takes us: nobody refuses."""
        self._refusals = 0

    def stood(self) -> None:
        """A session lasted: it counts as a success."""
        self.failures = 0

    def reset(self) -> None:
        """Something changed: count anew."""
        self.failures = self._refusals = 0


def is_refusal(why: str) -> bool:
    """Tell whether the end of a connection says that the broker does not take this probe's certificate."""
    told = why.lower().replace("_", " ")
    return told.startswith(REFUSED) or ("alert" in told and any(word in told for word in _REFUSING_ALERTS))


def is_about_dates(why: str) -> bool:
    """Tell whether a handshake failed over a certificate's dates (OpenSSL's words for X509_V_ERR 9 and 10)."""
    return "certificate is not yet valid" in why or "certificate has expired" in why
