"""Greetings in OONI's shapes (df-005-tcpconnect, df-006-tlshandshake). Pure.

Most of ours end with the first bytes back and verify nothing (``no_tls_verify``). Certificates are kept as digests
and not as DER, so that ``peer_certificates`` is empty and ``x_peer_certificates_sha256`` is not.
"""

from balise_collector.experiments.export import TCPCONNECT, TLSHANDSHAKE, Entry, Exported, common, connect, endpoint
from balise_collector.judge.trials import direct, trials_of
from balise_wire.experiments.tls import TlsObservation
from balise_wire.measurement import Measurement


def export(measurement: Measurement) -> Exported:
    """Return each connection, and the greeting where one came about."""
    trials, started = direct(trials_of(measurement, TlsObservation)), measurement.started
    return Exported(
        (TCPCONNECT, TLSHANDSHAKE),
        {
            "tcp_connect": [connect(one, started, one.address, one.port, one.connect_ms) for one in trials],
            "tls_handshakes": [_handshake(one, started) for one in trials if one.connect_ms is not None],
        },
    )


def _handshake(trial: TlsObservation, started: float) -> Entry:
    return common(trial, started) | {
        "address": endpoint(trial.address, trial.port),
        "cipher_suite": "",
        "negotiated_protocol": trial.alpn,
        "no_tls_verify": trial.verified is None,
        "peer_certificates": [],
        "server_name": trial.sni or "",
        "tls_version": trial.version,
        "x_bytes_received": trial.bytes_received,
        "x_first_record": trial.record,
        "x_hello_only": not trial.full,
        "x_peer_certificates_sha256": [certificate.sha256 for certificate in trial.chain],
    }
