"""What a pair of captures comes to: forged endings, lost requests, and everything that proves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from balise_collector.judge.injection import FORGED
from balise_collector.run.captures.connections import Connection, connections
from balise_collector.run.captures.pairs import Conclusion, Ending, PairResult, compare
from tests.collector.run.captures.made import Talk, get, pcap
from tests.testbed.neighbours import beside

GROUND = Path(__file__).with_name("netns_endings.py")
PLAY = beside(__file__, "netns_endings")
SUBJECT, CONTROL = "blocked.example", "harmless.example"


def _made(name: str, *endings: str, way: int = 50, **reset: Any) -> list[Connection]:
    """Return one connection an ending: answered, forged, reset, silent; ``ending@TTL`` limits the request's TTL."""
    talk = Talk()
    for number, text in enumerate(endings):
        ending, _, ttl = text.partition("@")
        client, began = 40_000 + number, number * 10_000_000
        sent = talk.connect(began, get(name), client=client, ttl=int(ttl or 64), way=way)
        if ending == "answered":
            talk.send(sent + 45_000, "PA", client=client, out=False, ttl=way, seq=1, data=b"x" * 300)
        elif ending in {"forged", "reset"}:
            like: dict[str, Any] = {"ttl": 201, "df": False} if ending == "forged" else {"ttl": way}
            talk.send(sent + 45_000, "RA", client=client, out=False, seq=1, **{**like, "window": 0, **reset})
        talk.send(sent + 5_000_000, "FA", client=client, seq=60)
    return connections(pcap(talk))


def _compared(subject: list[Connection], control: list[Connection]) -> PairResult:
    return compare(subject, control)


def test_a_forged_reset_is_blocked() -> None:
    """Once is enough where nothing else went as far."""
    found = _compared(_made(SUBJECT, "forged"), _made(CONTROL, "answered"))
    assert found.conclusion is Conclusion.BLOCKED, found
    assert found.score >= 4
    assert found.signs == ("df", "ttl")
    assert found.subject == {Ending.RESET: 1}


def test_a_reset_of_the_servers_is_not() -> None:
    """By name and every time: the server may do this itself."""
    found = _compared(_made(SUBJECT, *["reset"] * 5), _made(CONTROL, *["answered"] * 5))
    assert (found.conclusion, found.score) == (Conclusion.INSUFFICIENT, 0.0)
    assert "may do this itself" in found.why


def test_one_odd_reset_of_many_connections_is_not() -> None:
    """A NAT box on the way that lost its table resets one of ten; the others are answered."""
    found = _compared(_made(SUBJECT, "forged", *["answered"] * 4), _made(CONTROL, *["answered"] * 5))
    assert found.conclusion is Conclusion.INSUFFICIENT, found
    assert "1 of 5" in found.why


def test_lost_requests_are_blocked_from_three_on() -> None:
    """All of them, where every request of the control is answered."""
    found = _compared(_made(SUBJECT, *["silent"] * 3), _made(CONTROL, *["answered"] * 2))
    assert found.conclusion is Conclusion.BLOCKED, found
    assert "not excluded" in found.why
    for subject, control in ((2, ["answered"]), (3, ["answered", "silent"]), (3, ["silent"]), (3, [])):
        assert _compared(_made(SUBJECT, *["silent"] * subject), _made(CONTROL, *control)).conclusion is (
            Conclusion.INSUFFICIENT
        )


def test_answers_are_ok() -> None:
    """The same for both names."""
    assert _compared(_made(SUBJECT, "answered"), _made(CONTROL, "answered")).conclusion is Conclusion.OK


def test_a_capture_beside_itself_says_nothing() -> None:
    """Both captures ask for one name: there is no control, and what both show does not count."""
    for ending in ("forged", "silent", "answered", "reset"):
        once = _made(SUBJECT, *[ending] * 4)
        found = _compared(once, once)
        assert (found.conclusion, found.score) == (Conclusion.INSUFFICIENT, 0.0)
        assert SUBJECT in found.why


def test_a_control_capture_that_goes_on_into_the_subjects_is_read_by_name() -> None:
    """CenTrace's captures overlap: requests for the subject's name are no control, wherever they are."""
    control = [*_made(CONTROL, "answered"), *_made(SUBJECT, "forged")]
    assert _compared(_made(SUBJECT, "forged"), control).conclusion is Conclusion.BLOCKED


# ------------------------------------------------------------------------------------------------ sweeps over TTLs


def _sweep(ending: str, begin: int, last: int) -> list[str]:
    return [f"{'silent' if ttl < begin else ending}@{ttl}" for ttl in range(1, last + 1)]


def test_a_sweep_tells_where_the_reset_begins() -> None:
    """From TTL 9 on, where the server answers from 14: not the server's doing."""
    found = _compared(_made(SUBJECT, *_sweep("forged", 9, 11)), _made(CONTROL, *_sweep("answered", 14, 14)))
    assert found.conclusion is Conclusion.BLOCKED, found
    assert "from TTL 9 on; the server answers from 14" in found.why
    assert "nearer" in found.signs


def test_a_reset_just_like_the_servers_is_forged_where_the_request_never_reached_it() -> None:
    """A sweep sees what no header shows: TTL and DF copied, yet sent hops before the server."""
    found = _compared(_made(SUBJECT, *_sweep("reset", 9, 11), window=700), _made(CONTROL, *_sweep("answered", 14, 14)))
    assert found.conclusion is Conclusion.BLOCKED, found


def test_a_firewall_at_the_servers_door_is_not_the_networks() -> None:
    """Signs of forgery, but only where the request reaches the server, as the control's does."""
    found = _compared(_made(SUBJECT, *_sweep("forged", 14, 16)), _made(CONTROL, *_sweep("answered", 14, 14)))
    assert found.conclusion is Conclusion.INSUFFICIENT, found


def test_a_control_that_did_not_go_as_far_excuses_nobody_and_accuses_nobody() -> None:
    """Its sweep ended before."""
    found = _compared(_made(SUBJECT, *_sweep("forged", 9, 11)), _made(CONTROL, *_sweep("silent", 99, 8)))
    assert found.conclusion is Conclusion.INSUFFICIENT, found
    assert "no control went as far" in found.why


def test_a_sweep_whose_requests_are_lost_is_blocked() -> None:
    """The control's are answered from 10 on; the subject's are lost at every TTL."""
    found = _compared(_made(SUBJECT, *_sweep("silent", 99, 14)), _made(CONTROL, *_sweep("answered", 10, 10)))
    assert found.conclusion is Conclusion.BLOCKED, found
    assert "all 5 requests are lost" in found.why


# ------------------------------------------------------------------------------------------------ genuine kernels


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory, namespace_wrapper: tuple[str, ...], tools_bin: Path) -> Path:
    """Return the folder of the captures."""
    folder = tmp_path_factory.mktemp("endings")
    environment = {**os.environ, "PATH": f"{tools_bin}:{os.environ['PATH']}"}
    command = (*namespace_wrapper, sys.executable, str(GROUND), str(folder))
    subprocess.run(command, check=True, timeout=60, env=environment)
    return folder


@pytest.mark.netns
@pytest.mark.slow
@pytest.mark.parametrize("port", PLAY.PORTS)
def test_no_ending_of_a_genuine_kernel_is_forged(captures: Path, port: int) -> None:
    """Unread data, SO_LINGER 0, alerts, a closing at accept, and firewalls that reject with a reset, near or far."""
    subject = connections((captures / f"{port}_subject.pcap").read_bytes())
    control = connections((captures / f"{port}_control.pcap").read_bytes())
    assert len(subject) == len(control) == PLAY.TRIALS
    found = compare(subject, control)
    assert found.score < FORGED, found
    assert found.conclusion is not Conclusion.BLOCKED, found
    if port != PLAY.AT_ACCEPT:
        assert found.control[Ending.ANSWERED] == PLAY.TRIALS, found
    if port in {PLAY.UNREAD, PLAY.LINGER, PLAY.LATE_RST, PLAY.FIREWALL, PLAY.ROUTER}:
        assert found.subject[Ending.RESET] == PLAY.TRIALS, found
    back = compare(control, subject)
    assert back.score < FORGED, back
