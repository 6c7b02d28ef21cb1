"""``balise-collector fleet retire|tag|halt|list|show``, as an operator types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from balise_collector.authority import Authority

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
