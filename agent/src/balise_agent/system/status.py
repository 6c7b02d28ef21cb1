"""What the probe says of itself to whoever stands beside it: a record for programs, and a few neutral words for people.

Lives here: the record, its text for the card (no product, no service, no place, no address), and its text for a
terminal. Must not live here: gathering it (run/health.py, enrolment/loop.py) or writing it (status_file.py).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec

from balise_agent.system.problems import ProblemId, Trouble
from balise_wire.words import ClockState, Lifecycle

_WORDS: Final[dict[Lifecycle, str]] = {
    Lifecycle.INIT: "starting",
    Lifecycle.READY: "working",
    Lifecycle.SLEEPING: "resting",
    Lifecycle.DISCONNECTED: "stopped",
    Lifecycle.LOST: "lost",
}
_SHORT: Final = 4
"""Letters of the id on the card: enough to find the label, too few to find the probe."""


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One look at the running program; times are UNIX seconds on the probe's clock."""

    at: float
    clock_state: ClockState
    state: Lifecycle
    since: float
    """When it came into this state."""
    software: str
    pid: int = 0
    probe: str = ""
    enrolled: bool = False
    certificate_until: float | None = None
    broker: str = ""
    connected: bool = False
    waiting: int = 0
    """Batches and records that nobody signed for yet."""
    last_receipt: float | None = None
    sent_today: int = 0
    received_today: int = 0
    bytes_cap: int = 0
    connections_today: int = 0
    connections_cap: int = 0
    measurements: int = 0
    line_ok: bool | None = None
    next_due: float | None = None
    drops: int = 0
    troubles: tuple[Trouble, ...] = ()
    """In the order of cause."""


def state_words(status: Status) -> str:
    """Return the state as one word for a person; a pause has its own, because the host asked for it."""
    ids = {trouble.id for trouble in status.troubles}
    if status.state is Lifecycle.SLEEPING and ProblemId.PAUSED in ids:
        return "paused"
    if status.state is Lifecycle.INIT:
        return "waiting" if ids else _WORDS.get(status.state, "cannot tell")
    return _WORDS.get(status.state, "cannot tell")


def words(status: Status) -> tuple[str, ...]:
    """Return the lines whose change is worth telling at once."""
    line = {True: "ok", False: "trouble", None: "not looked at yet"}[status.line_ok]
    told = [
        f"state: {state_words(status)} since {moment(status.since)}",
        f"line: {line}",
        f"delivery: {'ok' if status.connected else 'not connected'}",
    ]
    if status.probe:
        told.append(f"label: {status.probe[:_SHORT]}")
    for trouble in status.troubles:
        told += [f"problem: {trouble.problem.told}", f"what to do: {trouble.problem.mend}"]
    return tuple(told if status.troubles else [*told, "problem: none"])


def for_card(status: Status) -> str:
    """Return the neutral text that is copied onto the card."""
    last = "nothing yet" if status.last_receipt is None else moment(status.last_receipt)
    figures = (
        f"written: {moment(status.at)}",
        f"waiting to deliver: {status.waiting}",
        f"last delivery: {last}",
        f"used today: {_megabytes(status.sent_today + status.received_today)} of {_megabytes(status.bytes_cap)}",
    )
    return "\n".join((*words(status), *figures)) + "\n"


def for_terminal(status: Status, now: float) -> str:
    """Return everything, for the person who typed the command."""
    used = f"{_megabytes(status.sent_today + status.received_today)} of {_megabytes(status.bytes_cap)}"
    rows = [
        ("state", f"{state_words(status)} since {moment(status.since)} ({_span(now - status.since)})"),
        ("as of", f"{moment(status.at)} ({_span(now - status.at)} ago), clock {status.clock_state}"),
        ("probe", f"{status.probe or 'not registered'}, software {status.software}"),
        ("certificate", "none" if status.certificate_until is None else _until(status.certificate_until, now)),
        ("broker", f"{status.broker or 'none'}, {'connected' if status.connected else 'not connected'}"),
        ("queue", f"{status.waiting} to deliver"),
        ("last receipt", "none yet" if status.last_receipt is None else f"{_span(now - status.last_receipt)} ago"),
        ("today", f"{used}, {status.connections_today} of {status.connections_cap} connections"),
        ("measured", f"{status.measurements} since the start, {status.drops} packets not heard"),
        ("next due", "nothing planned" if status.next_due is None else f"in {_span(max(0.0, status.next_due - now))}"),
    ]
    width = max(len(name) for name, _ in rows)
    told = [f"{name:<{width}}  {value}" for name, value in rows]
    return "\n".join([*told, *_troubles(status.troubles)])


def _troubles(troubles: Iterable[Trouble]) -> list[str]:
    """Return what is wrong, with ids, or that nothing is."""
    found = [f"\n{t.id}: {t.problem.told}{f' ({t.detail})' if t.detail else ''}\n  {t.problem.mend}" for t in troubles]
    return found or ["\nno problem"]


def moment(at: float) -> str:
    """Return a time for people: to the minute, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _until(at: float, now: float) -> str:
    left = at - now
    return f"until {moment(at)} ({f'{_span(left)} left' if left > 0.0 else 'over'})"


def _span(seconds: float) -> str:
    """Return a duration in its two largest units."""
    whole = round(abs(seconds))
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    for (large, big), (small, little) in (
        ((days, "d"), (hours, "h")),
        ((hours, "h"), (minutes, "min")),
        ((minutes, "min"), (left, "s")),
    ):
        if large:
            return f"{large} {big} {small} {little}" if small else f"{large} {big}"
    return f"{left} s"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
