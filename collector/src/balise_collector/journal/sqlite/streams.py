"""What is committed of each stream, and how far the sealed word of each probe has come: the matter of receipts.

Must not live here: what a receipt may say (receipt_position.py), sealing it (intake/receipts.py).
"""

import json
from typing import Any, Final, NamedTuple

from balise_collector.journal import Position
from balise_collector.journal.receipt_position import StreamPosition
from balise_collector.journal.sqlite.tables import Tables

_STREAMS_REMEMBERED: Final = 10_000
_STREAMS_KEPT: Final = 100
"""Of one probe: a new one comes with a new card or a damaged file. One that is dropped is asked for again, no more."""


class Voice(NamedTuple):
    """How far the sealed word of a probe has come: what is older is a repeat."""

    session: int
    """The highest of any message under its seal."""
    number: int
    """Of the last proved state in that session."""
    proves: bool
    """Its program proves its states: an unproved one is not its own."""


Touched = dict[tuple[int, str], StreamPosition]
"""Streams that a commit has to write down, by probe and stream."""


class SqliteStreams(Tables):
    """The tables ``stream``, ``held`` and ``voice``."""

    def _forget(self) -> None:
        super()._forget()
        self._streams: dict[tuple[int, str], StreamPosition] = {}
        self._voices: dict[int, Voice] = {}

    def position(self, probe: str, stream: str) -> Position:
        """Return what is committed of a stream."""
        rows = self._ask("SELECT no FROM probe WHERE id = ?", probe)
        if not rows:
            return Position(stream=stream, through=0)
        held = self._stream(rows[0][0], stream)
        return Position(stream=stream, through=held.through, beyond=tuple(sorted(held.beyond)))

    def _stream(self, probe: int, stream: str) -> StreamPosition:
        held = self._streams.get((probe, stream))
        if held is None:
            # The column ``oldest`` of ``stream`` is not read: earlier versions kept what anybody could have written.
            rows = self._ask(
                "SELECT s.through, s.beyond, coalesce(h.oldest, 0), coalesce(h.runs, '[]') FROM stream s"
                " LEFT JOIN held h ON h.probe = s.probe AND h.stream = s.stream WHERE s.probe = ? AND s.stream = ?",
                probe,
                stream,
            )
            held = _position_of(rows[0]) if rows else StreamPosition()
            if len(self._streams) >= _STREAMS_REMEMBERED:
                self._streams.clear()
            self._streams[probe, stream] = held
        return held

    def _heard(self, probe: int, session: int, stream: str, oldest: int, touched: Touched) -> None:
        """Take from a sealed message how far its probe's sessions have come, and what it still holds."""
        voice = self._voice(probe)
        if session > voice.session:
            # A program that does not say what it holds does not prove its states either: it was put back.
            self._speaks(probe, Voice(session, 0, voice.proves and oldest > 0))
        if stream and oldest > 0:
            position = touched[probe, stream] = self._stream(probe, stream)
            position.holds_from(oldest)

    def _voice(self, probe: int) -> Voice:
        """Return how far the sealed word of a probe has come."""
        voice = self._voices.get(probe)
        if voice is None:
            rows = self._ask("SELECT session, number, proves FROM voice WHERE probe = ?", probe)
            known = (Voice(session, number, bool(proves)) for session, number, proves in rows)
            voice = self._voices[probe] = next(known, Voice(0, 0, proves=False))
        return voice

    def _speaks(self, probe: int, voice: Voice) -> None:
        self._voices[probe] = voice
        self._db.execute(
            "INSERT OR REPLACE INTO voice VALUES(?,?,?,?)", (probe, voice.session, voice.number, voice.proves)
        )

    def _save_streams(self, touched: Touched, at: float) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO stream VALUES(?,?,?,?,?)",
            [
                (probe, stream, held.through, json.dumps(held.heard()), held.oldest)
                for (probe, stream), held in touched.items()
            ],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO held VALUES(?,?,?,?,?)",
            [(probe, stream, held.oldest, json.dumps(held.runs), at) for (probe, stream), held in touched.items()],
        )
        for probe in {probe for probe, _ in touched}:
            self._drop_streams(probe)

    def _drop_streams(self, probe: int) -> None:
        """Forget a probe's streams beyond the newest hundred: a hostile one could begin a stream with every batch."""
        old = self._db.execute(
            "SELECT stream FROM held WHERE probe = ? ORDER BY touched DESC LIMIT -1 OFFSET ?", (probe, _STREAMS_KEPT)
        ).fetchall()
        for (stream,) in old:
            self._db.execute("DELETE FROM stream WHERE probe = ? AND stream = ?", (probe, stream))
            self._db.execute("DELETE FROM held WHERE probe = ? AND stream = ?", (probe, stream))
            self._streams.pop((probe, stream), None)


def _position_of(row: tuple[Any, ...]) -> StreamPosition:
    """Return a stream's position; where it was damaged on the disk, nothing of it counts: the probe sends it again."""
    try:
        return StreamPosition(row[0], json.loads(row[1]), row[2], json.loads(row[3]))
    except (ValueError, TypeError):
        return StreamPosition()
