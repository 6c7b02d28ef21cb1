"""Series of SYNs in OONI's shape (df-005-tcpconnect). Pure.

Ours are crafted SYNs and no connections: how many left and how many were answered stands beside the shape.
"""

from balise_collector.experiments.export import TCPCONNECT, Entry, Exported, common
from balise_collector.judge.trials import direct, trials_of
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.measurement import Measurement


def export(measurement: Measurement) -> Exported:
    """Return each series as one attempt to connect."""
    series = [_series(trial, measurement.started) for trial in direct(trials_of(measurement, TcpObservation))]
    return Exported((TCPCONNECT,), {"tcp_connect": series})


def _series(trial: TcpObservation, started: float) -> Entry:
    entry = common(trial, started)
    failure = entry.pop("failure")
    return entry | {
        "ip": trial.address,
        "port": trial.port,
        "status": {"failure": failure, "success": failure is None},
        "x_syns": trial.syns,
        "x_synacks": trial.synacks,
        "x_resets": trial.resets,
        "x_icmp_errors": trial.icmp_errors,
    }
