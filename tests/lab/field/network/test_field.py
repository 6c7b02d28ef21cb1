"""The model as real plans see it: an ordinary internet, and the commonest things that happen to it."""

import itertools
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from balise_agent.experiments.dns.plan import PLAN as DNS
from balise_agent.experiments.http.plan import PLAN as HTTP
from balise_agent.experiments.line.plan import PLAN as LINE
from balise_agent.experiments.tcp.plan import PLAN as TCP
from balise_agent.experiments.tls.plan import PLAN as TLS
from balise_lab.field.network import Effect, Field, Home, Host, Page, World
from balise_wire.experiments.dns import DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.line import LineObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.trial import Trial
from balise_wire.words import Arm, Resolver
from tests.lab.field.network.playing import SERVICE, START, Bed


def test_an_ordinary_internet_answers_everything() -> None:
    """Where nothing happens every plan of every experiment ends well, silent addresses apart."""
    bed = Bed()
    task = bed.task(full=True)
    (line,) = bed.play(LINE.sentinel(task), LineObservation)
    assert line.gateway_ok
    assert line.resolver_ok
    assert all(control.failure is None for control in line.controls)
    for trial in bed.play(DNS.paired(task), DnsObservation):
        expected = Failure.GENERIC_TIMEOUT if trial.resolver is Resolver.SILENT else None
        assert trial.failure is (Failure.DNS_NXDOMAIN if trial.arm is Arm.RANDOM_LABEL else expected)
    assert all(trial.failure is None for trial in bed.play(TCP.paired(task), TcpObservation))
    trials = bed.play(TLS.paired(task), TlsObservation)
    assert all(trial.failure is None for trial in trials)
    assert trials[-1].verified
    (page,) = bed.play(HTTP.sentinel(task), HttpObservation)
    assert page.status == 301


def test_a_name_that_is_reset_leaves_other_names_alone() -> None:
    """``sni.rst`` acts on the name alone, before the server's answer, and its packets are those of the lab's box."""
    bed = Bed([Effect(kind="sni.rst", hosts=(SERVICE,))])
    trials = bed.play(TLS.paired(bed.task()), TlsObservation)
    failed = {trial.arm for trial in trials if trial.failure is Failure.CONNECTION_RESET}
    assert failed == {Arm.SUBJECT}
    last = next(trial for trial in reversed(trials) if trial.arm is Arm.SUBJECT)
    resets = [packet for packet in last.packets if "R" in packet.flags and packet.direction == "in"]
    assert [(packet.flags, packet.ip_id, packet.window, packet.seq) for packet in resets] == [
        ("RA", 0x4242, 8191, 1 + 1460 * copy) for copy in range(3)
    ]


def test_an_effect_begins_ends_and_pauses_when_it_says() -> None:
    """``at``, ``until`` and ``duty`` are seconds of the true time, from the field's start."""
    bed = Bed([Effect(kind="ip.drop", hosts=(SERVICE,), at=100.0, until=1000.0, duty=(60.0, 120.0))])
    seen = []
    for moment in (0.0, 110.0, 170.0, 290.0, 1010.0):
        bed.clock.true = START + moment
        seen.append(bed.play(TCP.sentinel(bed.task()), TcpObservation)[0].failure is None)
    assert seen == [True, False, True, False, True]


def test_only_the_selected_homes_are_concerned() -> None:
    """An effect on a country spares the reference abroad."""
    bed = Bed([Effect(kind="sni.drop", hosts=(SERVICE,), countries=("PK",))])
    task = bed.task()
    (here,) = bed.play(TLS.sentinel(task), TlsObservation)
    (there,) = bed.play(TLS.sentinel(task), TlsObservation, probe="r1")
    assert here.failure is Failure.GENERIC_TIMEOUT
    assert there.failure is None


def test_a_field_repeats_itself() -> None:
    """The same world, effects and seed give the same observations, to the microsecond."""

    def played() -> tuple[object, ...]:
        bed = Bed([Effect(kind="line.loss", loss=0.05)])
        task = bed.task()
        return tuple(bed.play(plan.paired(task), kind) for plan, kind in ((DNS, DnsObservation), (TCP, TcpObservation)))

    assert played() == played()


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        (Effect(kind="sni.reset"), "no kind of effect"),
        (Effect(kind="sni.rst", kbps=3.0), "takes no kbps"),
        (Effect(kind="server.hello", act="shout"), "none of reset"),
        (Effect(kind="ip.drop", probes=("nobody",)), "no home"),
        (Effect(kind="ip.drop", hosts=("nowhere.example",)), "no host"),
        (Effect(kind="ip.drop", at=5.0, until=5.0), "before it begins"),
    ],
)
def test_an_effect_that_says_nonsense_is_refused(effect: Effect, told: str) -> None:
    """A wrong word in a situation is a message that names it, never an effect that does nothing."""
    world = World.of_names([SERVICE], [Home(id="p1", country="PK", asn=17557)])
    with pytest.raises(ValueError, match=told):
        Field(world, [effect], lambda: START)


def test_a_border_that_is_cut_leaves_the_inside_alive() -> None:
    """``border.cut``: controls at home answer, those abroad do not, and nothing is delivered."""
    bed = Bed([Effect(kind="border.cut", countries=("PK",))])
    (line,) = bed.play(LINE.sentinel(bed.task()), LineObservation)
    assert {control.scope.value: control.failure is None for control in line.controls} == {
        "international": False,
        "domestic": True,
    }
    assert line.resolver_ok
    assert not bed.field.delivers("p1")
    assert bed.field.delivers("r1")


@pytest.mark.parametrize(
    ("effect", "delivers"),
    [
        (Effect(kind="sni.drop"), True),
        (Effect(kind="line.down"), False),
        (Effect(kind="wifi"), False),
        (Effect(kind="provider.outage", providers=(17557,)), False),
        (Effect(kind="portal.topup"), False),
        (Effect(kind="portal.dns"), False),
        (Effect(kind="whitelist"), False),
        (Effect(kind="whitelist", allow=("broker",)), True),
        (Effect(kind="port.drop", ports=(443,)), True),
        (Effect(kind="port.drop", ports=(443, 8883)), False),
        (Effect(kind="port.drop"), False),
        (Effect(kind="ip.drop", hosts=(SERVICE,)), True),
    ],
    ids=lambda value: value.kind if isinstance(value, Effect) else "",
)
def test_what_stops_deliveries(effect: Effect, delivers: bool) -> None:
    """The broker stands abroad, on a port of its own."""
    assert Bed([effect]).field.delivers("p1") is delivers


def test_a_limiter_counts_connections_of_a_home() -> None:
    """``server.rate``: so many in a minute, then silence or a refusal; a minute later again."""
    bed = Bed([Effect(kind="server.rate", hosts=(SERVICE,), per_minute=2, act="reset")])

    def answered() -> tuple[int, int]:
        (trial,) = bed.play(TCP.sentinel(bed.task()), TcpObservation)
        return trial.synacks, trial.resets

    assert [answered(), answered()] == [(2, 0), (0, 2)]
    bed.clock.true += 61.0
    assert answered() == (2, 0)


# --- against the measurements of real packets -------------------------------------------------------------------------

RECORDED = Path(__file__).resolve().parents[5] / "shared" / "data" / "field" / "measurements"
T = TypeVar("T", bound=Trial)
Shape = list[tuple[str, str, int, int]]


def recorded(name: str, kind: type[T]) -> T:
    """Return the first trial that the agent's plans made over a network of namespaces."""
    text = (RECORDED / f"{name}.jsonl").read_text("utf-8").splitlines()[0]
    trial = msgspec.json.decode(text, type=Measurement).observations[0]
    assert isinstance(trial, kind)
    return trial


def shape(trial: Trial, *, most: int = 99) -> Shape:
    """Return direction, flags, sequence number and length of the packets that do not depend on sizes or times."""
    return [(p.direction.value, p.flags or p.icmp, min(p.seq, 1), min(p.length, 1)) for p in trial.packets][:most]


@pytest.mark.real_data
def test_a_hello_that_is_dropped_looks_like_the_recorded_one() -> None:
    """The same packets in the same order: SYN, handshake, the hello and its copies, our reset; the doubling pauses."""
    real = recorded("tls_lanblock", TlsObservation)
    (model,) = Bed([Effect(kind="sni.drop", hosts=(SERVICE,))]).play(TLS.sentinel(Bed().task()), TlsObservation)
    assert (model.failure, model.record) == (real.failure, "")
    assert shape(model, most=8) == shape(real, most=8)

    def pauses(trial: Trial) -> list[float]:
        times = [packet.t_us / 1e6 for packet in trial.packets if packet.length]
        return [later - earlier for earlier, later in itertools.pairwise(times)]

    # The recorded server stood in the next room, the model's across an ocean: its pauses are longer, and double alike.
    for seen in (real, model):
        found = pauses(seen)[1:4]
        assert all(later == pytest.approx(2 * earlier, rel=0.05) for earlier, later in itertools.pairwise(found))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "effects", "failure"),
    [
        ("tcp6_broken2", (Effect(kind="v6.broken"),), Failure.GENERIC_TIMEOUT),
        ("tcp6_proh", (Effect(kind="v6.broken", act="prohibited"),), Failure.ICMP_ADMIN_PROHIBITED),
    ],
)
def test_a_home_with_broken_ipv6_looks_like_the_recorded_one(
    name: str, effects: tuple[Effect, ...], failure: Failure
) -> None:
    """SYNs into nothing, and the first hop's own word: packets, TTLs and time."""
    real = recorded(name, TcpObservation)
    bed = Bed(effects, homes=(Home(id="p1", country="PK", asn=17557, v6=True),))
    (model,) = bed.play(TCP.sentinel(bed.task(family=6)), TcpObservation)
    assert real.failure is model.failure is failure
    assert shape(model) == shape(real)
    assert [(p.ttl, p.icmp, p.options, p.window) for p in model.packets] == [
        (p.ttl, p.icmp, p.options, p.window) for p in real.packets
    ]
    assert model.elapsed_ms == pytest.approx(real.elapsed_ms, abs=10.0)


@pytest.mark.real_data
def test_an_answer_of_a_resolver_looks_like_the_recorded_one() -> None:
    """One datagram each way, with the same flags of the answer; the recorded resolver stood in the next room."""
    real = recorded("dns_ok", DnsObservation)
    (model,) = Bed().play(DNS.sentinel(Bed().task()), DnsObservation)
    assert shape(model) == shape(real)
    told = [(a.rcode, a.aa, a.ra, a.tc, a.edns, len(a.addresses), a.rr_ttl, a.way) for a in model.answers]
    assert told == [(a.rcode, a.aa, a.ra, a.tc, a.edns, len(a.addresses), a.rr_ttl, a.way) for a in real.answers]
    assert [packet.length for packet in model.packets] == [packet.length for packet in real.packets]


@pytest.mark.real_data
def test_a_page_looks_like_the_recorded_one() -> None:
    """The packets of a short page up to its end: handshake, request, its acknowledgement, answer, both FINs."""
    real = recorded("http_ok", HttpObservation)
    host = Host(name=SERVICE, pages={"/": Page(title="Service", length=80)}, https=False)
    bed = Bed(hosts=[host])
    (model,) = bed.play(HTTP.sentinel(bed.task()), HttpObservation)
    assert (model.status, model.title, model.failure) == (real.status, "Service", None)
    # The recorded kernel acknowledged late what the model's acknowledges at once.
    kept = [packet for packet in shape(real) if packet[1] != "A"]
    assert [packet for packet in shape(model) if packet[1] != "A"] == kept
