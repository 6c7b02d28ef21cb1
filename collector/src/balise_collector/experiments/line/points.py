"""What sinks are told of the line experiment. Pure. Must not live here: names of anything else (docs/storage.md)."""

from typing import Final

from balise_collector.experiments.points import OwnPoint, Points
from balise_collector.judge.trials import trials_of
from balise_wire.experiments.line import LineObservation
from balise_wire.measurement import Measurement

LINE: Final = "balise_line"


class LinePoints(Points[LineObservation]):
    """The line's own health, as a measurement of its own."""

    floats = frozenset({"clock_offset_ms", "gateway_rtt_ms", "loss", "rtt_ms"})

    def own(self, measurement: Measurement) -> OwnPoint | None:
        """Return how gateway, controls, resolver and clock were."""
        trial = next(iter(trials_of(measurement, LineObservation)), None)
        if trial is None:
            return None
        times = [control.rtt_ms for control in trial.controls if control.rtt_ms is not None]
        fields = {
            "captive": _truth(trial.captive),
            "clock": trial.clock_state.value,
            "clock_offset_ms": trial.clock_offset_ms,
            "clock_ok": int(trial.clock_state.vouched),
            "controls_failed": sum(control.failure is not None for control in trial.controls),
            "controls_tried": len(trial.controls),
            "gateway_ok": _truth(trial.gateway_ok),
            "gateway_rtt_ms": trial.gateway_rtt_ms,
            "id": measurement.id,
            "loss": trial.loss,
            "resolver_ok": _truth(trial.resolver_ok),
            "rtt_ms": min(times) if times else None,
            "software": measurement.software,
        }
        return OwnPoint(LINE, fields, trial.at)


def _truth(value: bool | None) -> int | None:
    return None if value is None else int(value)


POINTS: Final = LinePoints()
