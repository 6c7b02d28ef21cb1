"""The desk: one board a token, the same board as often as it must, ids that survive, and nothing half done."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from cryptography import x509

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.authority.authority import MOST_IN_A_WEEK, MOST_OF_NAME
from balise_collector.fleet.enrolment.revocation_sync import sync_revocations
from balise_collector.system.errors import JournalError
from balise_wire.enrolment import Refusal
from balise_wire.measurement import Network
from balise_wire.words import Access, ProbeRole, Profile
from tests.collector.fleet.enrolment.conftest import Board, Office

DAY = 86_400.0
Read = Callable[[Any], Any]


def refused_serials(office: Office) -> set[int]:
    """Return the serial numbers on the authority's list."""
    with closing(Authority.open_or_create(office.folder / "authority")) as authority:
        return {entry.serial_number for entry in x509.load_pem_x509_crl(authority.crl().encode())}


def serial(certificate: str) -> int:
    """Return a certificate's serial number."""
    return x509.load_pem_x509_certificate(certificate.encode()).serial_number


def test_a_board_becomes_a_probe(office: Office, board: Board, enrolment_of: Read) -> None:
    """Everything it needs to speak is in the answer; what it said of its line is not what counts."""
    token = office.token(
        network=Network(country="KZ", asn=64502, access=Access.MOBILE),
        role=ProbeRole.REFERENCE,
        profile=Profile.LEAN,
        provider="kazakh-one",
        tags=("bench",),
    )
    got = enrolment_of(office.service.enrol(board.enrolling(token, country="FR"), "192.0.2.9"))
    assert (got.probe, got.country, got.asn, got.role) == ("k7m2q9xd", "KZ", 64502, ProbeRole.REFERENCE)
    assert (got.profile, got.access) == (Profile.LEAN, Access.MOBILE)
    assert [door.host for door in got.brokers] == ["front.example", "192.0.2.1"]
    assert (got.collector, got.at) == ("cd" * 32, office.time[0])
    certificate = x509.load_pem_x509_certificate(got.certificate.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(got.authority.encode()))
    member = office.members()["k7m2q9xd"]
    assert member.speaks
    assert (member.public_key, member.provider, member.tags) == (board.public_hex, "kazakh-one", ("bench",))
    assert member.enrolled_at == office.time[0]
    assert member.expires == certificate.not_valid_after_utc.timestamp()


def test_a_host_may_ask_for_less(office: Office, board: Board, enrolment_of: Read) -> None:
    """A line that is paid by the byte: the host's word on the card makes it smaller, never larger."""
    token = office.token(profile=Profile.LEAN)
    asked = board.enrolling(token, profile=Profile.METERED)
    assert enrolment_of(office.service.enrol(asked, "x")).profile is Profile.METERED
    token = office.token(probe="other000", profile=Profile.LEAN)
    asked = type(board)().enrolling(token, profile=Profile.STANDARD)
    assert enrolment_of(office.service.enrol(asked, "x")).profile is Profile.LEAN


def test_a_lost_answer_is_given_again(office: Office, board: Board, enrolment_of: Read) -> None:
    """The same key with the same token: whether the line or the power went, also after the token's end."""
    token = office.token()
    first = enrolment_of(office.service.enrol(board.enrolling(token), "x"))
    office.time[0] += 400 * DAY
    again = enrolment_of(office.service.enrol(board.enrolling(token.lower().replace("-", " ")), "x"))
    assert again.probe == first.probe
    assert refused_serials(office) == set()


def test_a_certificate_is_given_again_and_not_made_again(office: Office, board: Board, enrolment_of: Read) -> None:
    """A board that asks without end fills neither the record nor the list: a young certificate is its answer."""
    token = office.token()
    answers = [enrolment_of(office.service.enrol(board.enrolling(token), "x"))]
    for _ in range(20):
        answers.append(enrolment_of(office.service.renew(board.renewing(), "x")))
        answers.append(enrolment_of(office.service.enrol(board.enrolling(token), "x")))
    serials = [serial(answer.certificate) for answer in answers]
    assert len(set(serials)) == MOST_IN_A_WEEK
    assert len(set(serials[MOST_IN_A_WEEK:])) == 1
    with closing(Authority.open_or_create(office.folder / "authority")) as authority:
        assert len(authority.issued()) == MOST_IN_A_WEEK
        assert authority.revoke("k7m2q9xd") == MOST_IN_A_WEEK
    assert serial(enrolment_of(office.service.renew(board.renewing(), "x")).certificate) not in serials


@pytest.mark.slow
def test_a_probe_has_so_many_certificates_and_no_more(
    office: Office, board: Board, enrolment_of: Read, refusal_of: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By renewals or by replaced boards; what is too many is refused, and the token of it is not spent."""
    monkeypatch.setattr("balise_collector.fleet.authority.authority.MOST_IN_A_WEEK", MOST_OF_NAME + 1)
    enrolment_of(office.service.enrol(board.enrolling(office.token()), "x"))
    for _ in range(MOST_OF_NAME - 1):
        enrolment_of(office.service.renew(board.renewing(), "x"))
    assert refusal_of(office.service.renew(board.renewing(), "x")) is Refusal.TOO_MANY
    token = office.token(named=True)
    other = type(board)()
    assert refusal_of(office.service.enrol(other.enrolling(token), "x")) is Refusal.TOO_MANY
    with closing(sqlite3.connect(office.folder / "fleet.sqlite")) as db:
        spent = db.execute("SELECT count(*) FROM token WHERE spent_at IS NOT NULL").fetchone()[0]
        assert spent == 1
    with closing(Authority.open_or_create(office.folder / "authority")) as authority:
        assert authority.revoke("k7m2q9xd") == MOST_OF_NAME
    assert len(refused_serials(office)) == MOST_OF_NAME


@pytest.mark.parametrize("fails", ["members.put", "tokens.spend"])
def test_nothing_is_half_done(
    office: Office, board: Board, enrolment_of: Read, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """The disk fails between certificate, token and member: no token is spent, and the next try works."""
    token = office.token()

    def full(*_arguments: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(f"balise_collector.fleet.registry.sqlite.{fails}", full)
        with pytest.raises(JournalError, match="make room"):
            office.service.enrol(board.enrolling(token), "x")
    assert office.members() == {}
    other = type(board)()
    assert enrolment_of(office.service.enrol(other.enrolling(token), "x")).probe == "k7m2q9xd"


def test_a_token_works_for_one_board(office: Office, board: Board, refusal_of: Read, enrolment_of: Read) -> None:
    """A second board gets nothing, whoever came first; the first stays."""
    token = office.token()
    enrolment_of(office.service.enrol(board.enrolling(token), "x"))
    assert refusal_of(office.service.enrol(type(board)().enrolling(token), "x")) is Refusal.TOKEN_SPENT
    assert office.members()["k7m2q9xd"].public_key == board.public_hex


def test_every_refusal_has_its_word(
    office: Office, board: Board, refusal_of: Read, caplog: pytest.LogCaptureFixture
) -> None:
    """The board shows words for each; the log names the source and the reason, and never the token."""
    token = office.token()
    asks = office.service.enrol
    assert refusal_of(asks(board.enrolling("7K3QF-0V9DM-XW2HC-T5JRA-8ENP4"), "192.0.2.9")) is Refusal.TOKEN_UNKNOWN
    assert refusal_of(asks(board.enrolling(token, consent=""), "x")) is Refusal.CONSENT_MISSING
    assert refusal_of(asks(board.enrolling(token, consent="2019-01"), "x")) is Refusal.CONSENT_OUTDATED
    for body in (b"", b"{", b"[]", b"\xff\xfe", b'{"token":"x"}', board.enrolling(token, request="no request")):
        answer = asks(body, "x")
        assert answer.status == 400
        assert refusal_of(answer) is Refusal.REQUEST_MALFORMED
    assert refusal_of(asks(board.enrolling(token)[:-1] + b',"extra":1}', "x")) is Refusal.REQUEST_MALFORMED
    office.time[0] += 31 * DAY
    assert refusal_of(asks(board.enrolling(token), "x")) is Refusal.TOKEN_EXPIRED
    assert office.members() == {}
    assert "192.0.2.9: token_unknown" in caplog.text
    assert token not in caplog.text
    assert token.replace("-", "") not in caplog.text


def test_a_reinstalled_board_keeps_its_id(office: Office, board: Board, enrolment_of: Read) -> None:
    """Its key survived on the data partition: a fresh card for another id finds the probe it was, with its history."""
    enrolment_of(office.service.enrol(board.enrolling(office.token()), "x"))
    fresh = office.token(probe="fresh000", network=Network(country="PK", asn=64999))
    got = enrolment_of(office.service.enrol(board.enrolling(fresh), "x"))
    assert (got.probe, got.asn) == ("k7m2q9xd", 64999)
    assert set(office.members()) == {"k7m2q9xd"}
    assert enrolment_of(office.service.enrol(board.enrolling(fresh), "x")).probe == "k7m2q9xd"


def test_a_named_id_is_what_the_operator_says(office: Office, board: Board, enrolment_of: Read) -> None:
    """A token for a named id makes a known board that probe; the id it had is finished, its certificate refused."""
    first = enrolment_of(office.service.enrol(board.enrolling(office.token()), "x"))
    got = enrolment_of(office.service.enrol(board.enrolling(office.token(probe="named000", named=True)), "x"))
    assert got.probe == "named000"
    assert office.members()["k7m2q9xd"].retired_at == office.time[0]
    assert refused_serials(office) == {serial(first.certificate)}
    assert enrolment_of(office.service.renew(board.renewing(), "x")).probe == "named000"


def test_a_new_board_takes_a_place_over(office: Office, board: Board, enrolment_of: Read, refusal_of: Read) -> None:
    """Replaced: the id and what the operator wrote on it stay, old certificate and old token are worth nothing."""
    token = office.token(tags=("roof",), provider="one")
    old = enrolment_of(office.service.enrol(board.enrolling(token), "x"))
    new_board = type(board)()
    new = enrolment_of(office.service.enrol(new_board.enrolling(office.token(named=True)), "x"))
    assert new.probe == old.probe
    member = office.members()["k7m2q9xd"]
    assert (member.public_key, member.tags, member.provider) == (new_board.public_hex, ("roof",), "one")
    assert refused_serials(office) == {serial(old.certificate)}
    assert refusal_of(office.service.renew(board.renewing(), "x")) is Refusal.KEY_UNKNOWN
    assert refusal_of(office.service.enrol(board.enrolling(token), "x")) is Refusal.TOKEN_SPENT


def test_a_certificate_is_renewed_by_the_key(
    office: Office, board: Board, enrolment_of: Read, refusal_of: Read
) -> None:
    """No token is needed while the probe may speak; a stranger's key gets nothing, nor does garbage."""
    first = enrolment_of(office.service.enrol(board.enrolling(office.token()), "x"))
    second = enrolment_of(office.service.renew(board.renewing(), "x"))
    assert second.probe == first.probe
    assert serial(second.certificate) != serial(first.certificate)
    assert refused_serials(office) == set()
    assert refusal_of(office.service.renew(type(board)().renewing(), "x")) is Refusal.KEY_UNKNOWN
    assert refusal_of(office.service.renew(b"{}", "x")) is Refusal.REQUEST_MALFORMED


@pytest.mark.parametrize("how", ["revoke", "retire"])
def test_who_may_not_speak_is_refused_everywhere(
    office: Office, board: Board, enrolment_of: Read, refusal_of: Read, how: str
) -> None:
    """No renewal, no second answer, no other token; only a token for its own id lets a board in again."""
    token = office.token()
    got = enrolment_of(office.service.enrol(board.enrolling(token), "x"))
    waiting = office.token(probe="k7m2q9xd", named=True)
    with (
        closing(office.registry()) as registry,
        closing(Authority.open_or_create(office.folder / "authority")) as authority,
    ):
        assert registry.revoke("k7m2q9xd") if how == "revoke" else registry.retire("k7m2q9xd", office.time[0])
        assert sync_revocations(registry, authority) == 1
        assert sync_revocations(registry, authority) == 0
    assert refused_serials(office) == {serial(got.certificate)}
    assert refusal_of(office.service.renew(board.renewing(), "x")) is Refusal.REVOKED
    assert refusal_of(office.service.enrol(board.enrolling(token), "x")) is Refusal.REVOKED
    assert refusal_of(office.service.enrol(type(board)().enrolling(waiting), "x")) is Refusal.REVOKED
    if how == "revoke":
        another = office.token(probe="another0")
        assert refusal_of(office.service.enrol(board.enrolling(another), "x")) is Refusal.REVOKED
    again = office.token(probe="k7m2q9xd", named=True)
    assert enrolment_of(office.service.enrol(board.enrolling(again), "x")).probe == "k7m2q9xd"
    assert office.members()["k7m2q9xd"].speaks


def test_an_enrolment_in_flight_is_not_refused(office: Office, board: Board, enrolment_of: Read) -> None:
    """Registry and authority are compared while nobody enrols: a certificate just issued stays good."""
    first = enrolment_of(office.service.enrol(board.enrolling(office.token()), "x"))
    with (
        closing(office.registry()) as registry,
        closing(Authority.open_or_create(office.folder / "authority")) as authority,
    ):
        assert sync_revocations(registry, authority) == 0
    assert serial(first.certificate) not in refused_serials(office)


def test_the_log_tells_who_was_enrolled(
    office: Office, board: Board, enrolment_of: Read, caplog: pytest.LogCaptureFixture
) -> None:
    """One line with id and place."""
    with caplog.at_level(logging.INFO):
        enrolment_of(office.service.enrol(board.enrolling(office.token()), "192.0.2.9"))
    assert "enrol k7m2q9xd from 192.0.2.9: enrolled, PK AS64501" in caplog.text
