"""What a probe's topic holds is what is open, whoever starts anew; an answer is written down once it is durable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.intake.answers import Requesting
from balise_collector.system.errors import JournalError
from balise_wire.request import Answer, Outcome, Request
from balise_wire.status import Event, EventKind
from balise_wire.words import Experiment

NOW = 1_000_000.0
PROBE = "k7m2q9xd"
SPEAKING = frozenset({PROBE, "second01"})


class Broker:
    """What was published, newest last."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[int]]] = []

    def send(self, probe: str, body: bytes) -> None:
        """Keep the numbers of the requests."""
        ids = [int(one.id, 16) for one in msgspec.json.decode(body, type=list[Request])] if body else []
        self.sent.append((probe, ids))

    def news(self) -> list[tuple[str, list[int]]]:
        """Return and forget what was sent."""
        sent, self.sent = self.sent, []
        return sent


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqliteRegistry]:
    """Return an open registry."""
    opened = SqliteRegistry(tmp_path / "fleet.sqlite")
    yield opened
    opened.close()


def request(number: int, within: float = 600.0) -> Request:
    """Return a request made now."""
    return Request(id=f"{number:032x}", experiment=Experiment.TLS, target="x/web/h/4", made=NOW, expires=NOW + within)


def done(number: int, outcome: Outcome = Outcome.DONE) -> Event:
    """Return the event with an answer."""
    answer = Answer(request=f"{number:032x}", outcome=outcome)
    return Event(kind=EventKind.REQUEST_ANSWERED, at=NOW, detail="in words", answer=answer)


def test_what_is_open_is_published_until_its_last_word(registry: SqliteRegistry) -> None:
    """Anew with each change, and cleared at the end."""
    requesting, broker = Requesting(registry, NOW), Broker()
    requesting.tell(NOW, SPEAKING, broker.send)
    assert broker.news() == []
    for number in (1, 2):
        registry.add_request(PROBE, request(number), None)
    requesting.changed()
    requesting.tell(NOW, SPEAKING, broker.send)
    requesting.tell(NOW, SPEAKING, broker.send)
    assert broker.news() == [(PROBE, [1, 2])]
    requesting.hear(PROBE, [done(1, Outcome.ACCEPTED), done(2)], NOW)
    requesting.tell(NOW, SPEAKING, broker.send)
    assert broker.news() == []
    requesting.note()
    requesting.tell(NOW, SPEAKING, broker.send)
    assert broker.news() == [(PROBE, [1])]
    requesting.tell(NOW + 599.0, SPEAKING, broker.send)
    assert broker.news() == []
    requesting.tell(NOW + 600.0, SPEAKING, broker.send)
    requesting.tell(NOW + 601.0, SPEAKING, broker.send)
    assert broker.news() == [(PROBE, [])]


def test_a_collector_that_starts_anew_brings_the_topic_up_to_date(registry: SqliteRegistry) -> None:
    """The broker holds what an earlier run sent, also where it is over by now."""
    registry.add_request(PROBE, request(1), None)
    registry.add_request("second01", request(2, within=10.0), None)
    requesting, broker = Requesting(registry, NOW + 60.0), Broker()
    requesting.tell(NOW + 60.0, SPEAKING, broker.send)
    assert broker.news() == [(PROBE, [1]), ("second01", [])]


def test_a_broker_that_comes_back_is_told_everything(registry: SqliteRegistry) -> None:
    """It may have been killed and have forgotten what it held."""
    registry.add_request(PROBE, request(1), None)
    requesting, broker = Requesting(registry, NOW), Broker()
    requesting.tell(NOW, SPEAKING, broker.send)
    broker.news()
    requesting.tell(NOW, SPEAKING, broker.send, again=True)
    assert broker.news() == [(PROBE, [1])]


def test_a_probe_that_may_not_be_asked_any_more_is_told_nothing(registry: SqliteRegistry) -> None:
    """Revoked, or in a country that was halted meanwhile."""
    registry.add_request(PROBE, request(1), None)
    requesting, broker = Requesting(registry, NOW), Broker()
    requesting.tell(NOW, SPEAKING, broker.send)
    requesting.changed()
    requesting.tell(NOW, frozenset(), broker.send)
    assert broker.news() == [(PROBE, [1]), (PROBE, [])]


def test_an_answer_that_cannot_be_written_is_not_lost(
    registry: SqliteRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: it is tried again in the next turn."""
    registry.add_request(PROBE, request(1), None)
    requesting = Requesting(registry, NOW)
    requesting.hear(PROBE, [done(1)], NOW)

    def full(_answered: object) -> bool:
        raise JournalError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(registry, "note_answer", full)
        requesting.note()
    assert registry.requests()[0].outcome is None
    requesting.note()
    assert registry.requests()[0].outcome is Outcome.DONE
