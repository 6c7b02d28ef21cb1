"""How long a trial took, step by step, and how fast it was: by field name, for sinks and roll-ups. Pure.

Must not live here: what sinks call the rest.
"""

from typing import Final

from balise_wire.measurement import Measurement
from balise_wire.observations import DnsObservation, HttpObservation, Observation, TcpObservation, TlsObservation
from balise_wire.words import Arm

Fields = dict[str, str | int | float | None]
"""Values by field name; what is not known is ``None``."""
TIMES: Final = ("connect_ms", "dns_ms", "elapsed_ms", "goodput_kbps", "handshake_ms", "rtt_ms")
"""What roll-ups take medians of."""


def timings(measurement: Measurement) -> dict[str, float]:
    """Return the durations and the rate that the newest subject trial saw, by field name; for roll-ups."""
    own = [trial for trial in measurement.observations if trial.arm is Arm.SUBJECT and not trial.carried]
    found = times_of(own[-1]) if own else {}
    return {name: float(value) for name, value in found.items() if name in TIMES and isinstance(value, int | float)}


def times_of(trial: Observation) -> Fields:
    """Return durations of one trial, in milliseconds, and its goodput in kbit/s."""
    fields: Fields = {
        "elapsed_ms": trial.elapsed_ms,
        "failure": trial.failure.value if trial.failure else None,
    }
    if isinstance(trial, TcpObservation):
        fields["rtt_ms"] = trial.rtt_ms
    elif isinstance(trial, TlsObservation):
        fields["connect_ms"] = trial.connect_ms
        if trial.failure is None and trial.connect_ms is not None:
            fields["handshake_ms"] = max(0.0, trial.elapsed_ms - trial.connect_ms)
    elif isinstance(trial, HttpObservation):
        fields.update(connect_ms=trial.connect_ms, goodput_kbps=trial.goodput_kbps, http_status=trial.status)
    elif isinstance(trial, DnsObservation):
        fields.update(answers=len(trial.answers), dns_ms=trial.answers[0].rtt_ms if trial.answers else None)
    return fields
