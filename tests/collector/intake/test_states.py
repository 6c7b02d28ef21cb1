"""A probe that says its state without end costs the journal one state in ten seconds: the newest."""

from __future__ import annotations

from balise_collector.intake.states import StatePacing
from balise_collector.intake.validate import Spoken
from balise_wire.status import State
from balise_wire.words import Lifecycle


def said(session: int) -> Spoken:
    """Return a state of a probe."""
    return Spoken(probe="p", state=State(state=Lifecycle.READY, session=session, stream="s" * 99, oldest=7))


def test_the_newest_waits_until_it_may_be_written_down() -> None:
    """Sixty at once, then what came last, when ten seconds have passed."""
    now = [0.0]
    pacing = StatePacing(lambda: now[0])
    assert all(pacing.hear(said(n)) is not None for n in range(60))
    assert pacing.hear(said(60)) is pacing.hear(said(61)) is None
    now[0] = 10.0
    (waiting,) = pacing.late()
    heard = pacing.hear(waiting)
    assert heard is not None
    assert heard.session == 61
    assert list(pacing.late()) == []


def test_what_is_not_proved_says_nothing_of_what_is_held() -> None:
    """And its words are bounded."""
    heard = StatePacing(lambda: 0.0).hear(said(2**60))
    assert heard is not None
    assert (heard.oldest, len(heard.stream), heard.session) == (0, 64, 2**53)


def test_who_is_no_member_any_more_is_forgotten() -> None:
    """With what waited."""
    pacing = StatePacing(lambda: 0.0)
    for n in range(61):
        pacing.hear(said(n))
    pacing.forget(["other"])
    assert list(pacing.late()) == []
    assert pacing.hear(said(1)) is not None
