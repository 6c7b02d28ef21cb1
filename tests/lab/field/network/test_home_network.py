"""One home's side: ways, loss, residual blocking."""

from balise_agent.experiments.tcp.plan import PLAN as TCP
from balise_agent.experiments.tls.plan import PLAN as TLS
from balise_lab.field.network import Effect, Home
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from tests.lab.field.network.playing import DOMESTIC, SERVICE, Bed


def test_ways_are_those_of_the_map() -> None:
    """A foreign server is far, a domestic one near, with a little jitter and always the same hops."""
    bed = Bed()
    home = bed.accesses["p1"].home
    far, near = (bed.world.addresses_of(name)[0] for name in (SERVICE, DOMESTIC))
    ways = [home.way(far) for _ in range(50)]
    assert len({way.ttl for way in ways}) == 1
    assert 0.15 < min(way.seconds for way in ways) < max(way.seconds for way in ways) < 0.35
    assert home.way(near).seconds < 0.06


def test_loss_is_both_ways() -> None:
    """At 20 % each way a question and its answer are lost in 36 of 100."""
    bed = Bed([Effect(kind="line.loss", loss=0.2)])
    home = bed.accesses["p1"].home
    assert 0.30 < sum(home.lost() for _ in range(4_000)) / 4_000 < 0.42


def test_an_evening_is_slow() -> None:
    """``line.slow`` adds to every round trip."""
    bed = Bed([Effect(kind="line.slow", ms=300.0, until=100.0)])
    home = bed.accesses["p1"].home
    address = bed.world.addresses_of(DOMESTIC)[0]
    slow = home.way(address).seconds
    bed.clock.true += 100.0
    assert slow > home.way(address).seconds + 0.1


def test_a_proxy_of_the_provider_answers_every_syn() -> None:
    """On a satellite line dead addresses connect; what is said to them comes to nothing, and to living ones back."""
    homes = (Home(id="p1", country="PK", asn=17557, pep=True, access_ms=30.0),)
    bed = Bed([Effect(kind="ip.drop", hosts=(SERVICE,), until=60.0)], homes=homes)
    (syns,) = bed.play(TCP.sentinel(bed.task()), TcpObservation)
    (dead,) = bed.play(TLS.sentinel(bed.task()), TlsObservation)
    assert (syns.synacks, syns.failure) == (2, None)
    assert dead.connect_ms is not None
    assert (dead.connect_ms < 60.0, dead.failure) == (True, Failure.GENERIC_TIMEOUT)
    bed.clock.true += 60.0
    (alive,) = bed.play(TLS.sentinel(bed.task()), TlsObservation)
    assert (alive.failure, alive.record) == (None, "server_hello")
    assert alive.elapsed_ms > 150.0
