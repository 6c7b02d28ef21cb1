"""The certificate is renewed in time, after a refusal and for a new token; never in a hurry."""

from __future__ import annotations

import random
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from balise_agent.delivery.lookup import lookup_through
from balise_agent.provisioning.enrolment.attempts import Applicant, Attempts
from balise_agent.provisioning.enrolment.files import Files
from balise_agent.provisioning.enrolment.renewal import Renewal, Renewed
from balise_agent.provisioning.enrolment.request import certificate_request
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config, ConsentSettings, Probe
from balise_agent.system.config import EnrolmentSettings as Wish
from balise_agent.system.problems import ProblemId
from balise_wire.card import CONSENT_VERSION
from balise_wire.enrolment import EnrolmentRequest, FrontDoor, Refusal, RenewalRequest
from balise_wire.status import EventKind
from tests.agent.provisioning.enrolment.conftest import FrontDoors

if TYPE_CHECKING:
    from balise_agent.system.identity import Identity
    from balise_agent.system.reactor import Reactor

DAY = 86_400.0


class Held:
    """A certificate in force, on a clock that a test moves by days."""

    def __init__(self, folder: Path, identity: Identity, reactor: Reactor, doors: FrontDoors) -> None:
        self.reactor = reactor
        self.doors = doors
        self.identity = identity
        self.files = Files(folder)
        real = Clock()
        self.shift = 0.0
        self.clock = Clock(system=lambda: real.now() + self.shift, synced=lambda: True)
        self.wish = Wish(urls=(doors.url,), fingerprint=doors.authority.fingerprint)
        self.enrolment = doors.enrolment(certificate_request(identity.key))
        self.files.keep(self.enrolment, identity, "first")
        self.told: list[Renewed] = []
        self.start()

    def start(self, token: str = "") -> None:
        """Start the program with these settings."""
        config = Config(
            probe=Probe(state_dir=str(self.files.folder.parent)),
            enrolment=msgspec.structs.replace(self.wish, token=token),
            consent=ConsentSettings(version=CONSENT_VERSION, accepted=True),
        )
        self.attempts = Attempts(
            Applicant(
                config=config,
                identity=self.identity,
                files=self.files,
                reactor=self.reactor,
                clock=self.clock,
                lookup=lookup_through(lambda: ()),
                rng=random.Random(1),
                hardware="",
            )
        )
        self.renewal = Renewal(config, self.enrolment, files=self.files, clock=self.clock, attempts=self.attempts)

    def tick(self, *, refused: bool = False) -> None:
        """Let what is due happen, to its end."""
        self.renewal.tick(refused=refused)
        assert self.reactor.run_until(lambda: not self.attempts.busy, 15.0)
        self.told += self.renewal.take()


@pytest.fixture
def held(tmp_path: Path, identity: Identity, reactor: Reactor, doors: FrontDoors) -> Held:
    """Return a probe with a certificate of 91 days, one of them past."""
    return Held(tmp_path, identity, reactor, doors)


def test_nothing_is_asked_before_it_is_time(held: Held) -> None:
    """Two thirds of the life pass without a word."""
    held.tick()
    held.shift = 59.0 * DAY
    held.tick()
    assert held.doors.asked == []
    assert held.renewal.trouble is None


def test_with_a_third_of_its_life_left_it_is_renewed_by_the_key(held: Held) -> None:
    """No token, no restart of the probe; the new dates count from then on."""
    held.shift = 61.0 * DAY
    held.tick()
    assert isinstance(held.doors.asked[0], RenewalRequest)
    assert [(renewed.kind, renewed.anew) for renewed in held.told] == [(EventKind.RENEWED, False)]
    kept = held.files.load(held.identity, "").enrolment
    assert kept is not None
    assert kept.certificate != held.enrolment.certificate
    held.tick()
    assert len(held.doors.asked) == 1


def test_other_brokers_or_another_id_start_the_probe_anew(held: Held) -> None:
    """What the publisher and the spool were made with does not change under them."""
    held.doors.brokers = (FrontDoor(host="127.0.0.1", port=7),)
    held.tick(refused=True)
    held.attempts._next = 0.0
    held.doors.probe = "another9"
    held.shift = 61.0 * DAY
    held.renewal.life = held.renewal.life.__class__(0.0, 1.0)
    held.tick()
    assert [(renewed.kind, renewed.anew) for renewed in held.told] == [
        (EventKind.RENEWED, True),
        (EventKind.ENROLLED, True),
    ]


def test_a_refusal_by_the_brokers_asks_once_and_not_again_and_again(held: Held) -> None:
    """A new certificate that is refused too is not the certificate's fault."""
    held.tick(refused=True)
    held.attempts._next = 0.0
    held.tick(refused=True)
    assert len(held.doors.asked) == 1


def test_a_revoked_probe_says_so_and_asks_slowly(held: Held) -> None:
    """The host reads who to ask; the line sees one question in minutes."""
    held.doors.refusals = [Refusal.REVOKED]
    held.tick(refused=True)
    assert held.renewal.trouble is not None
    assert held.renewal.trouble.id is ProblemId.REVOKED
    assert not held.attempts.due
    held.tick(refused=True)
    assert len(held.doors.asked) == 1


def test_a_new_token_on_the_card_enrols_again(held: Held) -> None:
    """Once; the one that was spent long ago asks nothing."""
    held.start(token="first")
    held.tick()
    assert held.doors.asked == []
    held.start(token="second")
    held.tick()
    held.attempts._next = 0.0
    held.tick()
    assert [asked.token for asked in held.doors.asked if isinstance(asked, EnrolmentRequest)] == ["second"]


def test_a_token_that_brings_nothing_is_asked_once_and_the_certificate_lives_on(held: Held) -> None:
    """A typing error on the card must not cost a working probe anything but a line in the status."""
    held.doors.refusals = [Refusal.TOKEN_UNKNOWN]
    held.start(token="wrong")
    held.tick()
    assert held.renewal.trouble is not None
    assert held.renewal.trouble.id is ProblemId.TOKEN_UNKNOWN
    held.attempts._next = 0.0
    held.tick()
    assert len(held.doors.asked) == 1


def test_a_certificate_that_ran_out_is_told_and_still_renewed(held: Held) -> None:
    """After a long winter in a drawer the key still shows who we are."""
    held.shift = 100.0 * DAY
    assert held.renewal.trouble is not None
    assert held.renewal.trouble.id is ProblemId.CERTIFICATE_EXPIRED
    held.doors.days = (99, 189)
    held.doors.context.verify_flags = ssl.VerifyFlags.VERIFY_DEFAULT
    held.tick()
    assert isinstance(held.doors.asked[0], RenewalRequest)
    assert held.renewal.trouble is None
