"""The addresses that probes were given for names of the catalogue: references measure these very ones. Pure.

A content network gives each country addresses of its own, which no reference abroad is ever told; whether one of them
is down for everybody only a look from abroad can tell. What one host says moves nothing: it could send references to
anybody's address; nor does what never showed the name's certificate: a forged address is dead everywhere, and that is
no edge's fault. Must not live here: what references were given (judge/references.py), who is asked what (fleet/).
"""

from typing import Final

from balise_wire.experiments.dns import DnsObservation
from balise_wire.measurement import Measurement
from balise_wire.words import Arm, Proof, Resolver

KEPT: Final = 2 * 86_400.0
"""Seconds for which an address counts after it was last given."""
MOST: Final = 8
"""Addresses of a name and family that references are sent to, beside those that they found."""
_REMEMBERED: Final = 64
"""Addresses of a name and family that are remembered; the longest unheard goes first."""
_HOSTS: Final = 2
"""Hosts that must have been given an address."""

Name = tuple[str, int]
"""Host name and IP version."""


class GivenAddresses:
    """Who was last given which address, and when."""

    def __init__(self) -> None:
        self._seen: dict[Name, dict[str, dict[str, float]]] = {}

    def note(self, measurement: Measurement, keeper: str, at: float) -> None:
        """Take the addresses of a name's answers that showed a certificate which is valid for it.

        Args:
            measurement: of ``dns``, judged to be well; any other holds nothing.
            keeper: the host of the probe; without a label nobody knows how many such boards are one person's.
            at: UNIX seconds.
        """
        if not keeper:
            return
        for trial in measurement.observations:
            if not isinstance(trial, DnsObservation) or (trial.arm, trial.resolver) != (Arm.SUBJECT, Resolver.PROVIDER):
                continue
            address = trial.tls_address
            if trial.tls_proof is Proof.VERIFIED and address and trial.name == measurement.host and not trial.carried:
                self._take((measurement.host, 6 if ":" in address else 4), address, keeper, at)

    def _take(self, name: Name, address: str, keeper: str, at: float) -> None:
        table = self._seen.setdefault(name, {})
        hosts = table.pop(address, {})
        hosts.pop(keeper, None)
        table[address] = dict([*list(hosts.items())[-_HOSTS:], (keeper, at)])
        while len(table) > _REMEMBERED:
            del table[next(iter(table))]

    def agreed(self, host: str, family: int, before: tuple[str, ...], at: float) -> tuple[str, ...]:
        """Return what boards of two hosts were given within ``KEPT``; one that stood in ``before`` stays as long.

        Args:
            host: the name.
            family: IP version.
            before: what was returned last, so that tasks do not turn over with each answer.
            at: UNIX seconds.
        """
        table = self._seen.get((host, family), {})
        fresh = {a: sum(at - when < KEPT for when in hosts.values()) for a, hosts in table.items()}
        kept = [address for address in before if fresh.get(address)]
        new = sorted(address for address, hosts in fresh.items() if hosts >= _HOSTS and address not in kept)
        return tuple([*kept, *new][:MOST])

    def forget(self, before: float) -> None:
        """Forget what was not given since (UNIX seconds)."""
        for name, table in list(self._seen.items()):
            kept = {a: hosts for a, hosts in table.items() if max(hosts.values()) >= before}
            if kept:
                self._seen[name] = kept
            else:
                del self._seen[name]
