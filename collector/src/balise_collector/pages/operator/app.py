"""The pages as a Starlette application: routes, templates, and the headers that every answer carries.

Lives here: which URL gives which page. Must not live here: what a page shows (one module per page beside this one) or
conclusions. Everything is rendered on the server and works without JavaScript; nothing is written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from importlib import resources
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from balise_collector.incidents.model import Incident
from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.drawing import card, palette, picture
from balise_collector.pages.operator import fleet, provisioning, token_auth
from balise_collector.pages.views import answer, formatting, incident, matrix, method, overview, request_parameters
from balise_collector.pages.views.read_model import View
from balise_collector.pages.views.report_facts import with_past
from balise_collector.system import harmless
from balise_collector.system.sentences import gettext_noop
from balise_collector.words import tables, translation, wording
from balise_collector.words.report import report
from balise_collector.words.translation import Language, languages

HEADERS: Final = {
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


_NOT_KEPT: Final = frozenset({429, 500, 503})
"""What one reader is told in a bad moment is not for the next one."""


class HeaderMiddleware:
    """Sets the security headers on every answer, errors and JSON included."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str] = HEADERS) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with its headers."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                if message["status"] in _NOT_KEPT:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


def create_app(
    look: Callable[[], View],
    *,
    api: Sequence[BaseRoute] = (),
    hosts: Iterable[str] = LOOPBACK,
    token: str = "",
    facts: Callable[[], fleet.FleetFacts] | None = None,
    cards: Callable[[], provisioning.ProvisioningFacts] = provisioning.ProvisioningFacts,
) -> Starlette:
    """Return the application.

    Args:
        look: returns what a request is answered from; called once a request, in the thread that answers it.
        api: further routes, the JSON ones; they get the same headers.
        hosts: names that a request's Host may have; none given: any.
        facts: returns what is known of the probes, for the operator; ``None``: there are no pages of the fleet.
        cards: returns what is known of the cards that were made, for the provisioning page.
        token: what every reader must show (token_auth.py); empty: none is asked for.
    """
    pages = OperatorPages(look, facts, cards)
    routes: list[BaseRoute] = [
        Route("/", pages.overview, methods=["GET"]),
        Route("/matrix", pages.matrix, methods=["GET"]),
        Route("/incident/{id}", pages.incident, methods=["GET"]),
        Route("/incident/{id}/report.txt", pages.quote, methods=["GET"]),
        Route("/incident/{id}/card.svg", pages.card, methods=["GET"]),
        Route("/incident/{id}/card.png", pages.picture, methods=["GET"]),
        Route("/method", pages.method, methods=["GET"]),
        Route("/style.css", pages.style, methods=["GET"]),
        Route("/icon.svg", pages.icon, methods=["GET"]),
        *([Route("/fleet", pages.fleet, methods=["GET"])] if facts else []),
        *([Route("/probe/{id}", pages.probe, methods=["GET"])] if facts else []),
        *([Route("/provisioning", pages.batches, methods=["GET"])] if facts else []),
        *([Route("/provisioning/{batch}", pages.provisioning, methods=["GET"])] if facts else []),
        *([Route(path, redirect_moved, methods=["GET"]) for path in ("/bench", "/bench/{batch}")] if facts else []),
        *api,
        Route("/{country}/{service}", pages.answer, methods=["GET"]),
    ]
    middleware = [Middleware(HeaderMiddleware, headers=token_auth.HEADERS if token else HEADERS)]
    if allowed := list(hosts):
        middleware.append(Middleware(TrustedHostMiddleware, allowed_hosts=allowed, www_redirect=False))
    if token:
        middleware.append(Middleware(token_auth.TokenAuth, token=token, ask=pages.ask))
    return Starlette(
        routes=routes, middleware=middleware, exception_handlers={HTTPException: pages.refused, 500: pages.broken}
    )


def redirect_moved(request: Request) -> Response:
    """Send who has an address of an earlier version on to where its page is now."""
    return RedirectResponse(str(request.url).replace("/bench", "/provisioning", 1), HTTPStatus.PERMANENT_REDIRECT)


class OperatorPages:
    """The pages, each a function of the request and of what ``look`` shows."""

    def __init__(
        self,
        look: Callable[[], View],
        facts: Callable[[], fleet.FleetFacts] | None = None,
        cards: Callable[[], provisioning.ProvisioningFacts] = provisioning.ProvisioningFacts,
    ) -> None:
        self._look = look
        self._facts = facts
        self._cards = cards
        self._templates = {language: _templates(language) for language in languages()}
        static = resources.files("balise_collector.pages") / "static"
        self._style = palette.stylesheet() + (static / "style.css").read_text(encoding="utf-8")
        self._icon = (static / "icon.svg").read_text(encoding="utf-8")

    def _base(self, request: Request) -> str:
        """Return where these pages are, for links that leave them."""
        return str(request.base_url).rstrip("/")

    def _view(self, request: Request) -> View:
        """Return what the request is answered from, in its reader's language."""
        language = request_parameters.reader_language(request.query_params, request.headers.get("accept-language", ""))
        return replace(self._look(), language=language)

    def _page(self, template: str, request: Request, view: View, status: int = 200, /, **content: Any) -> HTMLResponse:
        fresh = overview.freshness(view)
        return self._html(template, request, view.language, status, view=view, fresh=fresh, **content)

    def _html(
        self, template: str, request: Request, language: Language, status: int, /, **content: Any
    ) -> HTMLResponse:
        """Return a page in a language; links keep the language that was asked for."""
        asked = dict(request.query_params)
        # One slash: a path that begins with two would lead to another host.
        here = "/" + quote(request.url.path.lstrip("/"), safe="/%")
        kept = {"language": language} if "language" in asked else {}

        def to(path: str) -> str:
            return f"{path}{'&' if '?' in path else '?'}{urlencode(kept)}" if kept else path

        text = (
            self._templates[language]
            .get_template(template)
            .render(
                language=language,
                direction=translation.direction(language),
                languages=tuple((one, one.own_name) for one in languages()),
                to=to,
                base=self._base(request),
                has_fleet=self._facts is not None,
                in_language=lambda other: f"{here}?{urlencode({**asked, 'language': other})}",
                **content,
            )
        )
        headers = {"Content-Language": language, "Vary": "Accept-Language"}
        return HTMLResponse(text, status, headers=headers)

    def overview(self, request: Request) -> Response:
        """Answer ``/``: incidents now, and all others."""
        view = self._view(request)
        return self._page(
            "overview.html",
            request,
            view,
            sections=overview.sections(view),
            coverage=overview.coverage(view),
            answers=answer.words(view),
            level=3,
            here="overview",
        )

    def answer(self, request: Request) -> Response:
        """Answer ``/<country>/<service>``: one word; ``?at=`` looks back. Other spellings lead to the right one."""
        given = (request.path_params["country"], request.path_params["service"])
        country, service = request_parameters.country(given[0]), request_parameters.service(given[1])
        at = request_parameters.moment(request.query_params)
        view = self._view(request)
        page = answer.page(view, country, service, at, self._base(request)) if country and service else None
        if page is None:
            detail = _no_answer(view, country)
            return self._page(
                "answer_missing.html", request, view, 404, detail=detail, answers=answer.words(view), level=2, here=""
            )
        if given != (country, service):
            query = f"?{request.query_params}" if request.query_params else ""
            return RedirectResponse(f"/{country}/{service}{query}", 308)
        return self._page("answer.html", request, view, page=page, here="")

    def matrix(self, request: Request) -> Response:
        """Answer ``/matrix``: services down, providers across; ``?at=`` looks back."""
        asked = request_parameters.moment(request.query_params)
        view = self._view(request)
        countries = answer.countries(view)
        at = min(asked, view.now) if asked is not None else overview.freshness(view).as_of
        return self._page(
            "matrix.html",
            request,
            view,
            tables=matrix.tables(view, at),
            answers={
                (code.lower(), view.service(one)): f"/{code}/{one}" for code in countries for one in view.services
            },
            at=at,
            back=asked is not None,
            earlier=formatting.query_time(at - 3600),
            later=formatting.query_time(at + 3600) if asked is not None and at + 3600 <= view.now else "",
            here="matrix",
        )

    def incident(self, request: Request) -> Response:
        """Answer ``/incident/<id>``; ``?language=fr`` changes the report to quote."""
        name = request_parameters.incident_id(request.path_params["id"])
        view = self._view(request)
        page = incident.page(view, name, view.language)
        if page is None:
            raise HTTPException(404, gettext_noop("There is no incident with this id."))
        return self._page("incident.html", request, view, page=page, here="incident")

    def quote(self, request: Request) -> Response:
        """Answer ``/incident/<id>/report.txt``: the report alone, as plain text."""
        name = request_parameters.incident_id(request.path_params["id"])
        language = request_parameters.language(request.query_params)
        view = self._look()
        found = view.store.revisions(name)
        if not found:
            raise HTTPException(404, gettext_noop("There is no incident with this id."))
        one = found[-1][1]
        facts = with_past(view.facts(one, language), view, [one])
        return PlainTextResponse(report([one], facts, language), headers={"Content-Language": language})

    def card(self, request: Request) -> Response:
        """Answer ``/incident/<id>/card.svg``: the incident as a picture to share."""
        view, one = self._shared(request)
        return _in_language(view, card.card(view, one, self._base(request)), "image/svg+xml")

    def picture(self, request: Request) -> Response:
        """Answer ``/incident/<id>/card.png``: the same card for places that take no SVG."""
        view, one = self._shared(request)
        return _in_language(view, picture.png(card.layout(view, one, self._base(request))), "image/png")

    def _shared(self, request: Request) -> tuple[View, Incident]:
        """Return the incident that a card is asked of."""
        name = request_parameters.incident_id(request.path_params["id"])
        view = self._view(request)
        found = view.store.revisions(name)
        if not found:
            raise HTTPException(404, gettext_noop("There is no incident with this id."))
        return view, found[-1][1]

    def fleet(self, request: Request) -> Response:
        """Answer ``/fleet``: every probe, for the operator."""
        if self._facts is None:
            raise HTTPException(404)
        view = self._view(request)
        return self._page("fleet.html", request, view, page=fleet.fleet(view, self._facts()), here="fleet")

    def probe(self, request: Request) -> Response:
        """Answer ``/probe/<id>``: one probe, for the operator."""
        name = request_parameters.incident_id(request.path_params["id"])
        view = self._view(request)
        page = fleet.probe(view, self._facts(), name) if self._facts else None
        if page is None:
            raise HTTPException(404, gettext_noop("There is no probe with this id."))
        return self._page("probe.html", request, view, page=page, here="fleet")

    def batches(self, request: Request) -> Response:
        """Answer ``/provisioning``: the batches of cards."""
        return self._page("batches.html", request, self._view(request), batches=self._cards().batches, here="fleet")

    def provisioning(self, request: Request) -> Response:
        """Answer ``/provisioning/<batch>``: its cards as tiles; ``?refresh=off`` stops the looking again."""
        batch = request.path_params["batch"][:40]
        view = self._view(request)
        known = self._cards()
        page = provisioning.provisioning(view, self._facts(), known.cards(batch), batch) if self._facts else None
        if page is None:
            raise HTTPException(404, gettext_noop("There is no batch of cards with this name."))
        refresh = 0 if request.query_params.get("refresh") == "off" else known.refresh
        answered = self._page("provisioning.html", request, view, page=page, refresh=refresh, here="fleet")
        if refresh:
            # The header does what <meta http-equiv="refresh"> does; the page has the link that ends it (WCAG 2.2.1).
            answered.headers["Refresh"] = str(refresh)
        return answered

    def method(self, request: Request) -> Response:
        """Answer ``/method``: what every word means."""
        view = self._view(request)
        return self._page("method.html", request, view, method=method.method(view), here="method")

    def style(self, _request: Request) -> Response:
        """Answer ``/style.css``."""
        return Response(self._style, media_type="text/css")

    def icon(self, _request: Request) -> Response:
        """Answer ``/icon.svg``."""
        return Response(self._icon, media_type="image/svg+xml")

    def ask(self, request: Request, wrong: bool) -> Response:
        """Ask who reads: the form that takes the token."""
        language = request_parameters.reader_language({}, request.headers.get("accept-language", ""))
        return self._html("login.html", request, language, 401, wrong=wrong, here="")

    def refused(self, request: Request, error: Exception) -> Response:
        """Answer a question that cannot be answered, with its reason."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = error.detail if isinstance(error, HTTPException) else ""
        answered = self._error(request, status, detail)
        answered.headers.update((isinstance(error, HTTPException) and error.headers) or {})
        return answered

    def broken(self, request: Request, _error: Exception) -> Response:
        """Answer where we failed ourselves; the reason is in the log, not on the page."""
        answered = self._error(request, 500, gettext_noop("The collector failed to make this page; its log says why."))
        # This answer is made outside the guard.
        answered.headers.update(HEADERS)
        return answered

    def _error(self, request: Request, status: int, detail: str) -> HTMLResponse:
        """Return the page of an error, in the reader's language where that can be known."""
        accepted = request.headers.get("accept-language", "")
        try:
            language = request_parameters.reader_language(request.query_params, accepted)
        except HTTPException:
            language = request_parameters.reader_language({}, accepted)
        told = translation.translations(language).gettext(detail) if detail else ""
        return self._html("error.html", request, language, status, status=status, detail=told, here="")


def _in_language(view: View, drawn: str | bytes, media_type: str) -> Response:
    """Return a card, with the language that it is in."""
    headers = {"Content-Language": view.language, "Vary": "Accept-Language"}
    return Response(drawn, media_type=media_type, headers=headers)


def _no_answer(view: View, country: str | None) -> str:
    """Say why there is no answer to a question for a country and a service."""
    if country not in answer.countries(view):
        return view.gettext("We have no probe in that country, and no incident there. Its code has two letters: PK.")
    names = ", ".join(sorted(view.services))
    return view.gettext("We do not measure that service there. We measure: {services}.").format(services=names)


def _finalized(value: object) -> object:
    """Make what a template writes harmless, whoever said it."""
    return harmless.shown(value) if isinstance(value, str) else value


def _templates(language: Language) -> Environment:
    """Return the templates in a language: escaping on, an unknown name is an error, the shared words at hand."""
    found = Environment(
        extensions=["jinja2.ext.i18n"],
        loader=PackageLoader("balise_collector.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.policies["ext.i18n.trimmed"] = True
    found.install_gettext_translations(translation.translations(language), newstyle=True)  # type: ignore[attr-defined]
    found.globals.update(
        VerdictState=VerdictState,
        Language=Language,
        shape=palette.shape,
        word=palette.word,
        both_times=partial(formatting.both_times, language=language),
        machine_time=formatting.machine_time,
        query_time=formatting.query_time,
        layers=tables.LAYERS,
        roles={word: wording.role(word, language) for word in tables.ROLES},
        failures=tables.FAILURES,
        lifecycles=tables.LIFECYCLES,
        odds=partial(wording.odds, language=language),
    )
    return found
