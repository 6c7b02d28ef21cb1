"""Trials in OONI's shapes (ooni/spec, data-formats: df-001, df-002, df-005, df-006), as plain data. Pure.

Lives here: what the part of every experiment returns, and what their entries share. Keys that OONI has no word for
begin with ``x_``. Must not live here: any one experiment (experiments/<x>/export.py), or the record around it
(sinks/ooni.py).
"""

from typing import Any, Final, NamedTuple

from balise_wire.trial import Trial

Entry = dict[str, Any]
"""One object of OONI's lists."""
DNST: Final = "dnst"
HTTPT: Final = "httpt"
TCPCONNECT: Final = "tcpconnect"
TLSHANDSHAKE: Final = "tlshandshake"


class Exported(NamedTuple):
    """The test keys of one measurement, and which of OONI's formats they follow (all in their version 0)."""

    formats: tuple[str, ...]
    test_keys: dict[str, Any]


def common(trial: Trial, started: float) -> Entry:
    """Return what every entry has.

    Args:
        trial: what it is of.
        started: when the measurement began, on the probe's clock like the trial: UNIX seconds. A trial that rides
            along from an earlier measurement began before it.
    """
    began = round(trial.at - started, 3)
    tags = [trial.arm.value, *(["carried"] if trial.carried else [])]
    failure = trial.failure.value if trial.failure is not None else None
    return {"failure": failure, "t0": began, "t": round(began + trial.elapsed_ms / 1000, 3), "tags": tags}


def endpoint(address: str, port: int) -> str:
    """Return ``192.0.2.1:443`` or ``[2001:db8::1]:443``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def connect(trial: Trial, started: float, address: str, port: int, connect_ms: float | None) -> Entry:
    """Return the TCP connection that a trial made first (df-005); where it came about, its failure is a later one's."""
    entry = common(trial, started)
    failure = None if connect_ms is not None else entry.pop("failure")
    took = connect_ms if connect_ms is not None else trial.elapsed_ms
    return {
        "ip": address,
        "port": port,
        "status": {"failure": failure, "success": failure is None},
        "t0": entry["t0"],
        "t": round(entry["t0"] + took / 1000, 3),
        "tags": entry["tags"],
    }
