"""One cell at work: the probes in it, how far it has been walked, and what the last walk found.

State only. The walk is fold.py; when it happens is detector.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from balise_wire.bins import BIN

if TYPE_CHECKING:
    from balise_collector.detect.cells import CellKey, Episode
    from balise_collector.detect.fold import FoldState
    from balise_collector.detect.series import Series


class Group:
    """The probes of one cell and what the last walk found."""

    __slots__ = ("dirty_from", "episodes", "key", "parent", "rewound", "series", "state")

    def __init__(self, key: CellKey, parent: Group | None = None) -> None:
        self.key = key
        self.parent = parent
        """The country's cell of a provider's cell; none of others."""
        self.series: tuple[Series, ...] = ()
        """In the order of probe ids, so that no sum depends on who came first."""
        self.state: FoldState | None = None
        self.episodes: tuple[Episode, ...] = ()
        self.dirty_from: int | None = None
        self.rewound = 0.0
        """UNIX seconds at which late data last made it walk from its start."""

    def enter(self, series: Series) -> None:
        """Take in one more probe; whatever was walked is walked anew."""
        self.series = tuple(sorted((*self.series, series), key=lambda s: (s.probe, s.asn)))
        self.state = None

    def leave(self, series: Series) -> None:
        """Let go of a probe of which nothing is left; whatever was walked is walked anew."""
        self.series = tuple(one for one in self.series if one is not series)
        self.state = None

    def retire(self, before: int) -> bool:
        """Let go of episodes that closed before a bin; tells whether one that is left began before it."""

        def stays(closed_bin: int | None) -> bool:
            return closed_bin is None or closed_bin >= before

        self.episodes = tuple(e for e in self.episodes if stays(e.closed_bin))
        if self.state is not None:
            self.state.done = [found for found in self.state.done if stays(found.closed_bin)]
        return any(e.onset.latest < (before + 1) * BIN for e in self.episodes)

    @property
    def restless(self) -> bool:
        """Whether time alone can change the cell: an open episode, or sums above zero."""
        return any(e.closed_bin is None for e in self.episodes) or (
            self.state is not None and (bool(self.state.totals) or self.state.current is not None)
        )
