"""How often one host may be contacted: a token bucket for each. Pure; time is an argument.

The agenda has one table, of what it starts; the gate before the network has another, of what really leaves
(decision 22). Must not live here: who is asked to wait, or the rate itself (limits.py).
"""

from typing import Final

from balise_agent.policy.limits import Bucket, refilled, steadied, take, wait

_MOST_HOSTS: Final = 4096


class HostRates:
    """The tokens of every host; bounded, since full buckets say nothing."""

    def __init__(self, per_minute: int) -> None:
        """Let every host have so many connections a minute."""
        self.per_minute = per_minute
        self._buckets: dict[str, Bucket] = {}

    def take(self, host: str, count: int, now: float) -> bool:
        """Take ``count`` connections of a host's share; tell whether it had them."""
        held = steadied(self._buckets.get(host), now)
        bucket = take(held, count, self.per_minute, now)
        if bucket is None:
            if held is not None:
                self._buckets[host] = held
            return False
        if len(self._buckets) >= _MOST_HOSTS:
            self._buckets = {
                name: kept
                for name, kept in self._buckets.items()
                if refilled(kept, self.per_minute, now) < self.per_minute
            }
        self._buckets[host] = bucket
        return True

    def wait(self, host: str, count: int, now: float) -> float:
        """Return the clock seconds until ``take`` would succeed."""
        return wait(steadied(self._buckets.get(host), now), count, self.per_minute, now)

    def clear(self) -> None:
        """Give every host its whole share: what was dated by another clock says nothing."""
        self._buckets.clear()
