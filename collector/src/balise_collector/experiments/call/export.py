"""Trains of packets beside OONI's shapes, which have none for them. Pure."""

from balise_collector.experiments.export import Entry, Exported, common
from balise_collector.judge.trials import trials_of
from balise_wire.experiments.call import CallObservation
from balise_wire.measurement import Measurement


def export(measurement: Measurement) -> Exported:
    """Return each train; no address is in it."""
    trials, started = trials_of(measurement, CallObservation), measurement.started
    return Exported((), {"x_call_trains": [_train(one, started) for one in trials]})


def _train(trial: CallObservation, started: float) -> Entry:
    return common(trial, started) | {
        "x_arrived": None if trial.arrived is None else list(trial.arrived),
        "x_down": trial.down.value,
        "x_icmp": trial.icmp,
        "x_jitter_ms": trial.jitter_ms,
        "x_port": trial.port,
        "x_ports": None if trial.ports is None else list(trial.ports),
        "x_returned": None if trial.returned is None else list(trial.returned),
        "x_rtt_ms": trial.rtt_ms,
        "x_sent": trial.sent,
        "x_up": trial.up.value,
    }
