"""What people read of the tls experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism

FAILURES: Final = {
    Failure.SSL_FAILED_HANDSHAKE: "greeting failed",
    Failure.SSL_INVALID_CERTIFICATE: "certificate not valid",
    Failure.SSL_INVALID_HOSTNAME: "certificate of another name",
    Failure.SSL_UNKNOWN_AUTHORITY: "certificate of an unknown issuer",
    Failure.TLS_ALERT: "the server answered with a TLS alert",
    Failure.TLS_MALFORMED: "an answer that is no TLS",
}
MECHANISMS: Final = {
    Mechanism.SNI_RST: "connections are reset as soon as they name the service",
    Mechanism.SNI_DROP: "connections go dead as soon as they name the service",
    Mechanism.SNI_FIN: "connections are closed as soon as they name the service",
    Mechanism.SNI_ALERT: "an alert answers connections as soon as they name the service",
    Mechanism.SNI_ALLOW: "connections die unless they name a permitted service",
    Mechanism.TLS_DROP: "encrypted connections to the address die whatever they name",
    Mechanism.TLS_MITM: "connections are intercepted with a foreign certificate",
}
