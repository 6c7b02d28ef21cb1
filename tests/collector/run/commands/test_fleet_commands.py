"""``balise-collector fleet retire|tag|halt|list|show``, as an operator types it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from balise_collector.fleet.assignment import Issued
from balise_collector.fleet.authority import Authority
from balise_collector.fleet.members import Pending
from balise_collector.fleet.orders import Able, Taken
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal import Batch, Notice, NoticeKind
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.system.clock import Clock
from balise_wire.status import Event, EventKind
from tests.collector.field_probe import FieldProbe

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def member(run: Run, probe: FieldProbe) -> FieldProbe:
    """Return a probe that is approved."""
    assert run("fleet", "approve", probe.id, "--key", probe.public_hex, "--country", "PK", "--asn", "64501")[0] == 0
    return probe


def test_words_of_the_operator(run: Run, member: FieldProbe) -> None:
    """Tags and the provider's label are in the list; approving again keeps them."""
    assert run("fleet", "tag", member.id, "roof", "spare")[0] == 0
    again = ("fleet", "approve", member.id, "--provider", "one", "--profile", "lean")
    assert run(*again)[0] == 0
    assert "one #roof #spare" in run("fleet", "list")[1]
    told = json.loads(run("fleet", "show", member.id, "--json")[1])["member"]
    assert (told["tags"], told["provider"], told["profile"]) == (["roof", "spare"], "one", "lean")
    assert run("fleet", "tag", member.id)[0] == 0
    assert "tags         -" in run("fleet", "show", member.id)[1]


def test_who_keeps_a_board_is_the_operators_word(
    run: Run, member: FieldProbe, make_probe: Callable[..., FieldProbe], tmp_path: Path
) -> None:
    """A label for the host; cards without one are counted out loud, and one command says that they are apart."""
    other = make_probe(id="other000")
    typed = ("--key", other.public_hex, "--country", "PK", "--asn", "64501")
    assert "a host of its own" in run("fleet", "approve", other.id, *typed)[1]
    assert "without a host" not in run("fleet", "list")[1]
    with closing(SqliteRegistry(tmp_path / "state" / "fleet.sqlite")) as registry:
        registry.approve(msgspec.structs.replace(other.member, enrolled_at=5.0))
    assert "1 boards of cards without a host" in run("fleet", "list")[1]
    assert run("fleet", "host", member.id, "the  roof")[1] == f"{member.id}: the roof\n"
    assert f"one witness from now on: {member.id}, {other.id}" in run("fleet", "host", other.id, "the roof")[1]
    assert run("fleet", "host", other.id)[0] == 0
    assert "1 boards have a host of their own" in run("fleet", "host", "--each")[1]
    assert json.loads(run("fleet", "show", other.id, "--json")[1])["member"]["host"] == other.id
    assert "kept by the roof" in run("fleet", "list")[1]
    for wrong in (("host",), ("host", "nobody000", "x"), ("host", member.id, "x" * 81), ("host", member.id, "\x1b[2J")):
        assert run("fleet", *wrong)[0] == 2


def test_a_move_and_a_correction(run: Run, member: FieldProbe) -> None:
    """A move begins when it is written down or when the operator says; a correction holds from the start."""
    assert run("fleet", "approve", member.id, "--asn", "64777", "--since", "2020-01-01T00:00Z")[0] == 0
    records = json.loads(run("fleet", "show", member.id, "--json")[1])["records"]
    assert [record["network"]["asn"] for record in records] == [64777]
    assert run("fleet", "approve", member.id, "--asn", "64778")[0] == 0
    assert "AS64777" in run("fleet", "show", member.id)[1]
    assert run("fleet", "approve", member.id, "--asn", "64779", "--since", "always")[0] == 0
    records = json.loads(run("fleet", "show", member.id, "--json")[1])["records"]
    assert [(record["since"], record["network"]["asn"]) for record in records] == [(0.0, 64779)]
    for wrong in ("yesterday", "2999-01-01"):
        assert run("fleet", "approve", member.id, "--since", wrong)[0] == 2


def test_what_the_collector_noticed_is_shown(run: Run, member: FieldProbe, tmp_path: Path, epoch: float) -> None:
    """Two boards under one id, and a card that names another provider, each in a line with its mend."""
    journal = SqliteJournal(tmp_path / "state" / "journal.sqlite")
    told = [
        Notice(probe=member.id, kind=NoticeKind.CLONED, detail="streams one and two take turns"),
        Notice(probe=member.id, kind=NoticeKind.CLAIMS, detail="says AS64999, fixed"),
    ]
    journal.append((), (), (), epoch, (), told)
    journal.close()
    shown = run("fleet", "show", member.id)[1]
    assert "two boards speak under this id" in shown
    assert "says AS64999" in shown


def test_nobody_becomes_a_reference_by_announcing_it(run: Run, probe: FieldProbe, tmp_path: Path) -> None:
    """What a stranger says of itself fills blanks that the operator reads; it gives no weight."""
    with closing(SqliteRegistry(tmp_path / "state" / "fleet.sqlite")) as registry:
        registry.note_pending(
            Pending(id=probe.id, public_key=probe.public_hex, country="PK", asn=64501, role="reference")
        )
    status, out, _ = run("fleet", "approve", probe.id)
    assert (status, "its own word" in out) == (0, True)
    assert json.loads(run("fleet", "show", probe.id, "--json")[1])["member"]["role"] == "probe"


def test_a_halt_and_its_end(run: Run, member: FieldProbe) -> None:
    """Listed with its reason, in the list and at each probe; lifted once."""
    status, out, _ = run("fleet", "halt", "PK", "--reason", "under  review", "--no-wait")
    assert (status, "1 probes" in out) == (0, True)
    listed = run("fleet", "list")[1]
    assert "PK is halted" in listed
    assert "under review" in listed
    assert f"{member.id:<12} halted" in listed
    assert json.loads(run("fleet", "list", "--json")[1])["halted"][0]["reason"] == "under review"
    assert "under review" in run("fleet", "show", member.id)[1]
    assert run("fleet", "halt", "PK", "--undo", "--no-wait")[0] == 0
    assert run("fleet", "halt", "PK", "--undo")[0] == 2
    assert "halted" not in run("fleet", "list")[1]


def test_a_halt_that_nobody_hears_is_told_as_such(run: Run, member: FieldProbe) -> None:
    """No collector runs: the command does not wait for nothing, names who has not confirmed, and its status says so."""
    status, out, _ = run("fleet", "halt", "PK", "--reason", "under review")
    assert status == 3
    assert f"{member.id:<12} NOT CONFIRMED, never heard" in out
    assert "no collector listens" in out
    assert "0 of 1 probes confirmed" in out
    assert f"not yet: {member.id}" in run("fleet", "list")[1]


@pytest.mark.slow
def test_who_confirmed_is_told_and_waited_for(run: Run, member: FieldProbe, tmp_path: Path) -> None:
    """Registry and journal as a running collector leaves them: the halt is issued, then taken up, then lifted."""
    state = tmp_path / "state"
    now = Clock.from_environment().now()
    with closing(SqliteJournal(state / "journal.sqlite")) as journal:
        journal.watch(now - 5.0)
    with closing(SqliteRegistry(state / "fleet.sqlite")) as registry:
        registry.issue(member.id, Issued(1, "a", 9e9, turned=1))
        registry.note_taken(member.id, Taken(version=1, halted=False, at=now))
        assert run("fleet", "halt", "PK", "--reason", "x", "--wait", "0.5")[0] == 3, "what holds is older than the halt"
        registry.issue(member.id, Issued(2, "b", 9e9, halted=True, turned=2))
        status, out, _ = run("fleet", "halt", "PK", "--reason", "x", "--wait", "0.5")
        assert (status, "NOT CONFIRMED" in out) == (3, True)
        assert "NOT confirmed: at work on version 1" in run("fleet", "show", member.id)[1]
        answer = threading.Timer(0.5, registry.note_taken, (member.id, Taken(version=2, halted=True, at=now)))
        answer.start()
        status, out, _ = run("fleet", "halt", "PK", "--reason", "x", "--wait", "20")
        answer.join()
        assert (status, f"{member.id:<12} confirmed, version 2" in out, "all 1 probes" in out) == (0, True, True)
        assert "1 of 1 probes confirmed that they stopped" in run("fleet", "list")[1]
        assert "confirmed: stopped by version 2" in run("fleet", "show", member.id)[1]
        assert run("fleet", "halt", "PK", "--undo", "--wait", "0.3")[0] == 3, "the collector has not lifted it yet"
        told = json.loads(run("fleet", "show", member.id, "--json")[1])
        assert (told["accepted"], told["stopped"], told["assignment"]) == (2, True, 2)


def test_who_is_too_old_for_what_is_told(run: Run, member: FieldProbe, tmp_path: Path) -> None:
    """In the list, for one probe, and for programs; nothing is said of a probe that has not introduced itself."""
    assert "too old" not in run("fleet", "list")[1]
    with closing(SqliteRegistry(tmp_path / "state" / "fleet.sqlite")) as registry:
        registry.note_able(member.member, Able(software="0.1.0"))
        registry.issue(member.id, Issued(1, "a", 9e9, turned=1, left_out={"experiment:quic": 3}))
        registry.note_unread(member.id, {"event 'sauna_on'"})
    assert "(too old for: reads:assignments-piecewise, experiment:quic (3 left out))" in run("fleet", "list")[1]
    shown = run("fleet", "show", member.id)[1]
    assert "software     0.1.0" in shown
    assert "too old for  reads:assignments-piecewise, experiment:quic (3 left out)" in shown
    assert "not read     event 'sauna_on' (update this collector)" in shown
    told = json.loads(run("fleet", "list", "--json")[1])["orders"][member.id]
    assert told["too_old_for"] == ["reads:assignments-piecewise", "experiment:quic (3 left out)"]


def test_retired_is_not_revoked(run: Run, member: FieldProbe) -> None:
    """The list says which, and neither is silent for a reason that somebody must look into."""
    assert run("fleet", "retire", member.id)[0] == 0
    assert f"{member.id:<12} retired" in run("fleet", "list")[1]
    assert run("fleet", "revoke", member.id)[0] == 0
    assert f"{member.id:<12} revoked" in run("fleet", "list")[1]


def test_revoking_refuses_the_certificate_too(run: Run, member: FieldProbe, tmp_path: Path) -> None:
    """The list that the broker reads is written before the command ends."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(member.key, None)
    authority = Authority.open_or_create(tmp_path / "state" / "authority")
    authority.issue_client(request.public_bytes(Encoding.PEM).decode(), member.id)
    authority.close()
    status, out, _ = run("fleet", "revoke", member.id)
    assert (status, "SIGHUP" in out) == (0, True)
    listed = x509.load_pem_x509_crl((tmp_path / "state" / "authority" / "crl.pem").read_bytes())
    assert len(list(listed)) == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("show", "nobody000"), "fleet list"),
        (("retire", "nobody000"), "fleet list"),
        (("tag", "nobody000", "x"), "fleet list"),
        (("halt", "Pakistan", "--reason", "x"), "two capital letters"),
        (("halt", "PK"), "--reason"),
        (("halt", "PK", "--undo"), "not halted"),
        (("halt", "PK", "--reason", "x" * 300), "200"),
    ],
)
def test_what_is_missing_is_named(run: Run, arguments: tuple[str, ...], word: str) -> None:
    """One line with the mend."""
    status, _, err = run("fleet", *arguments)
    assert status == 2
    assert word in err


def test_what_a_probe_told_is_shown_with_its_troubles(
    run: Run, member: FieldProbe, tmp_path: Path, epoch: float
) -> None:
    """At a430c09 nobody could read why a board started anew, refused its task or had no room."""
    now = Clock.from_environment().now()
    hostile = "\x1b[2Jeth0\r\nprobe        somebody else\u202e"
    told = [
        Event(kind=EventKind.STARTED, at=epoch, detail="software 0.1.0"),
        Event(kind=EventKind.SPOOL_FULL, at=epoch, detail="the spool is full; 3 batches let go so far"),
        Event(kind=EventKind.LINK_UNUSABLE, at=epoch, detail=hostile),
    ]
    with closing(SqliteJournal(tmp_path / "state" / "journal.sqlite")) as journal:
        batch = Batch(
            probe=member.id, public_key=member.public_hex, sent_at=now, frame=b"",
            events=tuple(msgspec.json.encode(event) for event in told),
        )  # fmt: skip
        journal.append([batch], (), (), now - 60)
    shown = run("fleet", "show", member.id)[1].splitlines()
    assert (
        "trouble      could not measure, 1 times lately: \ufffd[2Jeth0\ufffd\ufffdprobe        somebody else\ufffd"
        in shown
    )
    assert any(line.startswith("trouble      had no room for results, and let some go, 1 times") for line in shown)
    lines = [line for line in shown if line.startswith(("told  ", "             2"))]
    assert [line.split("Z ", 1)[1].split(":")[0] for line in lines] == [
        "could not measure", "had no room for results, and let some go", "its program started",
    ]  # fmt: skip
    assert all(line.isprintable() for line in shown)
    answer = json.loads(run("fleet", "show", member.id, "--json")[1])
    assert [one["event"]["kind"] for one in answer["events"]] == ["link_unusable", "spool_full", "started"]
    assert {one["kind"] for one in answer["troubles"]} == {"link_unusable", "spool_full"}
