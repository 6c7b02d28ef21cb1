"""The pictures of bench and fleet for operators: a small batch on an office switch, as the real pages show it.

The faults are those one meets on a bench. Must not live here: what the pages say (test_bench.py, test_fleet_pages.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from balise_collector.fleet.members import Fleet, Member
from balise_collector.fleet.token import Token
from balise_collector.journal import HealthRow, PresenceRow
from balise_collector.pages.operator.app import create_app
from balise_collector.pages.operator.fleet import FleetFacts
from balise_collector.pages.operator.provisioning import ProvisioningFacts
from balise_collector.pages.views.read_model import View
from balise_wire.enrolment import Refusal
from balise_wire.measurement import Network
from balise_wire.status import Health
from balise_wire.words import ClockState, Lifecycle, ProbeRole

pytestmark = [pytest.mark.browser, pytest.mark.skipif("BALISE_PICTURES" not in os.environ, reason="make pictures")]

HOUR = 3600.0
BATCH = "20200517-9827"
WELL = Health(
    at=0, uptime_s=7300, cpu_percent=4, memory_bytes=55_000_000, temperature_c=52.0, throttled=False,
    undervoltage=False, disk_free_bytes=12_000_000_000, spool_rows=3, spool_oldest_s=20, sent_bytes_today=2_900_000,
    received_bytes_today=4_100_000, measurements=5120, clock_state=ClockState.SYNCED,
)  # fmt: skip
BOARDS: dict[str, dict[str, Any]] = {
    "mg67eg24": {},
    "96bpm6sw": {"temperature_c": 81.0, "throttled": True},
    "ev629p5v": {"undervoltage": True, "spool_rows": 8},
    "yvy9r7my": {"skew": 4000.0},
    "276p3pev": {"state": Lifecycle.LOST, "ago": 1.5 * HOUR},
    "wjjk9tzz": {"state": Lifecycle.DISCONNECTED, "ago": 5 * HOUR},
    "r4bt8w2n": {"role": ProbeRole.REFERENCE, "country": "DE", "asn": 64601},
}
"""What is peculiar about each probe; the rest is well."""
LATER = ("txnh6ncd", "rnnw7bgp")
"""Cards that no board has come with, or not with success."""


def fleet(view: View) -> FleetFacts:
    """Return the boards as the collector knows them."""
    members, presence, health, measured = [], {}, {}, {}
    for probe, odd in BOARDS.items():
        ago = float(odd.get("ago", 40.0))
        network = Network(country=odd.get("country", "PK"), asn=odd.get("asn", 64501))
        role = odd.get("role", ProbeRole.PROBE)
        members.append(
            Member(id=probe, public_key="0" * 64, network=network, role=role, provider="one", tags=("spring",))
        )
        presence[probe] = PresenceRow(at=view.now - ago, probe=probe, state=odd.get("state", Lifecycle.READY))
        peculiar = {name: value for name, value in odd.items() if name in Health.__struct_fields__}
        at = view.now - ago + odd.get("skew", 0.4)
        report = msgspec.structs.replace(WELL, at=at, **peculiar)
        health[probe] = HealthRow(no=1, received_at=view.now - ago, probe=probe, health=report)
        measured[probe] = view.now - ago
    return FleetFacts(
        members=tuple(members), presence=presence, health=health, measured=measured.get,
        states=lambda _since, _until: list(presence.values()), silence=900, fleet=Fleet.of(tuple(members)),
    )  # fmt: skip


def cards(view: View) -> list[Token]:
    """Return the batch: the boards above, and two that are not there yet."""
    named = [probe for probe, odd in BOARDS.items() if "role" not in odd]
    return [
        Token(
            hash=probe, probe=probe, network=Network(country="PK", asn=64501), batch=BATCH, card=number,
            made_at=view.now - 30 * HOUR, expires=view.now + 30 * 24 * HOUR,
            spent_at=view.now - 6 * HOUR if probe in BOARDS else None, spent_by=probe if probe in BOARDS else "",
            refused=Refusal.CONSENT_MISSING if probe == LATER[0] else "",
            refused_at=view.now - 60 if probe == LATER[0] else None,
        )
        for number, probe in enumerate((*named, *LATER), 1)
    ]  # fmt: skip


def test_pictures_of_bench_and_fleet_are_drawn(look_at: Callable[..., View], chromium: Path) -> None:
    """What an operator sees on the first afternoon, each picture below 300 kB."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not every machine has a wheel of it

    made = cards(look_at())
    bench = ProvisioningFacts(
        batches=((BATCH, look_at().now - 30 * HOUR, len(made), 6),),
        cards=lambda name: made if name == BATCH else (),
    )
    app = create_app(look_at, api=[], facts=lambda: fleet(look_at()), cards=lambda: bench)
    folder = Path(os.environ["BALISE_PICTURES"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        client = TestClient(app, base_url="http://127.0.0.1")
        for name, path, height in (("bench", f"/provisioning/{BATCH}", 660), ("fleet", "/fleet", 960)):
            page = browser.new_page(viewport={"width": 1280, "height": height})
            page.route("**/*", lambda route: route.fulfill(**answered(client, route.request.url)))
            page.goto(f"http://127.0.0.1{path}")
            page.screenshot(path=folder / f"{name}.png")
            page.close()
            assert (folder / f"{name}.png").stat().st_size < 300_000, name
        browser.close()


def answered(client: TestClient, url: str) -> dict[str, Any]:
    """Return what the application answers, without a socket."""
    answer = client.get(url)
    return {"status": answer.status_code, "headers": dict(answer.headers), "body": answer.content}
