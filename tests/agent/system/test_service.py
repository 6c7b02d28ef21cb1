"""The service manager hears what it should, and nobody else hears anything."""

from __future__ import annotations

from balise_agent.system.service import Service


class Daemon:
    """Stands in for systemd.daemon."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def notify(self, message: str) -> None:
        """Keep it."""
        self.heard.append(message)


def test_ready_status_watchdog_and_stopping_are_said() -> None:
    """The watchdog is fed at half its time, and a status only when it changes."""
    daemon = Daemon()
    service = Service({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "20000000"}, daemon)
    service.ready()
    service.status("3 targets")
    service.status("3 targets")
    for second in (0.0, 1.0, 9.9, 10.0, 25.0):
        service.alive(second)
    service.stopping()
    assert daemon.heard == ["READY=1", "STATUS=3 targets", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]


def test_without_a_service_manager_nothing_is_said() -> None:
    """The same program runs in a terminal."""
    daemon = Daemon()
    service = Service({}, daemon)
    service.ready()
    service.alive(1.0)
    assert daemon.heard == []
