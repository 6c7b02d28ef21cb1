"""One visit at the place to enrol at: two TLS handshakes, one request, one answer, never a blocked loop.

The first handshake believes nobody and says nothing: it only fetches the authority's certificate out of the chain, to
compare it with the fingerprint in the settings. The second has that certificate as its only root and checks the
server's name; the token is spoken inside it and nowhere else. TLS 1.3 only. Lives here: that sequence. Must not live
here: which place, when, what the answer leads to.
"""

import hashlib
import ssl
from typing import Final

from balise_agent.delivery.dial import NO_CHECK_TIME, DialError, Lookup, connect, secure
from balise_agent.net import tls_shape
from balise_agent.net.trust import peer_chain
from balise_agent.provisioning.enrolment.request import EnrolmentEndpoint, http_request, read_response
from balise_agent.system.problems import ProblemId, Trouble
from balise_agent.system.reactor import READ, WRITE
from balise_agent.system.task import Steps, file_ready
from balise_wire.enrolment import Enrolment

_ANSWER_SECONDS: Final = 20.0
_PORTION: Final = 8192

Visit = Steps[Enrolment | Trouble]


def visit(
    place: EnrolmentEndpoint,
    path: str,
    body: bytes,
    *,
    fingerprint: str,
    lookup: Lookup,
    check_time: bool,
    segment: int = 0,
) -> Visit:
    """Ask once, with segments of at most ``segment`` bytes (0: any); every failure of the network is a Trouble."""
    try:
        tls = yield from _believed(
            place, fingerprint=fingerprint, lookup=lookup, check_time=check_time, segment=segment
        )
        if isinstance(tls, Trouble):
            return tls
        with tls:
            return (yield from _ask(tls, http_request(place, path, body)))
    except (OSError, ValueError) as error:
        return _failed(error)


def greet(place: EnrolmentEndpoint, *, fingerprint: str, lookup: Lookup, check_time: bool) -> Steps[Trouble | None]:
    """Shake hands and say nothing: ``None`` where a visit would be heard by the right one."""
    try:
        tls = yield from _believed(place, fingerprint=fingerprint, lookup=lookup, check_time=check_time)
    except (OSError, ValueError) as error:
        return _failed(error)
    if isinstance(tls, Trouble):
        return tls
    tls.close()
    return None


def _failed(error: Exception) -> Trouble:
    """Name what ended a visit."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble(id=ProblemId.AUTHORITY_WRONG, detail=error.verify_message)
    return Trouble(id=ProblemId.ENROLMENT_UNREACHABLE, detail=str(error) or type(error).__name__)


def _believed(
    place: EnrolmentEndpoint, *, fingerprint: str, lookup: Lookup, check_time: bool, segment: int = 0
) -> Steps[ssl.SSLSocket | Trouble]:
    """Return a stream to the one whose authority is pinned, or why there is none."""
    addresses = yield from lookup(place.host)
    if not addresses:
        return Trouble(id=ProblemId.RESOLVER_SILENT, detail=f"no address for {place.host}")
    authority = yield from _authority(addresses, place, fingerprint, segment)
    if authority is None:
        return Trouble(id=ProblemId.AUTHORITY_WRONG, detail="the fingerprint is not in the chain")
    return (yield from _secured(addresses, place, pinned(authority, check_time=check_time), segment))


def _authority(
    addresses: tuple[str, ...], place: EnrolmentEndpoint, fingerprint: str, segment: int
) -> Steps[bytes | None]:
    """Return the pinned certificate (DER) out of the chain; None where it is not in it."""
    with (yield from _secured(addresses, place, _believing_nobody(), segment)) as tls:
        chain = peer_chain(tls)
    return next((der for der in chain if hashlib.sha256(der).hexdigest() == fingerprint), None)


def _secured(
    addresses: tuple[str, ...], place: EnrolmentEndpoint, context: ssl.SSLContext, segment: int
) -> Steps[ssl.SSLSocket]:
    """Connect and shake hands."""
    sock = yield from connect(addresses, place.port, segment=segment)
    try:
        return (yield from secure(sock, context, place.host))
    except BaseException:
        sock.close()
        raise


def _believing_nobody() -> ssl.SSLContext:
    context = tls_shape.client()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def pinned(authority: bytes, *, check_time: bool) -> ssl.SSLContext:
    """Return TLS settings with one root (DER) and none of the system's."""
    context = tls_shape.client()
    context.load_verify_locations(cadata=authority)
    if not check_time:
        context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    return context


def _ask(tls: ssl.SSLSocket, request: bytes) -> Visit:
    """Send the request and read the answer."""
    while request:
        try:
            request = request[tls.send(request) :]
        except ssl.SSLWantWriteError:
            yield from _until(tls, WRITE)
        except ssl.SSLWantReadError:
            yield from _until(tls, READ)
    data = b""
    while True:
        try:
            portion = tls.recv(_PORTION)
        except ssl.SSLWantReadError:
            yield from _until(tls, READ)
            continue
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            portion = b""
        data += portion
        answer = read_response(data, ended=not portion)
        if answer is not None:
            return answer


def _until(tls: ssl.SSLSocket, mask: int) -> Steps[None]:
    """Wait for the stream (DialError where nothing comes)."""
    if not (yield file_ready(tls, mask, _ANSWER_SECONDS)):
        raise DialError("no answer to the request")
