"""The last check before a packet leaves: every destination passes here, whatever asked for it.

Lives here: ``Gate``, what the operations need of such a check; ``PolicyGate``, which holds the device's limits
(limits.py, pure) against what was sent today; and an open gate for networks that are wholly our own. Must not live
here: a rule.
"""

from typing import Final, Protocol

from balise_agent.policy import limits
from balise_agent.policy.limits import Days, Limits
from balise_agent.policy.rates import HostRates
from balise_agent.system.errors import Refused
from balise_agent.system.reactor import Timekeeper

_DAY: Final = 86_400.0


class Gate(Protocol):
    """Asked before each sending, told of each receiving; counts both against the day's budget."""

    def allow(self, address: str, port: int, size: int, *, local: bool = False) -> None:
        """Let ``size`` bytes go to a destination, or raise ``net.errors.Refused``.

        Args:
            address: the destination.
            port: 0 for ICMP and ARP.
            size: bytes about to leave.
            local: the network itself handed us this address (gateway, resolver): it may be on the LAN.
        """

    def pause(self, address: str, connections: int) -> float:
        """Return the real seconds to wait before opening connections to a host; 0.0 takes them from its share.

        Raises:
            Refused: the day has no more of them.
        """

    def received(self, size: int) -> None:
        """Count bytes that arrived."""

    def exceeded(self, size: int) -> None:
        """Count bytes that arrived beyond what a flow was expected to bring: apart, never against the day."""


class PolicyGate:
    """The device's own limits, which no assignment lifts."""

    def __init__(
        self,
        rules: Limits,
        clock: Timekeeper,
        *,
        spent_today: int = 0,
        connections_today: int = 0,
        days: Days | None = None,
    ) -> None:
        """Start the day's account at what the state directory remembers of it: bytes and connections."""
        self._rules = rules
        self._clock = clock
        self._days = days or Days(int(clock.now() // _DAY))
        self._account = self._days.account
        self._spent = spent_today
        self._connections = connections_today
        self._rates = HostRates(rules.connections_per_host_per_minute)
        self.refusals = 0

    @property
    def spent_today(self) -> int:
        """Bytes in both directions since midnight UTC of the probe's clock."""
        self._turn_the_day()
        return self._spent

    @property
    def connections_today(self) -> int:
        """Connections opened, or tried by a crafted SYN, since midnight UTC of the probe's clock."""
        self._turn_the_day()
        return self._connections

    def allow(self, address: str, port: int, size: int, *, local: bool = False) -> None:
        """See Gate."""
        self._turn_the_day()
        reason = None if local else limits.refuse_address(address, self._rules.laboratory, self._rules.lan)
        if reason is None and self._spent + size > self._rules.bytes_per_day:
            reason = f"the day's {self._rules.bytes_per_day} bytes are spent; measuring goes on after midnight UTC"
        if reason is not None:
            self.refusals += 1
            raise Refused(f"{address} port {port}: {reason}")
        self._spent += size

    def pause(self, address: str, connections: int) -> float:
        """See Gate."""
        self._turn_the_day()
        if self._connections + connections > self._rules.connections_per_day:
            self.refusals += 1
            told = f"the day's {self._rules.connections_per_day} connections are spent"
            raise Refused(f"{address}: {told}; measuring goes on after midnight UTC")
        now = self._clock.now()
        if not self._rates.take(address, connections, now):
            return self._clock.real_seconds(self._rates.wait(address, connections, now)) + 1e-3
        self._connections += connections
        return 0.0

    def received(self, size: int) -> None:
        """See Gate."""
        self._spent += size

    def exceeded(self, size: int) -> None:
        """See Gate: nothing that anybody else sends us may spend the day."""

    def _turn_the_day(self) -> None:
        """Begin a new account at midnight."""
        account = today(self._days, self._clock)
        if account != self._account:
            self._account, self._spent, self._connections = account, 0, 0


def today(days: Days, clock: Timekeeper) -> int:
    """Return the number of the account that is in force on a clock."""
    return days.look(int(clock.now() // _DAY), clock.monotonic() / clock.real_seconds(1.0))
