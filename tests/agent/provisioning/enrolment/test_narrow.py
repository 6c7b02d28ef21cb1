"""A place to enrol at that shakes hands and then hears nothing is asked in smaller segments the next time."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING, Any

import pytest

from balise_agent.delivery import dial
from balise_agent.delivery.lookup import lookup_through
from balise_agent.delivery.segments import SEGMENTS
from balise_agent.provisioning.enrolment.attempts import Applicant, Attempts
from balise_agent.provisioning.enrolment.files import Files
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config, EnrolmentSettings, Probe
from balise_agent.system.identity import ephemeral

if TYPE_CHECKING:
    from pathlib import Path

    from balise_agent.system.reactor import Reactor


def test_silence_after_the_connection_makes_segments_smaller(
    tmp_path: Path, reactor: Reactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full packets may be lost on the way; a door that is not there at all says nothing of that."""
    monkeypatch.setattr(dial, "_TALK_SECONDS", 0.05)
    used: list[int] = []
    connect = dial.connect

    def noting(addresses: tuple[str, ...], port: int, follow: Any = lambda _: None, segment: int = 0) -> Any:
        used.append(segment)
        return connect(addresses, port, follow, segment)

    monkeypatch.setattr("balise_agent.provisioning.enrolment.visit.connect", noting)
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        settings = Config(
            probe=Probe(state_dir=str(tmp_path)),
            enrolment=EnrolmentSettings(urls=(f"https://127.0.0.1:{port}",), fingerprint="ab" * 32, token="t"),
        )
        attempts = Attempts(
            Applicant(
                config=settings,
                identity=ephemeral(),
                files=Files(tmp_path),
                reactor=reactor,
                clock=Clock(),
                lookup=lookup_through(lambda: ()),
                rng=random.Random(1),
                hardware="",
            )
        )

        def visit() -> None:
            attempts.start(known=False, token="t")
            reactor.run_until(lambda: not attempts.busy, 5.0)

        for _ in range(4):
            visit()
    visit()
    visit()
    assert used == [*SEGMENTS, 0, 0]
