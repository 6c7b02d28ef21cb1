"""The bridge from the host's loopback to the collector's pages inside the lab.

Lives here: a small program that accepts on a listener inherited from outside (wrapper.reexec made it) and connects,
from within the namespace it was started in, to one address. A socket keeps the namespace it was born in, so nothing
else is needed. Must not live here: anything about HTTP.
"""

import os
import selectors
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from balise_lab.world import namespaces
from balise_lab.world.wrapper import LISTENER

CHUNK = 65536


def start(
    namespace: str, host: str, port: int, log: Path | None = None, *, number: int = 0
) -> subprocess.Popen[bytes] | None:
    """Start the relay from the listener of this number to host:port of a namespace; None when none was handed in."""
    handed = os.environ.get(LISTENER, "").split()
    if number >= len(handed):
        return None
    argv = [sys.executable, "-m", "balise_lab.world.relay", handed[number], host, str(port)]
    return namespaces.popen(namespace, argv, pass_fds=(int(handed[number]),), log=log)


def serve(listener: socket.socket, host: str, port: int) -> None:
    """Carry bytes both ways, for ever. A far end that is not there closes the near one."""
    listener.setblocking(True)
    relay = _Relay(listener)
    while True:
        for key, _ in relay.selector.select():
            end = key.fileobj
            if end is listener:
                relay.join(listener.accept()[0], host, port)
            elif isinstance(end, socket.socket) and end in relay.peers:
                relay.carry(end)


class _Relay:
    """The connections of both sides, each end with its peer."""

    def __init__(self, listener: socket.socket) -> None:
        self.selector = selectors.DefaultSelector()
        self.peers: dict[socket.socket, socket.socket] = {}
        self.selector.register(listener, selectors.EVENT_READ)

    def join(self, near: socket.socket, host: str, port: int) -> None:
        """Connect the far side of a connection that was accepted."""
        far = socket.socket()
        far.settimeout(3.0)
        try:
            far.connect((host, port))
        except OSError:
            near.close()
            far.close()
            return
        self.peers[near], self.peers[far] = far, near
        for each in (near, far):
            each.settimeout(5.0)
            self.selector.register(each, selectors.EVENT_READ)

    def carry(self, end: socket.socket) -> None:
        """Pass on what came from one end; its end is that of both."""
        try:
            data = end.recv(CHUNK)
            if data:
                self.peers[end].sendall(data)
                return
        except OSError:
            pass
        self._close(end)

    def _close(self, end: socket.socket) -> None:
        for each in (end, self.peers.pop(end, None)):
            if each is not None:
                self.peers.pop(each, None)
                with suppress(KeyError):
                    self.selector.unregister(each)
                each.close()


def main(arguments: list[str]) -> int:
    """`python -m balise_lab.world.relay FD HOST PORT`."""
    descriptor, host, port = arguments
    with socket.socket(fileno=int(descriptor)) as listener:
        serve(listener, host, int(port))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
