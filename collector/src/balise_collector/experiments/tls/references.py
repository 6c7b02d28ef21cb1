"""What is remembered of greetings: that TCP was reached, the keys of chains, and who opens connections. Pure.

Must not live here: what follows from it (facts.py, rules.py).
"""

from collections import defaultdict
from typing import Final

from balise_collector.judge.references import ReferenceTable, Report
from balise_collector.judge.witnesses import ENOUGH
from balise_wire.experiments.tls import TlsObservation
from balise_wire.measurement import Network


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


class Openers:
    """By key (SHA-256) of an authority that nobody trusts, and board: where it stands and when it last met that key."""

    def __init__(self) -> None:
        """Know none."""
        self.met: defaultdict[str, dict[str, tuple[str, int, float]]] = defaultdict(dict)

    def forget(self, before: float) -> None:
        """Let go of what nobody has met anew since ``before`` (UNIX seconds)."""
        for key, boards in list(self.met.items()):
            self.met[key] = {board: place for board, place in boards.items() if place[2] >= before}
            if not self.met[key]:
                del self.met[key]


def note(table: ReferenceTable, report: Report, trial: TlsObservation) -> None:
    """Take in one trial of a reference's subject; of another probe's the authorities that nobody trusts."""
    at = report.at(trial)
    if not trial.verified and not trial.carried:
        network, met = report.measurement.network, table.memory(Openers).met
        for key in authorities(trial):
            if key in met or len(met) < _AUTHORITIES:
                met[key][report.verdict.probe] = network.country, network.asn, at
    if not report.verdict.reference:
        return
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


_AUTHORITIES: Final = 4_096
"""Keys of authorities that are remembered."""
_MET: Final = 86_400.0
"""Seconds for which a key that a board met is told of."""


def authorities(trial: TlsObservation) -> frozenset[str]:
    """Return the keys of a chain that sign others: those behind the leaf's."""
    return frozenset(one.spki_sha256 for one in trial.chain[1:] if one.spki_sha256)


def opens_provider(table: ReferenceTable, shown: frozenset[str], probe: str, network: Network, at: float) -> bool:
    """Tell whether one authority that nobody trusts signs for boards of three keepers in a provider, and nowhere else.

    A program or a router that opens the connections of a home makes a key of its own at each installation. What one
    board says, with whatever key, makes no verdict of another keeper's alone.

    Args:
        table: who met which key.
        shown: keys of the authorities that this probe was shown.
        probe: this probe; it counts as one.
        network: where it stands.
        at: UNIX seconds.
    """
    for key in shown:
        met = {one: place for one, place in table.memory(Openers).met.get(key, {}).items() if at - place[2] <= _MET}
        met.pop(probe, None)
        own = table.stand(probe).host
        keepers = {table.stand(one).host for one in met} - {"", own}
        if own and len(keepers) >= _KEEPERS and all(p[:2] == (network.country, network.asn) for p in met.values()):
            return True
    return False


_KEEPERS: Final = 2
"""Keepers beside a probe's own whose boards met the same key."""


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
