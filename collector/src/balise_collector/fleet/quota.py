"""How much of one probe the centre takes: what its own timetable asks for, several times over, and no more. Pure.

A result costs a unit, and more where it holds more than a paired run does; a message costs what its body weighs before
anybody reads it. Two hours of ``times`` the timetable may come at once, and three fifths of it hour by hour, the day
long; beside them stands a backlog, which grows while a probe is not heard and is what it can have measured meanwhile: a
month behind a shutdown is taken. What comes late is counted by the hour it is dated in as well, so that no hour of the
past holds more than a probe can have measured in it. Lives here: the accounts. Must not live here: what happens to what
is over (writer.py), where accounts are kept (journal/), clocks.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from balise_wire.measurement import Measurement

HOUR: Final = 3600.0
DAY: Final = 86_400.0
TIMES: Final = 5.0
"""How many times its timetable a probe may send in an hour: a failure brings a paired run, and that is repeated."""
LASTING: Final = 0.6
"""Share of that which it may send hour after hour: three timetables, where everything that fails is tried twice."""
UNHEARD: Final = 2 * HOUR
"""Seconds without a word from which on a probe is taken to gather a backlog; until then the pool holds it."""
BACKLOG_TIMES: Final = 2.0
"""How many times its timetable a probe can have measured while it was not heard."""
BACKLOG_MOST: Final = 40 * DAY
"""Seconds of a backlog: what a spool holds (64 MB, two weeks and more of ordinary days)."""
CAUGHT_UP: Final = 2 * DAY
"""Seconds of backlog that a probe keeps which has nothing left to deliver: a disk that refused may hold some of it."""
POOL: Final = 2 * HOUR
"""Seconds of ``times`` the timetable that may come at once."""
LEAST_AN_HOUR: Final = 60.0
"""Results an hour below which no timetable is taken to be: one of a few targets is repeated by hand, too."""
POOL_LEAST: Final = 2000.0
LATE: Final = 2 * HOUR
"""Seconds after which a result is counted by its own hour, too: until then that is the hour it is received in."""
HOURS_KEPT: Final = 1200
"""Hours of its own time that are counted of each probe; the oldest are let go."""
UNTOLD: Final = 250.0
"""Results an hour of a probe whose timetable is not known yet."""
KNOCKS: Final = 3000.0
"""Messages at once of one probe, and an hour's refill: what comes beyond is not even opened, and comes again."""
KNOCKS_AN_HOUR: Final = 1500.0
OVER: Final = "over its quota"
"""What each refusal for this reason begins with."""
_OBSERVATIONS, _PACKETS, _BYTES = 12, 240, 16_384
"""What a paired run of one target holds, generously: a unit."""


class Account(msgspec.Struct, frozen=True):
    """What a probe has left, as it is written down."""

    pool: float
    backlog: float
    at: float
    """UNIX seconds."""


class Item(NamedTuple):
    """One result that wants to be taken."""

    at: float
    """When it was measured, UNIX seconds on our clock."""
    weight: float


def weight(measurement: Measurement) -> float:
    """Return what a measurement costs, in units."""
    trials = measurement.observations
    return max(1.0, len(trials) / _OBSERVATIONS, sum(len(trial.packets) for trial in trials) / _PACKETS)


class _Purse:
    """The account of one probe at work."""

    def __init__(self, per_hour: float, account: Account | None, since: float, at: float) -> None:
        self.per_hour = max(per_hour, LEAST_AN_HOUR)
        self.knocks = KNOCKS
        self.hours: OrderedDict[int, float] = OrderedDict()
        if account is None:
            # Nothing is known of it: it may have measured ever since it was let in.
            account = Account(self.most_pool(TIMES), max(0.0, at - since) / HOUR * BACKLOG_TIMES * self.per_hour, at)
        self.pool, self.backlog, self.at = account.pool, account.backlog, account.at

    def most_pool(self, times: float) -> float:
        return max(POOL_LEAST, times * self.per_hour * POOL / HOUR)

    def refill(self, at: float, times: float) -> None:
        """Let time pass."""
        hours = max(0.0, at - self.at) / HOUR
        self.at = at
        self.pool = min(self.most_pool(times), self.pool + LASTING * times * self.per_hour * hours)
        if hours * HOUR > UNHEARD:
            most = BACKLOG_TIMES * self.per_hour * BACKLOG_MOST / HOUR
            self.backlog = min(most, self.backlog + BACKLOG_TIMES * self.per_hour * hours)
        self.knocks = min(KNOCKS, self.knocks + KNOCKS_AN_HOUR * hours)

    def spend(self, cost: float) -> bool:
        """Take a cost from the pool, then from the backlog; ``False``, and nothing taken, where both are too small."""
        if cost > self.pool + self.backlog:
            return False
        from_pool = min(cost, self.pool)
        self.pool -= from_pool
        self.backlog -= cost - from_pool
        return True


class Quotas:
    """The accounts of the fleet; memory is bounded by its members."""

    def __init__(self, times: float = TIMES, accounts: Mapping[str, Account] | None = None) -> None:
        """Begin.

        Args:
            times: how many times its timetable a probe may send; 0 for no bound.
            accounts: as they were written down.
        """
        self._times = times
        self._known = dict(accounts or {})
        self._purses: dict[str, _Purse] = {}
        self._per_hour: dict[str, float] = {}
        self._since: dict[str, float] = {}

    def expect(self, probe: str, per_hour: float, since: float) -> None:
        """Say how many results an hour a probe is asked for, and since when it may speak (UNIX seconds)."""
        self._per_hour[probe] = per_hour
        self._since[probe] = since
        if probe in self._purses:
            self._purses[probe].per_hour = max(per_hour, LEAST_AN_HOUR)

    def _purse(self, probe: str, at: float) -> _Purse:
        purse = self._purses.get(probe)
        if purse is None:
            per_hour, since = self._per_hour.get(probe, UNTOLD), self._since.get(probe, at)
            purse = self._purses[probe] = _Purse(per_hour, self._known.pop(probe, None), since, at)
        purse.refill(at, self._times)
        return purse

    def knock(self, probe: str, at: float) -> bool:
        """Whether a message is looked at at all; one that is not is not receipted, and comes again."""
        if not self._times:
            return True
        purse = self._purse(probe, at)
        if purse.knocks < 1.0:
            return False
        purse.knocks -= 1.0
        return True

    def may_open(self, probe: str, size: int, at: float) -> str:
        """Pay for reading a body of ``size`` bytes; returns why it is not read, empty where it is."""
        if not self._times or self._purse(probe, at).spend(size / _BYTES):
            return ""
        return f"{OVER}: {self._words(probe)}"

    def admit(self, probe: str, items: Sequence[Item], at: float) -> list[bool]:
        """Pay for results one by one; returns which of them are taken."""
        if not self._times:
            return [True] * len(items)
        purse = self._purse(probe, at)
        most = max(self._times * purse.per_hour, POOL_LEAST / 4.0)
        taken = []
        for item in items:
            hour, late = int(item.at // HOUR), at - item.at > LATE
            full = late and purse.hours.get(hour, 0.0) + item.weight > most
            taken.append(not full and purse.spend(item.weight))
            if taken[-1] and late:
                purse.hours[hour] = purse.hours.get(hour, 0.0) + item.weight
                purse.hours.move_to_end(hour)
                if len(purse.hours) > HOURS_KEPT:
                    purse.hours.popitem(last=False)
        return taken

    def caught_up(self, probe: str, at: float) -> None:
        """Note that a probe has nothing left to deliver: what it did not send until now it did not measure."""
        purse = self._purse(probe, at)
        purse.backlog = min(purse.backlog, BACKLOG_TIMES * purse.per_hour * CAUGHT_UP / HOUR)

    def reason(self, probe: str, over: int, of: int) -> str:
        """Say how many results were not taken, and what the quota is."""
        return f"{OVER}: {over} of {of}; {self._words(probe)}"

    def _words(self, probe: str) -> str:
        per_hour = max(self._per_hour.get(probe, UNTOLD), LEAST_AN_HOUR)
        return f"{per_hour:.0f} an hour are asked for, {self._times:g} times that is taken, and what it missed unheard"

    def accounts(self, probes: Iterable[str]) -> dict[str, Account]:
        """Return the accounts of some probes, to be written down."""
        found = ((probe, self._purses.get(probe)) for probe in probes)
        return {probe: Account(one.pool, one.backlog, one.at) for probe, one in found if one is not None}

    def forget(self, members: Iterable[str]) -> None:
        """Keep the accounts of these alone."""
        kept = set(members)
        tables: tuple[dict[str, Any], ...] = (self._purses, self._known, self._per_hour, self._since)
        for table in tables:
            for probe in [probe for probe in table if probe not in kept]:
                del table[probe]
