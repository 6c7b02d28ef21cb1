"""The bytes of HTTP/1.1 responses: the servers' pages, their refusals, and what boxes and portals put in their place.

Must not live here: who answers, or when (answering.py).
"""

import functools
from typing import Final

from balise_lab.field.network.draws import number
from balise_lab.field.network.effects import Effect
from balise_lab.field.network.hosts import Host, Page

REASONS: Final = {
    200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 302: "Found",
    307: "Temporary Redirect", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests",
    451: "Unavailable For Legal Reasons", 500: "Internal Server Error", 502: "Bad Gateway",
    503: "Service Unavailable", 511: "Network Authentication Required", 522: "",
}  # fmt: skip
_WORDS: Final = ("news", "time", "people", "world", "line", "story", "photo", "video", "today", "read", "share", "home")
_LEAST, _MOST = 3_000, 40_000
_CACHED: Final = 4_096


def response(
    status: int, body: bytes, *, kind: str = "text/html; charset=utf-8", server: str = "", more: tuple[str, ...] = ()
) -> bytes:
    """Return a whole response; ``more`` are further header lines."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}".rstrip()]
    lines += [f"Server: {server}"] if server else []
    lines += [f"Content-Type: {kind}"] if body else []
    lines += list(more)
    lines += [] if status == 204 else [f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


@functools.lru_cache(_CACHED)
def text(title: str, length: int, salt: str) -> bytes:
    """Return an HTML page of about so many bytes whose words the salt decides; 0: a short one."""
    head = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1>"
    drawn = number("page", salt, title)
    parts = [head]
    size = len(head)
    while size < length - 40:
        word = _WORDS[drawn % len(_WORDS)]
        drawn = (drawn * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) & 0xFFFFFFFFFFFFFFFF
        parts.append(f"<p>{word} {drawn >> 52}</p>")
        size += len(parts[-1])
    return "".join([*parts, "</body></html>\n"]).encode()


def of_page(name: str, page: Page, part: int) -> bytes:
    """Return a server's own page; ``part`` is how many bytes were asked for, 0: all."""
    if page.location:
        return response(page.status, b"", server=page.server, more=(f"Location: {page.location}",))
    if page.status == 204:
        return response(204, b"", server=page.server)
    length = page.length or _LEAST + number("length", name) % (_MOST - _LEAST)
    body = page.body.encode() if page.body else text(page.title or name, length, name)
    if page.ranges and 0 < part < len(body):
        more = (f"Content-Range: bytes 0-{part - 1}/{len(body)}",)
        return response(206, body[:part], kind=page.kind, server=page.server, more=more)
    return response(page.status, body, kind=page.kind, server=page.server)


def usual(host: Host, name: str, path: str, country: str, *, secure: bool, part: int) -> bytes:
    """Return what a host says to a GET under one of its names when nothing happens to it."""
    page = host.pages.get(path) or host.pages.get("/")
    if page is not None and country in page.countries:
        return of_page(name, Page(status=302, location=page.countries[country], server=page.server), part)
    if not secure and host.https:
        return of_page(name, Page(status=301, location=f"https://{name}{path}"), part)
    if page is None and host.pages:
        return of_page(name, Page(status=404, title="404 Not Found", length=1), part)
    return of_page(name, page or Page(), part)


def of_effect(effect: Effect, name: str) -> bytes:
    """Return the page that a box, a portal or a server's refusal shows."""
    kind = effect.kind
    if effect.location or kind in {"http.redirect", "server.redirect", "portal.topup"}:
        where = effect.location or _DESTINATIONS.get(kind, "")
        return response(effect.status or 302, b"", server=effect.server, more=(f"Location: {where}",))
    status = effect.status or _STATUS.get(kind, 200)
    title = effect.title or _TITLES.get(kind, f"{status} {REASONS.get(status, '')}".strip())
    more = (f"Retry-After: {effect.retry_after}",) if effect.retry_after else ()
    return response(status, text(title, effect.length, name), server=effect.server, more=more)


_DESTINATIONS: Final = {
    "http.redirect": "http://blocked.example.net/",
    "portal.topup": "http://topup.example.net/recharge",
    "server.redirect": "https://www.example.net/",
}
_STATUS: Final = {"server.status": 403, "server.robot": 403, "server.rate": 429}
_TITLES: Final = {
    "http.blockpage": "Blocked",
    "http.inject": "Blocked",
    "portal.hotel": "Welcome to our hotel",
    "server.robot": "Just a moment...",
    "server.page": "Welcome",
}


def odd(whole: bytes, act: str) -> bytes:
    """Return a response whose head is one of those that browsers forgive (../data/field, ``h_*.bin``)."""
    head, _, body = whole.partition(b"\r\n\r\n")
    status, *fields = head.split(b"\r\n")
    match act:
        case "spacecolon":
            fields = [field.replace(b":", b" :", 1) for field in fields]
        case "big":
            fields.append(b"Content-Security-Policy: " + b"script-src https://cdn.example.net/ " * 480)
        case "many":
            fields += [b"X-Field-%d: %d" % (each, each) for each in range(130)]
        case "nocolon":
            fields.append(b"this line has none")
        case "crlf":
            status = b"\r\n" + status
        case _:
            fields.append(b"X-Policy: one,\r\n two")
    return b"\r\n".join([status, *fields]) + b"\r\n\r\n" + body
