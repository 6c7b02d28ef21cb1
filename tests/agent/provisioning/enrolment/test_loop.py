"""A board becomes a probe: what it asks, whom it believes, what it keeps, and that it says nothing before consent."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from balise_agent.delivery.lookup import lookup_through
from balise_agent.provisioning.enrolment.attempts import Applicant
from balise_agent.provisioning.enrolment.files import Files
from balise_agent.provisioning.enrolment.loop import EnrolmentLoop
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config, ConsentSettings, Probe
from balise_agent.system.config import EnrolmentSettings as Wish
from balise_agent.system.identity import Identity, ephemeral
from balise_agent.system.problems import ProblemId
from balise_agent.system.service import Service
from balise_agent.system.status_file import StatusFile, read
from balise_wire.card import CONSENT_VERSION
from balise_wire.enrolment import Enrolment, EnrolmentRequest, Refusal, RenewalRequest
from tests.agent.provisioning.enrolment.conftest import Authority, FrontDoors

if TYPE_CHECKING:
    from collections.abc import Callable

    from balise_agent.system.reactor import Reactor


class Board:
    """A board with a card in it."""

    def __init__(self, folder: Path, identity: Identity, reactor: Reactor, doors: FrontDoors) -> None:
        self.folder = folder
        self.identity = identity
        self.reactor = reactor
        self.files = Files(folder / "data")
        self.lookups: list[str] = []
        self.synced = True
        self.config = Config(
            probe=Probe(country="PK", provider="line 7", state_dir=str(folder / "data")),
            enrolment=Wish(urls=(doors.url,), fingerprint=doors.authority.fingerprint, token="one-time"),
            consent=ConsentSettings(version=CONSENT_VERSION, accepted=True),
        )
        self.enrolments: list[Enrolment] = []

    def loop(self, damaged: str = "") -> EnrolmentLoop:
        """Start the loop."""
        self.enrolments.clear()
        found = lookup_through(lambda: ())

        def lookup(name: str) -> Any:
            self.lookups.append(name)
            return found(name)

        made = EnrolmentLoop(
            Applicant(
                config=self.config,
                identity=self.identity,
                files=self.files,
                reactor=self.reactor,
                clock=Clock(synced=lambda: self.synced),
                lookup=lookup,
                rng=random.Random(1),
                hardware="",
            ),
            damaged=damaged,
            service=Service({}),
            status=StatusFile(self.folder / "run"),
            paused=(self.folder / "paused").exists,
        )
        made._tick()
        return made

    def visited(self, loop: EnrolmentLoop, visits: int = 1) -> ProblemId | None:
        """Turn the loop until that many visits came to something; return what is the matter after the last."""
        attempts = loop.attempts

        def done() -> bool:
            self.enrolments += attempts.take()
            return bool(self.enrolments) or (attempts.visits >= visits and not attempts.busy)

        assert self.reactor.run_until(done, 20.0)
        return attempts.trouble.id if attempts.trouble else None

    def told(self) -> str:
        """Return the text for the card."""
        return (self.folder / "run" / "status.txt").read_text()


@pytest.fixture
def board(tmp_path: Path, identity: Identity, reactor: Reactor, doors: FrontDoors) -> Board:
    """Return a board whose card is filled in."""
    return Board(tmp_path, identity, reactor, doors)


def test_a_board_becomes_a_probe(board: Board, doors: FrontDoors) -> None:
    """Two handshakes, one question; the certificate is for the key that seals, and all of it survives a restart."""
    loop = board.loop()
    assert board.visited(loop) is None
    asked = doors.asked[0]
    assert isinstance(asked, EnrolmentRequest)
    assert (asked.token, asked.country, asked.provider, asked.consent) == ("one-time", "PK", "line 7", CONSENT_VERSION)
    assert doors.connections == 2
    assert len(doors.heads) == 1
    kept = board.files.load(board.identity, doors.authority.fingerprint)
    assert [kept.enrolment] == board.enrolments
    assert kept.enrolment is not None
    assert kept.enrolment.probe == "k7m2q9xd"
    assert (board.files.folder / "enrolled").exists()
    assert {path.stat().st_mode & 0o077 for path in board.files.folder.iterdir()} == {0}


def test_nothing_in_the_request_names_the_product(board: Board, doors: FrontDoors) -> None:
    """The head is what any program would send (the body travels inside TLS)."""
    board.visited(board.loop())
    assert b"balise" not in doors.heads[0].lower()
    assert b"agent" not in doors.heads[0].lower()


@pytest.mark.parametrize(
    ("consent", "problem"),
    [
        (ConsentSettings(), ProblemId.CONSENT_MISSING),
        (ConsentSettings(version=CONSENT_VERSION), ProblemId.CONSENT_MISSING),
        (ConsentSettings(version="2019-01", accepted=True), ProblemId.CONSENT_OUTDATED),
        (ConsentSettings(accepted=True), ProblemId.CONSENT_OUTDATED),
    ],
)
def test_no_packet_leaves_before_consent(
    board: Board, doors: FrontDoors, consent: ConsentSettings, problem: ProblemId
) -> None:
    """No name is asked for, no connection opened; the status says what is missing."""
    board.config = msgspec.structs.replace(board.config, consent=consent)
    loop = board.loop()
    for _ in range(10):
        loop._tick()
    board.reactor.run_until(lambda: False, 0.05)
    assert (doors.connections, board.lookups, loop.attempts.visits) == (0, [], 0)
    status = read(board.folder / "run")
    assert status is not None
    assert [trouble.id for trouble in status.troubles] == [problem]
    assert "agreed" in board.told()


def test_a_paused_board_says_nothing_and_goes_on_by_itself(board: Board, doors: FrontDoors) -> None:
    """The pause file is looked at in each turn."""
    (board.folder / "paused").touch()
    loop = board.loop()
    assert loop.attempts.visits == 0
    assert "state: waiting" in board.told()
    (board.folder / "paused").unlink()
    loop._tick()
    assert board.visited(loop) is None
    assert doors.asked


@pytest.mark.parametrize(
    ("refusal", "problem"),
    [
        (Refusal.TOKEN_UNKNOWN, ProblemId.TOKEN_UNKNOWN),
        (Refusal.TOKEN_SPENT, ProblemId.TOKEN_SPENT),
        (Refusal.TOKEN_EXPIRED, ProblemId.TOKEN_EXPIRED),
        (Refusal.CONSENT_MISSING, ProblemId.CONSENT_MISSING),
        (Refusal.CONSENT_OUTDATED, ProblemId.CONSENT_OUTDATED),
        (Refusal.REQUEST_MALFORMED, ProblemId.REQUEST_REFUSED),
        (Refusal.KEY_UNKNOWN, ProblemId.KEY_UNKNOWN),
        (Refusal.REVOKED, ProblemId.REVOKED),
        (Refusal.TOO_MANY, ProblemId.TOO_MANY),
    ],
)
def test_every_refusal_is_a_sentence_and_a_slow_retry(
    board: Board, doors: FrontDoors, refusal: Refusal, problem: ProblemId
) -> None:
    """The host reads what to do; the line does not see us knock again and again."""
    doors.refusals = [refusal]
    loop = board.loop()
    assert board.visited(loop) is problem
    loop._tick()
    assert "problem: " in board.told()
    assert "what to do: " in board.told()
    assert not loop.attempts.due
    assert board.enrolments == []
    assert not (board.files.folder / "enrolled").exists()


def test_an_impostor_never_hears_the_token(
    board: Board, stranger: Authority, doors: FrontDoors, open_doors: Callable[..., Any]
) -> None:
    """A chain without the pinned authority ends the visit before a word is said."""
    impostor = open_doors(stranger)
    board.config = msgspec.structs.replace(
        board.config, enrolment=msgspec.structs.replace(board.config.enrolment, urls=(impostor.url,))
    )
    assert board.visited(board.loop()) is ProblemId.AUTHORITY_WRONG
    assert (impostor.heads, doors.heads) == ([], [])


def test_an_impostor_with_a_copied_authority_never_hears_it_either(
    board: Board, authority: Authority, stranger: Authority, open_doors: Callable[..., Any], tmp_path: Path
) -> None:
    """Anybody can send the authority's certificate along; the second handshake wants a leaf that it signed."""
    impostor = open_doors(stranger)
    chain = stranger.server().read_bytes() + authority.pem.encode()
    (tmp_path / "mixed.pem").write_bytes(chain)
    impostor.context.load_cert_chain(tmp_path / "mixed.pem")
    board.config = msgspec.structs.replace(
        board.config, enrolment=msgspec.structs.replace(board.config.enrolment, urls=(impostor.url,))
    )
    assert board.visited(board.loop()) is ProblemId.AUTHORITY_WRONG
    assert impostor.heads == []


@pytest.mark.parametrize(
    ("settings", "synced", "problem"),
    [
        ((-60.0, -30.0), True, ProblemId.AUTHORITY_WRONG),
        ((-60.0, -30.0), False, None),
        ((30.0, 60.0), False, None),
    ],
    ids=["expired", "expired, clock unvouched", "not yet valid, clock in 1970"],
)
def test_dates_count_only_where_somebody_vouches_for_the_clock(
    board: Board,
    authority: Authority,
    open_doors: Callable[..., Any],
    settings: tuple[float, float],
    *,
    synced: bool,
    problem: ProblemId | None,
) -> None:
    """A board that wakes in 1970 must not refuse its own collector; the pin and the name still hold."""
    old = open_doors(authority, days=settings)
    board.synced = synced
    board.config = msgspec.structs.replace(
        board.config, enrolment=msgspec.structs.replace(board.config.enrolment, urls=(old.url,))
    )
    assert board.visited(board.loop()) is problem


@pytest.mark.slow
def test_the_next_front_is_tried_when_one_is_dead(board: Board, doors: FrontDoors) -> None:
    """A blocked address costs a moment, not the enrolment."""
    wish = msgspec.structs.replace(board.config.enrolment, urls=("https://127.0.0.1:1", doors.url))
    board.config = msgspec.structs.replace(board.config, enrolment=wish)
    loop = board.loop()
    assert board.visited(loop, 2) is None
    assert loop.attempts.visits == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnot",
        b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 40_000,
        b'HTTP/1.1 200 OK\r\n\r\n{"probe":"k7m2q9xd","certificate":"","authority":"","collector":"","brokers":[]}',
    ],
    ids=["nothing", "other protocol", "no json", "no refusal", "redirect", "endless", "empty enrolment"],
)
def test_whatever_is_answered_the_board_only_waits(board: Board, doors: FrontDoors, raw: bytes) -> None:
    """No answer crashes it, none is followed, none is believed."""
    doors.raw = raw
    assert board.visited(board.loop()) is ProblemId.ANSWER_MALFORMED
    assert not (board.files.folder / "enrolled").exists()


def test_a_certificate_for_another_key_is_not_kept(board: Board, doors: FrontDoors) -> None:
    """An answer to somebody else, replayed to us, is useless and is said to be."""
    board.visited(board.loop())
    answer = board.files.load(board.identity, doors.authority.fingerprint).enrolment
    other = Board(board.folder / "other", ephemeral(), board.reactor, doors)
    body = msgspec.json.encode(answer)
    doors.raw = b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert other.visited(other.loop()) is ProblemId.ANSWER_MALFORMED


def test_a_damaged_enrolment_is_fetched_again_by_the_key_alone(board: Board, doors: FrontDoors) -> None:
    """The token was blanked long ago; the key still shows who we are."""
    board.visited(board.loop())
    (board.files.folder / "enrolment.json").write_bytes(b'{"probe": "k7')
    kept = board.files.load(board.identity, "")
    assert kept.enrolment is None
    board.config = msgspec.structs.replace(
        board.config, enrolment=msgspec.structs.replace(board.config.enrolment, token="")
    )
    again = board.loop(kept.damaged)
    assert board.visited(again) is None
    assert isinstance(doors.asked[-1], RenewalRequest)


def test_a_card_that_was_never_filled_in_is_told_so(board: Board) -> None:
    """The first thing that goes wrong for a newcomer has its own sentence."""
    board.config = Config(probe=Probe(settings="/nowhere", state_dir=str(board.folder)))
    board.loop()
    assert "not filled in" in board.told()


def test_a_disk_that_refuses_leaves_the_board_unenrolled_and_asking(
    board: Board, doors: FrontDoors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer can be had again with the same key and token; half an enrolment is none."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Files, "_write", full)
    loop = board.loop()
    assert board.visited(loop) is ProblemId.DATA_UNWRITABLE
    assert board.enrolments == []
    assert doors.asked
