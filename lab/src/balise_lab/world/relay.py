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
    selector = selectors.DefaultSelector()
    peers: dict[socket.socket, socket.socket] = {}
    listener.setblocking(True)
    selector.register(listener, selectors.EVENT_READ)

    def close(end: socket.socket) -> None:
        for each in (end, peers.pop(end, None)):
            if each is not None:
                peers.pop(each, None)
                with suppress(KeyError):
                    selector.unregister(each)
                each.close()

    while True:
        for key, _ in selector.select():
            end = key.fileobj
            if end is listener:
                near, _address = listener.accept()
                far = socket.socket()
                far.settimeout(3.0)
                try:
                    far.connect((host, port))
                except OSError:
                    near.close()
                    far.close()
                    continue
                peers[near], peers[far] = far, near
                for each in (near, far):
                    each.settimeout(5.0)
                    selector.register(each, selectors.EVENT_READ)
            elif isinstance(end, socket.socket) and end in peers:
                try:
                    data = end.recv(CHUNK)
                    if data:
                        peers[end].sendall(data)
                        continue
                except OSError:
                    pass
                close(end)


def main(arguments: list[str]) -> int:
    """`python -m balise_lab.world.relay FD HOST PORT`."""
    descriptor, host, port = arguments
    with socket.socket(fileno=int(descriptor)) as listener:
        serve(listener, host, int(port))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
