"""One connection with a whole TLS handshake, as far as any browser of the last ten years would come.

Lives here: connect, shake hands, and once more in an old dialect where the server speaks TLS and does not like ours. An
old server is no censor: people reach it, so the chain must be seen. Must not live here: what is asked over the
connection (tls.py, http.py, dns.py), or which settings a dialect is (net/tls.py).
"""

import re
from collections.abc import Generator
from typing import Final

from balise_agent.experiments.steps import Connect, Connected, Failed, Handshake, Reply, Secured, Step
from balise_agent.experiments.task import Task, expect
from balise_wire.failures import Failure

_DIALECT_ALERTS: Final = frozenset({40, 47, 50, 70, 71, 80})
"""handshake_failure, illegal_parameter, decode_error, protocol_version, insufficient_security, internal_error (RFC 8446
6.2): what servers say that know none of our versions or ciphers. Never unrecognized_name or access_denied."""
_ALERT: Final = re.compile(r"alert (\d+)")
_TLS_RECORDS: Final = (b"\x15\x03", b"\x16\x03")

Shaken = tuple[Connected | Failed, Secured | Failed]
"""The connection, and what came of the handshake on it; twice the same ``Failed`` where nothing connected."""


def shake_hands(task: Task, port: int, sni: str, address: str = "") -> Generator[Step, Reply, Shaken]:
    """Connect and shake hands; a ``Failed`` anywhere has closed the connection.

    Args:
        task: address (unless given) and time-outs.
        port: TCP port.
        sni: the name in the hello, and the one the chain is held against.
        address: another address than the task's.
    """
    first = yield from _once(task, port, sni, address or task.address, old=False)
    if not speaks_another_dialect(first[1]):
        return first
    second = yield from _once(task, port, sni, address or task.address, old=True)
    return first if isinstance(second[1], Failed) else second


def _once(task: Task, port: int, sni: str, address: str, *, old: bool) -> Generator[Step, Reply, Shaken]:
    """Try one dialect."""
    connected = yield Connect(address=address, port=port, timeout=task.timeouts.connect)
    if isinstance(connected, Failed):
        return connected, connected
    opened = expect(Connected, connected)
    own = task.target.authorities if sni == task.target.host else ()
    secured = yield Handshake(handle=opened.handle, sni=sni, timeout=task.timeouts.answer, old=old, authorities=own)
    return opened, secured if isinstance(secured, Failed) else expect(Secured, secured)


def speaks_another_dialect(reply: Secured | Failed) -> bool:
    """Tell whether a handshake came to nothing although a TLS server answered it: no cut, no silence, no other name."""
    if not isinstance(reply, Failed) or not reply.data.startswith(_TLS_RECORDS):
        return False
    if reply.failure is Failure.TLS_ALERT:
        found = _ALERT.fullmatch(reply.detail)
        return found is not None and int(found[1]) in _DIALECT_ALERTS
    return reply.failure in {Failure.SSL_FAILED_HANDSHAKE, Failure.TLS_MALFORMED}
