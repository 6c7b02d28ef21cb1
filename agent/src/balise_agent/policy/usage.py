"""The one account of the day: bytes out and in, connections, delivery's share, and what came beyond all expectation.

Lives here: counting, midnight UTC, and the line of text that carries the account to the next start. Must not live here:
caps, or what follows from a day that is spent (egress.py). The agenda reckons on from this account (measure/day.py).
"""

from typing import Final

from balise_agent.policy.limits import Days
from balise_agent.system.reactor import Timekeeper

_DAY: Final = 86_400.0


class Usage:
    """What the host's line has carried since midnight UTC of the probe's clock."""

    def __init__(self, clock: Timekeeper, account: str = "") -> None:
        """Go on with ``account`` (what ``account`` returned before a restart) where it is of the same day."""
        self._clock = clock
        self._days = Days(int(clock.now() // _DAY))
        self._account = self._days.account
        self.sent, self.received, self.connections, self.beyond, self.delivered = _read(account, self._days.day)

    @property
    def spent(self) -> int:
        """Bytes of the day in both directions."""
        return self.sent + self.received

    def turn(self) -> None:
        """Begin a new account at midnight."""
        day = int(self._clock.now() // _DAY)
        if day == self._days.day:
            return  # Asked at each packet.
        account = self._days.look(day, self._clock.monotonic() / self._clock.real_seconds(1.0))
        if account != self._account:
            self._account = account
            self.sent = self.received = self.connections = self.beyond = self.delivered = 0

    def account(self) -> str:
        """Return the day, its bytes, its connections, what came beyond all expectation, and delivery, as one line."""
        self.turn()
        return f"{self._days.day} {self.sent} {self.received} {self.connections} {self.beyond} {self.delivered}"


def _read(account: str, day: int) -> tuple[int, int, int, int, int]:
    """Return what ``account`` wrote on that day; of an earlier day, or of nonsense, zeros; so for what old ones lack.

    An account of a later day is gone on with: the clock went back, the host's line has carried those bytes.
    """
    fields = account.split()
    if not 3 <= len(fields) <= 6 or not all(field.isdigit() for field in fields) or int(fields[0]) < day:
        return 0, 0, 0, 0, 0
    sent, received, connections, beyond, delivered = (int(field) for field in [*fields[1:], "0", "0", "0"][:5])
    return sent, received, connections, beyond, delivered
