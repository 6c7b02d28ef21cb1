"""HTTP/1.1 on a bounded listener: the one way in which every door of the collector is served.

Lives here: the server's settings that all doors share, the protocol that tells the listener what each connection is at,
and the limit of open files. Must not live here: applications, ports, which door has which bounds.
"""

import asyncio
import logging
import resource
import ssl
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from balise_collector.system.bounded_accept import BoundedListener, HeldConnection, Phase

HEAD_BYTES: Final = 16 * 1024
"""Most bytes of a request's head."""
_SWEEP_TICKS: Final = 5
"""The server ticks ten times a second."""
_FILES: Final = 8192
"""Open files that are enough for every door at its bound, the stores of every thread and the brokers."""
_quiet = logging.getLogger(f"{__name__}.requests")
_quiet.setLevel(logging.ERROR)


class BoundedServer(uvicorn.Server):
    """A server on a bounded listener."""

    def __init__(
        self,
        app: ASGIApp,
        listening: BoundedListener,
        *,
        context: ssl.SSLContext | None = None,
        trusted: str = "",
        names: bool = True,
    ) -> None:
        """Prepare it.

        Args:
            app: what answers.
            listening: where.
            context: TLS, where the door speaks it.
            trusted: addresses of proxies whose X-Forwarded-For is believed, with commas; empty: nobody's.
            names: whether answers bear the server's name and the date.
        """
        self.listening = listening

        class Protocol(BoundedProtocol):
            """The protocol of this listener's connections."""

            door = listening

        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                ws="none",
                ssl_context_factory=(lambda _config, _default: context) if context else None,
                server_header=names,
                date_header=names,
                proxy_headers=bool(trusted),
                forwarded_allow_ips=trusted,
                h11_max_incomplete_event_size=HEAD_BYTES,
                limit_concurrency=2 * listening.bounds.most,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=1,
                log_config=None,
                access_log=False,
                lifespan="off",
            )
        )

    def run(self, *_arguments: Any, **_more: Any) -> None:
        """Serve until ``should_exit``."""
        super().run(sockets=[self.listening])

    async def on_tick(self, counter: int) -> bool:
        """End what takes too long, as often as is enough."""
        if counter % _SWEEP_TICKS == 0:
            self.listening.sweep()
        return await super().on_tick(counter)


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 that tells its listener what the connection is at."""

    door: BoundedListener

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; what a stranger sends is no line in the log."""
        super().connection_made(transport)
        self.logger = _quiet
        self._held: HeldConnection | None = self.door.of(transport.get_extra_info("socket").fileno())
        if self._held is not None:
            self._held.unsent = transport.get_write_buffer_size
        self._note()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        self._note()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._note()

    def _note(self) -> None:
        if self._held is None:
            return
        phase = Phase.WAITING
        cycle: Any = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete:
            phase = Phase.SENDING if cycle.more_body else Phase.ANSWERING
        self._held.enter(phase)


def allow_files(wanted: int = _FILES) -> int:
    """Raise this process's own limit of open files to ``wanted``, as far as the system lets it; returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except OSError:  # a service's filter of system calls refuses it; its unit has the limit
            return soft
        return most
    return soft
