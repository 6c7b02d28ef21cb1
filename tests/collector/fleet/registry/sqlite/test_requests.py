"""Requests in the registry: bounded, answered once for good, seen by the running collector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from balise_collector.fleet.claims import asked_in, unasked
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.requests import DETAIL_MOST, KEPT_MOST, Answered, unlisted
from balise_wire.request import Answer, Outcome, Reason, Request
from balise_wire.words import Experiment
from tests.collector.field_probe import EPOCH, FieldProbe


@pytest.fixture
def registry(tmp_path: Path, probe: FieldProbe) -> Iterator[SqliteRegistry]:
    """Return an open registry with one member."""
    opened = SqliteRegistry(tmp_path / "fleet.sqlite")
    opened.approve(probe.member)
    yield opened
    opened.close()


def request(number: int, made: float = EPOCH) -> Request:
    """Return a request."""
    return Request(id=f"{number:032x}", experiment=Experiment.TLS, target="x/web/h/4", made=made, expires=made + 600.0)


def answered(number: int, outcome: Outcome, probe: str, **changes: object) -> Answered:
    """Return an answer."""
    answer = Answer(request=f"{number:032x}", outcome=outcome)
    return Answered(probe, msgspec.structs.replace(answer, **changes), "in words", EPOCH + 5.0)


def test_an_answer_is_kept_with_its_request(registry: SqliteRegistry, probe: FieldProbe) -> None:
    """The newest word, until the last one; another probe's word about it is nothing."""
    registry.add_request(probe.id, request(1), None)
    assert registry.requests()[0].outcome is None
    assert not registry.note_answer(answered(1, Outcome.DONE, "another1"))
    assert not registry.note_answer(answered(2, Outcome.DONE, probe.id))
    assert registry.note_answer(answered(1, Outcome.ACCEPTED, probe.id))
    assert registry.note_answer(answered(1, Outcome.DONE, probe.id, measurement="ab" * 16))
    assert not registry.note_answer(answered(1, Outcome.FAILED, probe.id, reason=Reason.INTERRUPTED))
    (kept,) = registry.requests(probe.id)
    assert (kept.request, kept.outcome, kept.measurement) == (request(1), Outcome.DONE, "ab" * 16)
    assert registry.requests("another1") == []


def test_a_probes_words_are_bounded(registry: SqliteRegistry, probe: FieldProbe) -> None:
    """Whatever it writes."""
    registry.add_request(probe.id, request(1), None)
    registry.note_answer(Answered(probe.id, Answer(request=f"{1:032x}", outcome=Outcome.DONE), "x" * 10_000, EPOCH))
    assert len(registry.requests()[0].detail) == DETAIL_MOST


@pytest.mark.slow
def test_the_oldest_go_first(registry: SqliteRegistry, probe: FieldProbe) -> None:
    """What is remembered is bounded."""
    for number in range(KEPT_MOST + 3):
        registry.add_request(probe.id, request(number, EPOCH + number), None)
    kept = registry.requests()
    assert len(kept) == KEPT_MOST
    assert kept[0].request.id == f"{3:032x}"


def test_results_of_a_target_that_was_asked_for_are_taken(registry: SqliteRegistry, probe: FieldProbe) -> None:
    """It was given to this probe by a request, and a request alone; an assignment does not end that."""
    target = unlisted("news/web/n.example/4", ("198.18.0.10",), 443)
    measured = probe.measurement(EPOCH, target=target.id, service="news", host="n.example")
    registry.add_request(probe.id, request(1), asked_in(target))
    tasks = registry.fleet().tasks_of(probe.id)
    assert unasked(measured, tasks, EPOCH, 1.0) == ""
    assert unasked(probe.measurement(EPOCH, host="m.example"), tasks, EPOCH, 1.0) != ""
    registry.add_request(probe.id, request(2), asked_in(target))
    tasks = registry.fleet().tasks_of(probe.id)
    assert tasks is not None
    assert len(tasks.asked[target.id]) == 1


def test_a_registry_of_an_earlier_version_learns_of_requests(tmp_path: Path) -> None:
    """The table is made where it is missing."""
    path = tmp_path / "fleet.sqlite"
    with closing(SqliteRegistry(path)) as old:
        old._db.execute("DROP TABLE request")
    with closing(SqliteRegistry(path)) as opened:
        assert opened.requests() == []
