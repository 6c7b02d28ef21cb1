"""``once``: one experiment on one target now, on any Linux machine, without a collector.

Lives here: what the person named turned into a task (from an assignment, or from a bare host), and the manual run: line
first, then the paired plan (control before subject), then the sentinel. In this order nothing is hot when the control
is asked, so no residual cool-down has to be waited for, and the subject still has three trials. Must not live here:
printing, or any rule of a scheduled run.
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec

from balise_agent import __version__
from balise_agent.delivery import lookup
from balise_agent.experiments import REGISTRY
from balise_agent.experiments.line.plan import LINE_TARGET
from balise_agent.experiments.steps import Plan, Queried, Query, Step
from balise_agent.measure.conductor import Conductor, NetworkAccess, Outcome
from balise_agent.measure.line_check import LineCheck
from balise_agent.measure.report import Circumstances, measurement
from balise_agent.measure.run import Run
from balise_agent.measure.task_choice import Device, families, task_for
from balise_agent.net.link import Link
from balise_agent.policy.limits import Limits, refuse_address, refuse_name
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config, Timeouts
from balise_agent.system.errors import ConfigError, LinkUnusable
from balise_agent.system.reactor import Reactor
from balise_wire import measurement as wire
from balise_wire.assignment import Assignment, Control, Target
from balise_wire.experiments import PARAMETERS
from balise_wire.experiments.traits import Traits
from balise_wire.observations import Observation
from balise_wire.words import Design, Experiment, TargetRole

CONTROL_NAME: Final = "www.microsoft.com"
"""A name every home asks for, where no assignment names a control."""
PUBLIC_RESOLVERS: Final = ("1.1.1.1", "8.8.8.8", "9.9.9.9")
_LINGER: Final = 0.2
_HTTPS: Final = 443


@dataclass(frozen=True)
class Wish:
    """What the person typed."""

    experiment: Experiment
    target: str
    """Target id of the assignment, or ``host``, ``host:port``, ``address:port``, ``[address]:port``."""
    address: str = ""
    """Test this address instead of what the name resolves to."""
    control: str = CONTROL_NAME

    @property
    def traits(self) -> Traits:
        """What is peculiar to the experiment."""
        return REGISTRY[self.experiment].traits


class Lookups:
    """A plan's results by side effect: names to addresses, through our own Query on the system's resolver."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self.found: dict[str, tuple[str, ...]] = {}

    def plan(self, names: Sequence[str]) -> Plan:
        """Ask for IPv4 addresses of all names, and for IPv6 where there are none."""
        for name in names:
            for qtype in ("A", "AAAA"):
                step: Step = Query(name=name, qtype=qtype, timeout=self._timeouts.dns, linger=_LINGER)
                reply = yield step
                if isinstance(reply, Queried) and reply.answers and reply.answers[0].addresses:
                    self.found[name] = reply.answers[0].addresses
                    break
        return ()


def split(text: str) -> tuple[str, int]:
    """Return host and port of ``host``, ``host:port`` or ``[address]:port``; port 0: none named (ConfigError)."""
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if (port and not (port.isdigit() and 0 < int(port) < 65536)) or not host:
        raise ConfigError(f"{text!r} is no target; write a target id of the assignment, HOST or HOST:PORT")
    return host, int(port or 0)


def run_plan(conductor: Conductor, plan: Plan) -> tuple[Observation, ...]:
    """Carry one plan out and return its observations; our own failure is raised."""
    ended: list[Outcome] = []
    conductor.start(plan, on_done=ended.append)
    conductor.run_until(lambda: bool(ended))
    if ended[0].error is not None:
        raise ended[0].error
    return ended[0].observations


class Once:
    """One manual run."""

    def __init__(self, config: Config, allowed: Limits, clock: Clock, reactor: Reactor, network: NetworkAccess) -> None:
        self._config = config
        self._allowed = allowed
        self._clock = clock
        self._conductor = Conductor(network, reactor)

    def measure(self, wish: Wish, assignment: Assignment | None) -> wire.Measurement:
        """Carry the wish out.

        Raises:
            ConfigError: the target is unknown, malformed, or must not be measured.
            LinkUnusable: this machine cannot measure.
        """
        assignment, target = self._task(wish, assignment)
        now = self._clock.now()
        device = Device(
            secret=secrets.token_bytes(16),
            timeouts=self._config.timeouts,
            laboratory=self._allowed.laboratory,
            lan=self._allowed.lan,
        )
        line = self._line(assignment, device)
        family = 6 if ":" in wish.address else families(target)[0]
        task = task_for(assignment, target, family, device=device, now=now, experiment=wish.experiment)
        task = msgspec.structs.replace(task, design=Design.MANUAL, full=True)
        run = Run(target=target, family=family, experiment=wish.experiment, slot=0, due=now, task=task)
        observations = run_plan(self._conductor, run.plan())
        probe = self._config.probe
        return measurement(
            run,
            observations,
            Circumstances(
                id=secrets.token_hex(16),
                started=now,
                ended=self._clock.now(),
                network=wire.Network(country=probe.country, asn=probe.asn, access=probe.access, region=probe.region),
                catalogue=assignment.catalogue,
                software=__version__,
                line=line,
                own=self._allowed.lan,
            ),
        )

    def _line(self, assignment: Assignment, device: Device) -> wire.LineHealth | None:
        """Look at the line first: it says how much the rest is worth."""
        check, now = LineCheck(), self._clock.now()
        run = check.start(assignment, device, 0, now)
        check.done(run_plan(self._conductor, run.plan()), now, math.inf, own_failure=False)
        return check.health

    def _task(self, wish: Wish, assignment: Assignment | None) -> tuple[Assignment, Target]:
        """Return assignment and target: the stored ones, or made for a bare host."""
        known = next((one for one in assignment.targets if one.id == wish.target), None) if assignment else None
        if assignment is not None and (known is not None or not wish.traits.of_target):
            target = known or LINE_TARGET
            return assignment, msgspec.structs.replace(target, addresses=(wish.address,)) if wish.address else target
        if "/" in wish.target:
            raise ConfigError(f"no target {wish.target!r} {_where(assignment)}")
        return self._bare(wish)

    def _bare(self, wish: Wish) -> tuple[Assignment, Target]:
        """Make an assignment of one target out of a bare host."""
        host, port = split(wish.target) if wish.traits.of_target else (LINE_TARGET.host, 0)
        literal = lookup.literal(host)
        if literal and wish.traits.reveals_name:
            raise ConfigError(f"{wish.experiment} needs a name; write it, and the address with --address {host}")
        if wish.traits.of_target and not literal and (why := refuse_name(host)):
            raise ConfigError(f"{host!r}: {why}")
        addresses = (wish.address,) if wish.address else literal
        lookups = Lookups(self._config.timeouts)
        needed = wish.traits.needs_address
        names = [wish.control, *([host] if needed and not addresses else [])]
        run_plan(self._conductor, lookups.plan(names))
        addresses = addresses or lookups.found.get(host, ())
        refused = {a: why for a in addresses if (why := self._refuse(a))}
        usable = tuple(address for address in addresses if address not in refused)
        if needed and not usable:
            told = "; ".join(f"{a}: {why}" for a, why in refused.items()) or "the resolver gave none"
            raise ConfigError(f"no address of {host} to test ({told}); name one with --address")
        controls = tuple(a for a in lookups.found.get(wish.control, ()) if not self._refuse(a))
        target = Target(
            id=f"manual/{host}", service="manual", role=TargetRole.WEB, host=host, port=port or _HTTPS,
            addresses=usable, experiments=(wish.experiment,),
        )  # fmt: skip
        kind = PARAMETERS[wish.experiment]
        if port and "port" in kind.__struct_fields__:
            target = target.saying(kind(port=port))
        assignment = Assignment(
            version=0, catalogue="manual", expires=float("inf"), targets=(target,),
            controls=(Control(name=wish.control, addresses=controls),) if controls else (),
            public_resolvers=PUBLIC_RESOLVERS, control_name=wish.control,
        )  # fmt: skip
        return assignment, target if wish.traits.of_target else LINE_TARGET

    def _refuse(self, address: str) -> str | None:
        return refuse_address(address, self._allowed.laboratory, self._allowed.lan)


def _where(assignment: Assignment | None) -> str:
    """Say what target ids there are."""
    if assignment is None:
        return "because no assignment is stored here; name a file with --assignment, or write HOST or HOST:PORT"
    ids = ", ".join(one.id for one in assignment.targets[:20]) or "none"
    return f"in the assignment; known: {ids}"


def open_pcap(path: str) -> BinaryIO:
    """Open the file for ``--pcap`` (ConfigError where it cannot be written)."""
    try:
        return open(path, "wb")  # noqa: PTH123 - the caller closes it; "-" style names stay as typed
    except OSError as error:
        raise ConfigError(f"--pcap {path}: {error.strerror}") from None


def measure_on_link(
    config: Config, allowed: Limits, clock: Clock, reactor: Reactor, link: Link, wish: Wish,
    assignment: Assignment | None, pcap: str,
) -> wire.Measurement:  # fmt: skip
    """Measure over the real network, with the packets in a file where one is wanted."""
    once = Once(config, allowed, clock, reactor, link)
    if not pcap:
        return once.measure(wish, assignment)
    with open_pcap(pcap) as file:
        link.record(file)
        try:
            return once.measure(wish, assignment)
        finally:
            link.tap.drain()
            link.record(None)


__all__ = ["CONTROL_NAME", "LinkUnusable", "Once", "Wish", "measure_on_link", "split"]
