"""What is read of a client's first bytes."""

import pytest

from balise_agent.codec.clienthello import Extra, client_hello, cut_in_name, in_two_records
from balise_agent.experiments.http.codec import request
from balise_lab.field.network.reading import ECH, ESNI, Shown, is_whole, shown
from balise_wire.experiments.http import HttpParameters


@pytest.mark.parametrize("name", ["a.example", "pbs.twimg.com", None])
@pytest.mark.parametrize("seed", range(5))
def test_the_name_in_a_real_hello(name: str | None, seed: int) -> None:
    """Whatever the order of the extensions."""
    seen = shown(client_hello(name, seed))
    assert seen._replace(extensions=frozenset()) == Shown("tls", name)
    assert (0 in seen.extensions) is (name is not None)


@pytest.mark.parametrize(("extra", "kinds"), [(None, set()), (Extra.ECH, {ECH}), (Extra.ESNI, {ESNI})])
def test_an_extension_that_hides_names_is_seen(extra: Extra | None, kinds: set[int]) -> None:
    """By its type; as long an extension that nobody knows is neither."""
    assert shown(client_hello("a.example", 1, extra=extra)).extensions & {ECH, ESNI} == kinds
    assert not shown(client_hello("a.example", 1, extra=Extra.LIKE_ECH)).extensions & {ECH, ESNI}


def test_a_hello_in_two_records_is_one() -> None:
    """The name is read out of both, and their number is known."""
    seen = shown(in_two_records(client_hello("a.example", 1), "a.example", 3))
    assert (seen.name, seen.records) == ("a.example", 2)


def test_a_part_of_a_hello_is_not_whole() -> None:
    """More can come; of anything else nothing is waited for."""
    first, rest = cut_in_name(client_hello("a.example", 1), "a.example", 3)
    assert not is_whole(first)
    assert is_whole(first + rest)
    assert is_whole(b"GET / HTTP/1.1")


def test_the_name_in_a_real_request() -> None:
    """Host without its port, path, and how much is asked for."""
    data = request(HttpParameters(path="/a?b", port=8080, fetch_bytes=100), "a.example")
    assert shown(data) == Shown("http", "a.example", "/a?b", 100)


@pytest.mark.parametrize("data", [b"", b"\x16", b"\x16\x03\x01", b"SSH-2.0-x", b"GET", bytes(40)])
def test_anything_else_is_nothing(data: bytes) -> None:
    """Bytes that are cut or of another protocol show no name."""
    assert shown(data).name is None
