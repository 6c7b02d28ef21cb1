"""What a finished run cost on the wire, as far as its observations tell. An estimate on the generous side.

Here must not live: budgets (limits.py) and who keeps to them (agenda.py).
"""

from collections.abc import Sequence

from balise_agent.experiments.dns import CHECK_COST, QUERY_COST
from balise_agent.experiments.http import HEAD_COST, TLS_COST
from balise_agent.experiments.tcp import SYN_COST
from balise_agent.experiments.tls import FULL_COST, HELLO_COST
from balise_wire.observations import (
    DnsObservation,
    HttpObservation,
    LineObservation,
    Observation,
    TcpObservation,
    TlsObservation,
)

_LINE_BASE = 520
"""Gateway, and one question to the resolver."""
_UNANSWERED = 1_200
"""A connection that got no bytes: SYNs or a hello with their retransmissions."""


def spent(observations: Sequence[Observation]) -> int:
    """Return the bytes that a run's own trials cost, both directions; carried ones were paid for earlier."""
    return sum(_cost(trial) for trial in observations if not trial.carried)


def _cost(trial: Observation) -> int:
    match trial:
        case DnsObservation():
            check = CHECK_COST if trial.tls_consistent is not None else 0
            return QUERY_COST * max(1, len(trial.answers)) + check
        case TcpObservation():
            return SYN_COST * trial.syns
        case TlsObservation():
            if trial.bytes_received == 0:
                return _UNANSWERED
            return FULL_COST if trial.full else HELLO_COST
        case HttpObservation():
            return HEAD_COST + trial.body_bytes * 21 // 20 + (TLS_COST if trial.tls else 0)
        case LineObservation():
            return _LINE_BASE + 2 * SYN_COST * len(trial.controls)
        case _:
            return _UNANSWERED
