"""The day's bytes by direction and its connections, kept over restarts: the gate of limits with a counter in front.

Lives here: counting what passes, and the line of text that carries the account to the next start. Must not live here:
the limit itself (egress.py asks limits.py).
"""

from typing import Final

from balise_agent.policy.egress import PolicyGate, today
from balise_agent.policy.limits import Days, Limits, Reserve
from balise_agent.system.clock import Clock

_DAY: Final = 86_400.0
_MEASURES: Final = 0.97
"""Share of the day, less room for a batch, up to which something new is measured; then what is recorded goes out."""
_DELIVERS: Final = 0.99
"""Share up to which results go out; the rest is for the goodbye and for what is under way."""
_RESERVE: Final = 0.9
"""Share up to which everything goes on: the plan never fills more. What is left is kept for anomalies, and its last
half for names and SYNs alone, which are cheap: however a day was spent, its end is not dark."""
_DELIVERY: Final = 0.6
"""Share that delivery may use: a network that cuts our connection to the broker again and again makes each of them
anew, and must not spend by that what measuring needs."""
_ROOM: Final = 48_000
"""Bytes of the largest batch of routine results. A connection that could not carry one is not kept: only keepalives
would cross it, and to the collector the probe would seem silent instead of asleep."""


class Meter:
    """A Gate that also knows what went out and what came in since midnight UTC."""

    def __init__(self, rules: Limits, clock: Clock, account: str = "") -> None:
        """Go on with ``account`` (what ``account`` returned before a restart) where it is of the same day."""
        self.clock = clock
        self._days = Days(int(clock.now() // _DAY))
        self._account = self._days.account
        self.sent, self.received_bytes, connections, self.beyond, self._delivered = _read(account, self._days.day)
        self._rules = rules
        self._gate = PolicyGate(rules, clock, spent_today=self.spent, connections_today=connections, days=self._days)

    @property
    def spent(self) -> int:
        """Bytes of the day in both directions."""
        return self.sent + self.received_bytes

    @property
    def connections(self) -> int:
        """Connections of the day."""
        return self._gate.connections_today

    @property
    def rules(self) -> Limits:
        """The caps that it counts against."""
        return self._rules

    @property
    def reserve(self) -> Reserve:
        """What the rest of the day is kept for."""
        self._turn_the_day()
        begins = _RESERVE * self._rules.bytes_per_day
        ends = _MEASURES * self._rules.bytes_per_day - self._room
        if self.spent < begins:
            return Reserve.NONE
        return Reserve.ANOMALIES if self.spent < (begins + ends) / 2.0 else Reserve.NAMES

    @property
    def exhausted(self) -> bool:
        """Whether the day has nothing left to measure with: of its bytes, or of its connections."""
        self._turn_the_day()
        rules = self._rules
        return (
            self.spent + self._room >= _MEASURES * rules.bytes_per_day
            or self.connections >= 0.99 * rules.connections_per_day
        )

    def delivers(self, size: int) -> bool:
        """Whether ``size`` bytes more may go to the collector today."""
        self._turn_the_day()
        day = self._rules.bytes_per_day
        return self.spent + size <= _DELIVERS * day and self._delivered + size <= _DELIVERY * day

    @property
    def silent(self) -> bool:
        """Whether not even a connection to the broker is left for today."""
        self._turn_the_day()
        day = self._rules.bytes_per_day
        return self.spent + self._room > _DELIVERS * day or self._delivered + self._room > _DELIVERY * day

    @property
    def _room(self) -> float:
        return min(_ROOM, self._rules.bytes_per_day / 20)

    def allow(self, address: str, port: int, size: int, *, local: bool = False) -> None:
        """See egress.Gate."""
        self._gate.allow(address, port, size, local=local)
        self._turn_the_day()
        self.sent += size

    def pause(self, address: str, connections: int) -> float:
        """See egress.Gate."""
        return self._gate.pause(address, connections)

    def received(self, size: int) -> None:
        """See egress.Gate."""
        self._gate.received(size)
        self._turn_the_day()
        self.received_bytes += size

    def exceeded(self, size: int) -> None:
        """See egress.Gate."""
        self._turn_the_day()
        self.beyond += size

    def reported(self, sent: int, received: int) -> None:
        """Count what delivery to the collector cost: the host pays for it like for the rest."""
        self._gate.received(sent + received)
        self._turn_the_day()
        self.sent += sent
        self.received_bytes += received
        self._delivered += sent + received

    def follow(self, rules: Limits) -> None:
        """Take other limits from now on, with the same account."""
        connections, self._rules = self._gate.connections_today, rules
        self._gate = PolicyGate(
            rules, self.clock, spent_today=self.spent, connections_today=connections, days=self._days
        )

    def account(self) -> str:
        """Return the day, its bytes, its connections, what came beyond all expectation, and delivery, as one line."""
        self._turn_the_day()
        return f"{self._days.day} {self.sent} {self.received_bytes} {self.connections} {self.beyond} {self._delivered}"

    def _turn_the_day(self) -> None:
        account = today(self._days, self.clock)
        if account != self._account:
            self._account, self.sent, self.received_bytes = account, 0, 0
            self.beyond = self._delivered = 0


def _read(account: str, day: int) -> tuple[int, int, int, int, int]:
    """Return what ``account`` wrote on that day; of an earlier day, or of nonsense, zeros; so for what old ones lack.

    An account of a later day is gone on with: the clock went back, the host's line has carried those bytes.
    """
    fields = account.split()
    if not 3 <= len(fields) <= 6 or not all(field.isdigit() for field in fields) or int(fields[0]) < day:
        return 0, 0, 0, 0, 0
    sent, received, connections, beyond, delivered = (int(field) for field in [*fields[1:], "0", "0", "0"][:5])
    return sent, received, connections, beyond, delivered
