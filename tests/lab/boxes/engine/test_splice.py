"""The proxy's program, on loopback: every connection is taken, and then meets whoever is behind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from balise_lab.boxes.engine import splice

LOOPBACK = "127.0.0.1"
Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]
Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def free_port() -> int:
    """Return a port of loopback at which nobody listens."""
    with socket.socket() as handle:
        handle.bind((LOOPBACK, 0))
        return int(handle.getsockname()[1])


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a port of loopback as soon as somebody listens there."""
    while True:
        with suppress(ConnectionRefusedError):
            return await asyncio.open_connection(LOOPBACK, port)


def through(
    behind: str, beyond: int, client: Client, monkeypatch: pytest.MonkeyPatch, server: Server | None = None
) -> object:
    """Let a client speak through a proxy to a port of loopback, at which a server listens or nobody."""
    monkeypatch.setattr(splice, "meant_for", lambda _handle: (LOOPBACK, beyond))
    port = free_port()

    async def play() -> object:
        there = await asyncio.start_server(server, LOOPBACK, beyond) if server is not None else None
        proxy = asyncio.create_task(splice.serve(LOOPBACK, port, behind))
        try:
            reader, writer = await connected(port)
            said = await client(reader, writer)
            writer.close()
            others = asyncio.all_tasks() - {asyncio.current_task(), proxy}
            await asyncio.gather(*others, return_exceptions=True)
            return said
        finally:
            proxy.cancel()
            await asyncio.gather(proxy, return_exceptions=True)
            if there is not None:
                there.close()

    return asyncio.run(play())


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with what was said, louder, once all of it was said."""
    writer.write((await reader.read()).upper())
    writer.close()


def test_what_is_said_is_passed_on_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last byte, and the end of each side is the end of the other."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"hello")
        writer.write_eof()
        return await reader.read()

    assert through(splice.ALIVE, free_port(), speak, monkeypatch, shout) == b"HELLO"


def test_who_cannot_be_reached_is_told_by_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection stood; what it was for does not."""

    async def wait(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> str:
        try:
            return f"ended {await reader.read()!r}"
        except ConnectionResetError:
            return "reset"

    assert through(splice.ALIVE, free_port(), wait, monkeypatch) == "reset"


def test_behind_a_dead_one_nothing_is_ever_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SYN is answered, the words are taken, and their end is all that ends it."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"hello")
        writer.write_eof()
        return await reader.read()

    assert through(splice.DEAD, free_port(), speak, monkeypatch) == b""
