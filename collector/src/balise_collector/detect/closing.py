"""When an episode ends: on observed success only, of bins that are over; and when what one tells is contradicted.

Must not live here: the beginning (opening.py), who is affected (membership.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from balise_collector.detect.membership import affected
from balise_collector.detect.participants import Participants
from balise_collector.detect.stretches import Symbol
from balise_collector.detect.walk_state import OpenEpisode, Span, WalkState
from balise_wire.bins import BIN

CALM: Final = 2
"""Bins of observed success that close (attribution.md 2.3)."""
PATIENCE: Final = 24
"""Most bins of success that one which comes and goes must show."""
RECENT: Final = 3
"""Bins within which a witness fails lately, or is well lately: 15 minutes."""
_SURE: Final = 3.0
"""Nats: once in twenty times."""
_MOST: Final = 0.9
"""Share of looks that pass, at most, that is believed of a block."""
AWAY: Final = 24
"""Bins after which an affected probe that is heard no more is set aside from the close: it may have left for good."""


def maybe_close(participants: Participants, state: WalkState, bin_: int) -> None:
    """Close the open episode, or let go of it, where a bin that is over says so."""
    current = state.current
    if current is None or current.closed_bin is not None:
        return
    if _is_contradicted(participants, state, current, bin_):
        # Its probe goes on failing, and that waits with what others may yet see begin together with it.
        state.spans.update(current.spans)
        state.current = None
        return
    members = affected(participants, current.spans)
    here = {i: s for i, s in members.items() if state.last_seen.get(i, 0) > bin_ - AWAY}
    needed = _patience(participants, members)
    restless = {participants.operator(i) for i, s in here.items() if s.calm < needed}
    calm = {participants.operator(i) for i in here} - restless
    if not calm:
        return
    # One that goes on failing is its own trouble: it must not keep open what others have seen end.
    lately = participants.hosts(i for i, s in here.items() if s.last_fail_bin > bin_ - RECENT)
    if restless and not (len(calm) >= 2 and lately < 2):
        return
    current.closed_bin = bin_
    _settle(state, current)


def _patience(participants: Participants, members: Mapping[int, Span]) -> int:
    """Return the bins of success that close: more than the longest pause that two witnesses have seen in it."""
    lulls: dict[str, int] = {}
    for index, span in members.items():
        who = participants.operator(index)
        lulls[who] = max(span.lull, lulls.get(who, 0))
    ranked = sorted(lulls.values(), reverse=True)
    lull = ranked[1] if len(ranked) > 1 else max(ranked, default=0)
    return max(CALM, _looks(participants, members), min(PATIENCE, lull + 1))


def _looks(participants: Participants, members: Mapping[int, Span]) -> int:
    """Return the bins of success that a block of a share lets pass once in twenty times; 0 of others."""
    if not any(participants.codes[code].symbol is Symbol.SHARE for span in members.values() for code in span.rules):
        return 0
    bins = sum(span.observed - span.calm for span in members.values())
    failing = sum(span.failing for span in members.values())
    share = min(_MOST, (bins - failing + 0.5) / (bins + 1))
    return min(PATIENCE, math.ceil(_SURE / -math.log(share)))


def _settle(state: WalkState, current: OpenEpisode) -> None:
    """Forget what the episode rests on: what comes back must show itself anew, and an old trouble is no new one."""
    for index in list(state.chains):
        span = current.spans.get(index)
        if span is None or span.calm:
            del state.chains[index]
        else:
            state.chains[index].marks.clear()


def _is_contradicted(participants: Participants, state: WalkState, current: OpenEpisode, bin_: int) -> bool:
    """Whether an episode that one witness tells of stands against another one, who is well in the same cell.

    It was opened while there was nobody else. It must not stay and take in, as its own, what others see later.
    """
    if current.shared:
        return False
    ours = {participants.operator(index) for index in current.spans}
    others = (index for index, ok in state.last_ok.items() if ok // BIN > bin_ - RECENT)
    return any(participants.operator(index) not in ours for index in others)
