"""The door of the operator view: who may read it. A token in a header for programs, a cookie for people.

Lives here: what is asked of a request before any page sees it. The cookie is derived from the token and is not it, so
that a stolen browser profile gives no key to the interface. Must not live here: pages, or where the token is kept.
"""

import hashlib
import hmac
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE: Final = "balise"
_HOURS: Final = 12
_MOST: Final = 4096
"""Bytes of a form that are read."""
_OPEN: Final = frozenset({"/style.css", "/icon.svg"})
"""What the form itself needs."""
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'; script-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""As without a door, with the form allowed and nothing kept by a browser that several people share."""


class TokenAuth:
    """Lets a request in that shows the token, and asks every other one for it."""

    def __init__(self, app: ASGIApp, token: str, ask: Callable[[Request, bool], Response]) -> None:
        """Guard an application.

        Args:
            app: behind the door.
            token: that opens it.
            ask: returns the form; its second argument says whether a wrong token was given.
        """
        self._app = app
        self._token = token.encode()
        self._ask = ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it here."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        path = request.url.path
        if path == "/login":
            await (await self._login(request))(scope, receive, send)
        elif path in _OPEN or self._may_enter(request):
            await self._app(scope, receive, send)
        else:
            await self._refusal(request)(scope, receive, send)

    async def _login(self, request: Request) -> Response:
        """Take the token from the form, and give the cookie for it."""
        if request.method not in {"GET", "HEAD", "POST"}:
            return Response(status_code=405, headers={"Allow": "GET, POST"})
        if request.method != "POST":
            return self._ask(request, False)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _MOST:
                return Response(status_code=413)
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
        if not hmac.compare_digest(given.encode(), self._token):
            return self._ask(request, True)
        answered = RedirectResponse("/", 303)
        answered.set_cookie(
            COOKIE,
            cookie_of(self._token),
            max_age=_HOURS * 3600,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answered

    def _may_enter(self, request: Request) -> bool:
        """Whether a request shows the token, or the cookie that was given for it."""
        kind, _, shown = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), self._token):
            return True
        return hmac.compare_digest(_cookie(request).encode(), cookie_of(self._token).encode())

    def _refusal(self, request: Request) -> Response:
        """Ask for the token, in the form that the reader can use."""
        if request.url.path.startswith("/api/"):
            told = b'{"error":"this is the operator view; send the header Authorization: Bearer TOKEN"}'
            answered = Response(told, 401, media_type="application/json")
        else:
            answered = self._ask(request, False)
        answered.headers["WWW-Authenticate"] = "Bearer"
        return answered


def cookie_of(token: bytes) -> str:
    """Return the cookie that stands for a token."""
    return hmac.new(token, b"balise operator view", hashlib.sha256).hexdigest()


def _cookie(request: Request) -> str:
    """Return our cookie; empty where there is none or nobody can read it."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
