"""The public view as its own Starlette application: given a view of what may be seen, and nothing else.

Lives here: its routes, its headers, and answers that caches may keep. Must not live here: what may be seen (filter.py),
or any way to the operator's store; no route here takes a name that leads inside.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from balise_collector.pages.operator.app import HEADERS, HeaderMiddleware, OperatorPages
from balise_collector.pages.public import api, feed
from balise_collector.pages.public.filter import PublicView
from balise_collector.pages.public.kept_answers import Keeping
from balise_collector.pages.views import request_parameters
from balise_collector.pages.views.read_model import View
from balise_collector.words.translation import Language

MAX_AGE: Final = 60
"""Seconds for which a cache may answer in our place; what is told changes every five minutes at most."""
_HEADERS: Final = {**HEADERS, "Cache-Control": f"public, max-age={MAX_AGE}"}


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What every public page says of itself."""

    least: int
    minutes: int


def create_public_app(
    look: Callable[[], PublicView], *, base_url: str, notice: Notice, keeping: Keeping | None = None
) -> Starlette:
    """Return the application.

    Args:
        look: returns what a request is answered from; called once a request, in the thread that answers it.
        base_url: scheme and host that links from elsewhere begin with; never taken from a request.
        notice: what the pages say of k and of the delay.
        keeping: keeps answers, and bounds how many new ones are made; without it each is made when it is asked for.
    """
    pages = PublicPages(look, base_url, notice)
    endpoints: dict[str, Callable[[Request], Response]] = {
        "/": pages.overview,
        "/matrix": pages.matrix,
        "/incident/{id}.csv": pages.table,
        "/incident/{id}": pages.incident,
        "/incident/{id}/report.txt": pages.quote,
        "/incident/{id}/card.svg": pages.card,
        "/incident/{id}/card.png": pages.picture,
        "/method": pages.method,
        "/feed.atom": pages.feed,
        "/style.css": pages.style,
        "/icon.svg": pages.icon,
        "/api/v1/openapi.json": api.description,
        **{path: api.answering(look, question) for path, question in api.QUESTIONS.items()},
        "/{country}/{service}": pages.answer,
    }
    served = tagged if keeping is None else partial(kept, keeping)
    routes: list[BaseRoute] = [Route(path, served(endpoint), methods=["GET"]) for path, endpoint in endpoints.items()]
    return Starlette(
        routes=routes,
        middleware=[Middleware(HeaderMiddleware, headers=_HEADERS)],
        exception_handlers={HTTPException: pages.refused, 500: pages.broken},
    )


class PublicPages(OperatorPages):
    """The pages over what may be seen; evidence is redrawn, and links begin with the configured name."""

    def __init__(self, look: Callable[[], PublicView], base_url: str, notice: Notice) -> None:
        super().__init__(look)
        self._seen = look
        self._origin = base_url
        self._notice = notice

    def _base(self, request: Request) -> str:  # noqa: ARG002 - the operator's pages ask the request
        return self._origin

    def _html(
        self, template: str, request: Request, language: Language, status: int, /, **content: Any
    ) -> HTMLResponse:
        return super()._html(template, request, language, status, public=self._notice, **content)

    def _page(self, template: str, request: Request, view: View, status: int = 200, /, **content: Any) -> HTMLResponse:
        """Put redrawn evidence in the place of the operator's."""
        if template == "incident.html" and isinstance(view, PublicView):
            name = content["page"].incident.id
            more = {
                "exhibits": view.seen.exhibits(name, view.gettext, view.language),
                "released": view.seen.is_released(name),
            }
            return super()._page("public_incident.html", request, view, status, **content, **more)
        return super()._page(template, request, view, status, **content)

    def table(self, request: Request) -> Response:
        """Answer ``/incident/<id>.csv``: what was measured, as counts in bins of five minutes."""
        name = request_parameters.incident_id(request.path_params["id"])
        view = self._seen()
        found = view.store.revisions(name)
        if not found:
            raise HTTPException(404, "There is no incident with this id.")
        headers = {"Content-Disposition": f'attachment; filename="incident-{name}.csv"'}
        return Response(feed.table(view, found[-1][1]), media_type="text/csv", headers=headers)

    def feed(self, _request: Request) -> Response:
        """Answer ``/feed.atom``."""
        return Response(feed.atom(self._seen(), self._origin), media_type="application/atom+xml")


def kept(keeping: Keeping, endpoint: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Let an endpoint make an answer where none is kept."""

    async def answer(request: Request) -> Response:
        try:
            return await keeping.answer(request, endpoint)
        except HTTPException as error:
            if not request.url.path.startswith("/api/"):
                raise
            return api.refusal(error)

    return answer


def tagged(endpoint: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Give the answers of an endpoint an ETag (RFC 9110, 8.8.3), and none at all to who has it already."""

    def answer(request: Request) -> Response:
        found = endpoint(request)
        if found.status_code != 200:
            return found
        tag = f'"{hashlib.sha256(bytes(found.body)).hexdigest()[:24]}"'
        known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
        if tag in known:
            kept = {name: found.headers[name] for name in ("vary", "content-language") if name in found.headers}
            return Response(status_code=304, headers={**kept, "ETag": tag})
        found.headers["ETag"] = tag
        return found

    return answer
