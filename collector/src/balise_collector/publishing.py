"""The public view's own listener, in a thread of its own, beside the operator's.

Lives here: what the public application is made of, its server, and reading the operator view's token. Must not live
here: what may be seen (pages/public.py) or routes (pages/public_app.py).
"""

import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import uvicorn

from balise_collector.config import Config, Public
from balise_collector.crowd import Crowd, Kept, KeptCrowd
from balise_collector.errors import ConfigError
from balise_collector.pages.api import EachThread
from balise_collector.pages.public import Policy, PublicView, public_view
from balise_collector.pages.public import Public as Seen
from balise_collector.pages.public_app import Notice, create_public_app
from balise_collector.pages.view import View
from balise_collector.releases import Releases

_log = logging.getLogger(__name__)
_SHORTEST: Final = 32
"""Characters of a token that nobody guesses: nothing here slows guessing down."""


def token_of(config: Config) -> str:
    """Return the token of the operator view; empty where none is asked for.

    Raises:
        ConfigError: the file cannot be read, or what it holds can be guessed.
    """
    if not config.pages.token_file:
        return ""
    path = Path(config.pages.token_file)
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"[pages] token_file {path}: {error}; write 32 ASCII characters or more into it") from None
    if len(token) < _SHORTEST or any(character.isspace() for character in token):
        raise ConfigError(
            f"[pages] token_file {path}: wants {_SHORTEST} characters or more without spaces; `openssl rand -hex 32` "
            "writes such a line"
        )
    return token


def listen(host: str, port: int, name: str) -> socket.socket:
    """Take a port; ``name`` is the table of the settings (ConfigError where it cannot be had)."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # From here on readers wait for the server instead of being refused.
        listening.listen()
    except OSError as error:
        listening.close()
        raise ConfigError(f"[{name}] {host}:{port}: {error.strerror}; choose another host or port") from None
    return listening


class Publishing:
    """The thread that serves the public view."""

    def __init__(self, config: Config, public: Public, look: Callable[[], View], secret: bytes) -> None:
        """Take the port (ConfigError where it cannot be had).

        Args:
            config: where the stores are.
            public: the table ``[public]``.
            look: returns what the operator would see; only ``public_view`` of it reaches the application.
            secret: keys the public ids.
        """
        self.failed: BaseException | None = None
        self._listening = listen(public.host, public.port, "public")
        host, port = self._listening.getsockname()[:2]
        _log.info("public view on http://%s:%d/", host, port)
        policy = Policy(least=public.k, delay=60.0 * public.delay_minutes, secret=secret)
        crowd = EachThread(lambda: Crowd(config.derived_file))
        releases = EachThread(lambda: Releases(config.releases_file))
        kept = Kept()

        def seen() -> PublicView:
            view = look()
            shown = Seen(
                store=view.store,
                crowd=KeptCrowd(crowd(), kept, policy.horizon(view.now)),
                policy=policy,
                now=view.now,
                members=view.members,
                released=releases().all(),
            )
            return public_view(view, shown)

        base = public.base_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
        app = create_public_app(seen, base_url=base, notice=Notice(least=public.k, minutes=public.delay_minutes))
        settings = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, lifespan="off")
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._run, name="public", daemon=True)

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listening])
        except BaseException as error:
            self.failed = error
            _log.exception("the public view died")
            raise

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end."""
        self._server.should_exit = True

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        self._thread.join(timeout)

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()
