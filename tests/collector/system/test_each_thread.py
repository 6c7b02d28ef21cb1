"""Each thread has its own, and it is closed when the thread ends."""

from __future__ import annotations

import threading

from balise_collector.system.each_thread import EachThread


class _Opened:
    """Notes which are closed."""

    def __init__(self, closed: list[int], number: int) -> None:
        self.number = number
        self._closed = closed

    def close(self) -> None:
        """Note it."""
        self._closed.append(self.number)


def test_a_thread_has_one_of_its_own_until_it_ends() -> None:
    """Two questions of one thread meet the same; another thread's is closed with it, and ours is not."""
    closed: list[int] = []
    made: list[_Opened] = []

    def make() -> _Opened:
        made.append(_Opened(closed, len(made)))
        return made[-1]

    mine = EachThread(make)
    assert mine() is mine()
    other = threading.Thread(target=mine)
    other.start()
    other.join()
    assert len(made) == 2
    assert closed == [1]
    assert mine().number == 0
