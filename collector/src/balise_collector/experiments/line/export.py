"""What is exported of a measurement of line: nothing, for it tells of the host's home and of no service. Pure."""

from balise_wire.measurement import Measurement


def export(_measurement: Measurement) -> None:
    """Return nothing."""
