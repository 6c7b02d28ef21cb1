"""The door for new boards under attack, in the process that also takes measurements: both go on.

What the listener does to each single bad request is tested beside it (tests/collector/enrolment).
"""

from __future__ import annotations

import re
import secrets
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_wire.card import CONSENT_VERSION
from balise_wire.enrolment import ENROL_PATH, Enrolment, EnrolmentRequest, Refusal, Refused
from tests.security.testbed import Honest, SecurityTestbed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ATTACKER, OFFICE = "127.0.0.66", "127.0.0.1"


class Caller:
    """Connects to the door from an address of loopback."""

    def __init__(self, testbed: SecurityTestbed, source: str) -> None:
        self._ground, self._source = testbed, source
        self.context = ssl.create_default_context(cafile=str(testbed.state / "authority" / "ca.pem"))

    def plain(self) -> socket.socket:
        """Return a connection without TLS."""
        handle = socket.socket()
        handle.bind((self._source, 0))
        handle.settimeout(10)
        handle.connect(("127.0.0.1", self._ground.enrolment))
        return handle

    def tls(self) -> ssl.SSLSocket:
        """Return a connection with TLS."""
        return self.context.wrap_socket(self.plain(), server_hostname="127.0.0.1")

    def enrol(self, token: str) -> tuple[int, bytes]:
        """Ask to be enrolled with a token; returns status and body."""
        key = Ed25519PrivateKey.generate()
        body = msgspec.json.encode(
            EnrolmentRequest(token=token, request=self._ground.request_of(key), consent=CONSENT_VERSION)
        )
        head = f"POST {ENROL_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        with self.tls() as line:
            line.sendall(head.encode() + body)
            answer = b""
            with suppress(ConnectionError):
                while data := line.recv(65536):
                    answer += data
        status, _, rest = answer.partition(b"\r\n\r\n")
        return int(status.split(b" ")[1]), rest


@pytest.fixture
def attacker(testbed: SecurityTestbed) -> Caller:
    """Return somebody who means harm."""
    return Caller(testbed, ATTACKER)


@pytest.fixture
def besieged(attacker: Caller) -> Iterator[None]:
    """Hold the door under every slow attack at once: silence, half a handshake, half a request, a gigabyte to come."""
    with ExitStack() as held:
        for _ in range(12):
            held.enter_context(attacker.plain())
            half = held.enter_context(attacker.plain())
            half.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            slow = held.enter_context(attacker.tls())
            slow.sendall(b"POST /enrol HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            huge = held.enter_context(attacker.tls())
            huge.sendall(b"POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n" + bytes(4096))
            noise = held.enter_context(attacker.plain())
            with suppress(ConnectionError):
                noise.sendall(secrets.token_bytes(2000))
        yield


@pytest.mark.usefixtures("besieged")
def test_a_board_is_enrolled_while_others_besiege_the_door(testbed: SecurityTestbed, honest: Honest) -> None:
    """Sixty hanging connections of one source keep nobody else out, and no measurement back."""
    made = testbed.call("fleet", "token", "--probe", "board001", "--country", "PK", "--asn", "64501")
    found = re.search(r"board001\s+(\S+)", made.stdout)
    assert found is not None, made.stderr
    honest.goes_on()
    status, body = Caller(testbed, OFFICE).enrol(found[1])
    assert status == 200, body
    assert msgspec.json.decode(body, type=Enrolment).probe == "board001"
    honest.goes_on()


def test_guessing_tokens_leads_nowhere_and_is_slowed(
    testbed: SecurityTestbed, honest: Honest, attacker: Caller
) -> None:
    """A hundred guesses: none is right, and after the burst the answer is to wait; the log says so, not from where."""
    answers = [attacker.enrol(secrets.token_urlsafe(16)) for _ in range(100)]
    honest.goes_on()
    reasons = {msgspec.json.decode(body, type=Refused).refused for _, body in answers}
    assert reasons == {Refusal.TOKEN_UNKNOWN, Refusal.TOO_MANY}
    assert [status for status, _ in answers].count(429) >= 20
    assert ATTACKER not in testbed.said("collector")
    assert "enrol refused from source" in testbed.said("collector")
