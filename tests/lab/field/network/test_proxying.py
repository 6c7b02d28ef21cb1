"""Proxies in the model: the agent's own plan by way of one, and what acts on which part of the way."""

from __future__ import annotations

import pytest

from balise_agent.experiments.task import Task
from balise_agent.experiments.tcp.plan import PLAN as TCP
from balise_agent.experiments.tls.plan import PLAN as TLS
from balise_agent.system.proxies import Proxy, ProxyKind
from balise_lab.field.network import Effect, Host
from balise_wire.assignment import Control, Target
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.through import ProxyStage
from balise_wire.words import Arm, Design, TargetRole
from tests.lab.field.network.playing import CONTROL, NEIGHBOUR, SERVICE, Bed

ADDRESS = "45.41.0.30"
HOST = Host(name="proxy.example.net", addresses=(ADDRESS,), country="NL", ports=(1080,), proxy=True)
SOCKS, HTTP = ProxyKind.SOCKS5, ProxyKind.HTTP_CONNECT
OPEN, NO_WAY, UNREACHED = ProxyStage.OPEN, ProxyStage.NO_WAY, ProxyStage.UNREACHED
NAME = Effect(kind="sni.rst", hosts=(SERVICE,), ports=(443,), countries=("PK",))
ANYWHERE = Effect(kind="sni.rst", hosts=(SERVICE,), countries=("PK",))
FRONT = Effect(kind="server.hello", hosts=(SERVICE,), act="reset", countries=("PK",))
DEAD = Effect(kind="server.down", hosts=(SERVICE,))
REFUSED = Effect(kind="server.down", hosts=(SERVICE,), act="refused")
BLOCKED = Effect(kind="ip.drop", hosts=(SERVICE,), countries=("PK",))
PROXY = Effect(kind="ip.drop", addresses=(ADDRESS,), countries=("PK",))


def task(bed: Bed, kind: ProxyKind) -> Task:
    """Return a paired task with a proxy."""
    address = bed.world.addresses_of(SERVICE)[0]
    return Task(
        target=Target(
            id="s/web/h/4", service="s", role=TargetRole.WEB, host=SERVICE, addresses=(address,), neighbour=NEIGHBOUR
        ),
        address=address,
        addresses=(address,),
        controls=(Control(name=CONTROL, addresses=bed.world.addresses_of(CONTROL)[:1]),),
        proxies=(Proxy(label="east", kind=kind, address=ADDRESS, port=1080, username="me", password="it"),),
        design=Design.PAIRED,
        seed=5,
    )


@pytest.mark.parametrize("kind", [SOCKS, HTTP])
@pytest.mark.parametrize(
    ("effects", "ends"),
    [
        ([NAME], [(OPEN, True)]),
        ([FRONT], [(OPEN, True)]),
        ([ANYWHERE], [(OPEN, False), (OPEN, False)]),
        ([BLOCKED], [(OPEN, True)]),
        ([DEAD], [(NO_WAY, False), (NO_WAY, False)]),
        ([REFUSED], [(NO_WAY, False), (NO_WAY, False)]),
        ([BLOCKED, PROXY], []),
        ([], []),
    ],
)
def test_boxes_at_home_act_on_the_way_to_the_proxy_and_those_at_servers_behind_it(
    kind: ProxyKind, effects: list[Effect], ends: list[tuple[ProxyStage, bool]]
) -> None:
    """What a country does to its homes a proxy abroad does not meet; what is dead is dead for it, too."""
    bed = Bed(effects, hosts=(HOST,))
    trials = bed.play(TLS.paired(task(bed, kind)), TlsObservation)
    through = [t for t in trials if t.arm is Arm.THROUGH]
    assert [(t.through.stage, t.failure is None) for t in through if t.through] == ends
    control = [t.through.stage for t in trials if t.arm is Arm.THROUGH_CONTROL and t.through]
    assert control == ([] if not effects else [UNREACHED if PROXY in effects else OPEN])


def test_a_proxy_says_that_it_is_connected() -> None:
    """For what speaks no TLS that is the answer."""
    bed = Bed([BLOCKED], hosts=(HOST,))
    trials = bed.play(TCP.paired(task(bed, SOCKS)), TcpObservation)
    assert [(t.arm, t.synacks) for t in trials if t.through] == [(Arm.THROUGH_CONTROL, 1), (Arm.THROUGH, 1)]
