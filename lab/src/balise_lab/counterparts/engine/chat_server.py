"""The program behind the counterpart ``chat``: ``python -m ... PORT ADDRESS`` answers the opening of WhatsApp's chat.

Read from its own side and sharing no code with the probe: the header, a frame, in it the client's hello with a key of
32 bytes; anything else is closed without a word. Must not live here: which address.
"""

import asyncio
import os
import sys

_PROXY = b"PROXY "
_HEADER = b"WA"
_SECONDS = 20.0


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection."""
    try:
        async with asyncio.timeout(_SECONDS):
            start = await reader.readexactly(4)
            if start == _PROXY[:4]:
                await reader.readuntil(b"\r\n")
                start = await reader.readexactly(4)
            size = int.from_bytes(await reader.readexactly(3), "big")
            message = await reader.readexactly(size)
            if start[:2] == _HEADER and message[:4] == b"\x12\x22\x0a\x20" and size == 36:
                fields = b"\x0a\x20" + os.urandom(32) + b"\x12\x30" + os.urandom(48) + b"\x1a\x40" + os.urandom(64)
                hello = b"\x1a" + bytes([len(fields) & 0x7F | 0x80, len(fields) >> 7]) + fields
                writer.write(len(hello).to_bytes(3, "big") + hello)
                await writer.drain()
                await reader.read(1)
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        pass
    finally:
        writer.close()


async def run(port: int, address: str) -> None:
    """Serve for ever."""
    await asyncio.start_server(answer, address, port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2]))
