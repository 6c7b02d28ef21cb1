"""One measurement as a record like OONI's (ooni/spec, data-formats/df-000-base): what was seen, where and when. Pure.

Whoever keeps the probe is not in it: no probe, no id, no region, no resolver, no router and nothing of the line; the
probe's address is 127.0.0.1, as OONI writes where it does not tell one. It is still one line's measurement by the
second: k-anonymity is the public view's (pages/public/), and this is the operator's alone. Must not live here: any one
experiment (experiments/<x>/export.py), reading, writing.
"""

from datetime import UTC, datetime
from typing import Any, Final

from balise_collector.experiments import EXPORTS
from balise_collector.fleet.members import Record
from balise_collector.journal import JournalRow

FORMAT: Final = "0.2.0"
"""``data_format_version`` of OONI's records since 2014."""
_LATEST: Final = 2e11
"""UNIX seconds near the year 8300: what lies beyond cannot be written as a day."""


def record(row: JournalRow, stood: Record) -> dict[str, Any] | None:
    """Return a measurement as OONI would write it; ``None`` where its experiment tells nothing.

    Args:
        row: the measurement, with how wrong its clock was known to be.
        stood: where the operator vouches that it was made; what the probe says of that is not repeated.
    """
    measurement = row.measurement
    export = EXPORTS.get(measurement.experiment)
    exported = export(measurement) if export is not None else None
    started = measurement.started - row.clock_offset
    if exported is None or not 0 < started < _LATEST:
        return None
    began = datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "annotations": {
            "x_catalogue": measurement.catalogue,
            "x_clock_doubtful": str(row.clock_doubtful).lower(),
            "x_design": measurement.design.value,
            "x_role": measurement.role.value,
            "x_service": measurement.service,
            "x_stands_as": stood.role.value,
        },
        "data_format_version": FORMAT,
        "extensions": dict.fromkeys(exported.formats, 0),
        "input": measurement.host,
        "measurement_start_time": began,
        "probe_asn": f"AS{stood.network.asn}",
        "probe_cc": stood.network.country,
        "probe_ip": "127.0.0.1",
        "software_name": "balise",
        "software_version": measurement.software,
        "test_keys": exported.test_keys,
        "test_name": f"balise_{measurement.experiment.value}",
        "test_runtime": round(measurement.ended - measurement.started, 3),
        "test_start_time": began,
        "test_version": "0.1.0",
    }
