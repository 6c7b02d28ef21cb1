"""Round trips between countries."""

from balise_lab.field.network.places import round_trip_ms


def test_round_trips_are_those_of_cables() -> None:
    """Karachi to Virginia takes about 200 ms, Frankfurt to Paris about 15; what is not known is far."""
    assert 150.0 < round_trip_ms("PK", "US") < 260.0
    assert 8.0 < round_trip_ms("DE", "FR") < 25.0
    assert round_trip_ms("PK", "PK") < 10.0
    assert round_trip_ms("PK", "XX") == 120.0
    assert round_trip_ms("PK", "US") == round_trip_ms("US", "PK")
