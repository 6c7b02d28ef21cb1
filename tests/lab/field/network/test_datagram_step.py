"""Exchanges of datagrams in the model: the agent's own plan over servers, boxes and lines."""

import pytest

from balise_agent.experiments.call import plan as call_plan
from balise_agent.experiments.quic.plan import PLAN
from balise_agent.experiments.steps import Datagram, DatagramsExchanged, Outgoing
from balise_agent.experiments.stun import plan as stun_plan
from balise_agent.experiments.task import Task
from balise_agent.experiments.vpn import plan as vpn_plan
from balise_lab.field.network import Effect, Home, Host
from balise_wire.assignment import Control, StunServer, Target
from balise_wire.experiments.call import CallObservation
from balise_wire.experiments.quic import QuicObservation
from balise_wire.experiments.stun import StunObservation
from balise_wire.experiments.vpn import VpnObservation, VpnParameters, VpnProtocol
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design, Experiment, TargetRole
from tests.lab.field.network.playing import CONTROL, NEIGHBOUR, SERVICE, Bed

SILENCE = Failure.GENERIC_TIMEOUT


def played(bed: Bed, *, paired: bool = False) -> dict[Arm, QuicObservation]:
    """Play one run; of several trials of an arm the last one."""
    address = bed.world.addresses_of(SERVICE)[0]
    task = Task(
        target=Target(
            id="s/web/h/4", service="s", role=TargetRole.WEB, host=SERVICE, addresses=(address,), neighbour=NEIGHBOUR
        ),
        address=address,
        addresses=(address,),
        controls=(Control(name=CONTROL, addresses=bed.world.addresses_of(CONTROL)[:1], quic=True),),
        design=Design.PAIRED if paired else Design.SENTINEL,
        seed=5,
    )
    plan = PLAN.paired(task) if paired else PLAN.sentinel(task)
    return {one.arm: one for one in bed.play(plan, QuicObservation)}


def test_a_server_answers_and_goes_on() -> None:
    """Its first flight is three datagrams, and what follows seconds later is answered."""
    seen = played(Bed())[Arm.SUBJECT]
    assert (seen.failure, seen.answer, seen.answers, seen.followed) == (None, "server_hello", 3, True)
    assert seen.packets[0].length == 1200


@pytest.mark.parametrize(
    ("effect", "failure", "answer"),
    [
        (Effect(kind="quic.sni", hosts=(SERVICE,)), SILENCE, ""),
        (Effect(kind="quic.sni", hosts=(SERVICE,), act="late"), SILENCE, "server_hello"),
        (Effect(kind="quic.sni", hosts=(CONTROL,)), None, "server_hello"),
        (Effect(kind="quic.version"), SILENCE, ""),
        (Effect(kind="udp.drop", ports=(443,)), SILENCE, ""),
        (Effect(kind="udp.drop", ports=(53,)), None, "server_hello"),
        (Effect(kind="udp.drop", hosts=(SERVICE,)), SILENCE, ""),
        (Effect(kind="router.udp", probes=("p1",)), SILENCE, ""),
        (Effect(kind="router.udp", probes=("r1",)), None, "server_hello"),
        (Effect(kind="ip.drop", hosts=(SERVICE,)), SILENCE, ""),
        (Effect(kind="ip.rst", hosts=(SERVICE,)), None, "server_hello"),
        (Effect(kind="ip.icmp", hosts=(SERVICE,)), Failure.ICMP_ADMIN_PROHIBITED, ""),
        (Effect(kind="sni.drop", hosts=(SERVICE,)), None, "server_hello"),
        (Effect(kind="portal.hotel"), SILENCE, ""),
        (Effect(kind="line.down"), SILENCE, ""),
        (Effect(kind="wifi", act="no_route"), Failure.NETWORK_UNREACHABLE, ""),
    ],
)
def test_what_stands_on_the_way(effect: Effect, failure: Failure | None, answer: str) -> None:
    """Boxes for connections leave datagrams alone, and the other way round."""
    seen = played(Bed((effect,)))[Arm.SUBJECT]
    assert (seen.failure, seen.answer) == (failure, answer)


def test_a_name_is_told_from_its_controls() -> None:
    """Only the subject's flow dies, and residual blocking takes UDP of its address and port alone."""
    seen = played(Bed((Effect(kind="quic.sni", hosts=(SERVICE,), residual=180.0),)), paired=True)
    assert {arm for arm, one in seen.items() if one.failure is not None} == {Arm.SUBJECT, Arm.AFTER}
    assert seen[Arm.ELSEWHERE].answer == "version_negotiation"
    assert seen[Arm.NOISE].followed


def test_a_box_on_the_version_leaves_other_datagrams_alone() -> None:
    """What asks for versions is answered on the very flow whose greeting died."""
    seen = played(Bed((Effect(kind="quic.version"),)), paired=True)
    assert (seen[Arm.SUBJECT].answers, seen[Arm.SUBJECT].followed) == (0, True)
    assert seen[Arm.NEIGHBOUR].answers == 0
    assert seen[Arm.NOISE].failure is None


@pytest.mark.parametrize(("quic", "failure"), [("none", SILENCE), ("closed", Failure.CONNECTION_REFUSED)])
def test_a_server_without_quic(quic: str, failure: Failure) -> None:
    """It says nothing, or its machine does."""
    seen = played(Bed(hosts=(Host(name=SERVICE, quic=quic),)))[Arm.SUBJECT]
    assert (seen.failure, seen.answer) == (failure, "")


def test_copies_make_good_for_loss() -> None:
    """At five in a hundred lost each way hardly an exchange fails."""
    bed = Bed(homes=(Home(id="p1", country="PK", asn=17557, loss=0.05),))
    ends = [played(bed)[Arm.SUBJECT].failure for _ in range(100)]
    assert ends.count(None) >= 97


def test_a_copy_leaves_only_while_nothing_was_heard() -> None:
    """The second one is held back by the answer to the first."""
    bed = Bed()
    address = bed.world.addresses_of(SERVICE)[0]
    probe = b"\xc0\x1a\x2a\x3a\x4a\x08whatever\x08versions".ljust(1_200, b"\0")
    datagrams = (Outgoing(data=probe), Outgoing(data=probe, after=2.0, unless_heard=0.0))
    step = Datagram(address=address, port=443, datagrams=datagrams, window=5.0)
    reply = bed.reply(bed.accesses["p1"].session(), step)
    assert isinstance(reply, DatagramsExchanged)
    assert (reply.sent_ms, len(reply.answers), reply.elapsed_ms) == ((0.0, None), 1, 5000.0)


# --- STUN -------------------------------------------------------------------------------------------------------------


def bound(bed: Bed, *, paired: bool = False) -> dict[Arm, StunObservation]:
    """Play one run of binding requests; of several trials of an arm the last one."""
    address = bed.world.addresses_of(SERVICE)[0]
    task = Task(
        target=Target(
            id="s/call-media/h/4", service="s", role=TargetRole.CALL_MEDIA, host=SERVICE, addresses=(address,),
            experiments=(Experiment.STUN,),
        ),
        address=address,
        addresses=(address,),
        stun_servers=(StunServer(name=CONTROL, addresses=bed.world.addresses_of(CONTROL)[:1]),),
        design=Design.PAIRED if paired else Design.SENTINEL,
        seed=5,
    )  # fmt: skip
    plan = stun_plan.PLAN.paired(task) if paired else stun_plan.PLAN.sentinel(task)
    return {one.arm: one for one in bed.play(plan, StunObservation)}


@pytest.mark.parametrize(
    ("effect", "failure", "followed"),
    [
        (Effect(kind="udp.stun"), SILENCE, True),
        (Effect(kind="udp.stun", hosts=(CONTROL,)), None, None),
        (Effect(kind="udp.drop", ports=(3478,)), SILENCE, False),
        (Effect(kind="udp.drop", ports=(443,)), None, None),
        (Effect(kind="router.udp", probes=("p1",)), SILENCE, False),
        (Effect(kind="router.alg"), None, None),
        (Effect(kind="router.alg", act="breaks"), Failure.STUN_MALFORMED, None),
        (Effect(kind="quic.version"), None, None),
        (Effect(kind="ip.icmp", hosts=(SERVICE,)), Failure.ICMP_ADMIN_PROHIBITED, None),
    ],
)
def test_binding_requests_die_of_what_acts_on_them(
    effect: Effect, failure: Failure | None, followed: bool | None
) -> None:
    """The mark, the port, a router that lets nothing out or changes what it brings in."""
    seen = bound(Bed((effect,)))[Arm.SUBJECT]
    assert (seen.failure, seen.followed) == (failure, followed)


@pytest.mark.parametrize(
    ("stun", "shape", "failure"),
    [
        ("both", None, None),
        ("cookie", SILENCE, None),
        ("none", SILENCE, SILENCE),
        ("closed", Failure.CONNECTION_REFUSED, Failure.CONNECTION_REFUSED),
    ],
)
def test_servers_differ_in_what_they_answer(stun: str, shape: Failure | None, failure: Failure | None) -> None:
    """Requests without the cookie are of an older standard; a closed port says so."""
    seen = bound(Bed(hosts=(Host(name=SERVICE, service="s", stun=stun),)), paired=True)
    assert (seen[Arm.SHAPE].failure, seen[Arm.SUBJECT].failure) == (shape, failure)
    assert (Arm.ELSEWHERE in seen) is (failure is not None)


# --- trains to a helper -----------------------------------------------------------------------------------------------


def called(bed: Bed) -> list[CallObservation]:
    """Play a series of trains."""
    helpers = bed.world.addresses_of("helper.example")[:1]
    target = Target(id="s/call-media/h/4", service="s", role=TargetRole.CALL_MEDIA, host=SERVICE)
    task = Task(target=target, helpers=helpers, design=Design.PAIRED, seed=5)
    return list(bed.play(call_plan.PLAN.paired(task), CallObservation))


def ends(*effects: Effect, **home: float) -> str:
    """Return which trains of a series passed: noise, voice up, voice down, and the call twice."""
    homes = (Home(id="p1", country="PK", asn=17557, **home),)  # type: ignore[arg-type]
    trials = called(Bed(effects, homes=homes, hosts=(Host(name="helper.example", country="DE", helper=True),)))
    return " ".join("ok" if one.failure is None else "cut" if one.token else "none" for one in trials)


@pytest.mark.parametrize(
    ("effect", "found"),
    [
        (Effect(kind="udp.drop", ports=(53,)), "ok ok ok ok ok"),
        (Effect(kind="call.cut", direction="up"), "ok cut ok cut cut"),
        (Effect(kind="call.cut", direction="down"), "ok ok cut cut cut"),
        (Effect(kind="call.cut"), "ok cut cut cut cut"),
        (Effect(kind="call.cut", passes=140), "ok ok ok ok ok"),
        (Effect(kind="call.cut", ports=(443,)), "ok ok ok ok ok"),
        (Effect(kind="udp.drop", ports=(3478,)), "none ok none"),
        (Effect(kind="line.loss", loss=0.05), "ok ok ok ok ok"),
    ],
)
def test_voice_dies_of_what_acts_on_it(effect: Effect, found: str) -> None:
    """One way or both; behind a closed port the helper's other ports are looked at."""
    assert ends(effect) == found


def test_a_slow_line_loses_every_shape_alike() -> None:
    """A train takes 75 kb/s each way."""
    seen = called(
        Bed(
            homes=(Home(id="p1", country="PK", asn=17557, kbps=50.0),),
            hosts=(Host(name="helper.example", country="DE", helper=True),),
        )
    )
    shares = [sum(one.returned or ()) / one.sent for one in seen]
    assert all(0.2 < share < 0.65 for share in shares)


# --- handshakes with a helper -----------------------------------------------------------------------------------------


def shaken(protocol: VpnProtocol, *effects: Effect) -> str:
    """Return how many rounds of a control and of a handshake were answered."""
    hosts = (Host(name="helper.example", country="DE", helper=True),)
    bed = Bed(effects, homes=(Home(id="p1", country="PK", asn=17557),), hosts=hosts)
    target = Target(id="s/vpn/h/4", service="s", role=TargetRole.VPN, host="h")
    target = target.saying(VpnParameters(protocol=protocol, port=1_194))
    task = Task(target=target, helpers=bed.world.addresses_of("helper.example")[:1], design=Design.PAIRED, seed=5)
    return " ".join(str(one.answered) for one in bed.play(vpn_plan.PLAN.paired(task), VpnObservation))


@pytest.mark.parametrize(
    ("protocol", "effect", "found"),
    [
        (VpnProtocol.WIREGUARD, Effect(kind="call.cut"), "2 2"),
        (VpnProtocol.WIREGUARD, Effect(kind="vpn.cut", act="wireguard"), "2 0 2 0"),
        (VpnProtocol.WIREGUARD, Effect(kind="vpn.cut", act="ikev2"), "2 2"),
        (VpnProtocol.IKEV2, Effect(kind="vpn.cut", act="ikev2"), "2 0 2 0"),
        (VpnProtocol.OPENVPN, Effect(kind="vpn.cut", act="openvpn"), "3 0 3 0"),
        (VpnProtocol.OPENVPN, Effect(kind="vpn.cut", act="openvpn", passes=4), "3 1 3 1"),
        (VpnProtocol.OPENVPN, Effect(kind="vpn.cut", act="openvpn", passes=7), "3 2 3 2"),
        (VpnProtocol.OPENVPN, Effect(kind="vpn.cut", act="openvpn", passes=8), "3 3"),
        (VpnProtocol.OPENVPN, Effect(kind="udp.drop", ports=(1_194,)), "0 0"),
        (VpnProtocol.OPENVPN, Effect(kind="line.loss", loss=0.05), "3 3"),
    ],
)
def test_a_handshake_dies_of_what_knows_it(protocol: VpnProtocol, effect: Effect, found: str) -> None:
    """Behind so many packets of its flow; the packets of no protocol pass."""
    assert shaken(protocol, effect) == found
