"""What one probe saw leaves no trace: every public answer and export is, byte by byte, what it is without it.

Two stores are made from one day: one as it is, one in which single probes saw every kind of incident in every standing.
Whoever reads only one of them cannot tell which it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from balise_collector.conclude.k_anonymity import WitnessCounts
from balise_collector.conclude.store import Progress
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.incidents.model import UNTOLD, IncidentKind, IncidentState, Interval
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.operator.app import create_app
from balise_collector.pages.public.app import Notice, create_public_app
from balise_collector.pages.public.filter import Policy, PublicStore, public_view
from balise_collector.pages.views.read_model import View
from balise_collector.sinks.influx.point import Point
from balise_collector.sinks.influx.sink import PointSink
from balise_collector.sinks.streams import Conclusions, Sources
from balise_collector.system.each_thread import EachThread
from balise_wire.mechanisms import Mechanism
from tests.collector.pages.conftest import Day

NOW = 1_589_673_600.0 + 47.5 * 3600
"""A day after every measurement: released evidence is old enough to be redrawn."""
BASE = "https://observatory.example"
SECRET = b"of the tests"
NAMES = {"twitter": "Twitter", "periscope": "Periscope", "zoom": "Zoom", "whatsapp": "WhatsApp"}
LONELY = tuple(product(IncidentKind, IncidentState, (UNTOLD, 1)))
TOLD_ONCE = "0dd0c0ffee00"
"""The id of an incident that two witnesses had confirmed."""


def planted(store: SqliteStore) -> list[str]:
    """Let single probes see everything; each incident with a past. Returns the ids."""
    model = next(one for one in store.incidents() if one.service == "twitter")
    names = []
    for number, (kind, state, witnesses) in enumerate(LONELY):
        service = "internet" if kind is IncidentKind.OUTAGE else ("zoom", "whatsapp")[number % 2]
        name = f"5ec4e7ed{number:04x}"
        last = msgspec.structs.replace(
            model,
            id=name,
            kind=kind,
            state=state,
            country="**" if kind in {IncidentKind.SERVICE_FAULT, IncidentKind.EDGE_FAULT} else "PK",
            service=service,
            witnesses=witnesses,
            onset=Interval(earliest=None, latest=model.onset.latest + number)
            if state is IncidentState.STANDING
            else msgspec.structs.replace(model.onset, latest=model.onset.latest + number),
            end=model.end if state is IncidentState.CLOSED else None,
            mechanisms=tuple(msgspec.structs.replace(one, witnesses=1) for one in model.mechanisms),
            revision=2,
        )
        before = IncidentState.UNCONFIRMED if witnesses == 1 else IncidentState.STANDING
        first = msgspec.structs.replace(last, state=before, end=None, closed_at=None, revision=1)
        for one in (first, last):
            store.save_progress(Progress(), {}, [one], model.opened_at + 60.0 * one.revision)
        names.append(name)
    return names


@pytest.fixture(scope="module")
def stores(folder: Path, kept: Day, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folders of the day as it is, and of the day with what single probes saw."""
    assert kept.verdicts
    found = {name: copy(folder, tmp_path_factory.mktemp(name)) for name in ("quiet", "loud")}
    with closing(SqliteStore(found["loud"] / "derived.sqlite")) as loud:
        planted(loud)
    return found


@pytest.fixture(scope="module")
def names(stores: dict[str, Path]) -> list[str]:
    """Return the operator's ids of what single probes saw."""
    with (
        closing(SqliteStore(stores["loud"] / "derived.sqlite")) as loud,
        closing(SqliteStore(stores["quiet"] / "derived.sqlite")) as quiet,
    ):
        return sorted(set(_ids(loud)) - set(_ids(quiet)))


def copy(place: Path, to: Path) -> Path:
    """Copy both stores of a folder, with what their write-ahead logs hold."""
    to.mkdir(exist_ok=True)
    with (
        closing(SqliteStore(place / "derived.sqlite")) as day,
        closing(SqliteJournal(place / "journal.sqlite")) as journal,
    ):
        day._db.execute("VACUUM INTO ?", (str(to / "derived.sqlite"),))
        journal._db.execute("VACUUM INTO ?", (str(to / "journal.sqlite"),))
    return to


def _ids(store: SqliteStore) -> list[str]:
    return [row[0] for row in store._db.execute("SELECT DISTINCT id FROM incident")]


def reader(place: Path, kept: Day, released: list[str], least: int = 2, now: float = NOW) -> TestClient:
    """Return a reader of the public view of a store; its operator released everything, by mistake too."""
    policy = Policy(least=least, delay=1800.0, secret=SECRET)
    open_store = EachThread(lambda: SqliteStore(place / "derived.sqlite", SqliteJournal(place / "journal.sqlite")))
    witness_counts = EachThread(lambda: WitnessCounts(place / "derived.sqlite"))

    def look() -> Any:
        view = View(store=open_store(), now=now, services=NAMES, members=tuple(kept.members), rules="r")
        seen = PublicStore(
            store=view.store, witness_counts=witness_counts(), policy=policy, now=now, members=view.members,
            released=dict.fromkeys(released, now - 60.0),
        )  # fmt: skip
        return public_view(view, seen)

    app = create_public_app(look, base_url=BASE, notice=Notice(least=least, minutes=30))
    return TestClient(app, base_url=BASE, raise_server_exceptions=False, follow_redirects=False)


def questions(client: TestClient, told: list[str], asked: list[str]) -> Iterator[str]:
    """Return every question that the public view's routes can be asked: for each id, country, service and language."""
    app: Any = client.app
    alias = Policy(least=2, delay=1800.0, secret=SECRET).alias
    places = product(("PK", "DE", "pk"), (*NAMES, "internet"))
    for route in app.routes:
        paths = [route.path]
        if "{id}" in route.path:
            # Pictures in small number: pixels of the layout that the SVG beside them has in words.
            ids = told[:1] if ".png" in route.path else [*told, *asked]
            paths = [route.path.replace("{id}", form) for one in ids for form in (one, alias(one))]
        elif "{country}" in route.path:
            paths = [f"/{country}/{service}" for country, service in places]
        for path in paths:
            yield path
            if path.startswith("/PK/") or path in {"/", *(f"/incident/{alias(one)}/report.txt" for one in told)}:
                yield f"{path}?language=fr"
    for hours in (24, 26, 28, 29, 30, 36):
        yield f"/api/v1/matrix?at={NOW - hours * 3600:.0f}"
    for hour in (12, 17, 18, 20):
        yield f"/matrix?at=2020-05-17T{hour}:32Z"
        yield from (f"/PK/{service}?at=2020-05-17T{hour}:32Z" for service in NAMES)


@pytest.mark.parametrize(("least", "some"), [(2, 25), *(pytest.param(k, 5, marks=pytest.mark.slow) for k in (2, 3))])
@pytest.mark.slow
def test_no_public_answer_differs_by_what_one_probe_saw(
    stores: dict[str, Path], names: list[str], kept: Day, told: dict[str, str], least: int, some: int
) -> None:
    """Pages, pictures, feed, table, interface and errors: of every kind, in every standing, released or not."""
    assert len(names) == len(LONELY) == 60
    quiet, loud = (reader(stores[name], kept, [*names, *told.values()], least) for name in ("quiet", "loud"))
    # What is not there answers alike whatever it is called: each form of question is asked of some of it.
    asked = list(questions(loud, [*told.values()][: 40 // some], names[::some]))
    assert {"/feed.atom", "/matrix", "/api/v1/incidents", "/PK/whatsapp", "/api/v1/openapi.json"} <= set(asked)
    for path in asked:
        one, other = quiet.get(path), loud.get(path)
        assert (one.status_code, one.content, one.headers) == (other.status_code, other.content, other.headers), path


@pytest.mark.slow
def test_what_one_probe_saw_is_there_to_be_found(
    stores: dict[str, Path], names: list[str], look_at: Callable[..., View]
) -> None:
    """The comparison above would see it: the operator's pages are full of it, each marked."""
    store = SqliteStore(stores["loud"] / "derived.sqlite", SqliteJournal(stores["loud"] / "journal.sqlite"))
    view = replace(look_at(NOW), store=store)
    client = TestClient(create_app(lambda: view), base_url="http://127.0.0.1:8484")
    first = client.get("/").text
    told = first[first.index('id="section-unconfirmed"') :]
    section = told[: told.index("</section>")]
    for name, (_kind, state, witnesses) in zip(names, LONELY, strict=True):
        assert (f"/incident/{name}" in section) is (state is not IncidentState.WITHDRAWN), name
        assert first.count(f'<p class="sentence"><a href="/incident/{name}"') == (state is not IncidentState.WITHDRAWN)
        page = client.get(f"/incident/{name}").text
        if state is not IncidentState.WITHDRAWN:
            assert "UNCONFIRMED (one probe only)" in page, name
            assert ("seen by one probe, not confirmed" in page) is (witnesses == 1)
            assert '<p class="badges"><span class="badge state-insufficient">' in page, name
    store.close()


def points_of(place: Path) -> list[Point]:
    """Return what a store's conclusions are to a sink."""
    found: list[Point] = []

    class Keeping:
        name = "keeping"

        def write(self, points: Any) -> None:
            found.extend(points)

    with (
        closing(SqliteStore(place / "derived.sqlite")) as store,
        closing(SqliteJournal(place / "journal.sqlite")) as journal,
    ):
        stream = Conclusions(PointSink(Keeping()), "keeping", Sources(store, journal))
        while stream.step():
            pass
    return found


@pytest.mark.slow
def test_no_point_annotation_or_event_is_made_of_what_one_probe_saw(stores: dict[str, Path], names: list[str]) -> None:
    """Dashboards, marks and alerts ask for these; the rest has a measurement of its own, which they do not name."""
    quiet, loud = points_of(stores["quiet"]), points_of(stores["loud"])
    alone = [point for point in loud if point.measurement == "balise_unconfirmed"]
    assert [point for point in loud if point.measurement != "balise_unconfirmed"] == [
        point for point in quiet if point.measurement != "balise_unconfirmed"
    ]
    assert {point.measurement for point in quiet} >= {"balise_incident", "balise_annotation", "balise_event"}
    assert {dict(point.fields)["id"] for point in alone} >= set(names)
    assert len({(point.tags, point.time_ns) for point in alone}) == len(alone)


# ---------------------------------------------------------------- what was told, and is not confirmed any more


@pytest.fixture
def taken_back(stores: dict[str, Path], tmp_path: Path) -> Path:
    """Return a day in which a finding has lost its second witness."""
    copy(stores["quiet"], tmp_path)
    with closing(SqliteStore(tmp_path / "derived.sqlite")) as store:
        model = next(one for one in store.incidents() if one.service == "twitter")
        said = msgspec.structs.replace(
            model, id=TOLD_ONCE, service="whatsapp", state=IncidentState.OPEN, end=None, closed_at=None, revision=1,
            onset=Interval(earliest=model.onset.latest + 3600, latest=model.onset.latest + 3900),
        )  # fmt: skip
        alone = msgspec.structs.replace(
            said, state=IncidentState.CLOSED, witnesses=1, revision=2, closed_at=model.closed_at, end=model.end,
            scope=msgspec.structs.replace(said.scope, affected=(64503,), affected_probes=1),
        )  # fmt: skip
        store.save_progress(Progress(), {}, [said], model.opened_at + 4500)
        store.save_progress(Progress(), {}, [alone], model.opened_at + 6300)
    return tmp_path


@pytest.mark.slow
def test_what_was_said_and_is_not_confirmed_any_more_is_taken_back_everywhere(taken_back: Path, kept: Day) -> None:
    """Never silently: page, "What we said when", feed, interface and card say that it is withdrawn, and nothing new."""
    client = reader(taken_back, kept, [])
    name = Policy(least=2, delay=1800.0, secret=SECRET).alias(TOLD_ONCE)
    answer = client.get("/api/v1/incidents").json()
    assert name not in {one["id"] for one in answer["incidents"]}
    (gone,) = answer["withdrawn"]
    assert (gone["id"], gone["state"], gone["end"]) == (name, "withdrawn", None)
    one = client.get(f"/api/v1/incidents/{name}").json()
    assert [each["incident"]["state"] for each in one["revisions"]] == ["open", "withdrawn"]
    assert one["revisions"][0]["incident"]["scope"] == one["revisions"][1]["incident"]["scope"]
    page = client.get(f"/incident/{name}").text
    assert "<h1>WITHDRAWN (measurements that arrived later do not confirm it)" in page
    assert "now withdrawn" in page[page.index('id="history"') :]
    assert "WITHDRAWN" in client.get(f"/incident/{name}/report.txt").text
    assert "RETIRÉ" in client.get(f"/incident/{name}/report.txt?language=fr").text
    assert "WITHDRAWN" in client.get(f"/incident/{name}/card.svg").text
    first = client.get("/").text
    assert f"/incident/{name}" in first[first.index('id="section-withdrawn"') :]
    said = client.get("/PK/whatsapp").text
    assert "WITHDRAWN" in said[said.index('id="said"') :]
    feed = client.get("/feed.atom").text
    assert "<title>WITHDRAWN (measurements that arrived later do not confirm it): Pakistan: WhatsApp blocked" in feed


@pytest.mark.slow
def test_what_a_dead_line_told_stays_while_it_is_dead(taken_back: Path, kept: Day) -> None:
    """After a day without any measurement of it, the finding (or that it was withdrawn) is still there."""
    names = Policy(least=2, delay=1800.0, secret=SECRET).alias
    with closing(SqliteStore(taken_back / "derived.sqlite")) as store:
        model = next(one for one in store.incidents() if one.service == "twitter")
        going_on = msgspec.structs.replace(model, id="dead11fe0000", state=IncidentState.OPEN, end=None, closed_at=None)
        store.save_progress(Progress(), {}, [msgspec.structs.replace(going_on, revision=1)], model.opened_at)
    for days in (0, 3, 40):
        answer = reader(taken_back, kept, [], now=NOW + days * 86_400).get("/api/v1/incidents").json()
        shown = {one["id"]: one for one in (*answer["incidents"], *answer["withdrawn"])}
        assert {names("dead11fe0000"), names(TOLD_ONCE)} <= set(shown), days
        assert shown[names("dead11fe0000")]["scope"]["affected"] == [64501, 64502, 64503]


def test_before_it_was_taken_back_it_was_told(taken_back: Path, kept: Day) -> None:
    """The view speaks of the moment before the delay: the line comes when it was noted, and no sooner."""
    with closing(SqliteStore(taken_back / "derived.sqlite")) as store:
        (_, (noted, _)) = store.revisions(TOLD_ONCE)
    client = reader(taken_back, kept, [], now=noted + 1800.0 - 600.0)
    answer = client.get("/api/v1/incidents").json()
    assert "whatsapp" in {one["service"] for one in answer["incidents"]}
    assert answer["withdrawn"] == []


@pytest.mark.slow
def test_a_point_takes_it_back_too(taken_back: Path) -> None:
    """The annotation on a dashboard becomes one that is withdrawn, in the same place; the alert resolves."""
    found = [one for one in points_of(taken_back) if dict(one.fields).get("id") == TOLD_ONCE]
    fields: dict[str, list[Any]] = {}
    for point in found:
        fields.setdefault(point.measurement, []).append({**dict(point.fields), **dict(point.tags)})
    assert [one["is_withdrawn"] for one in fields["balise_annotation"]] == [0, 1]
    assert len({point.time_ns for point in found if point.measurement == "balise_annotation"}) == 1
    assert [(one["state"], one["is_open"]) for one in fields["balise_incident"]] == [("open", 1), ("withdrawn", 0)]
    assert [one["change"] for one in fields["balise_event"]] == ["opened", "withdrawn"]
    assert [one["affected_probes"] for one in fields["balise_unconfirmed"]] == [1]


# ---------------------------------------------------------------- single results


@pytest.fixture
def lone_results(stores: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Return two days that differ in what one of a provider's two probes met: trouble, or nothing that is clear."""
    found = {name: copy(stores["quiet"], tmp_path / name) for name in ("doubtful", "troubled")}
    for name, place in found.items():
        with closing(SqliteStore(place / "derived.sqlite")) as store:
            mine = [
                (seq, v)
                for seq, v in store.numbered_verdicts(probe="pk64501a", service="whatsapp")
                if v.state is VerdictState.OK
            ]
            assert len(mine) > 50
            store.save_verdicts([(seq, _met(v, number, name == "troubled")) for number, (seq, v) in enumerate(mine)])
    return found


def _met(one: Verdict, number: int, trouble: bool) -> Verdict:
    """Return what a probe met: each sort of trouble in turn, or nothing clear."""
    states = (VerdictState.BLOCKED, VerdictState.DOWN, VerdictState.THROTTLED, VerdictState.SERVER_SIDE)
    state = states[number % len(states)] if trouble else VerdictState.INSUFFICIENT
    mechanism = Mechanism.SNI_RST if trouble else None
    return msgspec.structs.replace(one, state=state, rule="sni.rst" if trouble else "tls.anomaly", mechanism=mechanism)


@pytest.mark.slow
def test_trouble_of_one_probe_is_told_as_what_we_cannot_tell(
    lone_results: dict[str, Path], kept: Day, told: dict[str, str]
) -> None:
    """Matrix, strips, tables and counts: the colour of blocking needs two probes that met something amiss."""
    doubtful, troubled = (reader(lone_results[name], kept, []) for name in ("doubtful", "troubled"))
    alias = Policy(least=2, delay=1800.0, secret=SECRET).alias
    paths = ["/matrix", "/api/v1/matrix", *(f"/incident/{alias(one)}.csv" for one in told.values())]
    paths += [f"/matrix?at=2020-05-17T{hour}:32Z" for hour in range(12, 21)]
    paths += [f"/api/v1/matrix?at={NOW - hours * 3600:.0f}" for hours in range(26, 37)]
    for path in paths:
        assert doubtful.get(path).text == troubled.get(path).text, path
    seen = [
        cell
        for path in paths
        if path.startswith("/api/")
        for cell in troubled.get(path).json()["cells"]
        if (cell["service"], cell["asn"]) == ("whatsapp", 64501)
    ]
    assert seen
    assert {state for cell in seen for state in cell["states"]} == {"ok", "insufficient"}


@pytest.mark.slow
def test_the_word_for_a_service_that_one_probe_cannot_reach_is_that_we_cannot_tell(
    lone_results: dict[str, Path], kept: Day
) -> None:
    """Nothing of what it met is said, and the service is not called reachable either."""
    page = reader(lone_results["troubled"], kept, []).get("/PK/whatsapp?at=2020-05-17T18:32Z").text
    assert "Some measurements failed, and too few probes agree to call it a finding." in page
    assert "reset" not in page
