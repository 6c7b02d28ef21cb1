"""Who is affected by an episode: membership is earned as the opening is, and lost again. Pure.

One false verdict of a clean provider's probe in an open episode makes nobody affected; a probe that was among the first
and turns out to have failed once, while the others go on, is none of them either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from balise_collector.detect.participants import Participants
from balise_collector.detect.walk_state import Span

_ROW: Final = 2
"""Failing bins in a row that a probe needs which joins a provider that is affected, or its neighbour."""
_ALONE: Final = 6
"""The same of a provider's only witness: an ordinary trouble of one home must not stand for its provider."""


def affected(participants: Participants, spans: Mapping[int, Span]) -> dict[int, Span]:
    """Return the spans of those who are affected; where nobody has earned it, of whoever failed."""
    rows = {index: span for index, span in spans.items() if span.failing}
    by_provider: dict[tuple[str, int], list[int]] = defaultdict(list)
    for index in rows:
        series = participants.series[index]
        by_provider[series.country, series.asn].append(index)
    goes_on = max((span.failing for span in rows.values()), default=0)
    found: dict[int, Span] = {}
    for provider, ours in by_provider.items():
        firm = [i for i in ours if _stays(rows[i], goes_on)]
        late = [i for i in ours if i not in firm and rows[i].longest >= _ROW]
        only = _witnesses(participants, provider) == 1
        if not firm and participants.hosts(late) < _ROW:
            late = [i for i in late if only and rows[i].longest >= _ALONE]
        found.update({i: rows[i] for i in (*firm, *late)})
    return found or rows


def _stays(span: Span, goes_on: int) -> bool:
    """Whether one of the first is still one of them."""
    return span.initial and (span.failing > 1 or goes_on <= _ROW or span.calm == 0)


def _witnesses(participants: Participants, provider: tuple[str, int]) -> int:
    """Count the witnesses of a provider in the cell."""
    return participants.hosts(
        index for index, series in enumerate(participants.series) if (series.country, series.asn) == provider
    )
