"""Transfers in OONI's shape (df-005-tcpconnect), with what OONI has no word for beside it. Pure."""

from balise_collector.experiments.export import TCPCONNECT, Exported, common, connect
from balise_collector.judge.trials import trials_of
from balise_wire.experiments.throughput import ThroughputObservation
from balise_wire.measurement import Measurement


def export(measurement: Measurement) -> Exported:
    """Return each connection, and the transfer where one came about."""
    trials, started = trials_of(measurement, ThroughputObservation), measurement.started
    return Exported(
        (TCPCONNECT,),
        {
            "tcp_connect": [connect(one, started, one.address, one.port, one.connect_ms) for one in trials],
            "x_transfers": [
                common(one, started)
                | {
                    "x_name": one.name,
                    "x_host": one.host,
                    "x_path": one.path,
                    "x_asked_bytes": one.asked_bytes,
                    "x_transfer_ms": one.transfer_ms,
                    "x_direction": one.direction.value,
                    "x_bytes": one.moved_bytes,
                    "x_goodput_kbps": one.goodput_kbps,
                    "x_settled": one.settled,
                    "x_train_kbps": one.train_kbps,
                    "x_bin_ms": one.bin_ms,
                    "x_bins": list(one.bins),
                    "x_end": one.end.value,
                }
                for one in trials
                if one.connect_ms is not None
            ],
        },
    )
