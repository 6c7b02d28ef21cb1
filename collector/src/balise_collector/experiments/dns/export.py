"""Questions of DNS in OONI's shape (df-002-dnst). Pure.

OONI's query has one response; every answer that was heard to ours is a query of its own here, and those to one question
share a ``transaction_id``. Which resolver was asked is told by its word: its address is the host's line's.
"""

from typing import Final

from balise_collector.experiments.export import DNST, Entry, Exported, common
from balise_collector.judge.trials import trials_of
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Way

_FAILURES: Final = {2: Failure.DNS_SERVFAIL, 3: Failure.DNS_NXDOMAIN, 5: Failure.DNS_REFUSED}


def export(measurement: Measurement) -> Exported:
    """Return the questions and every answer."""
    queries: list[Entry] = []
    for number, trial in enumerate(trials_of(measurement, DnsObservation), 1):
        asked = _question(trial, measurement.started, number)
        queries.extend(asked | _answered(trial, answer, asked["t0"]) for answer in trial.answers)
        if not trial.answers:
            queries.append(asked)
    return Exported((DNST,), {"queries": queries})


def _question(trial: DnsObservation, started: float, number: int) -> Entry:
    entry = common(trial, started)
    return entry | {
        "answers": [],
        "engine": "udp",
        "hostname": trial.name,
        "query_type": trial.qtype,
        "resolver_address": "",
        "tags": [*entry["tags"], f"resolver:{trial.resolver.value}"],
        "transaction_id": number,
    }


def _answered(trial: DnsObservation, answer: DnsAnswer, began: float) -> Entry:
    """Return what one answer makes of its question."""
    ttl = answer.rr_ttl if answer.rr_ttl >= 0 else None
    failure = Failure.DNS_SERVER_MISBEHAVING if answer.malformed else _failure(answer)
    return {
        "answers": [
            *({"answer_type": "CNAME", "hostname": name, "ttl": ttl} for name in answer.cnames),
            *(_address(address, ttl) for address in answer.addresses),
        ],
        "engine": "tcp" if answer.way is Way.TCP else "udp",
        "failure": failure.value if failure is not None else None,
        "rcode": answer.rcode,
        "t": round(began + answer.rtt_ms / 1000, 3),
        "x_ip_ttl": answer.ttl,
        "x_of_answers": len(trial.answers),
    }


def _failure(answer: DnsAnswer) -> Failure | None:
    if answer.rcode == 0:
        return None if answer.addresses or answer.household else Failure.DNS_NO_ANSWER
    return _FAILURES.get(answer.rcode, Failure.DNS_SERVER_MISBEHAVING)


def _address(address: str, ttl: int | None) -> Entry:
    kind, field = ("AAAA", "ipv6") if ":" in address else ("A", "ipv4")
    return {"answer_type": kind, field: address, "ttl": ttl}
