"""Bindings in OONI's shape of its STUN reachability test (ts-025), whose ``endpoint`` and ``failure`` are ours. Pure.

The SYNs are in df-005-tcpconnect.
"""

from balise_collector.experiments.export import TCPCONNECT, Entry, Exported, common, connect, endpoint
from balise_collector.judge.trials import subjects, trials_of
from balise_wire.experiments.stun import StunObservation, StunPacket
from balise_wire.measurement import Measurement


def export(measurement: Measurement) -> Exported:
    """Return the subject's last word, each exchange, and whether TCP stood at the same address."""
    trials, started = trials_of(measurement, StunObservation), measurement.started
    over_tcp = [one for one in trials if one.sent is StunPacket.SYN]
    last = next(reversed(subjects(trials)), None)
    failure = None if last is None or last.failure is None else last.failure.value
    return Exported(
        (TCPCONNECT,),
        {
            "endpoint": "" if last is None else endpoint(last.address, last.port),
            "failure": failure,
            "tcp_connect": [
                connect(one, started, one.address, one.port, one.rtt_ms if one.answer == "synack" else None)
                for one in over_tcp
            ],
            "x_stun_exchanges": [_exchange(one, started) for one in trials if one.sent is not StunPacket.SYN],
        },
    )


def _exchange(trial: StunObservation, started: float) -> Entry:
    return common(trial, started) | {
        "endpoint": endpoint(trial.address, trial.port) if trial.address else f"{trial.name}:{trial.port}",
        "x_answer": trial.answer,
        "x_answered_later": trial.followed,
        "x_copies": trial.copies,
        "x_icmp": trial.icmp,
        "x_mapped": trial.mapped,
        "x_sent": trial.sent.value,
    }
