"""The runs whose bytes are measured: one task for each experiment, design and variant, over IPv4 and over IPv6.

Pure: what a run is reckoned to cost follows from the task alone, so that the document is held to the cost table without
a network (tests/workspace/test_bytes_document.py). Must not live here: the ground on which they are carried out
(netns_bytes.py), or expectations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.line.plan import LINE_TARGET
from balise_agent.experiments.task import Task
from balise_agent.measure.run import Run
from balise_agent.system.proxies import Proxy, ProxyKind
from balise_wire.assignment import Control, KnownPage, StunServer, Target
from balise_wire.experiments.clienthello import ClienthelloParameters, HelloExtension
from balise_wire.experiments.http import HttpParameters
from balise_wire.experiments.tcp import TcpParameters
from balise_wire.experiments.throughput import ThroughputParameters
from balise_wire.experiments.traits import Parameters
from balise_wire.experiments.vpn import TCP_PORTS, UDP_PORTS, VpnParameters, VpnProtocol
from balise_wire.words import Design, Experiment, Scope, TargetRole

HOST: Final = "subject.example"
NEIGHBOUR: Final = "neighbour.example"
CONTROL: Final = "control.example"
ANSWERED, SILENT, CUT = "answered", "silent", "cut"
SITUATIONS: Final = (ANSWERED, SILENT, CUT)
"""Everything answers; what the run is about answers nothing at all; what shows the subject's name is lost."""
LONG_PATH: Final = "/long.bin"
PAGE: Final = b"the page of a control"
SUBJECT: Final = 1
DEAD: Final = 2
NEAR, FAR = 3, 4
CONTROLS: Final = (11, 12, 13)
PORTAL: Final = 14
RESOLVER, PUBLIC, NO_RESOLVER, DEAD_RESOLVER = 53, 54, 55, 56
HELPER, DEAD_HELPER, PROXY = 60, 61, 62
STRANGERS: Final = (71, 72, 73)
STRANGER_PORTS: Final = (3_478, 3_478, 19_302)
PROXY_PORT: Final = 47_321
USER, PASSWORD = "amsel", "drosselbart-fink"
_DESIGNS: Final = (Design.SENTINEL, Design.PAIRED)
_VPN: Final = {
    **dict(zip((VpnProtocol.IKEV2, VpnProtocol.OPENVPN, VpnProtocol.WIREGUARD), UDP_PORTS, strict=True)),
    **dict(zip((VpnProtocol.OPENVPN_TCP, VpnProtocol.FULLY_ENCRYPTED), TCP_PORTS, strict=True)),
    VpnProtocol.OBFS4: TCP_PORTS[-1],
}


def at(number: int, family: int) -> str:
    """Return the address of one of the ground's servers; each is alone in its /24 or /48."""
    return f"198.18.{number}.1" if family == 4 else f"2001:db8:{number:x}::1"


class Kind(NamedTuple):
    """One run of one experiment, in any family and situation."""

    word: Experiment
    design: Design
    variant: str = ""
    """What is peculiar to it, in words; empty for the usual form."""
    said: tuple[Parameters, ...] = ()
    full: bool = False
    long: bool = False
    helper: bool = False
    proxy: bool = False
    assigned: bool = True
    """Whether the target's address is in the assignment."""

    @property
    def name(self) -> str:
        """How the document calls it."""
        return f"{self.word} {self.design}" + (f", {self.variant}" if self.variant else "")


def kinds() -> Iterator[Kind]:
    """Yield every run that is measured."""
    yield Kind(Experiment.LINE, Design.SENTINEL)
    yield Kind(Experiment.DNS, Design.SENTINEL)
    yield Kind(Experiment.DNS, Design.SENTINEL, "no assigned address", full=True, assigned=False)
    yield Kind(Experiment.DNS, Design.PAIRED, assigned=False)
    over_tls = HttpParameters(port=443)
    for design in _DESIGNS:
        yield Kind(Experiment.TCP, design)
        yield Kind(Experiment.TLS, design)
        yield Kind(Experiment.HTTP, design)
        yield Kind(Experiment.HTTP, design, "over TLS", (over_tls,))
        yield Kind(Experiment.THROUGHPUT, design)
        yield Kind(Experiment.THROUGHPUT, design, "with a helper", helper=True)
        yield Kind(Experiment.QUIC, design)
        yield Kind(Experiment.STUN, design)
        yield Kind(Experiment.CALL, design, helper=True)
        for protocol, port in _VPN.items():
            yield Kind(Experiment.VPN, design, protocol, (VpnParameters(protocol=protocol, port=port),), helper=True)
        for extension in HelloExtension.known():
            yield Kind(Experiment.CLIENTHELLO, design, extension, (ClienthelloParameters(extension=extension),))
        yield Kind(Experiment.PATH, design)
    yield Kind(Experiment.PATH, Design.ON_DEMAND)
    yield Kind(Experiment.TLS, Design.SENTINEL, "chain", full=True)
    yield Kind(Experiment.TLS, Design.SENTINEL, "and a long hello", long=True)
    yield Kind(Experiment.TLS, Design.PAIRED, "with a helper", helper=True)
    yield Kind(Experiment.TLS, Design.PAIRED, "with a helper and a proxy", helper=True, proxy=True)
    yield Kind(Experiment.TCP, Design.PAIRED, "with a proxy", proxy=True)


def run(kind: Kind, family: int, situation: str = ANSWERED) -> Run:
    """Return the run of a kind, towards the ground's servers."""
    dead = situation == SILENT
    word = kind.word
    address = at(DEAD if dead else SUBJECT, family)
    helper = at(DEAD_HELPER if dead else HELPER, family)
    said = (
        TcpParameters(other_port=80, siblings=(at(FAR, family),)),
        ThroughputParameters(path=LONG_PATH, control_path=LONG_PATH),
        *kind.said,
    )
    target = Target(
        id=f"s/web/{HOST}/{family}", service="s", role=TargetRole.WEB, host=HOST,
        addresses=(address,) if kind.assigned else (), experiments=(word,), neighbour=NEIGHBOUR,
        sibling=at(NEAR, family),
    ).saying(*said)  # fmt: skip
    task = Task(
        target=target if REGISTRY[word].traits.of_target else LINE_TARGET,
        design=kind.design,
        address=address,
        family=family,
        addresses=target.addresses,
        controls=(
            *(
                Control(
                    name=f"control{number}.example", addresses=tuple(at(number, each) for each in (4, 6)), quic=True,
                    scope=Scope.DOMESTIC if number == CONTROLS[0] else Scope.INTERNATIONAL,
                )
                for number in CONTROLS
            ),
            Control(
                name="portal.example", addresses=(at(PORTAL, 4),), port=80,
                page=KnownPage(path="/portal.txt", begins=PAGE.decode()),
            ),
        ),
        control_name=CONTROL,
        public_resolvers=(at(PUBLIC, family),),
        silent_addresses=(at(NO_RESOLVER, family),),
        stun_servers=tuple(
            StunServer(name=f"stun{number}.example", port=port)
            for number, port in zip(STRANGERS, STRANGER_PORTS, strict=True)
        ),
        helpers=(helper,) if kind.helper else (),
        helper=helper if kind.helper else "",
        proxies=_proxies(family) if kind.proxy else (),
        laboratory=("198.18.0.0/15", "2001:db8::/32"),
        seed=7,
        full=kind.full,
        look=kind.full or kind.design is Design.PAIRED,
        long=kind.long,
    )  # fmt: skip
    return Run(target=task.target, family=family, experiment=word, slot=0, due=0.0, task=task)


def _proxies(family: int) -> tuple[Proxy, ...]:
    return (
        Proxy(
            label="east", kind=ProxyKind.SOCKS5, address=at(PROXY, family), port=PROXY_PORT, username=USER,
            password=PASSWORD,
        ),
    )  # fmt: skip


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What one run was seen to spend."""

    kind: str
    family: int
    situation: str
    sent: int
    """Bytes of IP packets that left the probe's interface."""
    came: int
    counted: int
    """What the probe itself counted against the day."""
    at_most: int
    """What the run is reckoned to cost."""
    lost: int
    """Packets that the tap lost."""
    failure: str = ""
    """Why it was not carried out; empty where it was."""
    connections: int = 0
    """TCP connections that it asked for."""
    again: int = 0
    """Bytes of TCP segments that brought nothing new: a busy machine acknowledges late."""

    @property
    def once(self) -> int:
        """Both directions, of what is answered without what was sent again: what the run itself costs.

        ``path`` shows one segment to every hop, and what is not answered is sent again by every kernel.
        """
        by_itself = self.situation != ANSWERED or self.kind.split()[0] == Experiment.PATH
        return self.whole - (0 if by_itself else self.again)

    @property
    def whole(self) -> int:
        """Both directions."""
        return self.sent + self.came
