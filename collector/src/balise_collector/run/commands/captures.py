"""``balise-collector judge --pcap SUBJECT --control CONTROL``: what pairs of captures show; and ``judge --transfers``.

Lives here: which files are pairs, and what is printed. It needs no settings, no journal and no fleet. Must not live
here: reading captures and comparing them (run/captures/).
"""

import argparse
import csv
import ipaddress
import json
import lzma
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from balise_collector.run.captures.connections import Connection, connections
from balise_collector.run.captures.files import Damaged
from balise_collector.run.captures.limiters import classify
from balise_collector.run.captures.pairs import Conclusion, Ending, PairResult, compare
from balise_collector.run.captures.transmissions import transmissions
from balise_collector.system.errors import ConfigError

_SUFFIXES: Final = frozenset({".pcap", ".pcapng", ".cap"})
_LARGEST: Final = 1 << 30
_LABELS: Final = {"blocked": True, "clean": False}
_TRANSFERS_HEAD: Final = ("capture", "sender", "receiver", "held down", "lost", "one pace", "bucket", "kb/s")
_HEAD: Final = ("pair", "subject", "control", "score", "signs", "verdict", "why")


@dataclass(frozen=True, slots=True)
class _Pair:
    name: str
    subject: Path
    control: Path | None


def add(judge: argparse.ArgumentParser) -> None:
    """Add the options to ``judge``."""
    group = judge.add_argument_group(
        "captures",
        "Pairs of packet captures (pcap, pcapng): connections that ask for the name in question, beside connections to"
        " the same server that ask for a harmless one. For each pair a line says how the connections ended, what speaks"
        " for forged packets (nats; from 4 on a packet was forged), and what follows. Needs no settings.",
    )
    group.add_argument(
        "--pcap", nargs="+", metavar="SUBJECT",
        help="captures of the name in question; or one folder of pairs named ADDRESS_DOMAIN_NAME.pcap, as CenTrace's",
    )  # fmt: skip
    group.add_argument(
        "--transfers", nargs="+", metavar="FILE",
        help="captures taken at the sender of large transfers (also .xz): whether a policer, a shaper or a lossy path"
        " held them down",
    )  # fmt: skip
    group.add_argument("--control", nargs="+", metavar="CONTROL", help="captures of the control, in the same order")
    group.add_argument(
        "--control-name", default="example.com", metavar="NAME",
        help="in a folder, the captures of this NAME are the controls; default: %(default)s",
    )  # fmt: skip
    group.add_argument(
        "--labels", metavar="FILE",
        help="what is known of each pair, to count hits and false ones: lines of PAIR,blocked or PAIR,clean",
    )  # fmt: skip


def judged(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return the lines of the table, and a line for each pair of which a file cannot be read: the others stand.

    Raises:
        ConfigError: options that make no pairs, or labels that cannot be read.
    """
    if arguments.transfers:
        return _transfers([Path(text) for text in arguments.transfers], as_json=arguments.json)
    pairs = _pairs([Path(text) for text in arguments.pcap], arguments.control, arguments.control_name)
    labels = _labels(arguments.labels, pairs)
    found: list[tuple[_Pair, PairResult]] = []
    complaints: list[str] = []
    for pair in pairs:
        try:
            found.append((pair, _finding(pair)))
        except Damaged as error:
            complaints.append(str(error))
    lines = _json(found) if arguments.json else [*_table(found), *_totals(found, labels, len(complaints))]
    return list(lines), complaints


def _transfers(paths: Sequence[Path], *, as_json: bool) -> tuple[list[str], list[str]]:
    """Return a line for each transfer of some captures, and one for each capture that cannot be read."""
    rows: list[tuple[str, ...]] = [] if as_json else [_TRANSFERS_HEAD]
    lines, complaints = list[str](), list[str]()
    for path in paths:
        try:
            found = transmissions(_bytes(path))
        except Damaged as error:
            complaints.append(f"{path}: {error}")
            continue
        for (source, target), sent in found.items():
            said = classify(sent)
            hosts = str(ipaddress.ip_address(source)), str(ipaddress.ip_address(target))
            if as_json:
                names = {"capture": path.name, "sender": hosts[0], "receiver": hosts[1]}
                lines.append(json.dumps({**names, **said._asdict(), "limiter": said.limiter.value}))
            figures = (f"{100 * said.loss:.1f} %", f"{said.pace:.2f}", f"{said.bucket:.2f}", f"{said.kbps:.0f}")
            rows.append((path.name, *hosts, said.limiter.value, *figures))
        if not found:
            complaints.append(f"{path}: no transfer of 100 segments in one direction; capture a larger one")
    return (lines if as_json else list(_aligned(rows))), complaints


def _pairs(subjects: Sequence[Path], controls: Sequence[str] | None, control_name: str) -> list[_Pair]:
    if len(subjects) == 1 and subjects[0].is_dir():
        if controls:
            raise ConfigError("--control: a folder brings its own; leave it out, or name the captures one by one")
        return _folder(subjects[0], control_name)
    if len(subjects) != len(controls or ()):
        raise ConfigError(
            f"--pcap names {len(subjects)} captures and --control {len(controls or ())}: give one control for each"
        )
    return [
        _Pair(subject.name, subject, Path(control)) for subject, control in zip(subjects, controls or (), strict=True)
    ]


def _folder(folder: Path, control_name: str) -> list[_Pair]:
    """Find the pairs of a folder by their names; a number behind the name tells repetitions apart."""
    split = {file: file.stem.split("_") for file in sorted(folder.iterdir()) if file.suffix in _SUFFIXES}
    named = {file: (parts[:2], parts[2], parts[3:]) for file, parts in split.items() if len(parts) >= 3}
    controls = {file: where for file, where in named.items() if where[1] == control_name}
    pairs = []
    for file, (place, name, more) in named.items():
        if file in controls:
            continue
        beside = [other for other, where in controls.items() if where[0] == place]
        same = [other for other in beside if controls[other][2] == more]
        pairs.append(_Pair("_".join((*place[:1], name, *more)), file, next(iter(same + beside), None)))
    if not pairs:
        raise ConfigError(
            f"{folder}: no pairs; name captures ADDRESS_DOMAIN_NAME.pcap, with NAME {control_name} for the control"
        )
    return pairs


def _finding(pair: _Pair) -> PairResult:
    if pair.control is None:
        return PairResult(Conclusion.INSUFFICIENT, "no capture of the control lies beside it")
    return compare(_read(pair.subject), _read(pair.control))


def _read(path: Path) -> list[Connection]:
    try:
        return connections(_bytes(path))
    except Damaged as error:
        raise Damaged(f"{path}: {error}") from None


def _bytes(path: Path) -> bytes:
    """Return a capture file's bytes, unpacked where its name ends in .xz.

    Raises:
        Damaged: it cannot be read, or is too large.
    """
    try:
        if path.suffix == ".xz":
            with lzma.open(path) as packed:
                data: bytes | None = packed.read(_LARGEST + 1)
        else:
            data = path.read_bytes() if path.stat().st_size <= _LARGEST else None
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise Damaged(f"{getattr(error, 'strerror', None) or error}; check the path and its permissions") from None
    if data is None or len(data) > _LARGEST:
        raise Damaged("more than 1 GiB; cut it to the hosts in question: tcpdump -r FILE -w NEW host ADDRESS")
    return data


def _labels(path: str | None, pairs: Sequence[_Pair]) -> dict[str, bool]:
    """Read what is known of the pairs: whether each is blocked."""
    if path is None:
        return {}
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"--labels {path}: {error}") from None
    known = {name for pair in pairs for name in (pair.name, pair.subject.name)}
    for row in rows:
        if len(row) != 2 or row[1] not in _LABELS or row[0] not in known:
            raise ConfigError(
                f"--labels {path}: {','.join(row)!r}; write a pair of the table, a comma, blocked or clean"
            )
    return {name: _LABELS[label] for name, label in rows}


def _table(found: Sequence[tuple[_Pair, PairResult]]) -> Iterator[str]:
    yield from _aligned([_HEAD, *(_row(pair, finding) for pair, finding in found)])


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Return a table's lines."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(pair: _Pair, finding: PairResult) -> tuple[str, ...]:
    why = f"{finding.why} (as {finding.injector} sends them)" if finding.injector else finding.why
    signs = ",".join(finding.signs) or "-"
    ways = (_ways(finding.subject), _ways(finding.control))
    return (pair.name, *ways, f"{finding.score:.1f}", signs, finding.conclusion.value, why)


def _ways(endings: Counter[Ending]) -> str:
    return ", ".join(f"{count} {ending}" for ending, count in endings.most_common()) or "-"


def _totals(found: Sequence[tuple[_Pair, PairResult]], labels: dict[str, bool], unread: int) -> Iterator[str]:
    counts = Counter(finding.conclusion for _, finding in found)
    told = ", ".join(f"{counts[each]} {each}" for each in Conclusion)
    yield f"{len(found) + unread} pairs: {told}" + (f", {unread} not readable" if unread else "")
    if not labels:
        return
    known = [(labels.get(pair.name, labels.get(pair.subject.name)), finding) for pair, finding in found]
    hits = [finding.conclusion is Conclusion.BLOCKED for label, finding in known if label is True]
    false = [finding.conclusion is Conclusion.BLOCKED for label, finding in known if label is False]
    yield f"labelled blocked: {sum(hits)} of {len(hits)} hit; labelled clean: {sum(false)} of {len(false)} false"


def _json(found: Sequence[tuple[_Pair, PairResult]]) -> Iterator[str]:
    for pair, finding in found:
        record: dict[str, Any] = {
            "pair": pair.name,
            "subject": dict(finding.subject),
            "control": dict(finding.control),
            "score": finding.score,
            "signs": list(finding.signs),
            "injector": finding.injector,
            "verdict": finding.conclusion,
            "why": finding.why,
        }
        yield json.dumps(record)
