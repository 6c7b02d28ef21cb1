"""The gate: which incidents, and which of their revisions, may be told to anybody but the operator. Pure.

What one witness saw is no finding, whatever its kind and wherever it stands: going on, standing, ended, withdrawn. What
was told as a finding and has lost its second witness is taken back in a line of its own, never silently. Pages, feeds,
cards, interfaces, sinks and reports ask here and nowhere else. Must not live here: k-anonymity, delays, wording.
"""

from collections.abc import Iterable, Sequence

import msgspec

from balise_collector.incidents.model import Incident, IncidentState


class Finding(Incident, frozen=True, omit_defaults=True, kw_only=True):
    """An incident, or one revision of it, that may be told: only this module makes one; what publishes wants one."""


def finding(one: Incident) -> Finding | None:
    """Return the newest revision of an incident as a finding; ``None`` where it is none, or no longer one.

    Whoever tells of the past asks ``told``: this one cannot know whether there is anything to take back.
    """
    return _of(one) if one.confirmed and one.state is not IncidentState.WITHDRAWN else None


def findings(incidents: Iterable[Incident]) -> list[Finding]:
    """Return those of several incidents, each by its newest revision, that are findings."""
    return [found for one in incidents if (found := finding(one)) is not None]


def told(revisions: Sequence[tuple[float, Incident]]) -> list[tuple[float, Finding]]:
    """Return what was told of an incident, each with the time it was noted, oldest first; empty where nothing ever was.

    Args:
        revisions: every revision of one incident with the time it was noted (UNIX seconds), oldest first.

    Returns:
        The confirmed revisions. Where one that was told is followed by one that is unconfirmed or withdrawn, what was
        told last comes once more as withdrawn: it says nothing of what one witness goes on seeing.
    """
    said: list[tuple[float, Finding]] = []
    for noted_at, one in revisions:
        if one.confirmed and one.state is not IncidentState.WITHDRAWN:
            said.append((noted_at, _of(one)))
        elif said and said[-1][1].state is not IncidentState.WITHDRAWN:
            said.append((noted_at, _taken_back(said[-1][1], one, noted_at)))
    return said


def _taken_back(last: Finding, now: Incident, noted_at: float) -> Finding:
    """Return the line that takes a finding back."""
    closed = now.closed_at if now.state is IncidentState.WITHDRAWN and now.closed_at is not None else noted_at
    return msgspec.structs.replace(
        last, state=IncidentState.WITHDRAWN, revision=now.revision, closed_at=closed, group="", group_llr=None
    )


def _of(one: Incident) -> Finding:
    return Finding(**msgspec.structs.asdict(one))
