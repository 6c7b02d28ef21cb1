"""Whether two boards speak under one id: a cloned card, or a board that was replaced and is still plugged in. Pure.

The broker keeps one connection an id, so the two throw each other off for as long as both run, and each goes on with
its own spool: their streams take turns, and the sessions of each grow. A board that was reinstalled begins a stream
and never returns to the old one; a disk that refuses stands a new stream in memory beside the old one each time. Two
boards with copies of one spool count alike: then one place of a stream is filled twice, with different batches.

Only what is under the probe's seal is looked at: a broker can forge neither. Must not live here: what is told of it.
"""

from collections import OrderedDict, deque
from itertools import pairwise
from typing import Final

from balise_wire.envelope import Envelope

WINDOW: Final = 86_400.0
"""Seconds within which the streams must take turns."""
_TURNS_MOST: Final = 32
_STREAMS_MOST: Final = 16
_PLACES_MOST: Final = 64
"""Places of a stream remembered: what one board sends before the other throws it off."""
_PROBES_MOST: Final = 20_000


class _Voice:
    """What was heard under one id."""

    __slots__ = ("places", "sessions", "turns")

    def __init__(self) -> None:
        self.turns: deque[tuple[str, float]] = deque(maxlen=_TURNS_MOST)
        """Stream and time (UNIX seconds) of each new session."""
        self.sessions: OrderedDict[str, int] = OrderedDict()
        """The highest session of each stream."""
        self.places: OrderedDict[tuple[str, int], str] = OrderedDict()
        """The envelope that filled a place of a stream."""


class Doubles:
    """Listens to every sealed message of every probe, in the order in which they arrive."""

    def __init__(self) -> None:
        self._voices: OrderedDict[str, _Voice] = OrderedDict()

    def hear(self, envelope: Envelope, at: float) -> str:
        """Take in one verified message; returns how it shows that two boards speak, empty where it does not.

        Args:
            envelope: opened with the probe's key.
            at: when it arrived, UNIX seconds.
        """
        if not envelope.stream:
            return ""
        voice = self._voices.setdefault(envelope.probe, _Voice())
        self._voices.move_to_end(envelope.probe)
        if len(self._voices) > _PROBES_MOST:
            self._voices.popitem(last=False)
        return _filled_twice(voice, envelope) or _in_turn(voice, envelope, at)


def _filled_twice(voice: _Voice, envelope: Envelope) -> str:
    """Whether another batch already stands in this one's place."""
    if not envelope.sequence:
        return ""
    place = (envelope.stream, envelope.sequence)
    before = voice.places.setdefault(place, envelope.id)
    voice.places.move_to_end(place)
    if len(voice.places) > _PLACES_MOST:
        voice.places.popitem(last=False)
    if before == envelope.id:
        return ""
    voice.places[place] = envelope.id
    return (
        f"two different batches with number {envelope.sequence} of stream {envelope.stream[:8]}:"
        " copies of one card, or a card that loses what it wrote"
    )


def _in_turn(voice: _Voice, envelope: Envelope, at: float) -> str:
    """Whether two streams return, each after the other, in sessions that grow."""
    if envelope.session <= voice.sessions.get(envelope.stream, 0):
        return ""  # a message of a session that is known, or a repeat that a broker kept
    voice.sessions[envelope.stream] = envelope.session
    voice.sessions.move_to_end(envelope.stream)
    if len(voice.sessions) > _STREAMS_MOST:
        voice.sessions.popitem(last=False)
    voice.turns.append((envelope.stream, at))
    ours = envelope.stream
    lately = [stream for stream, when in voice.turns if at - when <= WINDOW]
    turns = [stream for stream, following in pairwise([*lately, ""]) if stream != following]
    for other in dict.fromkeys(turns[:-1]):
        taken = [stream for stream in turns if stream in {ours, other}]
        changes = sum(one != following for one, following in pairwise(taken))
        if other != ours and changes >= 3:
            return f"streams {ours[:8]} and {other[:8]} take turns: {changes} times within a day"
    return ""
