"""Names that are shown: boxes, portals, programs on the way and the service's own front."""

import msgspec
import pytest

from balise_agent.experiments.http.plan import PLAN as HTTP
from balise_agent.experiments.task import Task
from balise_agent.experiments.tls.plan import PLAN as TLS
from balise_lab.field.network import Effect, Home, Host, Page
from balise_wire.experiments.http import HttpObservation, HttpParameters
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm
from tests.lab.field.network.playing import CONTROL, DOMESTIC, NEIGHBOUR, SERVICE, Bed

S = (SERVICE,)


def hello(bed: Bed, host: str = SERVICE, *, full: bool = False) -> TlsObservation:
    """Return one sentinel's last trial."""
    return bed.play(TLS.sentinel(bed.task(host, full=full)), TlsObservation)[-1]


def asking(task: Task, port: int = 80, most: int = 4_096) -> Task:
    """Return a task that asks for a page."""
    return msgspec.structs.replace(task, target=task.target.saying(HttpParameters(port=port, fetch_bytes=most)))


def page(bed: Bed, host: str = SERVICE, port: int = 80, most: int = 4_096) -> HttpObservation:
    """Return one sentinel's trial."""
    return bed.play(HTTP.sentinel(asking(bed.task(host), port, most)), HttpObservation)[0]


@pytest.mark.parametrize(
    ("effect", "failure", "record"),
    [
        (Effect(kind="sni.rst", hosts=S), Failure.CONNECTION_RESET, ""),
        (Effect(kind="sni.fin", hosts=S), Failure.EOF, ""),
        (Effect(kind="sni.drop", hosts=S), Failure.GENERIC_TIMEOUT, ""),
        (Effect(kind="server.hello", hosts=S), Failure.CONNECTION_RESET, ""),
        (Effect(kind="server.hello", hosts=S, act="drop"), Failure.GENERIC_TIMEOUT, ""),
        (Effect(kind="server.hello", hosts=S, act="close"), Failure.EOF, ""),
        (Effect(kind="server.hello", hosts=S, act="stall"), Failure.GENERIC_TIMEOUT, ""),
        (Effect(kind="server.hello", hosts=S, act="alert", alert=40), None, "alert:40"),
        (Effect(kind="portal.topup"), Failure.GENERIC_TIMEOUT, ""),
        (Effect(kind="whitelist"), Failure.GENERIC_TIMEOUT, ""),
        (Effect(kind="whitelist", act="rst"), Failure.CONNECTION_RESET, ""),
        (Effect(kind="whitelist", allow=S), None, "server_hello"),
    ],
    ids=lambda value: f"{value.kind} {value.act}" if isinstance(value, Effect) else "",
)
def test_a_hello_ends_as_the_effect_says(effect: Effect, failure: Failure | None, record: str) -> None:
    """What a hello-only trial sees of each kind."""
    trial = hello(Bed([effect]))
    assert trial.connect_ms is not None
    assert (trial.failure, trial.record) == (failure, record)


@pytest.mark.parametrize(
    ("marks", "copies", "flags", "ttl", "df", "server_speaks"),
    [
        ("box", 3, "RA", range(44, 45), False, False),
        ("plain", 1, "R", range(40, 64), True, False),
        ("gfw1", 1, "R", range(55, 119), False, True),
        ("gfw2", 3, "RA", range(39, 239), True, True),
        ("gfw3", 1, "RA", range(248, 249), False, True),
        ("henan", 1, "RA", range(58, 59), False, True),
    ],
)
def test_injectors_look_as_they_were_seen(
    marks: str, copies: int, flags: str, ttl: range, df: bool, server_speaks: bool
) -> None:
    """Flags, copies, TTL and DF of detectors.md 2.3; a box on the path cannot keep the server's answer back."""
    trial = hello(Bed([Effect(kind="sni.rst", hosts=S, marks=marks)]))
    resets = [packet for packet in trial.packets if packet.direction == "in" and "R" in packet.flags]
    assert [packet.flags for packet in resets] == [flags] * copies
    assert all(packet.ttl in ttl and packet.df is df for packet in resets)
    assert len({(packet.ip_id, packet.seq) for packet in resets}) == (copies if marks == "box" else 1)
    assert any(packet.direction == "in" and packet.length > 1000 for packet in trial.packets) is server_speaks


def test_resets_without_signs_look_like_the_server_s() -> None:
    """``plain`` marks and a front that resets leave the same packets but for their moment."""
    forged = hello(Bed([Effect(kind="sni.rst", hosts=S, marks="plain")]))
    own = hello(Bed([Effect(kind="server.hello", hosts=S)]))

    def look(trial: TlsObservation) -> list[tuple[object, ...]]:
        return [(p.flags, p.ttl, p.ip_id, p.df, p.seq, p.window) for p in trial.packets if "R" in p.flags]

    assert look(forged) == look(own)


def test_a_wildcard_catches_the_neighbour() -> None:
    """Names beside the selected one end in the same registered name; scrambled ones do not."""
    bed = Bed([Effect(kind="sni.drop", hosts=S, wildcard=True)])
    trials = bed.play(TLS.paired(bed.task()), TlsObservation)
    died = {trial.arm for trial in trials if trial.failure is not None}
    assert {Arm.NEIGHBOUR, Arm.SUBJECT} <= died <= {Arm.NEIGHBOUR, Arm.SUBJECT, Arm.AFTER}
    assert NEIGHBOUR.endswith("example.com")


def test_a_white_list_lets_the_inside_live() -> None:
    """Every foreign name dies and the domestic one does not."""
    bed = Bed([Effect(kind="whitelist", allow=("*.gov.pk",))])
    assert [hello(bed, name).failure for name in (SERVICE, CONTROL, DOMESTIC)] == [
        Failure.GENERIC_TIMEOUT, Failure.GENERIC_TIMEOUT, None,
    ]  # fmt: skip


def test_residual_closes_the_endpoint_for_a_while() -> None:
    """After a hit nothing passes to the same address and port, whatever the name, until the time is over."""
    bed = Bed([Effect(kind="sni.drop", hosts=S, residual=600.0)])
    assert hello(bed).connect_ms is not None
    task = msgspec.structs.replace(bed.task(), target=msgspec.structs.replace(bed.task().target, host=NEIGHBOUR))
    (closed,) = bed.play(TLS.sentinel(task), TlsObservation)
    assert closed.connect_ms is None
    bed.clock.true += 600.0
    (again,) = bed.play(TLS.sentinel(task), TlsObservation)
    assert again.failure is None


@pytest.mark.parametrize(
    ("effect", "failure", "control"),
    [
        (Effect(kind="tls.mitm", hosts=S), Failure.SSL_UNKNOWN_AUTHORITY, None),
        (Effect(kind="tls.mitm", inspected=True), Failure.SSL_UNKNOWN_AUTHORITY, Failure.SSL_UNKNOWN_AUTHORITY),
        (Effect(kind="tls.mitm", hosts=S, trusted=True), None, None),
        (Effect(kind="antivirus"), Failure.SSL_UNKNOWN_AUTHORITY, Failure.SSL_UNKNOWN_AUTHORITY),
        (Effect(kind="portal.hotel"), Failure.SSL_INVALID_HOSTNAME, Failure.SSL_INVALID_HOSTNAME),
        (Effect(kind="cert.expired", hosts=S), Failure.SSL_INVALID_CERTIFICATE, None),
        (Effect(kind="cert.wrong_name", hosts=S), Failure.SSL_INVALID_HOSTNAME, None),
        (Effect(kind="cert.other_ca", hosts=S), None, None),
        (Effect(kind="cert.other_ca", hosts=S, issuer="CN=Home Made"), Failure.SSL_UNKNOWN_AUTHORITY, None),
        (Effect(kind="cert.renewed", hosts=S), None, None),
    ],
    ids=lambda value: f"{value.kind} {value.issuer}" if isinstance(value, Effect) else "",
)
def test_a_chain_is_the_effect_s(effect: Effect, failure: Failure | None, control: Failure | None) -> None:
    """What a whole handshake shows of one name, and of the control's."""
    bed = Bed([effect])
    usual = hello(Bed(), full=True)
    trial = hello(bed, full=True)
    assert trial.failure is failure
    assert trial.chain[0].sha256 != usual.chain[0].sha256
    assert hello(bed, CONTROL, full=True).failure is control


def test_a_wrong_clock_doubts_every_certificate() -> None:
    """Dates are held against the probe's own clock."""
    bed = Bed()
    bed.clock.wrong = -400 * 86_400.0
    assert hello(bed, full=True).failure is Failure.SSL_INVALID_CERTIFICATE
    assert hello(bed, CONTROL, full=True).failure is Failure.SSL_INVALID_CERTIFICATE


def test_an_update_that_a_service_dislikes() -> None:
    """``versions``: the front resets the hello of the new version alone."""
    homes = (
        Home(id="p1", country="PK", asn=17557, version="2"), Home(id="p2", country="PK", asn=17557, version="1"),
    )  # fmt: skip
    bed = Bed([Effect(kind="server.hello", hosts=S, versions=("2",))], homes=homes)
    task = bed.task()
    assert bed.play(TLS.sentinel(task), TlsObservation)[0].failure is Failure.CONNECTION_RESET
    assert bed.play(TLS.sentinel(task), TlsObservation, probe="p2")[0].failure is None


@pytest.mark.parametrize(
    ("effect", "status", "title"),
    [
        (Effect(kind="http.blockpage", hosts=S, title="Access Denied", status=403), 403, "Access Denied"),
        (Effect(kind="http.blockpage", hosts=S), 200, "Blocked"),
        (Effect(kind="portal.hotel"), 200, "Welcome to our hotel"),
        (Effect(kind="server.status", hosts=S, status=451), 451, "451 Unavailable For Legal Reasons"),
        (Effect(kind="server.status", hosts=S, status=429, retry_after=60), 429, "429 Too Many Requests"),
        (Effect(kind="server.status", hosts=S, status=503), 503, "503 Service Unavailable"),
        (Effect(kind="server.robot", hosts=S), 403, "Just a moment..."),
        (Effect(kind="server.page", hosts=S, title="Ours"), 200, "Ours"),
        (Effect(kind="http.redirect", hosts=S), 302, ""),
        (Effect(kind="portal.topup"), 302, ""),
        (Effect(kind="server.redirect", hosts=S, location="https://www.example.pk/"), 302, ""),
    ],
    ids=lambda value: f"{value.kind} {value.status}" if isinstance(value, Effect) else "",
)
def test_a_page_is_the_effect_s(effect: Effect, status: int, title: str) -> None:
    """What a request in clear sees of each kind."""
    trial = page(Bed([effect]))
    assert (trial.failure, trial.status, trial.title) == (None, status, title)


@pytest.mark.parametrize("act", ["fold", "spacecolon", "big", "many", "nocolon", "crlf"])
def test_an_odd_head_is_still_a_page(act: str) -> None:
    """Heads that browsers forgive come through as the server sent them."""
    trial = page(Bed([Effect(kind="server.head", hosts=S, act=act)]))
    assert trial.status == 301


def test_a_request_over_tls_is_the_server_s_alone() -> None:
    """Boxes on Hosts see nothing of it; the server's own doing is seen."""
    assert page(Bed([Effect(kind="http.blockpage", hosts=S)]), port=443).status == 200
    assert page(Bed([Effect(kind="server.status", hosts=S, status=403)]), port=443).status == 403


def test_a_country_is_led_to_its_own_site() -> None:
    """Pages by country, in clear and over TLS."""
    there = "https://pk.svc.example.com/"
    bed = Bed(hosts=[Host(name=SERVICE, pages={"/": Page(title="World", countries={"PK": there})}, https=False)])
    for port in (80, 443):
        trial = page(bed, port=port)
        assert dict(trial.headers)["location"] == there
    (abroad,) = bed.play(HTTP.sentinel(asking(bed.task())), HttpObservation, probe="r1")
    assert abroad.title == "World"


def test_connections_of_a_hoster_freeze() -> None:
    """After so many bytes nothing more comes, and no end either; a short answer is whole."""
    host = Host(name=SERVICE, pages={"/": Page(length=60_000)})
    bed = Bed([Effect(kind="hoster.freeze", hosts=S)], hosts=[host])
    trial = page(bed, port=443, most=65_536)
    assert trial.failure is Failure.GENERIC_TIMEOUT
    assert 4_000 < trial.body_bytes < 16_384
    assert hello(bed).failure is None


def test_a_throttle_shows_in_the_goodput() -> None:
    """The rate of a slowed connection is about the effect's; others keep the line's, by another name there too."""
    host = Host(name=SERVICE, pages={"/": Page(length=60_000)}, neighbours=(NEIGHBOUR,))
    slow = page(Bed([Effect(kind="throttle", hosts=S, kbps=128.0)], hosts=[host]), port=443, most=65_536)
    usual = page(Bed(hosts=[host]), port=443, most=65_536)
    assert slow.goodput_kbps is not None
    assert usual.goodput_kbps is not None
    assert 100.0 < slow.goodput_kbps < 150.0
    assert usual.goodput_kbps > 500.0
    bed = Bed([Effect(kind="throttle", hosts=S)], hosts=[host])
    task = bed.task()
    task = msgspec.structs.replace(task, target=msgspec.structs.replace(task.target, host=NEIGHBOUR))
    (beside,) = bed.play(HTTP.sentinel(asking(task, 443, 65_536)), HttpObservation)
    assert beside.goodput_kbps is not None
    assert beside.goodput_kbps > 500.0
