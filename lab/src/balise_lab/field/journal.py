"""What the centre of the virtual field keeps, in memory: the journal that is followed, and the store of conclusions.

Lives here: keeping and giving back, as the interfaces of ``balise_collector.journal`` and ``conclude.store`` say. Must
not live here: what is believed (intake/validate.py), what is concluded (conclude/).
"""

import bisect
from collections.abc import Iterable, Sequence

from balise_collector.conclude.store import Progress
from balise_collector.fleet.whereabouts import Sighting
from balise_collector.incidents import Incident
from balise_collector.intake.validate import Accepted
from balise_collector.journal import JournalRow, Piece, PresenceRow
from balise_collector.judge import Verdict
from balise_collector.system.faults import Fault, Faults
from balise_wire.words import Lifecycle


class FieldJournal:
    """Everything that was believed, in the order in which it came."""

    def __init__(self) -> None:
        self._rows: list[JournalRow] = []
        self._known: set[tuple[str, str]] = set()
        self._presence: list[PresenceRow] = []
        self._reported: list[tuple[float, str]] = []
        self._seen: list[Sighting] = []
        self._watched: list[tuple[float, float]] = []
        self.faults: list[Fault] = []

    def take(self, accepted: Accepted, at: float) -> None:
        """Keep the measurements of one message; ``at`` is the time of receipt, UNIX seconds."""
        envelope, dating = accepted.envelope, accepted.dating
        for _, measurement in accepted.measurements:
            if (envelope.probe, measurement.id) not in self._known:
                self._known.add((envelope.probe, measurement.id))
                row = JournalRow(
                    seq=len(self._rows) + 1,
                    received_at=at,
                    probe=envelope.probe,
                    sent_at=envelope.sent_at,
                    clock_state=envelope.clock_state,
                    historical=envelope.historical,
                    clock_offset=dating.offset,
                    clock_doubtful=dating.doubtful,
                    boot=envelope.boot,
                    measurement=measurement,
                )
                self._rows.append(row)

    def say(self, probe: str, state: Lifecycle, at: float) -> None:
        """Keep what a probe, or the broker for a dead one, says of its state."""
        self._presence.append(PresenceRow(at=at, probe=probe, state=state))

    def report(self, probe: str, at: float) -> None:
        """Keep that a probe told its board's health; ``at`` is the time of receipt, UNIX seconds."""
        self._reported.append((at, probe))

    def see(self, probe: str, asn: int, country: str, at: float) -> None:
        """Keep from which network a probe was seen to connect."""
        self._seen.append(Sighting(no=len(self._seen) + 1, probe=probe, at=at, asn=asn, country=country))

    def watch(self, since: float, at: float) -> None:
        """Keep that the centre listened from ``since`` until now."""
        if self._watched and self._watched[-1][0] == since:
            self._watched.pop()
        self._watched.append((since, at))

    # ------------------------------------------------------------ as in journal.interface

    def head(self) -> int:
        """See the interface."""
        return len(self._rows)

    def piece(self, after: int, most: int) -> Piece:
        """See the interface."""
        rows = tuple(self._rows[after : after + most])
        return Piece(rows=rows, through=rows[-1].seq if rows else after, ended=len(rows) < most)

    def rows(self, places: Sequence[int]) -> list[JournalRow]:
        """See the interface."""
        return [self._rows[seq - 1] for seq in places]

    def presence(self, after: float, until: float) -> list[PresenceRow]:
        """See the interface."""
        return [row for row in self._presence if after < row.at <= until]

    def reported(self, after: float, until: float) -> dict[str, float]:
        """See the interface."""
        first, last = (bisect.bisect_right(self._reported, (at, "\U0010ffff")) for at in (after, until))
        return {probe: at for at, probe in self._reported[first:last]}

    def watched(self, before: float | None = None) -> list[tuple[float, float]]:
        """See the interface."""
        return [one for one in self._watched if before is None or one[0] <= before]

    def sightings(self, after: int) -> list[Sighting]:
        """See the interface."""
        return self._seen[after:]

    def set_aside(self, _reader: str, faults: Sequence[Fault], _at: float) -> list[Fault]:
        """See the interface."""
        self.faults.extend(faults)
        return list(faults)

    def take_up(self, _reader: str) -> None:
        """See the interface."""
        self.faults.clear()


class FieldStore:
    """What was concluded: the newest verdict on each measurement, and every word on every incident."""

    def __init__(self) -> None:
        self.verdicts: dict[int, Verdict] = {}
        self.told: list[tuple[float, Incident]] = []
        """Every revision, with the time at which it was said (UNIX seconds), in order."""
        self._progress = Progress()

    def save_verdicts(self, verdicts: Iterable[tuple[int, Verdict]], _faults: Faults | None = None) -> None:
        """See the interface."""
        self.verdicts.update(verdicts)

    def save_progress(
        self, progress: Progress, _memory: dict[str, bytes], incidents: Sequence[Incident], noted_at: float
    ) -> None:
        """See the interface."""
        self._progress = progress
        self.told.extend((noted_at, incident) for incident in incidents)

    def incidents(self) -> list[Incident]:
        """See the interface; what was withdrawn is among them."""
        return list({incident.id: incident for _, incident in self.told}.values())

    def clear(self) -> None:
        """See the interface."""
        self.verdicts.clear()
        self.told.clear()
        self._progress = Progress()

    def memory(self, _name: str) -> bytes | None:
        """See the interface: nothing is remembered for a start that never comes."""
        return None

    def progress(self) -> Progress:
        """See the interface."""
        return self._progress

    def reference_verdicts(self, _since: float, _until_seq: int) -> list[tuple[int, Verdict]]:
        """See the interface."""
        return []

    def verdicts_at(self, places: Iterable[int]) -> list[tuple[int, Verdict]]:
        """See the interface."""
        return [(seq, self.verdicts[seq]) for seq in places if seq in self.verdicts]
