"""A detector as bytes, and back: what it needs to go on after a restart.

Lives here: the form, which files hold; it is read again by the next version of the program, or refused. Must not live
here: when one is taken (conclude/).
"""

from __future__ import annotations

import msgspec

from balise_collector.detect.evidence import code
from balise_collector.detect.index import CellIndex, KnownProbe
from balise_collector.detect.looks import Looks
from balise_collector.detect.model import WORLD, CellKey, Episode, Note
from balise_collector.detect.silences import Quiet, Silence, Silences
from balise_collector.judge.verdict import VerdictState
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism


class _SeriesShot(msgspec.Struct):
    """One history in a snapshot."""

    probe: str
    key: CellKey
    country: str
    asn: int
    runs: list[int]
    ever_ok: bool
    notes: list[Note]
    target: str = ""
    well: int = 0
    explained: int = 0
    looks: tuple[dict[str, list[int]], dict[int, int], list[int]] | None = None
    """See CellHistory; an earlier version kept none of them."""


class _Snapshot(msgspec.Struct):
    """A whole detector."""

    codes: list[tuple[str, VerdictState, Mechanism | None]]
    series: list[_SeriesShot]
    heard: dict[str, tuple[Network, float]]
    silent: dict[str, Silence]
    episodes: dict[str, Episode]
    quiet: dict[str, list[Quiet]] = {}
    unwell: dict[str, float] = {}
    """See KnownProbe; only of lines that were found dead. An earlier version kept none."""
    proofs: list[int] = []
    """Which of the codes carry proof; an earlier version kept none apart."""


def encoded(index: CellIndex, silences: Silences) -> bytes:
    """Return everything needed to go on."""
    return msgspec.msgpack.encode(
        _Snapshot(
            codes=[(c.rule, c.state, c.mechanism) for c in index.codes],
            series=[
                _SeriesShot(
                    probe=s.probe,
                    key=s.cell.key,
                    country=s.country,
                    asn=s.asn,
                    runs=s.runs.tolist(),
                    ever_ok=s.ever_ok,
                    notes=s.notes or [],
                    target=s.target,
                    well=s.well,
                    explained=s.explained,
                    looks=None if s.looks is None else (s.looks.well, s.looks.began, s.looks.over),
                )
                for s in index.histories()
            ],
            heard={name: (p.network, p.heard) for name, p in index.probes.items()},
            unwell={name: p.unwell for name, p in index.probes.items() if p.unwell},
            silent=silences.held,
            quiet=silences.past,
            episodes={e.id: e for cell in index.cells.values() for e in cell.episodes},
            proofs=[number for number, c in enumerate(index.codes) if c.proof],
        )
    )


def decode_into(data: bytes, index: CellIndex, silences: Silences) -> None:
    """Read a snapshot into a fresh index.

    Raises:
        msgspec.DecodeError: not a snapshot of this version; start empty and replay the journal instead.
    """
    shot = msgspec.msgpack.decode(data, type=_Snapshot)
    proofs = set(shot.proofs)
    for number, (rule, state, mechanism) in enumerate(shot.codes):
        found = code(rule, state, mechanism, proof=number in proofs)
        if found is None:
            msg = f"snapshot has the unknown code {rule}; replay the journal instead"
            raise msgspec.DecodeError(msg)
        index.codes.append(found)
    for each in shot.series:
        series = index.history(each.probe, Network(country=each.country, asn=each.asn), each.key)
        series.runs.fromlist(each.runs)
        series.ever_ok = each.ever_ok
        series.notes = each.notes or None
        series.target, series.well, series.explained = each.target, each.well, each.explained
        series.looks = None if each.looks is None else Looks(*each.looks)
        if each.key.country == WORLD:
            index.references.add(each.probe)
    index.probes = {
        name: KnownProbe(network, heard, unwell=shot.unwell.get(name, 0.0))
        for name, (network, heard) in shot.heard.items()
    }
    silences.held, silences.past = shot.silent, shot.quiet
    for each_episode in shot.episodes.values():
        cell = index.cells[each_episode.key]
        cell.episodes = (*cell.episodes, each_episode)
