"""Fetches in OONI's shapes (df-001-httpt, df-005-tcpconnect). Pure.

A body never leaves the probe: a response has its length, digest and title and no ``body``.
"""

from typing import Any

from balise_collector.experiments.export import HTTPT, TCPCONNECT, Entry, Exported, common, connect
from balise_collector.judge.trials import trials_of
from balise_wire.experiments.http import HttpObservation
from balise_wire.measurement import Measurement


def export(measurement: Measurement) -> Exported:
    """Return each connection, and the request where one came about."""
    trials, started = trials_of(measurement, HttpObservation), measurement.started
    return Exported(
        (HTTPT, TCPCONNECT),
        {
            "agent": "agent",
            "requests": [_transaction(one, started) for one in trials if one.connect_ms is not None],
            "tcp_connect": [connect(one, started, one.address, one.port, one.connect_ms) for one in trials],
        },
    )


def _transaction(trial: HttpObservation, started: float) -> Entry:
    scheme = "https" if trial.tls else "http"
    request = {
        "body": "",
        "body_is_truncated": False,
        **_headers((("Host", trial.host),)),
        "method": "GET",
        "url": f"{scheme}://{trial.host}{trial.path}",
    }
    return common(trial, started) | {"request": request, "response": _response(trial)}


def _response(trial: HttpObservation) -> dict[str, Any] | None:
    if trial.status is None:
        return None
    return {
        "body_is_truncated": trial.truncated,
        "code": trial.status,
        **_headers(trial.headers),
        "x_body_length": trial.body_bytes,
        "x_body_sha256": trial.body_sha256,
        "x_title": trial.title,
    }


def _headers(pairs: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Return headers as OONI's map, which has the first value of each, and as its list."""
    return {"headers": dict(reversed(pairs)), "headers_list": [list(pair) for pair in pairs]}
