"""The pages as a Starlette application: routes, templates, and the headers that every answer carries.

Lives here: which URL gives which page. Must not live here: what a page shows (one module per page beside this one) or
conclusions. Everything is rendered on the server and works without JavaScript; nothing is written.
"""

from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from balise_collector import wording
from balise_collector.judge.verdict import State
from balise_collector.pages import incident, matrix, method, overview, palette, phrases, questions
from balise_collector.pages.view import View
from balise_collector.report import report
from balise_collector.wording import Language

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'; script-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1", "[::1]")
"""Names under which a reader on the same machine asks; any other Host may be a page abroad that rebinds its name."""


class Guard:
    """Sets the security headers on every answer, errors and JSON included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with its headers."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


def create_app(
    look: Callable[[], View], *, api: Sequence[BaseRoute] = (), hosts: Iterable[str] = LOOPBACK
) -> Starlette:
    """Return the application.

    Args:
        look: returns what a request is answered from; called once a request, in the thread that answers it.
        api: further routes, the JSON ones; they get the same headers.
        hosts: names that a request's Host may have; none given: any.
    """
    pages = Pages(look)
    routes: list[BaseRoute] = [
        Route("/", pages.overview, methods=["GET"]),
        Route("/matrix", pages.matrix, methods=["GET"]),
        Route("/incident/{id}", pages.incident, methods=["GET"]),
        Route("/incident/{id}/report.txt", pages.quote, methods=["GET"]),
        Route("/method", pages.method, methods=["GET"]),
        Route("/style.css", pages.style, methods=["GET"]),
        Route("/icon.svg", pages.icon, methods=["GET"]),
        *api,
    ]
    middleware = [Middleware(Guard)]
    if allowed := list(hosts):
        middleware.append(Middleware(TrustedHostMiddleware, allowed_hosts=allowed, www_redirect=False))
    return Starlette(
        routes=routes, middleware=middleware, exception_handlers={HTTPException: pages.refused, 500: pages.broken}
    )


class Pages:
    """The pages, each a function of the request and of what ``look`` shows."""

    def __init__(self, look: Callable[[], View]) -> None:
        self._look = look
        self._templates = _templates()
        static = resources.files("balise_collector.pages") / "static"
        self._style = palette.stylesheet() + (static / "style.css").read_text(encoding="utf-8")
        self._icon = (static / "icon.svg").read_text(encoding="utf-8")

    def _page(self, template: str, view: View, status: int = 200, /, **content: Any) -> Response:
        fresh = overview.freshness(view)
        text = self._templates.get_template(template).render(view=view, fresh=fresh, **content)
        return HTMLResponse(text, status)

    def overview(self, _request: Request) -> Response:
        """Answer ``/``: incidents now, and all others."""
        view = self._look()
        return self._page(
            "overview.html", view, sections=overview.sections(view), coverage=overview.coverage(view), here="overview"
        )

    def matrix(self, request: Request) -> Response:
        """Answer ``/matrix``: services down, providers across; ``?at=`` looks back."""
        asked = questions.moment(request.query_params)
        view = self._look()
        at = min(asked, view.now) if asked is not None else overview.freshness(view).as_of
        return self._page(
            "matrix.html",
            view,
            tables=matrix.tables(view, at),
            at=at,
            back=asked is not None,
            earlier=phrases.query_time(at - 3600),
            later=phrases.query_time(at + 3600) if asked is not None and at + 3600 <= view.now else "",
            here="matrix",
        )

    def incident(self, request: Request) -> Response:
        """Answer ``/incident/<id>``; ``?language=fr`` changes the report to quote."""
        name = questions.incident_id(request.path_params["id"])
        language = questions.language(request.query_params)
        view = self._look()
        page = incident.page(view, name, language)
        if page is None:
            raise HTTPException(404, "There is no incident with this id.")
        return self._page("incident.html", view, page=page, here="incident")

    def quote(self, request: Request) -> Response:
        """Answer ``/incident/<id>/report.txt``: the report alone, as plain text."""
        name = questions.incident_id(request.path_params["id"])
        language = questions.language(request.query_params)
        view = self._look()
        found = view.store.revisions(name)
        if not found:
            raise HTTPException(404, "There is no incident with this id.")
        one = found[-1][1]
        return PlainTextResponse(
            report([one], view.facts(one, language), language), headers={"Content-Language": language.value}
        )

    def method(self, _request: Request) -> Response:
        """Answer ``/method``: what every word means."""
        return self._page("method.html", self._look(), method=method.method(), here="method")

    def style(self, _request: Request) -> Response:
        """Answer ``/style.css``."""
        return Response(self._style, media_type="text/css")

    def icon(self, _request: Request) -> Response:
        """Answer ``/icon.svg``."""
        return Response(self._icon, media_type="image/svg+xml")

    def refused(self, _request: Request, error: Exception) -> Response:
        """Answer a question that cannot be answered, with its reason."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = error.detail if isinstance(error, HTTPException) else ""
        headers = error.headers if isinstance(error, HTTPException) else None
        text = self._templates.get_template("error.html").render(status=status, detail=detail, here="")
        return HTMLResponse(text, status, headers=headers)

    def broken(self, _request: Request, _error: Exception) -> Response:
        """Answer where we failed ourselves; the reason is in the log, not on the page."""
        text = self._templates.get_template("error.html").render(
            status=500, detail="The collector failed to make this page; its log says why.", here=""
        )
        # This answer is made outside the guard.
        return HTMLResponse(text, 500, headers=_HEADERS)


def _templates() -> Environment:
    """Return the templates: escaping on, an unknown name is an error, the shared words at hand."""
    found = Environment(
        loader=PackageLoader("balise_collector.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(
        State=State,
        Language=Language,
        shape=palette.shape,
        word=palette.word,
        both_times=phrases.both_times,
        machine_time=phrases.machine_time,
        query_time=phrases.query_time,
        layers=wording.LAYERS,
        roles=wording.ROLES[Language.EN],
        failures=wording.FAILURES,
    )
    return found
