"""The addresses of targets that the assignment names none of: learned from answers, proven by certificates. Pure.

An address outlives a restart: a probe that starts while a box kills the handshake that would prove an answer is not
blind. What could not be proven takes no proven one's place for a week: by then a service that moved has shown its
certificate somewhere. Must not live here: asking, or those of controls (control_addresses.py).
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import msgspec

from balise_agent.policy.limits import MAX_ADDRESSES
from balise_wire.words import AddressSource

DAY: Final = 86_400.0
PROVEN_LASTS: Final = 7 * DAY
"""Clock seconds for which a certificate that was seen speaks for an address."""
_STEP: Final = 3_600.0
"""Times that are kept are whole hours, so that what is written changes seldom: a memory card wears."""


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one target."""

    addresses: tuple[str, ...] = ()
    at: float = 0.0
    """Clock time at which an answer last named them."""
    proved: dict[str, float] = {}
    """When a valid certificate was last seen at which address."""


class Origin(NamedTuple):
    """Where an address came from, and how long ago."""

    source: AddressSource
    age: float | None = None


class TargetAddresses:
    """What is known of targets without assigned addresses; keys are their ids."""

    def __init__(self) -> None:
        self._known: dict[str, Kept] = {}
        self._restored: set[str] = set()
        """Targets of which nothing has been learned since the restart."""

    def of(self, target: str) -> tuple[str, ...]:
        """Return the addresses of a target."""
        return self._known.get(target, Kept()).addresses

    def proved(self, target: str, now: float) -> frozenset[str]:
        """Return where a valid certificate was seen within the day."""
        seen = self._known.get(target, Kept()).proved
        return frozenset(address for address, when in seen.items() if 0.0 <= now - when < DAY)

    def origin(self, target: str, address: str, now: float) -> Origin:
        """Return where an address of a target came from that was not assigned."""
        known = self._known.get(target, Kept())
        if address not in known.addresses:
            return Origin(AddressSource.UNKNOWN)
        when = known.proved.get(address)
        proven = when is not None and 0.0 <= now - when < PROVEN_LASTS
        if target in self._restored:
            return Origin(AddressSource.KEPT, max(0.0, now - (known.at if when is None else max(when, known.at))))
        if proven and when is not None:
            return Origin(AddressSource.PROVEN, now - when)
        return Origin(AddressSource.UNPROVEN, max(0.0, now - known.at))

    def prove(self, target: str, address: str, now: float) -> None:
        """Remember where a valid certificate was seen; the latest few of each target."""
        known = self._known.pop(target, Kept())
        latest = [(one, when) for one, when in known.proved.items() if one != address][-MAX_ADDRESSES + 1 :]
        self._known[target] = msgspec.structs.replace(known, proved=dict([*latest, (address, now)]))

    def learn(self, target: str, addresses: Sequence[str], now: float) -> None:
        """Take the addresses of one answer, all of one family; the other family's stay."""
        known = self._known.get(target, Kept())
        six = ":" in addresses[0]
        before = [one for one in known.addresses if (":" in one) == six]
        proven = {one for one, when in known.proved.items() if 0.0 <= now - when < PROVEN_LASTS}
        if proven.isdisjoint(addresses) and not proven.isdisjoint(before):
            return
        self._restored.discard(target)
        other = [one for one in known.addresses if (":" in one) != six]
        self._known[target] = msgspec.structs.replace(known, addresses=(*sorted(addresses), *other), at=now)

    def keep(self, targets: Collection[str]) -> None:
        """Forget targets that are measured no more."""
        self._known = {target: known for target, known in self._known.items() if target in targets}
        self._restored &= set(targets)

    def kept(self) -> dict[str, Kept]:
        """Return all that is to be kept across a restart, as ``restore`` takes it."""
        return {
            target: Kept(
                addresses=known.addresses,
                at=known.at // _STEP * _STEP,
                proved={one: when // _STEP * _STEP for one, when in known.proved.items()},
            )
            for target, known in self._known.items()
        }

    def restore(self, kept: dict[str, Kept]) -> None:
        """Take up what an earlier run kept; what was learned since stays."""
        fresh = {target: known for target, known in kept.items() if target not in self._known}
        self._known |= fresh
        self._restored |= set(fresh)

    def clock_went_back(self, now: float) -> None:
        """Let nothing be dated in the future."""
        self._known = {
            target: msgspec.structs.replace(
                known,
                at=min(known.at, now),
                proved={one: min(when, now) for one, when in known.proved.items()},
            )
            for target, known in self._known.items()
        }
