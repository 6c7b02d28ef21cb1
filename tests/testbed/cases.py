"""A builder of measurements: one line a trial, so that a test shows the case and nothing else.

Must not live here: expectations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from balise_collector.conclude.judgement import judge, note
from balise_collector.judge import Context, ReferenceTable, Verdict
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments import OBSERVATIONS
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import Certificate, TlsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth, Measurement, Network
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design, Resolver, Scope, TargetRole

NOW: Final = 1_589_734_800.0
EARLIER: Final = NOW - 240.0
"""When the sentinel failed that a paired series carries along."""
HOST: Final = "twitter.com"
ADDRESS: Final = "104.244.42.1"
FORGED: Final = "8.7.198.45"
WELL: Final = LineHealth(
    at=NOW - 20, gateway_ok=True, domestic=2, domestic_ok=2, international=3, international_ok=3, resolver_ok=True
)
_EXPERIMENTS: Final = {kind: word for word, kind in OBSERVATIONS.items()}


@dataclass
class Case:
    """What the judge is given, and the trials to make it from."""

    references: ReferenceTable = field(default_factory=ReferenceTable)
    now: float = NOW
    earlier: float = EARLIER
    host: str = HOST
    address: str = ADDRESS

    # ---------------------------------------------------------------- trials

    def hello(self, arm: Arm = Arm.SUBJECT, end: str = "ok", **changes: Any) -> TlsObservation:
        """One ClientHello that ended ``ok``, ``rst``, ``silence``, ``fin``, ``refused`` (no TCP) or ``untrusted``."""
        failures = {
            "ok": None,
            "rst": Failure.CONNECTION_RESET,
            "silence": Failure.GENERIC_TIMEOUT,
            "fin": Failure.EOF,
            "refused": Failure.GENERIC_TIMEOUT,
            "untrusted": Failure.SSL_UNKNOWN_AUTHORITY,
            "expired": Failure.SSL_INVALID_CERTIFICATE,
        }
        usual: dict[str, Any] = {
            "arm": arm,
            "at": NOW,
            "address": ADDRESS,
            "port": 443,
            "sni": HOST if arm is Arm.SUBJECT else "example.org",
            "failure": failures[end],
            "connect_ms": None if end == "refused" else 40.0,
            "bytes_received": 1400 if end in {"ok", "untrusted", "expired"} else 0,
        }
        return TlsObservation(**{**usual, **changes})

    def series(self, end: str, control: str = "ok", scrambled: str = "ok", carried: str | None = None) -> Measurement:
        """The paired TLS plan: carried, neighbour, scrambled, subject twice."""
        return self.measured(
            self.hello(end=carried or end, at=EARLIER, carried=True),
            self.hello(Arm.NEIGHBOUR, control),
            self.hello(Arm.SCRAMBLED, scrambled, at=NOW + 1),
            self.hello(end=end, at=NOW + 2),
            self.hello(end=end, at=NOW + 5),
        )

    def syns(self, synacks: int, arm: Arm = Arm.SUBJECT, **changes: Any) -> TcpObservation:
        """Six SYNs to the address, of which some were answered."""
        usual: dict[str, Any] = {
            "arm": arm,
            "at": NOW,
            "address": ADDRESS,
            "port": 443,
            "syns": 6,
            "synacks": synacks,
            "failure": None if synacks else Failure.GENERIC_TIMEOUT,
        }
        return TcpObservation(**{**usual, **changes})

    def asked(
        self,
        *answers: DnsAnswer,
        arm: Arm = Arm.SUBJECT,
        resolver: Resolver = Resolver.PROVIDER,
        **changes: Any,
    ) -> DnsObservation:
        """One question with its answers; without any it timed out."""
        usual: dict[str, Any] = {
            "arm": arm,
            "at": NOW,
            "name": HOST if arm is Arm.SUBJECT else "control.example.org",
            "resolver": resolver,
            "answers": answers,
            "failure": None if answers else Failure.GENERIC_TIMEOUT,
        }
        return DnsObservation(**{**usual, **changes})

    @staticmethod
    def answer(*addresses: str, rcode: int = 0, **changes: Any) -> DnsAnswer:
        """One DNS answer."""
        return DnsAnswer(**{"rtt_ms": 30.0, "ttl": 57, "rcode": rcode, "addresses": addresses, **changes})

    def page(self, status: int | None = 200, arm: Arm = Arm.SUBJECT, **changes: Any) -> HttpObservation:
        """One GET in clear with its response; without a status it was reset."""
        usual: dict[str, Any] = {
            "arm": arm,
            "at": NOW,
            "address": ADDRESS,
            "port": 80,
            "host": HOST if arm is Arm.SUBJECT else "example.org",
            "connect_ms": 40.0,
            "status": status,
            "body_bytes": 20_000 if status else 0,
            "body_sha256": f"page of {arm}" if status else "",
            "title": f"title for {arm}" if status else "",
            "failure": None if status else Failure.CONNECTION_RESET,
        }
        return HttpObservation(**{**usual, **changes})

    @staticmethod
    def line(
        gateway: bool | None = True, home: int = 2, away: int = 3, alive: int = 5, **changes: Any
    ) -> LineObservation:
        """The line with ``home`` + ``away`` controls of which the first ``alive`` answer, those at home first."""
        scopes = [Scope.DOMESTIC] * home + [Scope.INTERNATIONAL] * away
        controls = tuple(
            ControlResult(name=f"c{n}", scope=scope, failure=None if n < alive else Failure.GENERIC_TIMEOUT)
            for n, scope in enumerate(scopes)
        )
        return LineObservation(
            **{"arm": Arm.SUBJECT, "at": NOW, "gateway_ok": gateway, "controls": controls, **changes}
        )

    @staticmethod
    def certificate(key: str, issuer: str = "CN=Real CA", not_after: float = NOW + 1e6) -> Certificate:
        """One certificate by its key."""
        return Certificate(sha256=f"cert {key}", spki_sha256=key, issuer=issuer, not_after=not_after)

    @staticmethod
    def packet(t_us: int, direction: str, flags: str, **changes: Any) -> Packet:
        """One captured packet."""
        return Packet(
            **{"t_us": t_us, "direction": Direction(direction), "flags": flags, "ttl": 50, "df": True, **changes}
        )

    # ---------------------------------------------------------------- measurements and verdicts

    def measured(self, *trials: Observation, **changes: Any) -> Measurement:
        """The trials as one paired measurement on a healthy line."""
        usual: dict[str, Any] = {
            "id": "0" * 32,
            "experiment": _EXPERIMENTS[type(trials[0])],
            "design": Design.PAIRED,
            "target": f"twitter/web/{HOST}/4",
            "service": "twitter",
            "role": TargetRole.WEB,
            "host": HOST,
            "started": NOW,
            "ended": NOW + 10,
            "network": Network(country="PK", asn=64501),
            "catalogue": "test",
            "software": "0.1.0",
            "line": WELL,
            "observations": trials,
        }
        return Measurement(**{**usual, **changes})

    def judged(self, measurement: Measurement, **context: Any) -> Verdict:
        """The verdict, with this case's references."""
        return judge(measurement, Context(**{"probe": "pk000001", "references": self.references, **context}))

    def abroad(self, *trials: Observation, probes: tuple[str, ...] = ("de01", "de02", "sg01"), **changes: Any) -> None:
        """Let references measure the same, a minute after the first failure, as sentinels."""
        trials = tuple(msgspec.structs.replace(t, at=EARLIER + 60) if t.at == NOW else t for t in trials)
        changes = {"started": EARLIER + 60, "ended": EARLIER + 61, **changes}
        changes.setdefault("line", msgspec.structs.replace(WELL, at=changes["started"] - 20))
        for probe in probes:
            country = "DE" if probe.startswith("de") else "SG"
            asn = {"de01": 64700, "de02": 64701}.get(probe, 64800)
            measurement = self.measured(
                *trials, network=Network(country=country, asn=asn), design=Design.SENTINEL, **changes
            )
            verdict = judge(measurement, Context(probe=probe, reference=True, references=self.references))
            note(self.references, verdict, measurement)
