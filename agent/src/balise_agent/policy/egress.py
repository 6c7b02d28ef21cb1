"""The last check before a packet leaves, and what the rest of a day is for: every destination passes here.

Lives here: ``Gate``, what the operations need of such a check, and ``Egress``, which holds the device's limits
(limits.py, pure) against the day's account (usage.py). Must not live here: a rule about an address or a rate.
"""

from typing import Final, Protocol

from balise_agent.policy import limits
from balise_agent.policy.limits import Limits, Reserve
from balise_agent.policy.rates import HostRates
from balise_agent.policy.usage import Usage
from balise_agent.system.errors import PolicyRefusal
from balise_agent.system.reactor import Timekeeper

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

    def left(self, size: int) -> None:
        """Count bytes that had left before anybody was asked: what the kernel sends by itself."""

    def exceeded(self, size: int) -> None:
        """Count bytes that arrived beyond what a flow was expected to bring: apart, never against the day."""


class Egress:
    """The device's own limits, which no assignment lifts, and the account that they are held against."""

    def __init__(self, rules: Limits, clock: Timekeeper, account: str = "") -> None:
        """Go on with ``account`` (what ``account`` returned before a restart) where it is of the same day."""
        self._clock = clock
        self.usage = Usage(clock, account)
        self.refusals = 0
        self._rules = rules
        self._rates = HostRates(rules.connections_per_host_per_minute)

    @property
    def rules(self) -> Limits:
        """The limits in force."""
        return self._rules

    def follow(self, rules: Limits) -> None:
        """Take other limits from now on, with the same account."""
        self._rules = rules
        self._rates = HostRates(rules.connections_per_host_per_minute)

    # --- Gate ---------------------------------------------------------------------------------------------------------

    def allow(self, address: str, port: int, size: int, *, local: bool = False) -> None:
        """See Gate."""
        self.usage.turn()
        reason = None if local else limits.refuse_address(address, self._rules.laboratory, self._rules.lan)
        if reason is None and self.usage.spent + size > self._rules.bytes_per_day:
            reason = f"the day's {self._rules.bytes_per_day} bytes are spent; measuring goes on after midnight UTC"
        if reason is not None:
            self.refusals += 1
            raise PolicyRefusal(f"{address} port {port}: {reason}")
        self.usage.sent += size

    def pause(self, address: str, connections: int) -> float:
        """See Gate."""
        self.usage.turn()
        if self.usage.connections + connections > self._rules.connections_per_day:
            self.refusals += 1
            told = f"the day's {self._rules.connections_per_day} connections are spent"
            raise PolicyRefusal(f"{address}: {told}; measuring goes on after midnight UTC")
        now = self._clock.now()
        if not self._rates.take(address, connections, now):
            return self._clock.real_seconds(self._rates.wait(address, connections, now)) + 1e-3
        self.usage.connections += connections
        return 0.0

    def received(self, size: int) -> None:
        """See Gate."""
        self.usage.turn()
        self.usage.received += size

    def left(self, size: int) -> None:
        """See Gate."""
        self.usage.turn()
        self.usage.sent += size

    def exceeded(self, size: int) -> None:
        """See Gate: nothing that anybody else sends us may spend the day."""
        self.usage.turn()
        self.usage.beyond += size

    # --- what the day is for ------------------------------------------------------------------------------------------

    @property
    def reserve(self) -> Reserve:
        """What the rest of the day is kept for."""
        self.usage.turn()
        begins = _RESERVE * self._rules.bytes_per_day
        ends = _MEASURES * self._rules.bytes_per_day - self._room
        if self.usage.spent < begins:
            return Reserve.NONE
        return Reserve.ANOMALIES if self.usage.spent < (begins + ends) / 2.0 else Reserve.NAMES

    @property
    def exhausted(self) -> bool:
        """Whether the day has nothing left to measure with: of its bytes, or of its connections."""
        self.usage.turn()
        rules = self._rules
        return (
            self.usage.spent + self._room >= _MEASURES * rules.bytes_per_day
            or self.usage.connections >= 0.99 * rules.connections_per_day
        )

    def delivers(self, size: int) -> bool:
        """Whether ``size`` bytes more may go to the collector today."""
        self.usage.turn()
        day = self._rules.bytes_per_day
        return self.usage.spent + size <= _DELIVERS * day and self.usage.delivered + size <= _DELIVERY * day

    @property
    def silent(self) -> bool:
        """Whether not even a connection to the broker is left for today."""
        self.usage.turn()
        day = self._rules.bytes_per_day
        return self.usage.spent + self._room > _DELIVERS * day or self.usage.delivered + self._room > _DELIVERY * day

    def reported(self, sent: int, received: int) -> None:
        """Count what delivery to the collector cost: the host pays for it like for the rest."""
        self.usage.turn()
        self.usage.sent += sent
        self.usage.received += received
        self.usage.delivered += sent + received

    @property
    def _room(self) -> float:
        return min(_ROOM, self._rules.bytes_per_day / 20)
