"""The closed vocabulary of network failure.

A failure is data: one of these words in an observation. Where OONI has a word we use OONI's (ooni/spec
data-formats/df-007-errors.md), so that exports need no translation. A failure of ours (no CAP_NET_RAW, no interface)
is never in this list: it is an exception in the probe, an event, and ``own_failure`` of the measurement that it ended.
"""

from balise_wire.word import Word


class Failure(Word):
    """Why an attempt brought no result; the absence of a failure is ``None``."""

    # OONI df-007, in its spelling.
    ADDRESS_FAMILY_NOT_SUPPORTED = "address_family_not_supported"
    CONNECTION_ABORTED = "connection_aborted"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    DNS_BOGON = "dns_bogon_error"
    DNS_NO_ANSWER = "dns_no_answer"
    DNS_NXDOMAIN = "dns_nxdomain_error"
    DNS_REFUSED = "dns_refused_error"
    DNS_SERVER_MISBEHAVING = "dns_server_misbehaving"
    DNS_SERVFAIL = "dns_servfail_error"
    EOF = "eof_error"
    GENERIC_TIMEOUT = "generic_timeout_error"
    HOST_UNREACHABLE = "host_unreachable"
    NETWORK_DOWN = "network_down"
    NETWORK_UNREACHABLE = "network_unreachable"
    SSL_FAILED_HANDSHAKE = "ssl_failed_handshake"
    SSL_INVALID_CERTIFICATE = "ssl_invalid_certificate"
    SSL_INVALID_HOSTNAME = "ssl_invalid_hostname"
    SSL_UNKNOWN_AUTHORITY = "ssl_unknown_authority"
    UNKNOWN = "unknown_error"
    """OONI's word, which probes send, and every word that this program does not know: a failure of which nothing else
    is known accuses nobody."""
    # Ours, where OONI has no word.
    HTTP_MALFORMED = "http_malformed_response"
    ICMP_ADMIN_PROHIBITED = "icmp_admin_prohibited"
    QUIC_MALFORMED = "quic_malformed_response"
    STUN_MALFORMED = "stun_malformed_response"
    TLS_ALERT = "tls_alert"
    TLS_MALFORMED = "tls_malformed_response"
    TOO_LARGE = "response_too_large"
    VPN_MALFORMED = "vpn_malformed_response"
