"""Taking a port, or saying why it cannot be had. Must not live here: who is let in (bounded_accept.py), HTTP."""

import errno
import socket
import threading
from typing import Final

from balise_collector.system.errors import ConfigError

_AGAIN_SECONDS: Final = 0.05


def listen(host: str, port: int, name: str, *, patience: float = 0.0) -> socket.socket:
    """Take a port.

    Args:
        host: an address.
        port: 0 for a free one.
        name: the table of the settings, for the error.
        patience: real seconds for which a port that somebody else has is tried again.

    Raises:
        ConfigError: it cannot be had.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    left = patience
    try:
        while True:
            try:
                listening.bind((host, port))
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE or left <= 0.0:
                    raise
                threading.Event().wait(_AGAIN_SECONDS)
                left -= _AGAIN_SECONDS
        # From here on readers wait for the server instead of being refused.
        listening.listen()
    except OSError as error:
        listening.close()
        raise ConfigError(f"[{name}] {host}:{port}: {error.strerror}; choose another host or port") from None
    return listening
