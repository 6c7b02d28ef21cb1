"""From what the kernel and the tap said to one word of the failure vocabulary.

Pure tables: an errno, the ICMP error heard on the flow where there is one (Linux folds "administratively prohibited"
into the same errno as "host unreachable"), and OpenSSL's reasons. Must not live here: sockets.
"""

import errno
import ssl
from collections.abc import Iterable
from typing import Final

from balise_agent.system.errors import LinkUnusable
from balise_wire.evidence import PROHIBITED, Packet
from balise_wire.failures import Failure

_BY_ERRNO: Final = {
    errno.ECONNREFUSED: Failure.CONNECTION_REFUSED,
    errno.ECONNRESET: Failure.CONNECTION_RESET,
    errno.EPIPE: Failure.CONNECTION_RESET,
    errno.ECONNABORTED: Failure.CONNECTION_ABORTED,
    errno.ETIMEDOUT: Failure.GENERIC_TIMEOUT,
    errno.EHOSTUNREACH: Failure.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Failure.HOST_UNREACHABLE,
    errno.ENETUNREACH: Failure.NETWORK_UNREACHABLE,
    errno.ENONET: Failure.NETWORK_UNREACHABLE,
    errno.EPROTO: Failure.HOST_UNREACHABLE,
    errno.ENOPROTOOPT: Failure.CONNECTION_REFUSED,
    errno.ENETDOWN: Failure.NETWORK_DOWN,
    errno.EADDRNOTAVAIL: Failure.NETWORK_UNREACHABLE,
    errno.EAFNOSUPPORT: Failure.ADDRESS_FAMILY_NOT_SUPPORTED,
}
"""ENOPROTOOPT is what Linux makes of ICMP 3/2, EADDRNOTAVAIL of IPv6 without a global address."""
_OURS: Final = {
    errno.EMFILE: "too many open files; raise LimitNOFILE",
    errno.ENFILE: "the machine has too many open files",
    errno.EAGAIN: "the kernel's sending queue stays full",
    errno.ENOBUFS: "the kernel has no buffers left",
    errno.ENOMEM: "the machine has no memory left",
    errno.EPERM: "this machine's own firewall forbids it; let the probe's user out",
    errno.EACCES: "this machine's own firewall forbids it; let the probe's user out",
}
SOFT: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPROTO, errno.ENOPROTOOPT})
"""What an ICMP error about one packet leaves on a connection that may be healthy (RFC 5461)."""


def failure_of(error: OSError, packets: Iterable[Packet] = ()) -> Failure:
    """Return the network's failure behind an OSError.

    Args:
        error: what a socket call raised.
        packets: the flow's capture, which tells a prohibition from a mere unreachable.

    Raises:
        LinkUnusable: the error is this machine's own; so is one that has no word here: what no network is known to
            cause (a full queue's EAGAIN, an interface that went away) must never be told as the network's.
    """
    if isinstance(error, ssl.SSLError):
        return tls_failure(error)[0]
    failure = _BY_ERRNO.get(error.errno or 0)
    if failure is None:
        told = error.strerror or f"{type(error).__name__} without a number"
        mend = _OURS.get(error.errno or 0, f"errno {error.errno}, which says nothing of a network")
        raise LinkUnusable(f"{told}: {mend}")
    if failure in {Failure.HOST_UNREACHABLE, Failure.NETWORK_UNREACHABLE, Failure.GENERIC_TIMEOUT} and any(
        packet.icmp in PROHIBITED and packet.hop for packet in packets
    ):
        return Failure.ICMP_ADMIN_PROHIBITED
    return failure


def detail_of(packets: Iterable[Packet]) -> str:
    """Return ``icmp 3/13`` for the last ICMP error of a capture; empty where there is none."""
    heard = [packet.icmp for packet in packets if packet.hop]
    return f"icmp {heard[-1]}" if heard else ""


_ALERTS: Final = {alert.name.removeprefix("ALERT_DESCRIPTION_"): int(alert) for alert in ssl.AlertDescription}
"""``HANDSHAKE_FAILURE`` -> 40 (RFC 8446 B.2); OpenSSL's reasons end with the same words."""
_MALFORMED: Final = (
    "WRONG_VERSION_NUMBER",
    "UNEXPECTED_MESSAGE",
    "BAD_PACKET_LENGTH",
    "LENGTH_MISMATCH",
    "DECODE_ERROR",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
    "BAD_RECORD_TYPE",
    "HTTP_REQUEST",
    "UNKNOWN_RECORD",
)


def tls_failure(error: ssl.SSLError) -> tuple[Failure, str]:
    """Return the word and the detail (``alert 40``) for what OpenSSL said.

    An alert of the server's has ALERT in its reason, or is one of the TLS extensions' own (RFC 6066); the same words
    without it are OpenSSL's complaint about what it read.
    """
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Failure.EOF, ""
    reason = error.reason or ""
    is_alert = "ALERT" in reason or reason in {"TLSV1_UNRECOGNIZED_NAME", "TLSV1_UNSUPPORTED_EXTENSION"}
    if is_alert:
        for name in sorted(_ALERTS, key=len, reverse=True):
            if reason.endswith(name):
                return Failure.TLS_ALERT, f"alert {_ALERTS[name]}"
        return Failure.TLS_ALERT, reason.lower()
    if any(word in reason for word in _MALFORMED):
        return Failure.TLS_MALFORMED, reason.lower()
    return Failure.SSL_FAILED_HANDSHAKE, reason.lower()
