"""Handshakes of VPN protocols beside OONI's shapes, which have none for a helper's. Pure."""

from balise_collector.experiments.export import Entry, Exported, common
from balise_collector.judge.trials import trials_of
from balise_wire.experiments.vpn import VpnObservation
from balise_wire.measurement import Measurement


def export(measurement: Measurement) -> Exported:
    """Return each handshake; no address is in it."""
    trials, started = trials_of(measurement, VpnObservation), measurement.started
    return Exported((), {"x_vpn_handshakes": [_handshake(one, started) for one in trials]})


def _handshake(trial: VpnObservation, started: float) -> Entry:
    return common(trial, started) | {
        "x_answered": trial.answered,
        "x_connected": trial.connected,
        "x_icmp": trial.icmp,
        "x_moved": trial.moved,
        "x_port": trial.port,
        "x_protocol": trial.protocol.value,
        "x_repeated": trial.repeated,
        "x_rounds": trial.rounds,
        "x_rtt_ms": trial.rtt_ms,
        "x_shape": trial.shape.value,
        "x_token": trial.token,
    }
