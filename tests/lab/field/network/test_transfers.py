"""Transfers over the model: how fast, in which direction, and what a kernel would count of them."""

from __future__ import annotations

import itertools

import pytest

from balise_agent.experiments.steps import Connect, Connected, Failed, Handshake, Secured, Transfer, Transferred
from balise_lab.field.network import Effect, Host, Page
from balise_lab.field.network.connections import Connection
from tests.lab.field.network.playing import SERVICE, Bed

GET = f"GET /long HTTP/1.1\r\nHost: {SERVICE}\r\n\r\n".encode()


def moved(*effects: Effect, name: str = SERVICE, up: bool = False, times: int = 1) -> Transferred:
    """Connect, shake hands with a name and move 64 KB."""
    bed = Bed(effects, hosts=[Host(name=SERVICE, pages={"/long": Page(length=70_000)})])
    session = bed.accesses["p1"].session()
    opened = bed.reply(session, Connect(address=bed.world.addresses_of(SERVICE)[0], port=443, timeout=8.0))
    assert isinstance(opened, Connected)
    assert isinstance(bed.reply(session, Handshake(handle=opened.handle, sni=name, timeout=8.0)), Secured)
    data = b"POST / HTTP/1.1\r\n\r\n" + bytes(32_000) if up else GET * times
    reply = bed.reply(
        session, Transfer(handle=opened.handle, data=data, most=64_000 * times, seconds=60.0, quiet=8.0, up=up)
    )
    assert not isinstance(reply, Failed)
    assert isinstance(reply, Transferred)
    return reply


def kbps(reply: Transferred) -> float:
    """Return the rate behind the first tenth of the bytes."""
    (first, _), (last, _) = reply.arrivals[len(reply.arrivals) // 10], reply.arrivals[-1]
    size = sum(each for at, each in reply.arrivals if at > first)
    return size * 8 / (last - first)


THROTTLE = Effect(kind="throttle", hosts=(SERVICE,), kbps=130)


def test_a_throttle_holds_the_name_alone_down() -> None:
    """The same bytes under another name in the hello have the line's rate."""
    assert kbps(moved(THROTTLE)) == pytest.approx(130, rel=0.1)
    assert moved(THROTTLE, name="other.example").elapsed_ms < 1_000.0


def test_a_policer_drops_and_a_shaper_lets_wait() -> None:
    """As a kernel would have counted it."""
    policed, shaped = (
        moved(THROTTLE).counted,
        moved(Effect(kind="throttle", hosts=(SERVICE,), kbps=130, act="shape")).counted,
    )
    assert policed is not None
    assert shaped is not None
    assert (policed.lost > 0, shaped.lost) == (True, 0)
    assert (shaped.rtt_ms or 0.0) > 5 * (policed.rtt_ms or 0.0)


def test_a_fast_lines_flights_are_seen_as_they_come() -> None:
    """Not in pieces of a tenth of a second: how long one takes is what a throttle above slow start's rate shows."""
    slowed = moved(Effect(kind="throttle", hosts=(SERVICE,), kbps=3_000)).arrivals
    last = [at for at, _ in slowed][-8:]
    assert all(later - at == pytest.approx(1_448 * 8 / 3_000, rel=0.05) for at, later in itertools.pairwise(last[:-1]))


def test_random_loss_slows_what_comes_behind_the_first_hole() -> None:
    """Until then a flow has the line's rate (Mathis et al. 1997 is of long flows)."""
    bed = Bed([Effect(kind="line.loss", loss=0.02)])
    home = bed.accesses["p1"].home
    address = bed.world.addresses_of(SERVICE)[0]
    connection = Connection(home, address, 443, bed.world.servers[address], home.way(address))
    connection.draw_pace()
    assert connection.clean >= 0
    assert connection.pace(lossless=True) > 5 * connection.pace()


def test_a_direction_can_be_spared() -> None:
    """Uploads alone, or downloads alone."""
    up = Effect(kind="throttle", hosts=(SERVICE,), kbps=40, direction="up")
    assert moved(up, up=True).elapsed_ms > 5_000.0
    assert moved(up).elapsed_ms < 1_000.0


def test_several_requests_have_several_answers() -> None:
    """On one connection, one behind the other."""
    assert sum(size for _, size in moved(times=3).arrivals) > 190_000


def test_a_freeze_is_quiet() -> None:
    """After the bytes that come through first; the connection stands."""
    reply = moved(Effect(kind="hoster.freeze", hosts=(SERVICE,), after=20_000))
    assert reply.quiet
    assert sum(size for _, size in reply.arrivals) < 20_000
