"""P11: how long the matrix page, with the last 24 hours of every cell, takes over a million measurements.

The store is the real one, filled through ``save_verdicts`` with a million verdicts of one day: 30 providers in six
countries, three probes each, seven references, four services in nine parts, four layers, every five minutes, some hours
of blocking among them. The page is asked through the whole application; each round over one connection, medians.
Must not live here: goals' table (run.py).
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from balise_collector.conclude.store import Store
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet.members import Member
from balise_collector.judge.verdict import Level, Verdict, VerdictState
from balise_collector.pages.operator.app import create_app
from balise_collector.pages.views.read_model import View
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Design, Experiment, ProbeRole, TargetRole

Figure = dict[str, Any]
VERDICTS = 1_000_000
FIRST = 1_589_673_600.0
"""2020-05-17T00:00:00Z."""
NOW = FIRST + 86_400.0
SLOTS = 288
ROUNDS = 7
PARTS = {
    "twitter": (TargetRole.WEB, TargetRole.MEDIA_IMAGE, TargetRole.MEDIA_VIDEO),
    "periscope": (TargetRole.WEB, TargetRole.MEDIA_VIDEO),
    "whatsapp": (TargetRole.CHAT, TargetRole.WEB),
    "zoom": (TargetRole.WEB, TargetRole.SIGNALLING),
}
LAYERS = (Experiment.DNS, Experiment.TCP, Experiment.TLS, Experiment.HTTP)


def members() -> tuple[Member, ...]:
    """Return 90 probes on 30 providers in six countries, and seven references."""
    inside = [
        Member(
            id=f"p{country.lower()}{provider}{number}",
            role=ProbeRole.PROBE,
            network=Network(country=country, asn=64_500 + 10 * place + provider),
            public_key="00" * 32,
        )
        for (place, country), provider, number in itertools.product(
            enumerate(("PK", "IR", "TR", "EG", "KZ", "VE")), range(5), range(3)
        )
    ]
    abroad = [
        Member(
            id=f"r{code.lower()}0000",
            role=ProbeRole.REFERENCE,
            network=Network(country=code, asn=64_600 + place),
            public_key="00" * 32,
        )
        for place, code in enumerate(("DE", "SG", "FR", "US", "NL", "SE", "JP"))
    ]
    return (*inside, *abroad)


def verdicts(fleet: tuple[Member, ...]) -> Iterator[tuple[int, Verdict]]:
    """Yield the day: everything reachable, but for a stretch of blocking, and doubt here and there."""
    places = itertools.count(1)
    for slot, member, (service, roles), layer in itertools.product(range(SLOTS), fleet, PARTS.items(), LAYERS):
        for role in roles:
            seq = next(places)
            if seq > VERDICTS:
                return
            blocked = layer is Experiment.TLS and service == "twitter" and 100 < slot < 142 and not member.reference
            state = VerdictState.BLOCKED if blocked else VerdictState.INSUFFICIENT if seq % 97 == 0 else VerdictState.OK
            at = FIRST + slot * 300.0 + seq % 299
            yield (
                seq,
                Verdict(
                    measurement=f"{seq:032x}", probe=member.id, network=member.network, reference=member.reference,
                    service=service, role=role, target=f"{service}/{role}/{service}.example/4", layer=layer,
                    design=Design.PAIRED if blocked else Design.SENTINEL, at=at, since=at, state=state,
                    rule="sni.drop" if blocked else f"{layer}.ok",
                    mechanism=Mechanism.SNI_DROP if blocked else None, level=Level.SCORED,
                    proof=("neighbour_ok",) if blocked else (), rules_version="3-5f2c9a10",
                ),
            )  # fmt: skip


def figures() -> list[Figure]:
    """Return the rows of the table."""
    with tempfile.TemporaryDirectory(prefix="balise-bench-") as folder:
        file = Path(folder) / "derived.sqlite"
        fleet = members()
        filled, written = fill(file, fleet)
        store = SqliteStore(file)

        def look() -> View:
            # A connection belongs to the thread that answers, and the test client answers each in one of its own.
            opened = SqliteStore(file)
            stores.append(opened)
            return View(store=opened, now=NOW, services={name: name.title() for name in PARTS}, members=fleet)

        stores: list[Store] = []
        with TestClient(create_app(look), base_url="http://127.0.0.1:8484") as client:
            page = timed(lambda: client.get("/matrix").raise_for_status())
            size = len(client.get("/matrix").content)
        history = timed(lambda: store.series(NOW - 86_400.0, SLOTS))
        store.close()
    return [
        {
            "id": "P11",
            "what": f"matrix page with every cell's 24 hours, over {filled:,} measurements of that day",
            "goal": "<= 200 ms",
            "limit": "47-62 ms",
            "figure": f"{page:.0f} ms ({size / 1000:.0f} kB; of it {history:.0f} ms from the tally)",
            "ok": page <= 200.0,
        },
        {
            "id": "P11",
            "what": "keeping a verdict, with its tally",
            "goal": "",
            "limit": "",
            "figure": f"{written:.0f} us a verdict",
            "ok": True,
        },
    ]


def fill(file: Path, fleet: tuple[Member, ...]) -> tuple[int, float]:
    """Keep the day as the pipeline does, 500 verdicts at a time; return how many, and microseconds for each."""
    store, kept, spent = SqliteStore(file), 0, 0.0
    made = verdicts(fleet)
    while chunk := list(itertools.islice(made, 500)):
        began = time.perf_counter()
        store.save_verdicts(chunk)
        spent += time.perf_counter() - began
        kept += len(chunk)
    store.close()
    return kept, spent / kept * 1e6


def timed(ask: Any) -> float:
    """Return the median of several rounds, in milliseconds; the first, which fills caches, is not among them."""
    ask()
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask()
        rounds.append((time.perf_counter() - began) * 1000)
    return statistics.median(rounds)
