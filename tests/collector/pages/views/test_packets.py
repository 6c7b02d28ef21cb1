"""Marks on packets: what a server would not have sent so is marked with its reason, and nothing else is."""

from __future__ import annotations

from typing import Any

from balise_collector.pages.views.packets import rows
from balise_wire.evidence import Direction, Packet


def out(ms: float, flags: str, **more: Any) -> Packet:
    """A packet of ours."""
    return Packet(t_us=int(ms * 1000), direction=Direction.OUT, ttl=64, df=True, flags=flags, **more)


def came(ms: float, flags: str, ttl: int = 49, **more: Any) -> Packet:
    """A packet from the server's side."""
    return Packet(t_us=int(ms * 1000), direction=Direction.IN, ttl=ttl, flags=flags, **{"df": True, **more})


OPENING = [out(0, "S"), came(90, "SA"), out(90.2, "A", seq=1, ack=1), out(91, "PA", seq=1, ack=1, length=517)]


def marks(*packets: Packet, control: tuple[Packet, ...] = ()) -> list[tuple[str, ...]]:
    """Signs of each packet after the opening."""
    return [row.signs for row in rows([*OPENING, *packets], control)][len(OPENING) :]


def test_an_ordinary_answer_bears_no_mark() -> None:
    """Also where TTLs differ by one or two, as they do between the machines of one server farm."""
    assert marks(came(181, "A", ttl=48), came(182, "PA", ttl=47, length=1400)) == [(), ()]


def test_a_reset_by_the_server_bears_no_mark() -> None:
    """Same TTL, a round trip after our request, nothing after it: servers reset too."""
    assert marks(came(182, "R")) == [()]


def test_each_sign_of_forgery_is_named() -> None:
    """TTL, don't-fragment, payload, time, and a server that goes on (detectors.md 2.3)."""
    (first, second) = marks(came(101, "RA", ttl=61, df=False, length=12, seq=1), came(182, "PA", length=900, seq=1))
    assert [sign.split()[0] for sign in first] == ["TTL", "don't-fragment", "a", "the", "came"]
    assert second == ()


def test_a_volley_is_told_once() -> None:
    """Three equal resets are marked three times and explained once."""
    first, second, third = marks(*(came(182 + n, "R", ttl=61) for n in range(3)))
    assert first == ("TTL 61, where the server's SYN ACK had 49",)
    assert second == third == ("as the one above",)


def test_resets_with_one_ip_id_at_once_are_marked() -> None:
    """A kernel numbers every packet that it sends; an injector builds one packet and sends it three times."""
    first, second, third = marks(*(came(182 + n, "RA", ip_id=0x4D2, seq=1) for n in range(3)))
    assert first == ("one of 3 resets with one IP-ID at once",)
    assert second == third == ("as the one above",)


def test_behind_a_proxy_near_by_ttl_and_time_say_nothing() -> None:
    """A SYN proxy answers the handshake in the server's place: then every packet of the server looks odd."""
    control = (out(0, "S"), came(5, "SA", ttl=62), out(5.2, "A"), out(6, "PA", seq=1, length=517),
               came(190, "PA", ttl=49, length=1400, seq=1))  # fmt: skip
    assert marks(came(101, "RA", ttl=61), control=control) == [()]


def test_our_own_repeats_are_odd_and_not_forged() -> None:
    """A repeated hello tells of silence, not of forgery."""
    again = rows([*OPENING, out(391, "PA", seq=1, ack=1, length=517)])[-1]
    assert again.signs
    assert not again.injected


def test_flags_are_told_in_words() -> None:
    """No reader should need tcpdump's letters."""
    assert rows([came(1, "SA")])[0].what == "SYN ACK"
    assert rows([Packet(t_us=0, direction=Direction.IN, protocol="icmp", icmp="3/13")])[0].what == "ICMP 3/13"
