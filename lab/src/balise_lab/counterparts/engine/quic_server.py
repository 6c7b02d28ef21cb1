"""The program behind the counterpart ``quic``: ``python -m ... PEM PORT ADDRESS...``, a server of aioquic each.

It completes handshakes with whoever asks, for any name, and serves nothing. Must not live here: which addresses.
"""

import asyncio
import sys
from pathlib import Path

from aioquic.asyncio.server import serve
from aioquic.quic.configuration import QuicConfiguration

_IDLE_SECONDS = 5.0


async def run(pem: Path, port: int, addresses: list[str]) -> None:
    """Serve for ever."""
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"], idle_timeout=_IDLE_SECONDS)
    configuration.load_cert_chain(pem, pem)
    for address in addresses:
        await serve(address, port, configuration=configuration)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
