"""Kernel sockets whose source port is known before their first packet, so that the tap can be set on it.

Lives here: opening and binding one. Must not live here: connecting it or its protocol.
"""

import contextlib
import errno
import socket

from balise_agent.net.classify import failure_of
from balise_agent.net.context import NetworkContext
from balise_agent.net.routes import bind_device, family_of
from balise_agent.system.errors import LinkUnusable

_ATTEMPTS = 64


def bound_socket(
    context: NetworkContext, address: str, kind: socket.SocketKind, wanted: int = 0
) -> tuple[socket.socket, int]:
    """Return a non-blocking socket for ``address``'s family, bound to a port of ours that it now owns.

    Args:
        context: whose ports and interface.
        address: of the peer.
        kind: stream or datagram.
        wanted: the port to have where it is free; 0 for any.

    Raises:
        LinkUnusable: no port, no descriptor, or no such address family on this machine.
    """
    try:
        sock = socket.socket(family_of(address), kind)
    except OSError as error:
        raise LinkUnusable(f"no socket towards {address}: {error.strerror} ({failure_of(error)})") from None
    try:
        sock.setblocking(False)
        # A port of ours in TIME_WAIT towards one host is free towards another.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bind_device(sock, context.interface)
        return sock, _bind(context, sock, wanted)
    except BaseException:
        with contextlib.suppress(OSError):
            sock.close()
        raise


def _bind(context: NetworkContext, sock: socket.socket, wanted: int) -> int:
    """Bind to the wanted or the next port of ours that no other program has, and return it (LinkUnusable)."""
    for attempt in range(_ATTEMPTS):
        port = context.kernel_ports.take(0 if attempt else wanted)
        try:
            sock.bind(("", port))
        except OSError as error:
            context.kernel_ports.give(port)
            if error.errno != errno.EADDRINUSE:
                raise LinkUnusable(f"cannot bind a source port: {error.strerror}") from None
        else:
            return port
    raise LinkUnusable(f"{_ATTEMPTS} source ports in a row belong to another program")
