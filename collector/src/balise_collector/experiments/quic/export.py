"""QUIC exchanges beside OONI's shapes, which have none for datagrams; the SYNs in df-005-tcpconnect. Pure."""

from balise_collector.experiments.export import TCPCONNECT, Entry, Exported, common, connect, endpoint
from balise_collector.judge.trials import trials_of
from balise_wire.experiments.quic import QuicObservation, QuicPacket
from balise_wire.measurement import Measurement


def export(measurement: Measurement) -> Exported:
    """Return each exchange, and whether TCP stood at the same address."""
    trials, started = trials_of(measurement, QuicObservation), measurement.started
    over_tcp = [one for one in trials if one.sent is QuicPacket.SYN]
    return Exported(
        (TCPCONNECT,),
        {
            "tcp_connect": [connect(one, started, one.address, one.port, one.rtt_ms) for one in over_tcp],
            "x_quic_exchanges": [_exchange(one, started) for one in trials if one.sent is not QuicPacket.SYN],
        },
    )


def _exchange(trial: QuicObservation, started: float) -> Entry:
    return common(trial, started) | {
        "address": endpoint(trial.address, trial.port),
        "server_name": trial.name or "",
        "x_answer": trial.answer,
        "x_answered_later": trial.followed,
        "x_copies": trial.copies,
        "x_icmp": trial.icmp,
        "x_last_ms": trial.last_ms,
        "x_sent": trial.sent.value,
        "x_versions": list(trial.versions),
    }
