"""Asking the collector in the centre, over its own JSON pages, from outside its namespace.

Lives here: HTTP on a socket that was opened inside the centre. Must not live here: what the answers mean (found,
expect, progress).
"""

import http.client
import json
import socket
from typing import Any

from balise_lab.errors import LabError
from balise_lab.run.lab import Lab

_SECONDS = 5.0


class Centre:
    """The collector's pages, as far as a run reads them."""

    def __init__(self, lab: Lab, port: int) -> None:
        """Read from this port of the centre's loopback."""
        self._lab = lab
        self.port = port
        self.token = ""
        """Opens the pages where they ask for one."""

    def get(self, path: str) -> bytes:
        """Return the body of a page (LabError unless the answer is 200)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        try:
            with self._lab.inside("centre"):
                connection.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.sock.settimeout(_SECONDS)
            connection.sock.connect(("127.0.0.1", self.port))
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"} if self.token else {})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise LabError(f"the collector does not answer {path}: {error}") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise LabError(f"the collector answers {path} with {answer.status}")
        return body

    def json(self, path: str) -> Any:
        """Return a JSON page, decoded."""
        return json.loads(self.get(path))

    def answers(self) -> bool:
        """Whether the collector is up."""
        try:
            self.get("/api/v1/status")
        except LabError:
            return False
        return True
