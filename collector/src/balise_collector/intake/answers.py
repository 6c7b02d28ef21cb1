"""Requests out, answers in: what probes are asked beside their timetables, on the writer's thread.

A probe's topic holds every request to it that is open, retained; it is published anew when one is added, answered for
good or over, and cleared with the last. Answers are written down after the group that they came with is committed.
Must not live here: who may be asked what (fleet/requests.py), sealing keys.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from balise_collector.fleet.registry import FleetRegistry
from balise_collector.fleet.requests import Answered, Kept
from balise_collector.system.errors import JournalError
from balise_wire.request import MOST_OPEN
from balise_wire.status import Event

_log = logging.getLogger(__name__)
_LOOK_BACK: Final = 86_400.0
"""Clock seconds within which a request was made whose probe's topic may still hold it after a restart of ours."""

Send = Callable[[str, bytes], None]
"""Publishes a body, to be sealed, on the request topic of a probe; an empty one clears it."""


class Requesting:
    """What is open, what was said of it, and what the brokers hold."""

    def __init__(self, registry: FleetRegistry, now: float) -> None:
        """Take up what an earlier run sent, which the broker may hold still."""
        self._registry = registry
        self._heard: list[Answered] = []
        self._held = {one.probe: b"?" for one in registry.requests() if now - one.request.made < _LOOK_BACK}
        """The body that the topic of each probe holds, as far as we know."""
        self._open: list[Kept] = []
        self._stale = True

    def changed(self) -> None:
        """Look into the registry at the next turn: somebody wrote there."""
        self._stale = True

    def hear(self, probe: str, events: Iterable[Event], at: float) -> None:
        """Take the answers among the events of an accepted message."""
        self._heard.extend(
            Answered(probe, event.answer, event.detail, at) for event in events if event.answer is not None
        )

    def note(self) -> None:
        """Write down what was heard; what cannot be written is kept for the next turn."""
        heard, self._heard = self._heard, []
        for place, one in enumerate(heard):
            try:
                if self._registry.note_answer(one):
                    _log.info("probe %s: %s", one.probe, one.detail)
                    self._stale = True
            except JournalError as error:
                _log.error("%s", error)
                self._heard = heard[place:] + self._heard
                return

    def tell(self, now: float, speaking: frozenset[str], send: Send, *, again: bool = False) -> None:
        """Publish what has changed or, to a broker that may have forgotten it (``again``), everything.

        Args:
            now: UNIX seconds.
            speaking: the probes that may be asked; the others' topics are cleared.
            send: see ``Send``.
            again: whether what is held is published as well.
        """
        if not (self._stale or again or any(not one.is_open(now) for one in self._open)):
            return
        if self._stale:
            try:
                self._open = self._registry.requests()
            except JournalError as error:
                _log.error("%s", error)  # it is looked at again in the next turn
                return
            self._stale = False
        self._open = [one for one in self._open if one.is_open(now)]
        asked: defaultdict[str, list[Kept]] = defaultdict(list)
        for one in self._open:
            if one.probe in speaking:
                asked[one.probe].append(one)
        for probe in sorted({*asked, *self._held}):
            bodies = [one.request for one in asked.get(probe, [])[:MOST_OPEN]]
            body = msgspec.json.encode(bodies) if bodies else b""
            if again or body != self._held.get(probe):
                send(probe, body)
                self._held[probe] = body
            if not body and not again:
                del self._held[probe]
