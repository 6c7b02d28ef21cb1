"""What is remembered of references' greetings: that TCP was reached, and the keys of the chains they saw. Pure.

Must not live here: what follows from it (facts.py, rules.py).
"""

from collections import defaultdict

from balise_collector.judge.references import ReferenceTable, Report
from balise_collector.judge.witnesses import ENOUGH
from balise_wire.experiments.tls import TlsObservation


class Keys:
    """By name and reference: the public keys (SHA-256, hex) of the newest chain."""

    def __init__(self) -> None:
        """Know none."""
        self.shown: defaultdict[str, dict[str, frozenset[str]]] = defaultdict(dict)

    def forget(self, before: float) -> None:
        """Keep them: a key stays a service's for years, and the next chain takes its place."""


class Alerts:
    """By name and reference: whether its newest hello with that name was answered by a TLS alert."""

    def __init__(self) -> None:
        """Know none."""
        self.heard: defaultdict[str, dict[str, tuple[bool, float]]] = defaultdict(dict)

    def forget(self, before: float) -> None:
        """Let go of what no reference has heard anew since ``before`` (UNIX seconds)."""
        for heard in self.heard.values():
            for probe in [probe for probe, (_, at) in heard.items() if at < before]:
                del heard[probe]


def note(table: ReferenceTable, report: Report, trial: TlsObservation) -> None:
    """Take in one trial of a reference's subject."""
    if not report.verdict.reference:
        return
    at = report.at(trial)
    if trial.connect_ms is not None:
        table.endpoint(report, trial.address, trial.port, at, ok=True)
        if trial.bytes_received or not report.deaf:
            table.greeted(report, trial.address, trial.port, at, ok=trial.bytes_received > 0)
    if trial.sni == report.measurement.host and trial.bytes_received and not trial.full:
        alert = trial.record.startswith("alert")
        table.memory(Alerts).heard[trial.sni][report.verdict.probe] = (alert, at)
    if trial.chain and trial.sni == report.measurement.host:
        seen = frozenset(certificate.spki_sha256 for certificate in trial.chain if certificate.spki_sha256)
        table.memory(Keys).shown[trial.sni][report.verdict.probe] = seen


def keys(table: ReferenceTable, host: str) -> frozenset[str]:
    """Return every public key (SHA-256, hex) that enough references saw in chains for a name."""
    shown: defaultdict[str, set[str]] = defaultdict(set)
    for probe, seen in table.memory(Keys).shown.get(host, {}).items():
        for key in seen:
            shown[key].add(probe)
    return frozenset(key for key, probes in shown.items() if table.witnesses(probes) >= ENOUGH)


def alerts(table: ReferenceTable, host: str) -> tuple[int, int]:
    """Return how many witnesses among the references were answered by an alert to a name, and how many were not."""
    heard = table.memory(Alerts).heard.get(host, {})
    with_alert = [probe for probe, (alert, _) in heard.items() if alert]
    return table.witnesses(with_alert), table.witnesses(set(heard) - set(with_alert))
