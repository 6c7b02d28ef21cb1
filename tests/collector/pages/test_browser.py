"""Every page in a real browser: phone and desktop, light and dark, by keyboard alone, and with programs switched off.

The walk follows the links from the first page, so that a new page is tested without being named here. Must not live
here: what a page says (test_pages.py and its neighbours).
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

import pytest
import uvicorn
from starlette.applications import Starlette

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Operator = Callable[..., Starlette]
"""Makes the operator's pages, with a token or without."""
pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]

PHONE, DESKTOP = 360, 1280
"""CSS pixels: a small phone held upright, a common laptop."""
HEIGHTS = {PHONE: 740, DESKTOP: 900}
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = (
    (PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark"),
)  # fmt: skip
GRAVE = {"serious", "critical"}
"""Impacts of axe-core that fail a page."""
BY_LOOK = ("color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size")
"""Rules of axe-core whose answer depends on the look; what the others read is the same tree in every look."""
WHOLE = {(PHONE, "light"), (DESKTOP, "dark")}
"""Looks in which a page is asked by every rule; in the other two by those of BY_LOOK, since axe is slow."""
ASIDE = ("/nowhere", "/PK/nothing", "/nowhere?language=fr")
"""Where no link leads: what a wrong address answers is a page as well."""
TOKEN = "a token of the tests, long enough to be one"
MOST_PAGES = 80
"""The walk ends here: a day's pages are some thirty, and a trap of endless links should be seen."""

INTERACTIVE = """() => {
  const wanted = [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex="0"]')]
    .filter(e => e.checkVisibility() && !e.disabled && e.tabIndex >= 0);
  window.wanted = wanted; window.reached = new Set(); window.unseen = [];
  document.addEventListener('focusin', event => {
    window.reached.add(event.target);
    const style = getComputedStyle(event.target);
    if (style.outlineStyle === 'none' && style.boxShadow === 'none') window.unseen.push(event.target.outerHTML);
  });
  return wanted.length;
}"""
NOT_REACHED = """() => ({
  missed: window.wanted.filter(e => !window.reached.has(e)).map(e => e.outerHTML.slice(0, 120)),
  unseen: window.unseen.map(html => html.slice(0, 120)),
})"""
TOO_WIDE = """() => {
  const page = document.documentElement;
  return page.scrollWidth <= page.clientWidth ? [] : [...document.querySelectorAll('body *')]
    .map(e => [e, e.getBoundingClientRect()])
    .filter(([e, box]) => (box.right > page.clientWidth + 1 || box.left < -1) && !e.closest('.scroll'))
    .map(([e, box]) => e.outerHTML.slice(0, 120)).slice(0, 5).concat(`${page.scrollWidth} > ${page.clientWidth}`);
}"""
CROPPED = """() => [...document.querySelectorAll('svg text')].filter(e => {
  const box = e.getBBox(), view = e.ownerSVGElement.viewBox.baseVal;
  return box.x < view.x - 1 || box.y < view.y - 1
    || box.x + box.width > view.x + view.width + 1 || box.y + box.height > view.y + view.height + 1;
}).map(e => e.textContent)"""
"""Words of a drawing that its edge cuts."""


class Served:
    """A page server on a free port of loopback, in a thread."""

    def __init__(self, app: Any) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.root = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", ws="none", workers=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return self.root

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()


@pytest.fixture(scope="session", params=["operator", "public"])
def root(request: pytest.FixtureRequest, operator_pages: Operator, public_pages: Starlette) -> Iterator[str]:
    """Return the address of the pages over the day of conftest: the operator's, and those for everybody."""
    with Served(public_pages if request.param == "public" else operator_pages()) as address:
        yield address


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    """Return a running Chromium."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not every machine has a wheel of it

    with sync_playwright() as playwright:
        # A container's kernel often forbids the sandbox; the pages are our own, on loopback.
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


def kind_of(url: str) -> tuple[str, str]:
    """Return what makes a link a page of its own: its path, and another language; not the moments asked about.

    One probe's page stands for all: they differ in numbers, not in what a browser could stumble over.
    """
    parts = urlsplit(url)
    language = dict(parse_qsl(parts.query)).get("language", "en")
    return "/probe/" if parts.path.startswith("/probe/") else parts.path, language


@cache
def walked(browser: Browser, root: str) -> tuple[str, ...]:
    """Return the address of every page that links lead to; what is no page answers, and lies on this host."""
    context = browser.new_context()
    page = context.new_page()
    waiting, seen, pages = [f"{root}/"], {kind_of(f"{root}/")}, []
    while waiting:
        url = waiting.pop(0)
        head = page.request.get(url)
        assert head.status == 200, (url, head.status)
        if "text/html" not in head.headers["content-type"]:
            continue
        pages.append(url)
        assert len(pages) <= MOST_PAGES, pages
        page.goto(url)
        for link in page.eval_on_selector_all("[href]", "all => all.map(e => [e.tagName, e.href || e.href.baseVal])"):
            name, address = link
            # The public view names itself by its configured address, which nothing listens to here.
            address = address.partition("#")[0].replace("https://observatory.example", root)
            assert address.startswith((f"{root}/", "data:")), (url, name, address)
            if kind_of(address) not in seen:
                seen.add(kind_of(address))
                waiting.append(address)
    context.close()
    return tuple(pages)


def opened(
    browser: Browser, width: int, scheme: Any, root: str, complaints: list[str], language: str = "en-GB"
) -> Page:
    """Return a page whose errors and requests abroad are noted as complaints."""
    size: Any = {"width": width, "height": HEIGHTS[width]}
    context = browser.new_context(viewport=size, color_scheme=scheme, locale=language)
    page = context.new_page()
    page.on(
        "console",
        lambda said: complaints.append(f"console: {said.text}") if said.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((root, "data:")) else complaints.append(f"abroad: {request.url}")
        ),
    )
    return page


def test_every_page_is_sound(browser: Browser, root: str) -> None:
    """No complaint on the console, no request to another host, no serious barrier (axe-core), nothing cut or too wide.

    In every look, and in French, whose words are longer.
    """
    found: dict[str, list[str]] = {}
    complaints: list[str] = []
    page = opened(browser, DESKTOP, "light", root, complaints)
    for url in (*walked(browser, root), *(f"{root}{path}" for path in ASIDE)):
        page.goto(url)
        page.evaluate(axe())
        for width, scheme in LOOKS:
            page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
            page.emulate_media(color_scheme=scheme)
            whole = (width, scheme) in WHOLE
            told = page.evaluate(TOO_WIDE) + page.evaluate(CROPPED)
            if "language=" not in url or (width, scheme) == (PHONE, "light"):
                told += barriers(page, () if whole else BY_LOOK)
            complaints += [f"{width} {scheme}: {one}" for one in told]
        # A wrong address is answered with 404, and the browser says so.
        if told := [one for one in complaints if not ("404" in one and url.removeprefix(root) in ASIDE)]:
            found[url.removeprefix(root)] = told
        complaints.clear()
    page.context.close()
    assert not found, found


def test_a_page_may_run_from_right_to_left(browser: Browser, root: str) -> None:
    """A page in Urdu, Persian or Arabic is the same page with another direction: nothing is cut, nothing too wide."""
    found: dict[str, list[str]] = {}
    page = opened(browser, DESKTOP, "light", root, [])
    for url in walked(browser, root):
        if "language=" in url:
            continue
        page.goto(url)
        page.evaluate("document.documentElement.dir = 'rtl'")
        for width in (PHONE, DESKTOP):
            page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
            if told := page.evaluate(TOO_WIDE) + page.evaluate(CROPPED):
                found[f"{url.removeprefix(root)} {width}"] = told
    page.context.close()
    assert not found, found


@cache
def axe() -> str:
    """Return axe-core."""
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def barriers(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """Return what axe-core, which the page has loaded, finds grave by these rules; by all, where none is named."""
    wanted = {"resultTypes": ["violations"], "preload": False, **({"runOnly": list(rules)} if rules else {})}
    answer = page.evaluate("wanted => axe.run(document, wanted)", wanted)
    return [
        f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:160]} ({len(one['nodes'])} in all)"
        for one in answer["violations"]
        if one["impact"] in GRAVE
    ]


@pytest.mark.parametrize("language", ["en-GB", "fr-FR"])
def test_the_operators_door_opens_by_keyboard(browser: Browser, operator_pages: Operator, language: str) -> None:
    """Tab, the token, Enter. A wrong one is told beside its field, in the reader's language; the right one opens."""
    complaints: list[str] = []
    with Served(operator_pages(token=TOKEN)) as root:
        page = opened(browser, PHONE, "light", root, complaints, language)
        page.goto(f"{root}/fleet")
        for width, scheme in LOOKS:
            page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
            page.emulate_media(color_scheme=scheme)
            page.evaluate(axe())
            complaints += [*barriers(page), *page.evaluate(TOO_WIDE)]
        enter(page, "not the token")
        told = page.get_by_role("alert")
        assert told.is_visible()
        assert "token_file" in told.inner_text()
        field = page.locator("#token")
        assert field.get_attribute("aria-describedby") == told.get_attribute("id")
        assert field.get_attribute("aria-invalid") == "true"
        page.evaluate(axe())
        complaints += barriers(page)
        enter(page, TOKEN)
        assert page.url == f"{root}/"
        assert page.get_by_role("alert").count() == 0
        assert page.request.get(f"{root}/fleet").status == 200
        page.context.close()
    # The form is answered with 401, and the browser says so.
    assert not [one for one in complaints if "401" not in one]


def enter(page: Page, token: str) -> None:
    """Come to the field by Tab alone, and send a token by Enter alone."""
    for _ in range(page.locator("a[href], input, button").count()):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "token":
            break
    page.keyboard.type(token)
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.parametrize("root", ["operator"], indirect=True)
def test_a_barrier_is_found(browser: Browser, root: str) -> None:
    """The instrument itself: a page made bad is called bad, in each of the ways that are looked for."""
    complaints: list[str] = []
    page = opened(browser, PHONE, "light", root, complaints)
    page.goto(f"{root}/")
    page.evaluate(axe())
    page.evaluate(
        """() => {
          document.querySelector('main').insertAdjacentHTML('beforeend',
            '<a href="/x" tabindex="-1"><img src="http://192.0.2.1/x.png"></a><p class="wide">w</p>'
            + '<svg viewBox="0 0 10 10"><text x="9">cut</text></svg>');
          document.querySelector('.wide').style.setProperty('width', '500px');
          console.error('planted');
        }"""
    )
    assert any("image-alt" in one or "link-name" in one for one in barriers(page))
    assert page.evaluate(TOO_WIDE)
    assert page.evaluate(CROPPED) == ["cut"]
    assert any("planted" in one for one in complaints)
    assert any("abroad" in one or "192.0.2.1" in one for one in complaints)
    page.context.close()


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_keyboard_reaches_everything(browser: Browser, root: str, width: int) -> None:
    """Tab alone comes to every link, every field and everything that scrolls, and where it stands can be seen."""
    found: dict[str, Any] = {}
    page = opened(browser, width, "light", root, [])
    for url in walked(browser, root):
        if "language=" in url:
            continue
        page.goto(url)
        for _ in range(page.evaluate(INTERACTIVE) + 2):
            page.keyboard.press("Tab")
        result = page.evaluate(NOT_REACHED)
        if any(result.values()):
            found[url.removeprefix(root)] = result
    page.context.close()
    assert not found, found


def test_no_program_is_needed(browser: Browser, root: str) -> None:
    """With JavaScript switched off every page shows its heading, its content and its drawings."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": PHONE, "height": HEIGHTS[PHONE]})
    page = context.new_page()
    for url in walked(browser, root):
        if "language=" in url:
            continue
        page.goto(url)
        assert page.locator("h1").is_visible(), url
        assert len(page.locator("main").inner_text()) > 40, url
        for drawing in page.locator("main svg").all():
            assert drawing.bounding_box(), url
    context.close()


@pytest.mark.skipif("BALISE_PICTURES" not in os.environ, reason="pictures: make pictures draws them")
def test_pictures_are_drawn(
    browser: Browser, operator_pages: Operator, public_pages: Starlette, told: dict[str, str]
) -> None:
    """The pictures in docs/ show the pages as they are, each below 300 kB."""
    folder = Path(os.environ["BALISE_PICTURES"])
    folder.mkdir(parents=True, exist_ok=True)
    incident = f"/incident/{told['twitter']}"
    with Served(operator_pages()) as root, Served(public_pages) as everybody:
        drawn = opened(browser, DESKTOP, "light", everybody, [])
        drawn.goto(f"{everybody}/")
        public = drawn.get_by_role("link", name="Twitter blocked").first.get_attribute("href")
        drawn.context.close()
        for name, address, width, scheme, height in (
            ("overview", f"{root}/", DESKTOP, "light", 900),
            ("incident", root + incident, DESKTOP, "light", 1230),
            ("evidence", f"{root}{incident}#evidence", DESKTOP, "light", 1150),
            ("answer", f"{root}/PK/twitter?at=2020-05-17T18:00Z", DESKTOP, "light", 1150),
            ("unknown", f"{root}/PK/whatsapp", DESKTOP, "dark", 900),
            ("matrix", f"{root}/matrix?at=2020-05-17T18:00Z", DESKTOP, "light", 900),
            ("method", f"{root}/method", DESKTOP, "light", 900),
            ("probe", f"{root}/probe/pk64501a", DESKTOP, "dark", 900),
            ("phone", root + incident, PHONE, "dark", 740),
            ("phone-french", f"{root}/PK/twitter?at=2020-05-17T18:00Z&language=fr", PHONE, "light", 740),
            ("public", f"{everybody}{public}#evidence", DESKTOP, "light", 1150),
        ):
            page = opened(browser, width, scheme, root, [])
            page.set_viewport_size({"width": width, "height": height})
            page.goto(address)
            page.screenshot(path=folder / f"{name}.png")
            page.context.close()
        page = browser.new_context().new_page()
        (folder / "card.png").write_bytes(page.request.get(f"{everybody}{public}/card.png").body())
        page.context.close()
    for picture in folder.glob("*.png"):
        assert picture.stat().st_size < 300_000, picture.name
