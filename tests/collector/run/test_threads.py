"""The threads of the program: half a collector is worse than none."""

from __future__ import annotations

import threading

from balise_collector.run.threads import run_beside


class Worker(threading.Thread):
    """Works until it is told to stop, or dies at once."""

    def __init__(self, *, dies: bool = False) -> None:
        super().__init__(daemon=True)
        self.failed: BaseException | None = None
        self.stopping = threading.Event()
        self.dies = dies

    def stop(self) -> None:
        """Ask it to end."""
        self.stopping.set()

    def run(self) -> None:
        """Work."""
        if not self.dies:
            self.stopping.wait(10.0)


class Pages:
    """Serves until told to exit."""

    def __init__(self) -> None:
        self.gone = threading.Event()

    @property
    def should_exit(self) -> bool:
        """Whether it was told."""
        return self.gone.is_set()

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        if value:
            self.gone.set()

    def run(self) -> None:
        """Serve."""
        assert self.gone.wait(10.0)


def test_a_thread_that_dies_ends_the_program_and_the_others() -> None:
    """The service manager starts it again: everything is built to be killed."""
    lasting, dead = Worker(), Worker(dies=True)
    run_beside(Pages(), [lasting, dead])
    assert lasting.stopping.is_set()
    assert not lasting.is_alive()


def test_all_stop_when_the_pages_do() -> None:
    """SIGTERM tells the server alone."""
    pages, workers = Pages(), [Worker(), Worker()]
    pages.should_exit = True
    run_beside(pages, workers)
    assert not any(worker.is_alive() for worker in workers)
