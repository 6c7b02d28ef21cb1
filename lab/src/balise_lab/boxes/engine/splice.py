"""The program of a proxy that nobody asked for: `python -m balise_lab.boxes.engine.splice ADDRESS PORT BEHIND`.

It takes connections that were meant for others (nftables led them here), so that every SYN is answered at once, and
only then connects to whom they were meant for. Lives here: that, and passing bytes on both ways. Must not live here:
which connections are led here (boxes/proxy.py).
"""

import asyncio
import socket
import struct
import sys
from contextlib import suppress

ALIVE, DEAD = "alive", "dead"
_ORIGINAL_DST = 80  # SO_ORIGINAL_DST (linux/netfilter_ipv4.h): where a connection was going before it was translated
_CONNECT_SECONDS = 10.0
_AT_ONCE = 65_536


def meant_for(handle: socket.socket) -> tuple[str, int]:
    """Return the address and port that a connection was meant for."""
    raw = handle.getsockopt(socket.IPPROTO_IP, _ORIGINAL_DST, 16)
    port, address = struct.unpack_from("!2xH4s", raw)
    return socket.inet_ntoa(address), port


async def serve(address: str, port: int, behind: str) -> None:
    """Take connections for ever. `behind` says whether there is anybody: who is dead is never connected to."""

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if behind == DEAD:
                while await reader.read(_AT_ONCE):
                    pass
            else:
                await _through(reader, writer)
        _end(writer)

    server = await asyncio.start_server(taken, address, port)
    async with server:
        await server.serve_forever()


async def _through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Connect to whom it was meant for and pass on; who cannot be reached ends it by a reset."""
    there = meant_for(writer.get_extra_info("socket"))
    try:
        beyond = await asyncio.wait_for(asyncio.open_connection(*there), _CONNECT_SECONDS)
    except (OSError, TimeoutError):
        _reset(writer)
        return
    try:
        await asyncio.gather(_pass(reader, beyond[1]), _pass(beyond[0], writer))
    finally:
        _end(beyond[1])


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on one way until its end; a reset on one side is a reset on the other."""
    try:
        while data := await reader.read(_AT_ONCE):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a reset: what lingers for no time is not finished but aborted (socket(7))."""
    handle = writer.get_extra_info("socket")
    with suppress(OSError):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    _end(writer)


def _end(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, RuntimeError):
        writer.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
