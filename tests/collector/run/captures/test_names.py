"""The name of a request, out of hostile bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from balise_collector.run.captures.names import asked_name
from tests.collector.run.captures.made import get


@given(data=st.binary(max_size=300))
def test_any_request_has_a_name_or_none(data: bytes) -> None:
    """A hello is read as far as it is there."""
    assert isinstance(asked_name(b"\x16\x03\x01\x00\xff\x01" + data), str)


def test_the_name_of_a_hello_is_read() -> None:
    """server_name of a recorded ClientHello, as the bytes say it."""
    name = b"www.example.org"
    extension = b"\0\0" + (len(name) + 5).to_bytes(2, "big") + (len(name) + 3).to_bytes(2, "big") + b"\0"
    extension += len(name).to_bytes(2, "big") + name
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\2\x13\x01" + b"\1\0" + len(extension).to_bytes(2, "big") + extension
    hello = b"\x16\x03\x01" + (len(body) + 4).to_bytes(2, "big") + b"\1" + len(body).to_bytes(3, "big") + body
    assert asked_name(hello) == "www.example.org"
    assert asked_name(get("a.example:8080")) == "a.example"
