"""The server that the InfluxDB tests stand on: what it grants and what it refuses."""

from __future__ import annotations

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision

from tests.collector.influxserver import InfluxServer

pytestmark = pytest.mark.influx


@pytest.mark.parametrize(("precision", "unit"), [(WritePrecision.NS, 10**9), (WritePrecision.US, 10**6)])
def test_the_public_client_writes_and_the_reader_reads(
    influx: InfluxServer, precision: WritePrecision, unit: int
) -> None:
    """influxdb-client, gzip and token reach a 1.6 through the rewrite; InfluxQL gives back what was written."""
    database = influx.database("smoke")
    with InfluxDBClient(influx.url, influx.write_token, org="-", enable_gzip=True) as client:
        writing = client.write_api(write_options=SYNCHRONOUS)
        lines = f'm,a=b x=1i,s="t" {1_589_733_000 * unit}\n'.encode()
        writing.write(f"{database}/autogen", "-", lines, write_precision=precision)
    assert influx.rows('SELECT "x", "s" FROM "m"', database) == [{"time": 1_589_733_000_000, "x": 1, "s": "t"}]


def test_the_reader_cannot_write(influx: InfluxServer) -> None:
    """What Grafana is given changes nothing."""
    database = influx.database("guarded")
    with (
        InfluxDBClient(influx.url, influx.read_token, org="-") as client,
        pytest.raises(Exception, match="403"),
    ):
        client.write_api(write_options=SYNCHRONOUS).write(database, "-", b"m x=1i 1")
