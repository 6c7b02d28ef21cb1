"""Public answers that are made once and given to everybody who asks the same, and how many new ones may be asked for.

An answer costs tens of milliseconds and is the same for all, so the question is made plain first: parameters that mean
nothing are dropped, and moments are moved to the window that they lie in. What was made in the last minute is given
again at once. For a new answer a reader waits in turn, has so many at a time and so many a minute; the few pages that
everybody reads are never refused. Must not live here: routes, or what may be seen.
"""

import asyncio
import hashlib
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from balise_collector.conclude.together import WINDOW
from balise_collector.pages.public.api import moment
from balise_collector.pages.views import request_parameters
from balise_collector.system.rate import Pace, Rate, source_of
from balise_collector.system.sentences import gettext_noop
from balise_collector.words import translation
from balise_collector.words.translation import ENGLISH, Language

SECONDS: Final = 60.0
"""Real seconds for which an answer is given again; caches may keep it as long."""
READER: Final = Pace(burst=60.0, per_second=1.0)
"""New answers that one reader may ask for: who reads page after page asks for a few in a minute."""
AT_A_TIME: Final = 4
"""New answers that one reader may wait for; a browser asks for a page and its pictures."""
_WAITING_MOST: Final = 64
_MOST: Final = 1024
_BYTES_MOST: Final = 32 * 1024 * 1024
_PLAIN: Final = frozenset(
    {
        "/", "/matrix", "/method", "/feed.atom", "/style.css", "/icon.svg", "/api/v1/incidents", "/api/v1/matrix",
        "/api/v1/openapi.json",
    }
)  # fmt: skip
"""Paths that are never refused when nothing but a language is asked: there are so few that they cost little."""
Make = Callable[[Request], Response]


@dataclass(frozen=True, kw_only=True)
class CachedAnswer:
    """One answer as it was made."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    tag: str
    """ETag (RFC 9110, 8.8.3); empty for anything but a 200."""
    until: float

    def response(self, request: Request) -> Response:
        """Return it, and no body to who has it already."""
        known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
        if self.tag and self.tag in known:
            kept = {name: self.headers[name] for name in ("vary", "content-language") if name in self.headers}
            return Response(status_code=304, headers={**kept, "ETag": self.tag})
        tagged = {"ETag": self.tag} if self.tag else {}
        return Response(self.body, self.status, headers={**self.headers, **tagged})


@dataclass
class Keeping:
    """The answers, and who waits for new ones; used in the event loop's thread only."""

    monotonic: Callable[[], float]
    """Real seconds."""
    horizon: Callable[[], float]
    """UNIX seconds; no later moment can be asked for."""
    proxies: Callable[[str], bool] = lambda _address: False
    """Whether an address is a proxy's, behind which anybody may stand."""
    _answers: "OrderedDict[_Key, CachedAnswer]" = field(default_factory=OrderedDict)
    _bytes: int = 0
    _making: "dict[_Key, asyncio.Task[CachedAnswer]]" = field(default_factory=dict)
    _waiting: Counter[str] = field(default_factory=Counter)
    _rate: Rate = field(default_factory=lambda: Rate(READER))
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    _first: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """The few pages that everybody reads do not wait behind all others."""

    async def answer(self, request: Request, make: Make) -> Response:
        """Return the answer to a request (HTTPException where there is none)."""
        asked = plain(request, self.horizon())
        key = (asked.url.path, asked.url.query, _language(asked))
        held = self._answers.get(key)
        if held is not None and held.until > self.monotonic():
            self._answers.move_to_end(key)
            return held.response(request)
        task = self._making.get(key)
        if task is None:
            source = self._source(request)
            if refused := self._refusal(source, asked):
                return refused
            task = self._making[key] = asyncio.ensure_future(self._make(key, asked, make, source))
            task.add_done_callback(_heard)
        # Who goes away while others wait for the same answer does not end it.
        return (await asyncio.shield(task)).response(request)

    def _source(self, request: Request) -> str:
        """Return who asks; empty where that is not known."""
        address = request.client.host if request.client else ""
        return "" if not address or self.proxies(address) else source_of(address)

    def _refusal(self, source: str, asked: Request) -> Response | None:
        """Return why a new answer is not made; ``None`` where it is."""
        if _is_first(asked):
            return None
        if self._waiting.total() >= _WAITING_MOST:
            return _later(503, gettext_noop("The server is busy. Try again in a moment."), 5, asked)
        if source and (self._waiting[source] >= AT_A_TIME or not self._rate.allows(source, self.monotonic())):
            return _later(429, gettext_noop("Too many questions in a short time. Try again in a moment."), 10, asked)
        return None

    async def _make(self, key: "_Key", asked: Request, make: Make, source: str) -> CachedAnswer:
        self._waiting[source] += 1
        try:
            async with self._first if _is_first(asked) else self._turn:
                found = await run_in_threadpool(make, asked)
            body = bytes(found.body)
            tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"' if found.status_code == 200 else ""
            headers = {name: value for name, value in found.headers.items() if name != "content-length"}
            answer = CachedAnswer(
                status=found.status_code, headers=headers, body=body, tag=tag, until=self.monotonic() + SECONDS
            )
            self._keep(key, answer)
            return answer
        finally:
            del self._making[key]
            self._waiting[source] -= 1
            if not self._waiting[source]:
                del self._waiting[source]

    def _keep(self, key: "_Key", answer: CachedAnswer) -> None:
        before = self._answers.pop(key, None)
        self._bytes += len(answer.body) - (len(before.body) if before else 0)
        self._answers[key] = answer
        while len(self._answers) > _MOST or self._bytes > _BYTES_MOST:
            _, gone = self._answers.popitem(last=False)
            self._bytes -= len(gone.body)


_Key = tuple[str, str, Language | None]
"""Path, plain query, language."""


def plain(request: Request, horizon: float) -> Request:
    """Return the request with a query of nothing but what means something (HTTPException 400).

    ``at`` is moved down to the quarter of an hour that it lies in, and to the newest where it is later.
    """
    given = request.query_params
    kept = {name: given[name] for name in ("language", "at") if name in given}
    if "at" in kept and request.url.path.startswith("/api/"):
        kept["at"] = f"{_window(moment(given, horizon), horizon):.0f}"
    elif (at := request_parameters.moment(kept)) is not None:
        kept["at"] = datetime.fromtimestamp(_window(at, horizon), UTC).strftime(request_parameters.TIME)
    scope = {**request.scope, "query_string": urlencode(kept).encode()}
    return Request(scope, request.receive)


def _is_first(asked: Request) -> bool:
    """Whether it is one of the few that everybody reads."""
    return asked.url.path in _PLAIN and not set(asked.query_params) - {"language"}


def _heard(task: "asyncio.Task[CachedAnswer]") -> None:
    """Look at what a task raised, where everybody who waited for it is gone: it is their question that failed."""
    if not task.cancelled():
        task.exception()


def _window(at: float, horizon: float) -> float:
    return math.floor(min(at, horizon) / WINDOW) * float(WINDOW)


def _language(asked: Request) -> Language | None:
    """Return the language that the answer is in; ``None`` for a bad one, which is the endpoint's to refuse."""
    try:
        return request_parameters.reader_language(asked.query_params, asked.headers.get("accept-language", ""))
    except HTTPException:
        return None


def _later(status: int, text: str, seconds: int, asked: Request) -> Response:
    """Say that it must be later, without making a page."""
    told = translation.translations(_language(asked) or ENGLISH).gettext(text)
    return Response(told + "\n", status, headers={"Retry-After": str(seconds)}, media_type="text/plain")
