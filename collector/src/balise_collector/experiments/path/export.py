"""What is exported of a measurement of path: nothing, for its hops lie before the border, and find the probe. Pure."""

from balise_wire.measurement import Measurement


def export(_measurement: Measurement) -> None:
    """Return nothing."""
