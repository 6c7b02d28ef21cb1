"""Virtual time: in order, and never by waiting."""

from balise_agent.system.clock import Clock
from balise_lab.field.timeline import Timeline, VirtualReactor


def test_everything_happens_in_its_order_and_at_its_time() -> None:
    """A timer's callback sees its own moment; what it asks for at once comes before anything later."""
    line = Timeline(1000.0)
    seen: list[tuple[str, float]] = []
    line.at(1005.0, lambda: seen.append(("b", line.now)))

    def first() -> None:
        seen.append(("a", line.now))
        line.soon(lambda: seen.append(("soon", line.now)))

    line.at(1002.0, first)
    line.at(1020.0, lambda: seen.append(("beyond", line.now)))
    line.run(1010.0)
    assert seen == [("a", 1002.0), ("soon", 1002.0), ("b", 1005.0)]
    assert line.now == 1010.0


def test_a_cancelled_timer_never_fires() -> None:
    """The conductor cancels what a reply made needless."""
    line = Timeline(0.0)
    reactor = VirtualReactor(line, Clock(system=lambda: line.now, monotonic=lambda: line.now, synced=lambda: True))
    seen: list[str] = []
    reactor.after(5.0, lambda: seen.append("never")).cancel()
    reactor.after(6.0, lambda: seen.append("once"))
    line.run(10.0)
    assert seen == ["once"]
