"""RequestBook: bounded, run at most once, answered; under the rules of the agenda and of the device."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from balise_agent.measure.agenda import Agenda
from balise_agent.measure.request_book import NOTE, Desk, RequestBook, Told
from balise_agent.measure.run import Run
from balise_agent.policy.limits import Limits
from balise_agent.system.identity import Identity
from balise_wire.assignment import Assignment, Control, Target
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.experiments.http import HttpParameters
from balise_wire.request import LONGEST_BYTES, MOST_OPEN, Answer, Outcome, Reason, Request
from balise_wire.seal import Sealer
from balise_wire.words import Design, Experiment, TargetRole

PROBE = "k7m2q9xd"
NOW = 1_000.0
LIMITS = Limits(laboratory=("198.18.0.0/15",))
TARGET = Target(
    id="s/web/a.example/4", service="s", role=TargetRole.WEB, host="a.example", addresses=("198.18.1.1",), port=443
)
TASK = Assignment(
    version=1,
    catalogue="c",
    expires=NOW * 9,
    targets=(TARGET,),
    controls=(Control(name="c.example", addresses=("198.18.2.2",)),),
)


def make_desk(limits: Limits = LIMITS) -> Desk:
    """Return where requests are taken after a start."""
    return Desk(Agenda(TASK, secret=b"secret", limits=limits, now=NOW), limits, NOW)


@pytest.fixture
def desk() -> Desk:
    """Return where requests are taken."""
    return make_desk()


def waiting(desk: Desk) -> list[Run]:
    """Return what the agenda has to run once."""
    return desk.agenda._requests.waiting()


class Notes:
    """A memory that outlasts the program, on a disk that may refuse."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.refuses = False

    def note(self, name: str, value: str) -> None:
        """Keep a fact, if the disk takes it."""
        if not self.refuses:
            self.kept[name] = value

    def noted(self, name: str) -> str:
        """Return a fact."""
        return self.kept.get(name, "")


@pytest.fixture
def notes() -> Notes:
    """Return an empty memory."""
    return Notes()


@pytest.fixture
def requests(notes: Notes, collector_identity: Identity) -> RequestBook:
    """Return a probe that was never asked anything."""
    return RequestBook(notes, collector=collector_identity.key.public_key(), probe=PROBE)


def request(number: int = 1, **changes: Any) -> Request:
    """Return a harmless request with changes."""
    fine = Request(
        id=f"{number:032x}", experiment=Experiment.TLS, target=TARGET.id, made=NOW - 10.0, expires=NOW + 600.0
    )
    return msgspec.structs.replace(fine, **changes)


def sealed(signer: Identity, *asked: object, probe: str = PROBE, kind: Kind = Kind.COMMAND, schema: int = 1) -> bytes:
    """Return a message of these requests."""
    body = msgspec.Raw(msgspec.json.encode(asked))
    envelope = Envelope(kind=kind, id="0" * 32, probe=probe, sent_at=NOW, body=body, schema=schema)
    return Sealer(signer.key).seal(encode_envelope(envelope))


def answers(told: tuple[Told, ...]) -> list[tuple[int, Outcome, Reason | None]]:
    """Return the answers, each with the number of its request."""
    return [(int(one.answer.request, 16), one.answer.outcome, one.answer.reason) for one in told]


def test_a_request_is_taken_up_once_and_answered_once(
    requests: RequestBook, collector_identity: Identity, desk: Desk
) -> None:
    """The retained message comes with every connection: what is known is passed over."""
    frame = sealed(collector_identity, request())
    told = requests.offer(frame, NOW, desk)
    assert answers(told) == [(1, Outcome.ACCEPTED, None)]
    assert told[0].detail == f"request {0:08x}, tls of s/web/a.example/4: accepted"
    assert requests.offer(frame, NOW, desk) == ()
    assert requests.resume(desk) == ()
    (run,) = waiting(desk)
    assert (run.target, run.family, run.design) == (TARGET, 4, Design.ON_DEMAND)
    assert requests.begin(run.request)
    assert not requests.begin(run.request)
    (done,) = requests.done(run.request, "ab" * 16)
    assert done.answer == Answer(request=run.request, outcome=Outcome.DONE, measurement="ab" * 16)
    assert requests.done(run.request, "ab" * 16) == ()
    assert requests.offer(frame, NOW, desk) == ()


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({"expires": NOW}, Outcome.EXPIRED, None),
        ({"expires": NOW + 3_600.0}, Outcome.REFUSED, Reason.TOO_LONG),
        ({"experiment": "ech"}, Outcome.REFUSED, Reason.UNREADABLE),
        ({"design": "sideways"}, Outcome.REFUSED, Reason.UNREADABLE),
        ({"design": "manual"}, Outcome.REFUSED, Reason.UNREADABLE),
        ({"bytes": 0}, Outcome.REFUSED, Reason.UNREADABLE),
        ({"expires": "soon"}, Outcome.REFUSED, Reason.UNREADABLE),
        ({"experiment": "line"}, Outcome.REFUSED, Reason.UNABLE),
        ({"experiment": "path", "bytes": 189_599}, Outcome.REFUSED, Reason.BUDGET),
        ({"experiment": "path", "bytes": 189_600}, Outcome.ACCEPTED, None),
        ({"target": "s/web/b.example/4"}, Outcome.REFUSED, Reason.TARGET),
        ({"bytes": 29_499}, Outcome.REFUSED, Reason.BUDGET),
        ({"bytes": 32_000}, Outcome.ACCEPTED, None),
        ({"bytes": 9_000, "design": "sentinel"}, Outcome.ACCEPTED, None),
    ],
)
def test_what_is_refused_and_why(
    requests: RequestBook,
    collector_identity: Identity,
    desk: Desk,
    changes: dict[str, Any],
    outcome: Outcome,
    reason: Reason | None,
) -> None:
    """Each request is held against the device's limits by itself; the others of the message are none the worse."""
    wrong = {**msgspec.to_builtins(request(1)), **changes}
    told = requests.offer(sealed(collector_identity, wrong, request(2)), NOW, desk)
    assert answers(told) == [(1, outcome, reason), (2, Outcome.ACCEPTED, None)]
    assert requests.offer(sealed(collector_identity, wrong), NOW, desk) == ()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"addresses": ("192.168.1.1",)}, "private"),
        ({"host": "a b"}, "host: name is not"),
        ({"experiments": (Experiment.LINE,)}, "line is an experiment on the probe's own line"),
        ({"path": "relative"}, "path"),
    ],
)
def test_a_whole_target_is_held_against_the_same_limits_as_an_assigned_one(
    requests: RequestBook, collector_identity: Identity, desk: Desk, changes: dict[str, Any], why: str
) -> None:
    """A request opens no way that an assignment has not."""
    bad = request(whole=msgspec.structs.replace(TARGET, id="s/web/new.example/4", **changes), target="")
    (told,) = requests.offer(sealed(collector_identity, bad), NOW, desk)
    assert (told.answer.outcome, told.answer.reason) == (Outcome.REFUSED, Reason.TARGET)
    assert why in told.detail


def test_a_whole_target_needs_no_assignment_of_it(
    requests: RequestBook, collector_identity: Identity, desk: Desk
) -> None:
    """With the parameters that it brings, as far as the device goes along."""
    new = msgspec.structs.replace(TARGET, id="s/web/new.example/4", host="new.example").saying(
        HttpParameters(path="/x")
    )
    asked = request(whole=new, target="", experiment=Experiment.HTTP)
    assert answers(requests.offer(sealed(collector_identity, asked), NOW, desk)) == [(1, Outcome.ACCEPTED, None)]
    (run,) = waiting(desk)
    assert run.target.parameters_of(HttpParameters).path == "/x"


def test_an_incident_is_what_a_device_gives_for_a_request(requests: RequestBook, collector_identity: Identity) -> None:
    """A collector's word does not exceed the device's own bound."""
    tight = Limits(laboratory=LIMITS.laboratory, bytes_per_incident=29_000)
    told = requests.offer(sealed(collector_identity, request(bytes=10**9)), NOW, make_desk(tight))
    assert answers(told) == [(1, Outcome.REFUSED, Reason.BUDGET)]
    assert "31500 bytes, and may cost 29000" in told[0].detail


def test_only_so_many_are_open(requests: RequestBook, collector_identity: Identity, desk: Desk) -> None:
    """Those above are refused; of one message no more are looked at than may be open."""
    first = [request(n) for n in range(1, MOST_OPEN + 1)]
    assert len(requests.offer(sealed(collector_identity, *first), NOW, desk)) == MOST_OPEN
    told = requests.offer(sealed(collector_identity, request(99), *first), NOW, desk)
    assert answers(told) == [(99, Outcome.REFUSED, Reason.TOO_MANY)]
    many = [request(n) for n in range(100, 100 + 2 * MOST_OPEN)]
    assert len(requests.offer(sealed(collector_identity, *many), NOW, desk)) == MOST_OPEN


def test_nothing_is_taken_up_while_nothing_is_measured(requests: RequestBook, collector_identity: Identity) -> None:
    """Halt, pause and missing consent hold for requests too."""
    told = requests.offer(sealed(collector_identity, request()), NOW, None)
    assert answers(told) == [(1, Outcome.REFUSED, Reason.NOT_MEASURING)]


@pytest.mark.parametrize("wrong", ["signer", "probe", "kind", "schema", "size", "bytes", "body"])
def test_what_the_collector_did_not_sign_for_us_is_nothing(
    requests: RequestBook, collector_identity: Identity, desk: Desk, identity: Identity, wrong: str
) -> None:
    """No answer goes to whoever can write to the topic."""
    frames = {
        "signer": sealed(identity, request()),
        "probe": sealed(collector_identity, request(), probe="another1"),
        "kind": sealed(collector_identity, request(), kind=Kind.ASSIGNMENT),
        "schema": sealed(collector_identity, request(), schema=2),
        "size": sealed(collector_identity, request()) + bytes(LONGEST_BYTES),
        "bytes": b"nothing of ours",
        "body": sealed(collector_identity)[:-1],
    }
    assert requests.offer(frames[wrong], NOW, desk) == ()
    assert requests.offer(b"", NOW, desk) == ()
    assert answers(requests.offer(sealed(collector_identity, request()), NOW, desk)) == [(1, Outcome.ACCEPTED, None)]


def test_what_was_taken_up_is_still_there_after_a_restart(
    requests: RequestBook, notes: Notes, collector_identity: Identity, desk: Desk
) -> None:
    """And what was begun is never begun again, whatever ended the program."""
    frame = sealed(collector_identity, request(1), request(2))
    requests.offer(frame, NOW, desk)
    requests.begin(f"{1:032x}")
    again = RequestBook(notes, collector=collector_identity.key.public_key(), probe=PROBE)
    assert answers(again.restore()) == [(1, Outcome.FAILED, Reason.INTERRUPTED)]
    desk = make_desk()
    assert again.resume(desk) == ()
    assert [int(run.request, 16) for run in waiting(desk)] == [2]
    assert again.offer(frame, NOW, desk) == ()
    again.settle()
    third = RequestBook(notes, collector=collector_identity.key.public_key(), probe=PROBE)
    assert third.restore() == ()
    assert third.offer(frame, NOW, desk) == ()


def test_an_answer_is_forgotten_no_sooner_than_it_is_on_disk(
    requests: RequestBook, notes: Notes, collector_identity: Identity, desk: Desk
) -> None:
    """A power cut between the two tells of an interruption; the collector goes by the first last word."""
    requests.offer(sealed(collector_identity, request()), NOW, desk)
    requests.begin(f"{1:032x}")
    before = notes.kept[NOTE]
    requests.done(f"{1:032x}", "ab" * 16)
    assert notes.kept[NOTE] == before
    requests.settle()
    assert notes.kept[NOTE] != before


def test_nothing_is_begun_that_cannot_be_written_down(
    requests: RequestBook, notes: Notes, collector_identity: Identity, desk: Desk
) -> None:
    """It would be run again after a restart."""
    requests.offer(sealed(collector_identity, request()), NOW, desk)
    notes.refuses = True
    assert not requests.begin(f"{1:032x}")
    assert answers(requests.unbegun(f"{1:032x}")) == [(1, Outcome.FAILED, Reason.OWN_FAILURE)]


def test_a_damaged_memory_is_an_empty_one(notes: Notes, collector_identity: Identity, desk: Desk) -> None:
    """The probe starts, and takes up what it is asked."""
    notes.kept[NOTE] = '{"waiting": 7'
    found = RequestBook(notes, collector=collector_identity.key.public_key(), probe=PROBE)
    assert found.restore() == ()
    assert len(found.offer(sealed(collector_identity, request()), NOW, desk)) == 1


def test_what_cannot_be_begun_in_time_expires(requests: RequestBook, collector_identity: Identity, desk: Desk) -> None:
    """Nobody waits for an answer for ever; what runs already is let run."""
    requests.offer(sealed(collector_identity, request(1), request(2)), NOW, desk)
    requests.begin(f"{1:032x}")
    assert requests.expire(NOW + 599.0) == ()
    assert answers(requests.expire(NOW + 600.0)) == [(2, Outcome.EXPIRED, None)]


@pytest.mark.parametrize(
    ("measurement", "failure", "reason"),
    [("", "", Reason.INTERRUPTED), ("ab" * 16, "LinkUnusable: no route", Reason.OWN_FAILURE)],
)
def test_our_own_failure_is_an_answer(
    requests: RequestBook, collector_identity: Identity, desk: Desk, measurement: str, failure: str, reason: Reason
) -> None:
    """It is told as ours, with what was recorded of it."""
    requests.offer(sealed(collector_identity, request()), NOW, desk)
    requests.begin(f"{1:032x}")
    (told,) = requests.done(f"{1:032x}", measurement, failure)
    assert told.answer == Answer(request=f"{1:032x}", outcome=Outcome.FAILED, reason=reason, measurement=measurement)
