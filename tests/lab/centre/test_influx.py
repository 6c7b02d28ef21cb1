"""InfluxDB in the centre, as text."""

from pathlib import Path

from balise_lab.centre import influx


def test_influx_listens_to_the_centre_alone() -> None:
    """Nobody logs in there, so nobody else may reach it; and the rewrite dies as one process when it is killed."""
    listened = [line for line in influx.front(Path("/x")).splitlines() if "listen" in line]
    assert [line.split()[1] for line in listened] == [f"127.0.0.1:{influx.PORT};"]
    assert influx.configuration(Path("/x")).count('bind-address = "127.0.0.1:') == 2
    assert "master_process off" in influx.front(Path("/x"))
