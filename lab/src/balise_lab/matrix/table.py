"""The matrix as people read it (docs/matrix.md), and what is wrong in it.

Pure. Must not live here: playing a row, or what its verdicts amount to (cells.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from balise_lab.matrix.cells import NOTHING, Outcome
from balise_lab.matrix.rows import EXPERIMENTS, Row
from balise_lab.matrix.scenario import services_of

_PROVED: Final = frozenset({"A", "B"})
_HEAD: Final = """\
# Every experiment against every box and every ordinary fault

Each row is put in force on one of two providers, whose two homes measure one service by each experiment (and by the
lookup before it); without lookups, by clienthello one for each extension, by vpn one for each protocol, at the
operator's helper. A cell is the rule that the experiment's verdicts name while the row is in force: **bold** where it
says that the service is blocked or throttled, plain where it is insufficient or the service's own doing, `ok` where all
is well. What a lower layer tells already is not told twice (`tls.no_connect`, `http.below`, `clienthello.name`). The
last column is what is published, with the grade.

`make matrix` plays the table in the virtual field and writes it here; `make matrix BED=lab` plays it with packets, and
`REPEAT=20` so many times. Both say what is wrong: a box that its experiment does not tell by its rule, an ordinary
fault that is judged blocked or throttled, or published as interference; a block that is published with another
mechanism than its own, and, with packets, a box that touched none. A front of the service's own that turns one
country away looks, packet by packet, like a box before it: it may be told with a grade that claims no proof (C or
less), and never with another.
"""


_PLAYED: Final = "\n## Played with packets\n"


def played_with_packets(page: str) -> str:
    """Return the section of an older page that people wrote: which rows were played with packets, and when."""
    _, title, rest = page.partition(_PLAYED)
    return title + rest


def wrong(row: Row, outcome: Outcome) -> Iterator[str]:
    """Yield what is wrong in one row."""
    for kind in outcome.idle:
        yield f"{row.title}: {kind} touched no packet: what was seen, or not seen, was not its doing"
    for experiment in row.sees:
        cell, rules = outcome.cells[experiment], row.told_by(experiment)
        if cell.rule not in rules or (row.every and not {rule for _, rule, _ in cell.rules} >= set(rules)):
            said = ", ".join(f"{one} ({often})" for _, one, often in cell.rules) or NOTHING
            wanted = (" and " if row.every else " or ").join(rules)
            yield f"{row.title}: {experiment} must say {wanted}, and says {said}"
        # Where a column holds several services, what names one that is not hit stands beside what is right.
        several = len(services_of(experiment)) > 1
        for rule in sorted(outcome.cells[experiment].accusing - set(row.told_by(experiment))) if several else ():
            yield f"{row.title}: {experiment} says {rule}, which is not in force"
    if not row.ordinary:
        yield from _missing(row, outcome)
        return
    for experiment in EXPERIMENTS:
        allowed = {row.alike[experiment]} if experiment in row.alike else set()
        for rule in sorted(outcome.cells[experiment].accusing - allowed):
            yield f"{row.title}: an ordinary fault is judged {rule} by {experiment}"
    doubted = {service for experiment in row.alike for service in services_of(experiment)}
    for one in outcome.told:
        if one.kind == "interference" and (one.service not in doubted or one.grade in _PROVED):
            yield f"{row.title}: interference with {one.service} is published with grade {one.grade or 'none'}"


def _missing(row: Row, outcome: Outcome) -> Iterator[str]:
    """Yield the services whose block is judged and not published, or published with another mechanism."""
    for experiment in row.sees:
        services = services_of(experiment)
        told = [one for one in outcome.told if one.kind == "interference" and one.service in services]
        service = " or ".join(services)
        if not outcome.cells[experiment].accusing & set(row.told_by(experiment)):
            continue
        if not told:
            yield f"{row.title}: no interference with {service} is published"
        elif row.every and len({one.service for one in told}) < len(row.told_by(experiment)):
            yield f"{row.title}: interference is published with {told[0].service} alone"
        elif not any(row.mechanism in one.mechanisms for one in told):
            named = ", ".join(sorted({word for one in told for word in one.mechanisms})) or "none"
            yield f"{row.title}: interference with {service} is published as {named}, not as {row.mechanism}"


def table(outcomes: Iterable[tuple[Row, Outcome]]) -> str:
    """Return the page: what blocks, then ordinary life."""
    parts: Mapping[bool, list[str]] = {False: [], True: []}
    for row, outcome in outcomes:
        cells = [_shown(row, one, outcome) for one in EXPERIMENTS]
        parts[row.ordinary].append(f"| `{row.kind}`{_rest(row)} | {' | '.join(cells)} | {_told(outcome)} |")
    head = f"| in force | {' | '.join(EXPERIMENTS)} | published |\n|{'---|' * (len(EXPERIMENTS) + 2)}"
    titles = {False: "## What blocks", True: "## Ordinary life: nothing may be judged blocked"}
    page = [f"{titles[ordinary]}\n\n{head}\n" + "\n".join(lines) + "\n" for ordinary, lines in parts.items() if lines]
    return "\n".join([_HEAD, *page])


def _shown(row: Row, experiment: str, outcome: Outcome) -> str:
    """Return a cell; where several services of it are hit, what is told of each."""
    accusing = sorted(outcome.cells[experiment].accusing)
    if row.every and len(accusing) > 1:
        return ", ".join(f"**{rule}**" for rule in accusing)
    return str(outcome.cells[experiment])


def _rest(row: Row) -> str:
    return row.title.removeprefix(row.kind)


def _told(outcome: Outcome) -> str:
    """Return the published incidents: kind, grades and services."""
    kinds: dict[str, list[str]] = {}
    for one in outcome.told:
        kinds.setdefault(f"{one.kind} {one.grade}".strip(), []).append(one.service.removeprefix("by-") or "all")
    return "; ".join(f"{kind}: {', '.join(services)}" for kind, services in kinds.items()) or NOTHING
