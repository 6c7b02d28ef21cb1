"""A derived store that is no file: the second back end, which proves that the interface is one.

Counts are counted anew at each question, for there are few verdicts in a test. The same tests hold both
(test_store_interface.py). Must not live here: files, migrations, damage.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from balise_collector.conclude import tally
from balise_collector.conclude.store import Change, HistoryCell, MatrixCell, Progress
from balise_collector.incidents.model import WITNESSES, Incident, IncidentState
from balise_collector.journal import JournalRow
from balise_collector.journal.interface import MeasurementReader
from balise_collector.judge.verdict import Verdict
from balise_collector.system.faults import Faults
from balise_wire.bins import BIN
from balise_wire.measurement import Measurement


class MemoryStore:
    """What the one writer and every reader of a test share."""

    path = Path("memory")

    def __init__(self, journal: MeasurementReader | None = None) -> None:
        """Begin empty; ``journal`` shows the measurements."""
        self._journal = journal
        self._empty()

    def _empty(self) -> None:
        self._verdicts: dict[int, tuple[int, Verdict]] = {}
        self._incidents: dict[tuple[str, int], tuple[int, float, Incident]] = {}
        self._memory: dict[str, bytes] = {"generation": b"1"}

    def close(self) -> None:
        """Keep it: there is nothing to close."""

    # ------------------------------------------------------------ the pipeline

    def save_verdicts(self, verdicts: Iterable[tuple[int, Verdict]], faults: Faults | None = None) -> None:
        """See the interface; nothing that is a verdict cannot be kept here."""
        del faults
        for change, (seq, verdict) in enumerate(list(verdicts), self.last_change() + 1):
            self._verdicts[seq] = (change, verdict)

    def save_progress(
        self, progress: Progress, memory: dict[str, bytes], incidents: Sequence[Incident], noted_at: float
    ) -> None:
        """See the interface."""
        for change, one in enumerate(incidents, self.last_change() + 1):
            self._incidents[one.id, one.revision] = (change, noted_at, one)
        self._memory.update(memory, progress=msgspec.json.encode(progress))

    def clear(self) -> None:
        """See the interface."""
        self._empty()

    def changed_by_another(self) -> bool:
        """See the interface: there is no other."""
        return False

    def replace_with(self, fresh: MemoryStore) -> None:
        """See the interface."""
        self._verdicts, self._incidents = dict(fresh._verdicts), dict(fresh._incidents)
        self._memory = dict(fresh._memory)

    def memory(self, name: str) -> bytes | None:
        """See the interface."""
        return self._memory.get(name)

    def progress(self) -> Progress:
        """See the interface."""
        body = self._memory.get("progress")
        return msgspec.json.decode(body, type=Progress) if body else Progress()

    def generation(self) -> int:
        """See the interface."""
        return int(self._memory["generation"])

    # ------------------------------------------------------------ verdicts

    def verdicts(
        self,
        since: float | None = None,
        until: float | None = None,
        probe: str | None = None,
        service: str | None = None,
        *,
        country: str | None = None,
        state: str | None = None,
        most: int | None = None,
    ) -> list[Verdict]:
        """See the interface."""
        return [one for _, one in self.numbered_verdicts(since, until, probe, service, country, state, most)]

    def numbered_verdicts(
        self,
        since: float | None = None,
        until: float | None = None,
        probe: str | None = None,
        service: str | None = None,
        country: str | None = None,
        state: str | None = None,
        most: int | None = None,
    ) -> list[tuple[int, Verdict]]:
        """See the interface."""
        found = [
            (seq, one)
            for seq, (_, one) in self._verdicts.items()
            if (since is None or one.at >= since)
            and (until is None or one.at <= until)
            and probe in {None, one.probe}
            and service in {None, one.service}
            and country in {None, one.network.country}
            and state in {None, one.state.value}
        ]
        return sorted(found, key=lambda pair: (pair[1].at, pair[0]))[:most]

    def verdict(self, measurement: str) -> Verdict | None:
        """See the interface."""
        row = self.measurement_row(measurement)
        found = self._verdicts.get(row.seq) if row else None
        return found[1] if found else None

    def reference_verdicts(self, since: float, until_seq: int) -> list[tuple[int, Verdict]]:
        """See the interface."""
        found = ((seq, one) for seq, (_, one) in sorted(self._verdicts.items()))
        return [(seq, one) for seq, one in found if one.reference and one.at >= since and seq <= until_seq]

    def verdicts_at(self, places: Iterable[int]) -> list[tuple[int, Verdict]]:
        """See the interface."""
        return [(seq, self._verdicts[seq][1]) for seq in places if seq in self._verdicts]

    def last_measured(self, probe: str) -> float | None:
        """See the interface."""
        return max((one.at for _, one in self._verdicts.values() if one.probe == probe), default=None)

    def newest_of(self, probe: str) -> int | None:
        """See the interface."""
        found = [(one.at, seq) for seq, (_, one) in self._verdicts.items() if one.probe == probe]
        return max(found)[1] if found else None

    def latest_verdict_at(self) -> float | None:
        """See the interface."""
        return max((one.at for _, one in self._verdicts.values()), default=None)

    def matrix(self, at: float, window: float = 900.0) -> list[MatrixCell]:
        """See the interface."""
        cells: defaultdict[tuple[Any, ...], list[Verdict]] = defaultdict(list)
        for one in self.verdicts():
            if at - window < one.at <= at:
                key = (one.network.country, one.network.asn, one.service, one.role.value, one.layer.value)
                cells[key].append(one)
        return [
            MatrixCell(
                country=key[0],
                asn=key[1],
                service=key[2],
                role=key[3],
                layer=key[4],
                states=dict(Counter(one.state.value for one in found)),
                probes=max(
                    len({one.probe for one in found if one.state is state}) for state in {one.state for one in found}
                ),
                latest=max(one.at for one in found),
            )
            for key, found in sorted(cells.items())
        ]

    # ------------------------------------------------------------ counts

    def history(self, since: float, until: float, step: float, service: str | None = None) -> list[HistoryCell]:
        """See the interface."""
        counts: Counter[tuple[Any, ...]] = Counter(
            (*_part(one), int((one.at - since) // step), one.state.value)
            for one in self.verdicts(service=service)
            if since <= one.at < until
        )
        names = HistoryCell.__struct_fields__
        return [HistoryCell(**dict(zip(names, (*key, n), strict=True))) for key, n in counts.items()]

    def series(self, since: float, columns: int, service: str | None = None) -> list[tally.TallySeries]:
        """See the interface."""
        parts: defaultdict[tuple[Any, ...], defaultdict[str, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
        for one in self.verdicts(service=service):
            if since <= one.at < since + columns * BIN:
                parts[_part(one)][one.state.value][int((one.at - since) // BIN)] += 1
        names = ("country", "asn", "reference", "service", "role", "layer")
        return [
            tally.TallySeries(
                **dict(zip(names, part, strict=True)),
                counts={state: tally.pack(bins) for state, bins in states.items()},
            )
            for part, states in sorted(parts.items())
        ]

    def count_by_state(self) -> dict[str, int]:
        """See the interface."""
        return dict(Counter(one.state.value for _, one in self._verdicts.values()))

    # ------------------------------------------------------------ incidents

    def incidents(self) -> list[Incident]:
        """See the interface."""
        newest = {one.id: one for _, _, one in sorted(self._incidents.values(), key=lambda kept: kept[2].revision)}
        found = [one for one in newest.values() if one.state is not IncidentState.WITHDRAWN]
        return sorted(found, key=lambda one: (one.onset.latest, one.id))

    def withdrawn(self) -> list[Incident]:
        """See the interface."""
        told = {one.id for _, _, one in self._incidents.values() if one.witnesses >= WITNESSES}
        newest = [self.revisions(name)[-1][1] for name in sorted(told)]
        found = [one for one in newest if one.state is IncidentState.WITHDRAWN]
        return sorted(found, key=lambda one: (one.onset.latest, one.id))

    def incident(self, incident_id: str) -> Incident | None:
        """See the interface."""
        found = self.revisions(incident_id)
        return found[-1][1] if found else None

    def revisions(self, incident_id: str) -> list[tuple[float, Incident]]:
        """See the interface."""
        found = [(at, one) for _, at, one in self._incidents.values() if one.id == incident_id]
        return sorted(found, key=lambda kept: kept[1].revision)

    def told(self, country: str, service: str) -> list[tuple[float, Incident]]:
        """See the interface."""
        found = [
            (at, one)
            for _, at, one in self._incidents.values()
            if one.service == service and one.country in {country, "**"}
        ]
        return sorted(found, key=lambda kept: (kept[0], kept[1].id, kept[1].revision))

    # ------------------------------------------------------------ changes and evidence

    def last_change(self) -> int:
        """See the interface."""
        changes = (*(one[0] for one in self._verdicts.values()), *(one[0] for one in self._incidents.values()))
        return max(changes, default=0)

    def changes(self, after: int, most: int) -> list[Change]:
        """See the interface."""
        found = [
            *(
                Change(change=change, noted_at=one.at, seq=seq, verdict=one)
                for seq, (change, one) in self._verdicts.items()
            ),
            *(Change(change=change, noted_at=at, incident=one) for change, at, one in self._incidents.values()),
        ]
        return sorted((one for one in found if one.change > after), key=lambda one: one.change)[:most]

    def touched(self, after: int, most: int, width: float) -> tuple[list[int], int]:
        """See the interface."""
        found = sorted(pair for pair in self._verdicts.values() if pair[0] > after)[:most]
        return sorted({int(one.at // width) for _, one in found}), found[-1][0] if found else after

    def measurement_row(self, measurement: str) -> JournalRow | None:
        """See the interface."""
        return self._journal.find(measurement) if self._journal is not None else None

    def measurement(self, measurement: str) -> Measurement | None:
        """See the interface."""
        row = self.measurement_row(measurement)
        return row.measurement if row else None


def _part(one: Verdict) -> tuple[str, int, bool, str, str, str]:
    return (
        one.network.country, one.network.asn, one.reference, one.service, one.role.value, one.layer.value
    )  # fmt: skip
