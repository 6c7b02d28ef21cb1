"""``balise-collector fleet retire|tag|halt|list|show``, as an operator types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from balise_collector.authority import Authority
from balise_collector.fleet import FleetRegistry
from balise_collector.journal import Notice, NoticeKind
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.members import Pending

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def member(run: Run, probe: Any) -> Any:
    """Return a probe that is approved."""
    assert run("fleet", "approve", probe.id, "--key", probe.public_hex, "--country", "PK", "--asn", "64501")[0] == 0
    return probe


def test_words_of_the_operator(run: Run, member: Any) -> None:
    """Tags and the provider's label are in the list; approving again keeps them."""
    assert run("fleet", "tag", member.id, "roof", "spare")[0] == 0
    again = ("fleet", "approve", member.id, "--provider", "one", "--profile", "lean")
    assert run(*again)[0] == 0
    assert "one #roof #spare" in run("fleet", "list")[1]
    told = json.loads(run("fleet", "show", member.id, "--json")[1])["member"]
    assert (told["tags"], told["provider"], told["profile"]) == (["roof", "spare"], "one", "lean")
    assert run("fleet", "tag", member.id)[0] == 0
    assert "tags         -" in run("fleet", "show", member.id)[1]


def test_who_keeps_a_board_is_the_operators_word(run: Run, member: Any, make_probe: Any) -> None:
    """A label for the host; boards without one are counted out loud, and one command says that they are apart."""
    other = make_probe(id="other000")
    typed = ("--key", other.public_hex, "--country", "PK", "--asn", "64501")
    assert "nobody is written down" in run("fleet", "approve", other.id, *typed)[1]
    assert "2 boards without a host" in run("fleet", "list")[1]
    assert run("fleet", "host", member.id, "the  roof")[1] == f"{member.id}: the roof\n"
    assert "1 boards without a host" in run("fleet", "list")[1]
    assert f"one witness from now on: {member.id}, {other.id}" in run("fleet", "host", other.id, "the roof")[1]
    assert run("fleet", "host", other.id)[0] == 0
    assert "1 boards have a host of their own" in run("fleet", "host", "--each")[1]
    assert json.loads(run("fleet", "show", other.id, "--json")[1])["member"]["host"] == other.id
    assert "kept by the roof" in run("fleet", "list")[1]
    for wrong in (("host",), ("host", "nobody000", "x"), ("host", member.id, "x" * 81), ("host", member.id, "\x1b[2J")):
        assert run("fleet", *wrong)[0] == 2


def test_a_move_and_a_correction(run: Run, member: Any) -> None:
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


def test_what_the_collector_noticed_is_shown(run: Run, member: Any, tmp_path: Path, epoch: float) -> None:
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


def test_nobody_becomes_a_reference_by_announcing_it(run: Run, probe: Any, tmp_path: Path) -> None:
    """What a stranger says of itself fills blanks that the operator reads; it gives no weight."""
    with closing(FleetRegistry(tmp_path / "state" / "fleet.sqlite")) as registry:
        registry.note_pending(
            Pending(id=probe.id, public_key=probe.public_hex, country="PK", asn=64501, role="reference")
        )
    status, out, _ = run("fleet", "approve", probe.id)
    assert (status, "its own word" in out) == (0, True)
    assert json.loads(run("fleet", "show", probe.id, "--json")[1])["member"]["role"] == "probe"


def test_a_halt_and_its_end(run: Run, member: Any) -> None:
    """Listed with its reason, in the list and at each probe; lifted once."""
    status, out, _ = run("fleet", "halt", "PK", "--reason", "under  review")
    assert (status, "1 probes" in out) == (0, True)
    listed = run("fleet", "list")[1]
    assert "PK is halted" in listed
    assert "under review" in listed
    assert f"{member.id:<12} halted" in listed
    assert json.loads(run("fleet", "list", "--json")[1])["halted"][0]["reason"] == "under review"
    assert "under review" in run("fleet", "show", member.id)[1]
    assert run("fleet", "halt", "PK", "--undo")[0] == 0
    assert run("fleet", "halt", "PK", "--undo")[0] == 2
    assert "halted" not in run("fleet", "list")[1]


def test_retired_is_not_revoked(run: Run, member: Any) -> None:
    """The list says which, and neither is silent for a reason that somebody must look into."""
    assert run("fleet", "retire", member.id)[0] == 0
    assert f"{member.id:<12} retired" in run("fleet", "list")[1]
    assert run("fleet", "revoke", member.id)[0] == 0
    assert f"{member.id:<12} revoked" in run("fleet", "list")[1]


def test_revoking_refuses_the_certificate_too(run: Run, member: Any, tmp_path: Path) -> None:
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
        (("halt", "PK", "--reason", "x" * 300), "200"),
    ],
)
def test_what_is_missing_is_named(run: Run, arguments: tuple[str, ...], word: str) -> None:
    """One line with the mend."""
    status, _, err = run("fleet", *arguments)
    assert status == 2
    assert word in err
