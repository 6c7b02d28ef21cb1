"""One measurement's journey without a wire between: the agenda asks for it, a network of data answers, and so on.

Lives here: the road from the assignment to the journal's row. Must not live here: expectations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

from balise_agent.experiments.steps import Connect, Datagram, Exchange, Query, SynProbe
from balise_agent.measure import report
from balise_agent.measure.agenda import Agenda
from balise_agent.measure.contact_manifest import Manifest, manifest
from balise_agent.measure.requests import OneOff
from balise_agent.policy.limits import Limits
from balise_agent.run.call_echo import Source
from balise_agent.run.vpn_echo import HelperEcho, VpnStream
from balise_agent.testing import ADDRESS, FakeNetwork
from balise_collector.journal import JournalRow
from balise_wire.assignment import Assignment, Budget, Control, Target
from balise_wire.experiments import REGISTRY
from balise_wire.experiments.call import PORTS
from balise_wire.experiments.vpn import TCP_PORTS, UDP_PORTS
from balise_wire.measurement import Measurement, Network
from balise_wire.words import ClockState, Design, Experiment, TargetRole

START: Final = 1_589_734_800.0
HELPER: Final = "198.18.7.7"
HOST: Final = "service.example"
LABORATORY: Final = ("198.18.0.0/15",)
_HOURS: Final = 25
"""The rarest is asked once a day."""


def with_helper() -> FakeNetwork:
    """Return a network in which the operator's helper answers calls and handshakes by its own code."""
    echo = HelperEcho(b"secret", vpn=True)

    def answer(data: bytes) -> tuple[bytes, ...]:
        said = echo.answer(data, Source("home", "home"), 0.0)
        return () if said is None else (said,)

    return FakeNetwork(
        now=START,
        udp={(HELPER, port): answer for port in (*PORTS, *UDP_PORTS)},
        tcp={(HELPER, port): lambda: VpnStream().take for port in TCP_PORTS},
    )


@dataclass
class Journey:
    """A probe that is asked for one experiment, in a network where everything works until a test says otherwise."""

    word: Experiment
    network: FakeNetwork = field(default_factory=with_helper)

    @property
    def assignment(self) -> Assignment:
        """One target that is measured by this experiment alone, and a control."""
        experiments = (self.word,) if REGISTRY[self.word].of_target else (Experiment.TCP,)
        experiments = (Experiment.TLS,) if REGISTRY[self.word].asked else experiments
        target = Target(
            id=f"service/web/{HOST}/4", service="service", role=TargetRole.WEB, host=HOST, addresses=(ADDRESS,),
            experiments=experiments,
        )  # fmt: skip
        return Assignment(
            version=1, catalogue="c", expires=1e12, targets=(target,), control_name="control.example",
            controls=(Control(name="control.example", addresses=("198.18.9.9",)),), helpers=(HELPER,),
            budget=Budget(bytes_per_day=10**12, bytes_per_incident=10**9),
        )  # fmt: skip

    @property
    def consented(self) -> Manifest:
        """What the host was told."""
        return manifest(self.assignment)

    def measured(self, design: Design = Design.SENTINEL) -> Measurement:
        """Return the first measurement of this experiment and design that leaves the probe.

        Raises:
            AssertionError: none came in a day and an hour.
        """
        limits = Limits(laboratory=LABORATORY, connections_per_host_per_minute=600)
        agenda, now = Agenda(self.assignment, secret=b"s", limits=limits, now=START), START
        if REGISTRY[self.word].asked:
            asked = OneOff(
                id="0" * 32, target=self.assignment.targets[0], family=4, experiment=self.word, design=design,
                expires=START + 3_600.0, most_bytes=10**6,
            )  # fmt: skip
            assert agenda.ask(asked, START) is None
        while now < START + _HOURS * 3600:
            for run in agenda.due(now):
                self.network.now, before = now, len(self.network.steps)
                observations = self.network.play(run.plan())
                agenda.done(run, observations, now)
                if (run.experiment, run.design) == (self.word, design):
                    del self.network.steps[:before]
                    about = report.Circumstances(
                        id="0" * 32, started=now, ended=now + 9, catalogue="c", software="0.1.0",
                        network=Network(country="PK", asn=64501), line=agenda.line,
                    )  # fmt: skip
                    return report.measurement(run, observations, about)
            now = max(now + 1.0, agenda.next_at())
        raise AssertionError(f"no {design} of {self.word} in {_HOURS} hours")

    def contacted(self) -> set[tuple[str, int]]:
        """Return every address and port that the last measured run sent something to; no address: the resolver's."""
        found: set[tuple[str, int]] = set()
        for step in self.network.steps:
            match step:
                case Connect() | Datagram():
                    found.add((step.address, step.port))
                case Query():
                    found.add((step.server, 53))
                case Exchange():
                    found |= {(one.address, one.port) for one in step.packets if isinstance(one, SynProbe)}
                case _:
                    pass
        return found


def arrived(made: Measurement) -> JournalRow:
    """Return a measurement as the journal gives it back: through the wire's bytes."""
    read = msgspec.json.decode(msgspec.json.encode(made), type=Measurement)
    return JournalRow(
        seq=1, received_at=made.ended, probe="pk000001", sent_at=made.ended, clock_state=ClockState.SYNCED,
        historical=False, measurement=read,
    )  # fmt: skip
