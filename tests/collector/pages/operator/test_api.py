"""The JSON interface: the same conclusions as the pages, and a sentence for every bad question."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.routing import Match

from balise_collector.conclude.inference import OperatorContext
from balise_collector.conclude.pipeline import JournalReader
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.pages.operator.api import api_routes
from tests.collector.afternoon import Afternoon

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(afternoon: Afternoon, tmp_path: Path) -> Iterator[Ask]:
    """Return a questioner of the JSON interface over a whole afternoon: status and answer."""
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    store = SqliteStore(tmp_path / "derived.sqlite", SqliteJournal(tmp_path / "journal.sqlite"))
    afternoon.fill(journal)
    fleet = Fleet.of(p.member for p in afternoon.probes)
    around = OperatorContext(fleet=fleet, catalogue=catalogue.load(catalogue.default_folder()))
    reader = JournalReader(journal, store, around)
    while reader.follow(afternoon.start + 40 * 300.0):
        pass
    reader.save()
    routes = api_routes(
        lambda: store, lambda: journal, lambda: afternoon.start + 40 * 300.0, lambda: {"brokers": {"here": True}}
    )

    def answer(path: str, query: str = "") -> tuple[int, Any]:
        # The routes are called here and not by a server: the store's connection belongs to this thread.
        scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": []}
        for route in routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                response = route.endpoint(Request({**scope, **found}))
                return response.status_code, json.loads(response.body)
        raise LookupError(path)

    yield answer
    store.close()
    journal.close()


def test_an_incident_has_its_revisions_and_evidence(ask: Ask) -> None:
    """One incident: what it says now, all it ever said, and the verdicts that it rests on."""
    _, listed = ask("/api/v1/incidents")
    (one,) = listed["incidents"]
    status, told = ask(f"/api/v1/incidents/{one['id']}")
    assert status == 200
    assert told["incident"] == one
    assert [each["incident"].get("revision", 1) for each in told["revisions"]] == [
        *range(1, len(told["revisions"]) + 1)
    ]
    assert {verdict["state"] for verdict in told["evidence"]} == {"blocked"}
    assert {verdict["measurement"] for verdict in told["evidence"]} <= set(one["evidence"])


def test_verdicts_are_narrowed_by_the_url(ask: Ask, afternoon: Afternoon) -> None:
    """Time, probe, service, country and state."""
    since = afternoon.start + 3600.0
    _, told = ask("/api/v1/verdicts", f"since={since}&until={since + 300}&probe=pk64501n0&state=blocked")
    assert told["verdicts"]
    assert {verdict["probe"] for verdict in told["verdicts"]} == {"pk64501n0"}
    assert all(since <= verdict["at"] <= since + 300 for verdict in told["verdicts"])
    assert ask("/api/v1/verdicts", "service=none")[1]["verdicts"] == []


@pytest.mark.slow
def test_the_matrix_can_look_back(ask: Ask, afternoon: Afternoon) -> None:
    """In the middle of the block one provider is blocked, the other is not."""
    _, told = ask("/api/v1/matrix", f"at={afternoon.start + 18 * 300.0}")
    states = {cell["asn"]: set(cell["states"]) for cell in told["cells"]}
    assert "blocked" in states[64501]
    assert states[64502] == {"ok"}


def test_the_status_counts(ask: Ask) -> None:
    """Rows, cursors, quarantine, the detector's cells, and what the running program adds."""
    _, told = ask("/api/v1/status")
    assert told["journal"]["measurements"] == sum(told["verdicts"].values()) == told["progress"]["seq"]
    assert told["journal"]["quarantined"] == 0
    assert set(told["cells"]) == {"open", "suspect"}
    assert told["brokers"] == {"here": True}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/api/v1/verdicts", "since=yesterday", 400),
        ("/api/v1/verdicts", "state=bad", 400),
        ("/api/v1/matrix", "at=now", 400),
        ("/api/v1/matrix", "at=nan", 400),
        ("/api/v1/matrix", "at=-inf", 400),
        ("/api/v1/verdicts", "until=1e999", 400),
        ("/api/v1/incidents/none", "", 404),
    ],
)
def test_a_bad_question_has_a_sentence(ask: Ask, path: str, query: str, status: int) -> None:
    """Never a traceback: what is wrong, and what can be asked."""
    found, told = ask(path, query)
    assert found == status
    assert told["error"]
