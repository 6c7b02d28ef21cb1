"""The enrolment listener: HTTPS with TLS 1.3, two paths, and for everything else an empty 404.

Who looks at it from outside finds a web server that has nothing to say: no name in a header, no page, the same answer
to every question but the two. A connection lives for seconds. Must not live here: who is enrolled (service.py), how
often somebody may ask (rate.py).
"""

import hmac
import ipaddress
import logging
import secrets
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.authority.certificates import DAY, pem
from balise_collector.fleet.enrolment.service import Answer, EnrolmentService, refusal
from balise_collector.fleet.registry import RegistryOpener
from balise_collector.system import durable, identity
from balise_collector.system.bounded_accept import BoundedListener, Bounds
from balise_collector.system.clock import Clock, machine_time
from balise_collector.system.config import Config, EnrolmentSettings
from balise_collector.system.errors import ConfigError, JournalError
from balise_collector.system.listening import listen
from balise_collector.system.rate import ALL, SOURCE, Bucket, Rate, source_of
from balise_collector.system.serving import BoundedServer
from balise_wire import box
from balise_wire.enrolment import ENROL_PATH, MAX_REQUEST_BYTES, RENEW_PATH, FrontDoor, Refusal

_log = logging.getLogger(__name__)
BOUNDS: Final = Bounds(head=10.0, body=10.0, answer=20.0, life=30.0)
"""A request and its answer take less than a second."""
_RENEW_BELOW: Final = 400 * DAY
"""The listener's own certificate is made anew when less than this is left of its three years."""
CERTIFICATE_FILE: Final = "enrolment.pem"


PACE: Final = SOURCE


def create_enrolment_app(
    service: EnrolmentService, rate: Rate, strangers: Bucket, monotonic: Callable[[], float]
) -> Starlette:
    """Return the application: ``POST /enrol`` and ``POST /renew``, both JSON in and out, at most 16 KiB.

    The log calls a source by a word that means nothing after a restart: an address beside a probe's id would say where
    its host lives (docs/attribution.md 3, no personal data).

    Args:
        service: decides and writes.
        rate: how often one source may ask; used in the event loop's thread only.
        strangers: how often all may together who show no token and no key of ours: many sources keep no board out.
        monotonic: real seconds.
    """
    secret = secrets.token_bytes(16)

    async def answer(request: Request, act: Callable[[bytes, str], Answer]) -> Response:
        address = request.client.host if request.client else "unknown"
        source = alias(secret, address)
        what = request.url.path.strip("/")
        if not rate.allows(address, monotonic()):
            return _response(refusal(what, source, Refusal.TOO_MANY, "too many requests; try again in a minute"))
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            mend = f"the request is larger than {MAX_REQUEST_BYTES} bytes"
            return _response(refusal(what, source, Refusal.REQUEST_MALFORMED, mend))
        try:
            if not strangers.take(monotonic()) and not await run_in_threadpool(service.knows, what, body):
                return _response(refusal(what, source, Refusal.TOO_MANY, "too many requests; try again in a minute"))
            return _response(await run_in_threadpool(act, body, source))
        except (JournalError, ConfigError) as error:
            _log.error("%s from %s: not answered: %s", what, source, error)
            return Response(status_code=503, headers={"Retry-After": "60"})

    async def enrol(request: Request) -> Response:
        return await answer(request, service.enrol)

    async def renew(request: Request) -> Response:
        return await answer(request, service.renew)

    async def nothing(_request: Request, _error: Exception) -> Response:
        return Response(status_code=404)

    async def broken(_request: Request, _error: Exception) -> Response:
        return Response(status_code=503, headers={"Retry-After": "60"})

    routes = [Route(ENROL_PATH, enrol, methods=["POST"]), Route(RENEW_PATH, renew, methods=["POST"])]
    handlers: Mapping[Any, Any] = {404: nothing, 405: nothing, 500: broken}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


def alias(secret: bytes, address: str) -> str:
    """Return the word for a source: the same for one line as long as the secret lives, and no way back."""
    return f"source {hmac.new(secret, source_of(address).encode(), 'sha256').hexdigest()[:6]}"


async def _body(request: Request) -> bytes | None:
    """Return the body; ``None`` where it is too large, without reading the rest."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_REQUEST_BYTES:
            return None
    return body


def _response(answer: Answer) -> Response:
    headers = {"Cache-Control": "no-store", "Connection": "close"}
    if answer.status == 429:
        headers["Retry-After"] = "60"
    return Response(answer.body, answer.status, headers=headers, media_type="application/json")


class EnrolmentListener:
    """The thread that listens."""

    def __init__(
        self, config: Config, enrolment: EnrolmentSettings, clock: Clock, open_registry: RegistryOpener
    ) -> None:
        """Take the port (ConfigError where it cannot be had); ``fit`` must be called before ``start``."""
        self.failed: BaseException | None = None
        self._enrolment = enrolment
        self._certificate_file = config.authority_dir / CERTIFICATE_FILE
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.num_tickets = 0  # each board comes once: there is no session to resume
        app = create_enrolment_app(
            service_of(config, enrolment, clock, open_registry),
            Rate(PACE),
            Bucket(ALL, clock.monotonic()),
            clock.monotonic,
        )
        plain = listen(enrolment.host, enrolment.port, "enrolment")
        self.listening = BoundedListener(plain, BOUNDS, clock.monotonic)
        host, self.port = self.listening.getsockname()[:2]
        _log.info("enrolment on https://%s:%d", f"[{host}]" if ":" in host else host, self.port)
        self._server = BoundedServer(app, self.listening, context=self._context, names=False)
        self._thread = threading.Thread(target=self._run, name="enrolment", daemon=True)

    def fit(self, authority: Authority) -> None:
        """See that the certificate that is shown is good for long, under the names of the settings (ConfigError)."""
        if _outdated(self._certificate_file, authority, self._enrolment):
            chain, key = authority.issue_server(self._enrolment.names, self._enrolment.addresses)
            durable.replace(self._certificate_file, (key + chain).encode(), durable.SECRET)
        try:
            self._context.load_cert_chain(self._certificate_file)
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(f"{self._certificate_file}: {error}; delete it, it is made anew") from None

    def _run(self) -> None:
        try:
            self._server.run()
        except BaseException as error:
            self.failed = error
            _log.exception("the enrolment listener died")
            raise

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; one that never began gives its port back."""
        self._server.should_exit = True
        if not self._thread.is_alive():
            self.listening.close()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        self._thread.join(timeout)

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()


def service_of(
    config: Config, enrolment: EnrolmentSettings, clock: Clock, open_registry: RegistryOpener
) -> EnrolmentService:
    """Return the service that these settings make."""
    key = identity.load_or_create(config.state_dir)
    return EnrolmentService(
        open_registry=open_registry,
        authority_dir=config.authority_dir,
        collector_key=identity.public_hex(key),
        sealed_to=box.public_hex(identity.box_key(key).public_key()),
        brokers=tuple(
            FrontDoor(host=one.host, port=one.port, transport=one.transport.value, path=one.path)
            for one in enrolment.brokers
        ),
        consents=enrolment.consents,
        now=clock.now,
    )


def _outdated(file: Path, authority: Authority, enrolment: EnrolmentSettings) -> bool:
    """Whether the listener's certificate is missing, of another authority, under other names, or ends soon."""
    try:
        shown = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return True
    names = shown[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    told = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    wanted = {*enrolment.names, *(str(ipaddress.ip_address(address)) for address in enrolment.addresses)}
    left = shown[0].not_valid_after_utc.timestamp() - machine_time()
    ours = pem(shown[-1]).decode() == authority.certificate_pem
    return not ours or told != wanted or left < _RENEW_BELOW
