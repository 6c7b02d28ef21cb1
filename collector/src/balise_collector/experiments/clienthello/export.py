"""Greetings of several forms in OONI's shapes (df-005-tcpconnect, df-006-tlshandshake). Pure.

None is a whole handshake and nothing is verified (``no_tls_verify``); the form is a key of ours.
"""

from balise_collector.experiments.export import TCPCONNECT, TLSHANDSHAKE, Entry, Exported, common, connect, endpoint
from balise_collector.judge.trials import trials_of
from balise_wire.experiments.clienthello import ClienthelloObservation
from balise_wire.measurement import Measurement


def export(measurement: Measurement) -> Exported:
    """Return each connection, and the greeting where one came about."""
    trials, started = trials_of(measurement, ClienthelloObservation), measurement.started
    return Exported(
        (TCPCONNECT, TLSHANDSHAKE),
        {
            "tcp_connect": [connect(one, started, one.address, one.port, one.connect_ms) for one in trials],
            "tls_handshakes": [_handshake(one, started) for one in trials if one.connect_ms is not None],
        },
    )


def _handshake(trial: ClienthelloObservation, started: float) -> Entry:
    return common(trial, started) | {
        "address": endpoint(trial.address, trial.port),
        "cipher_suite": "",
        "negotiated_protocol": "",
        "no_tls_verify": True,
        "peer_certificates": [],
        "server_name": trial.sni or "",
        "tls_version": "",
        "x_bytes_received": trial.bytes_received,
        "x_first_record": trial.record,
        "x_form": trial.form.value,
        "x_hello_bytes": trial.hello_bytes,
        "x_hello_only": True,
        "x_segments": trial.segments,
    }
