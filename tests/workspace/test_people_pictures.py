"""The pictures for operator and host: what the programs themselves write, drawn in a real browser.

Windows and terminals are a few lines of CSS; every word in them comes out of the program that says it to people. Must
not live here: the pages' own pictures (tests/collector/pages/test_browser.py).
"""

from __future__ import annotations

import html
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from balise_agent.provisioning.card import wording
from balise_agent.provisioning.card.boot_actions import Places, read_card, write_card
from balise_agent.run.doctor import Facts, Line, diagnose, rendered
from balise_agent.system.status import Status, for_card, for_terminal
from balise_collector.fleet.enrolment.labels import Label, sheet
from balise_wire.card import SETTINGS_FILE, STATUS_FILE, CardConsent, CardSettings, Wifi, render
from balise_wire.card_token import make
from balise_wire.words import ClockState, Lifecycle

pytestmark = [pytest.mark.browser, pytest.mark.skipif("BALISE_PICTURES" not in os.environ, reason="make pictures")]

NOW = datetime(2026, 11, 21, 20, 15, tzinfo=UTC).timestamp()
IDS = "mg67eg24 96bpm6sw ev629p5v yvy9r7my 276p3pev wjjk9tzz txnh6ncd rnnw7bgp zj6h3a42 stmmwj7v 6zq46hkv j49wfemb"
_WINDOW = """<!doctype html><meta charset="utf-8"><style>
body { margin: 24px; background: #e9edf2; display: flex; gap: 24px; align-items: flex-start;
  font: 13px/1.45 system-ui, sans-serif }
figure { margin: 0; border: 1px solid #9aa4b1; border-radius: 8px; overflow: hidden; background: #fff }
figcaption { background: #f4f6f8; border-bottom: 1px solid #d5dae0; padding: 7px 12px; color: #333 }
pre { margin: 0; padding: 12px 14px; font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap }
.screen { background: #16191d; border-color: #16191d } .screen pre { color: #e8e8e8 } .screen b { color: #9bd89b }
</style>"""


def window(title: str, text: str, width: int) -> str:
    """Return a text editor's window with a file in it."""
    shown = html.escape(text.replace("\r\n", "\n").rstrip())
    return f'<figure style="width: {width}px"><figcaption>{html.escape(title)}</figcaption><pre>{shown}</pre></figure>'


def screen(told: list[tuple[str, str]], width: int) -> str:
    """Return a terminal in which commands were typed."""
    lines = "\n\n".join(f"<b>$ {html.escape(typed)}</b>\n{html.escape(text.rstrip())}" for typed, text in told)
    return f'<figure class="screen" style="width: {width}px"><pre>{lines}</pre></figure>'


def at_work() -> Status:
    """Return what a probe says of itself on an ordinary evening."""
    return Status(
        at=NOW, clock_state=ClockState.SYNCED, state=Lifecycle.READY, since=NOW - 37 * 3600, software="0.1.0",
        probe="mg67eg24", enrolled=True, certificate_until=NOW + 61 * 86_400, broker="front.example:443",
        connected=True, waiting=3, last_receipt=NOW - 20, sent_today=6_900_000, received_today=7_300_000,
        bytes_cap=20_000_000, connections_today=9_800, connections_cap=100_000, measurements=19_400, line_ok=True,
        next_due=NOW + 9,
    )  # fmt: skip


def status_files(folder: Path) -> tuple[str, str]:
    """Return what stands on the card of a box that works, and on one whose host has to change something."""
    card, data = folder / "card", folder / "data"
    places = Places(card, data, folder / "links", folder / "run")
    for path in (card, data):
        path.mkdir()
    settings = CardSettings(
        enrol=("https://front.example:8443",), fingerprint="2b" * 32, token=make(bytes(range(15))), country="PK",
        wifi=Wifi(name="Home", password="long enough"), consent=CardConsent(accepted=True),
    )  # fmt: skip
    good = render(settings)
    (card / SETTINGS_FILE).write_text(good, newline="")
    read_card(places, NOW)
    (folder / "status.txt").write_text(for_card(at_work()))
    write_card(card, data, folder / "status.txt")
    well = (card / STATUS_FILE).read_text()
    for path in data.iterdir():
        path.unlink()
    bad = good.replace('password = "long enough"', 'password = "short"').replace('name = "Home"', "name = “Home”")
    (card / SETTINGS_FILE).write_text(bad.replace("accepted = true", "accepted = perhaps"), newline="")
    read_card(places, NOW)
    return well, (card / STATUS_FILE).read_text()


def test_pictures_for_people_are_drawn(chromium: Path, tmp_path: Path) -> None:
    """Labels, status file, doctor and status, each below 300 kB; on the host's nothing names anybody."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not every machine has a wheel of it

    well, wrong = status_files(tmp_path)
    assert wording.settings_part([]) in well
    assert "Please change" in wrong
    assert "balise" not in (well + wrong).lower()
    cable = diagnose(Facts(line=Line(interface="eth0", carrier=False), names=("front.example",), running=True))
    numbered = [Label(card=number, probe=probe) for number, probe in enumerate(IDS.split(), 1)]
    shots = {
        "status": (_WINDOW + window("... -status.txt", well, 440) + window("... -status.txt", wrong, 560), 1074, 360),
        "doctor": (_WINDOW + screen([("sudo balise-agent doctor", rendered(cable))], 900), 950, 480),
        "agent": (_WINDOW + screen([("sudo balise-agent status", for_terminal(at_work(), NOW + 4))], 700), 750, 330),
        "labels": (sheet("20261121-9827", numbered), 794, 424),
    }
    folder = Path(os.environ["BALISE_PICTURES"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (text, width, height) in shots.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_content(text)
            page.screenshot(path=folder / f"{name}.png")
            page.close()
            assert (folder / f"{name}.png").stat().st_size < 300_000, name
        browser.close()
