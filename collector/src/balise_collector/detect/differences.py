"""What has happened between two walks of a cell: events, from the episodes before and after. Pure."""

from balise_collector.detect.model import CellEvent, CellEventKind, Episode


def differences(before: tuple[Episode, ...], after: tuple[Episode, ...], now: float) -> list[CellEvent]:
    """Return the events that lead from one list of episodes to the next; episodes are the same when they overlap."""
    events: list[CellEvent] = []
    left = list(before)
    for new in after:
        old = next((e for e in left if _overlap(e, new)), None)
        if old is None:
            events.append(CellEvent(kind=CellEventKind.OPENED, episode=new, at=now))
            if new.closed_bin is not None:
                events.append(CellEvent(kind=CellEventKind.CLOSED, episode=new, at=now))
            continue
        left.remove(old)
        if old.id != new.id:
            events.append(CellEvent(kind=CellEventKind.WITHDRAWN, episode=old, at=now))
            events.append(CellEvent(kind=CellEventKind.OPENED, episode=new, at=now))
        if old.closed_bin is None and new.closed_bin is not None:
            events.append(CellEvent(kind=CellEventKind.CLOSED, episode=new, at=now))
        elif old.closed_bin is not None and new.closed_bin is None:
            events.append(CellEvent(kind=CellEventKind.REOPENED, episode=new, at=now))
        elif _outline(old) != _outline(new):
            events.append(CellEvent(kind=CellEventKind.GREW, episode=new, at=now))
    events.extend(CellEvent(kind=CellEventKind.WITHDRAWN, episode=old, at=now) for old in left)
    return events


def _outline(found: Episode) -> tuple[object, ...]:
    """Return what makes an episode worth telling anew: not its sums or counts."""
    members = tuple((m.probe, m.onset, m.end, tuple(sorted(r.rule for r in m.rules))) for m in found.members)
    return (found.standing, found.confirmed, found.onset, found.end, found.closed_bin, members)


def _overlap(a: Episode, b: Episode) -> bool:
    """Whether two episodes share a bin."""
    far = 1 << 40
    return a.opened_bin <= (far if b.closed_bin is None else b.closed_bin) and b.opened_bin <= (
        far if a.closed_bin is None else a.closed_bin
    )
