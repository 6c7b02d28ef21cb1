"""The states that probes say, at a pace that the journal bears: of one that says its state without end, the newest.

Must not live here: which states are believed (journal), what a silence means.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from balise_collector.intake.validate import Spoken
from balise_collector.journal import Presence
from balise_collector.system.rate import Bucket, Pace

_STATES: Final = Pace(burst=60.0, per_second=0.1)
"""States of one probe that are written down at once, and then one in ten clock seconds: the newest, when it may be."""


class StatePacing:
    """The pace of each member, and the state of each that waits."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Begin; ``now`` gives clock seconds."""
        self._now = now
        self._paces: dict[str, Bucket] = {}
        self._late: dict[str, Spoken] = {}

    def hear(self, spoken: Spoken) -> Presence | None:
        """Return a member's state as it is written down; ``None`` where it is kept back until it may be."""
        now = self._now()
        if not self._paces.setdefault(spoken.probe, Bucket(_STATES, now)).take(now):
            self._late[spoken.probe] = spoken
            return None
        self._late.pop(spoken.probe, None)
        state = spoken.state
        return Presence(
            probe=spoken.probe,
            state=state.state,
            session=max(0, min(state.session, 2**53)),
            proved=spoken.proved,
            number=spoken.number,
            stream=state.stream[:64],
            oldest=state.oldest if spoken.proved else 0,
        )

    def late(self) -> Iterator[Spoken]:
        """Yield the states that wait; each may be heard again or dropped meanwhile."""
        yield from list(self._late.values())

    def drop(self, probe: str) -> None:
        """Let a state go that cannot be written down."""
        self._late.pop(probe, None)

    def forget(self, members: Iterable[str]) -> None:
        """Forget everybody who is not among the members any more."""
        for probe in self._paces.keys() - set(members):
            del self._paces[probe]
            self._late.pop(probe, None)
