"""The counterfactual path: what is asked by way of a proxy, in which order, and that nothing says where it is."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments import REGISTRY, SCRUB_RULES
from balise_agent.experiments.experiment import AgentExperiment
from balise_agent.experiments.steps import Connect, Reply, Send
from balise_agent.experiments.task import Task
from balise_agent.experiments.through import HIDDEN, scrub_through
from balise_agent.measure.task_choice import Device
from balise_agent.policy.scrub import Allowed, scrub
from balise_agent.system.proxies import Proxy, ProxyKind
from balise_agent.testing import FakeNetwork, FakeSession, server_name
from balise_wire.experiments import cost
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.through import ProxyStage, Through
from balise_wire.words import Arm, Design, Experiment
from tests.testbed.secrets import forms

TLS, TCP = REGISTRY[Experiment.TLS], REGISTRY[Experiment.TCP]
SOCKS = Proxy(label="east", kind=ProxyKind.SOCKS5, address="198.18.66.66", port=47321)
NAMED = msgspec.structs.replace(SOCKS, username="somebody", password="drossel-bart")
HTTP = msgspec.structs.replace(NAMED, label="west", kind=ProxyKind.HTTP_CONNECT)


class Counterpart:
    """A proxy on a network of data: it answers turn by turn, and then whoever it is connected to does."""

    def __init__(self, network: FakeNetwork, proxy: Proxy = SOCKS) -> None:
        self.proxy = proxy
        self.dead: set[str] = set()
        """Addresses that it does not reach."""
        self.mute: set[str] = set()
        """Names whose greeting nobody answers behind it."""
        self.refuses = False
        self.asked: list[bytes] = []
        """What it was told before it was open."""
        self.hellos: list[bytes] = []
        self._send = network._handlers[Send]
        network.on(Send, self.send)

    def send(self, step: Send, session: FakeSession) -> Reply:
        """Hear, and say what comes back."""
        connection = session.connections[step.handle]
        reply = self._send(step, session)
        if connection.address != self.proxy.address:
            return reply
        if step.data.startswith(b"\x16"):
            self.hellos.append(step.data)
            connection.cut = Failure.GENERIC_TIMEOUT if (server_name(step.data) or "") in self.mute else None
        else:
            self.asked.append(step.data)
            connection.data = self._answer(step.data)
        return reply

    def _answer(self, data: bytes) -> bytes:
        if self.refuses:
            return b"HTTP/1.1 407 no\r\n\r\n" if self.proxy.kind is ProxyKind.HTTP_CONNECT else b"\5\xff"
        if self.proxy.kind is ProxyKind.HTTP_CONNECT:
            to = data.split(b" ")[1].split(b":")[0].decode()
            return b"HTTP/1.1 502 no\r\n\r\n" if to in self.dead else b"HTTP/1.1 200 yes\r\n\r\n"
        if len(data) == 3:
            return b"\5" + data[2:]
        if data.startswith(b"\1"):
            return b"\1\0"
        to = ".".join(map(str, data[4:8]))
        return (b"\5\4\0\1" if to in self.dead else b"\5\0\0\1") + bytes(6)


def with_proxy(task: Task, *several: Proxy) -> Task:
    """Return a paired task with proxies."""
    return msgspec.structs.replace(task, proxies=several or (SOCKS,), design=Design.PAIRED)


def by_proxy(trials: tuple[TlsObservation, ...] | tuple[TcpObservation, ...]) -> list[tuple[Arm, ProxyStage, bool]]:
    """Return arm, stage and success of what went by way of a proxy."""
    return [(t.arm, t.through.stage, t.failure is None) for t in trials if t.through is not None]


OPEN, NO_WAY, UNREACHED, REFUSED = ProxyStage.OPEN, ProxyStage.NO_WAY, ProxyStage.UNREACHED, ProxyStage.REFUSED
CONTROL, SUBJECT = Arm.THROUGH_CONTROL, Arm.THROUGH


@pytest.mark.parametrize("proxy", [SOCKS, NAMED, HTTP])
def test_a_name_that_dies_directly_is_asked_by_way_of_a_proxy(network: FakeNetwork, task: Task, proxy: Proxy) -> None:
    """The control first; then the very hello of the direct trial to the very address: only the path differs."""
    counterpart = Counterpart(network, proxy)
    network.cut["twitter.example"] = Failure.CONNECTION_RESET
    trials = network.play(TLS.plan.paired(with_proxy(task, proxy)), TlsObservation)
    assert by_proxy(trials) == [(CONTROL, OPEN, True), (SUBJECT, OPEN, True)]
    through = trials[-1]
    assert (through.address, through.port, through.sni) == ("198.18.1.1", 443, "twitter.example")
    hellos = [step.data for step in network.asked(Send) if step.data.startswith(b"\x16")]
    direct = [hello for hello in hellos if server_name(hello) == "twitter.example"]
    assert counterpart.hellos[-1] == direct[0]
    assert b"\xc6\x12\1\1\1\xbb" in counterpart.asked[-1] or b"198.18.1.1:443" in counterpart.asked[-1]


def test_what_works_directly_is_asked_by_no_other_way(network: FakeNetwork, task: Task) -> None:
    """It rides with a failure: what is well costs no proxy anything."""
    Counterpart(network)
    trials = network.play(TLS.plan.paired(with_proxy(task)), TlsObservation)
    assert by_proxy(trials) == []
    assert not [step for step in network.asked(Connect) if step.secret]


def test_a_sentinel_asks_no_proxy(network: FakeNetwork, task: Task) -> None:
    """Its bytes are for the paired series."""
    network.cut["twitter.example"] = Failure.CONNECTION_RESET
    network.play(TLS.plan.sentinel(with_proxy(task)), TlsObservation)
    assert not [step for step in network.asked(Connect) if step.secret]


def test_a_proxy_that_is_down_is_shown_no_name(network: FakeNetwork, task: Task) -> None:
    """It says nothing; that it was not reached is a fact of its own."""
    network.refuse(SOCKS.address, SOCKS.port, Failure.GENERIC_TIMEOUT)
    network.cut["twitter.example"] = Failure.CONNECTION_RESET
    trials = network.play(TLS.plan.paired(with_proxy(task)), TlsObservation)
    assert by_proxy(trials) == [(CONTROL, UNREACHED, False)]


@pytest.mark.parametrize("proxy", [SOCKS, HTTP])
def test_a_proxy_that_serves_nobody_is_shown_no_name(network: FakeNetwork, task: Task, proxy: Proxy) -> None:
    """A wrong password, or something else in the proxy's place."""
    Counterpart(network, proxy).refuses = True
    network.cut["twitter.example"] = Failure.CONNECTION_RESET
    trials = network.play(TLS.plan.paired(with_proxy(task, proxy)), TlsObservation)
    assert by_proxy(trials) == [(CONTROL, REFUSED, False)]


@pytest.mark.parametrize("proxy", [SOCKS, HTTP])
def test_what_is_dead_everywhere_fails_by_every_way(network: FakeNetwork, task: Task, proxy: Proxy) -> None:
    """Twice, since one alone dies of loss."""
    Counterpart(network, proxy).dead.add("198.18.1.1")
    network.cut["twitter.example"] = Failure.GENERIC_TIMEOUT
    trials = network.play(TLS.plan.paired(with_proxy(task, proxy)), TlsObservation)
    assert by_proxy(trials) == [(CONTROL, OPEN, True), (SUBJECT, NO_WAY, False), (SUBJECT, NO_WAY, False)]
    assert {t.failure for t in trials if t.arm is SUBJECT} == {Failure.HOST_UNREACHABLE}


def test_a_name_that_dies_on_the_way_to_the_proxy_too_fails_through_it(network: FakeNetwork, task: Task) -> None:
    """The proxy is open and nothing comes: read on the way, or dead behind it; both are told as they are."""
    Counterpart(network).mute.add("twitter.example")
    network.cut["twitter.example"] = Failure.GENERIC_TIMEOUT
    trials = network.play(TLS.plan.paired(with_proxy(task)), TlsObservation)
    assert by_proxy(trials) == [(CONTROL, OPEN, True), (SUBJECT, OPEN, False), (SUBJECT, OPEN, False)]


def test_an_address_that_connects_nobody_is_asked_by_way_of_a_proxy(network: FakeNetwork, task: Task) -> None:
    """Both by its hello, and by the SYNs of the layer below."""
    Counterpart(network)
    network.refuse("198.18.1.1", 443, Failure.GENERIC_TIMEOUT)
    trials = network.play(TLS.plan.paired(with_proxy(task)), TlsObservation)
    assert by_proxy(trials) == [(CONTROL, OPEN, True), (SUBJECT, OPEN, True)]
    (control, subject) = [t for t in network.play(TCP.plan.paired(with_proxy(task)), TcpObservation) if t.through]
    assert (control.address, subject.address, subject.syns, subject.synacks) == ("198.18.9.1", "198.18.1.1", 1, 1)


def test_without_a_proxy_or_a_control_nothing_is_asked(network: FakeNetwork, task: Task) -> None:
    """Where nothing can tell a dead proxy from a dead service, its word is none."""
    network.cut["twitter.example"] = Failure.CONNECTION_RESET
    alone = msgspec.structs.replace(with_proxy(task), controls=())
    for each in (msgspec.structs.replace(task, design=Design.PAIRED), alone):
        assert by_proxy(network.play(TLS.plan.paired(each), TlsObservation)) == []


@pytest.mark.parametrize("experiment", [TLS, TCP])
def test_it_begins_and_heats_nothing_and_is_paid_for(
    network: FakeNetwork, task: Task, experiment: AgentExperiment
) -> None:
    """The direct arms decide what follows; a proxy's failure is nobody's anomaly."""
    Counterpart(network).dead.add("198.18.1.1")
    network.refuse("198.18.1.1", 443, Failure.GENERIC_TIMEOUT)
    trials = network.play(experiment.plan.paired(with_proxy(task)))
    apart = [t for t in trials if t.arm in {SUBJECT, CONTROL}]
    assert len(apart) == 3
    for trial in apart:
        reading = experiment.reader.read(trial)
        assert (reading.at, reading.failed, reading.heats) == (None, False, ())
        assert reading.spent > 0
    assert experiment.reader.anomaly(apart) is None
    bare = experiment.plan.shape(msgspec.structs.replace(task, design=Design.PAIRED))
    assert cost(experiment.traits.word, experiment.plan.shape(with_proxy(task))) - cost(
        experiment.traits.word, bare
    ) >= experiment.reader.spent(apart)


@pytest.mark.parametrize("proxy", [NAMED, HTTP])
def test_nothing_that_leaves_says_where_the_proxy_is(network: FakeNetwork, task: Task, proxy: Proxy) -> None:
    """Neither a trial, nor its words, nor the text a host consents to; no form of the address, port or password."""
    Counterpart(network, proxy)
    network.refuse("198.18.1.1", 443, Failure.GENERIC_TIMEOUT)
    given = with_proxy(task, proxy)
    told: list[object] = []
    for experiment in (TLS, TCP):
        trials = network.play(experiment.plan.paired(given))
        kept = scrub(trials, Allowed(addresses=frozenset({"198.18.1.1", "198.18.9.1"})), SCRUB_RULES)
        told += [trials, kept, [experiment.reader.describe(t) for t in trials], experiment.contacts.on_anomaly(given)]
        assert any(t.through is not None for t in kept if isinstance(t, TlsObservation | TcpObservation))
        assert all(not t.packets for t in trials if t.arm in {SUBJECT, CONTROL})
    text = repr(told).encode() + b"".join(msgspec.json.encode(each) for each in told)
    assert not any(form in text for form in forms(proxy)), text
    assert HIDDEN.encode() in text


def test_no_text_form_of_a_step_says_where_it_leads() -> None:
    """A log line or a traceback may hold one."""
    step = Connect(address=SOCKS.address, port=SOCKS.port, timeout=1.0, secret=True)
    assert not any(form in repr(step).encode() for form in forms(SOCKS))
    assert "198.18.1.1" in repr(Connect(address="198.18.1.1", port=443, timeout=1.0))


def test_a_label_that_could_hold_an_address_stays() -> None:
    """The settings allow none; what leaves is held against the rule once more."""
    assert scrub_through(Through(label="198.18.66.66", stage=OPEN)) == Through(label="", stage=OPEN)
    assert scrub_through(Through(label="east", stage=OPEN)) == Through(label="east", stage=OPEN)
    assert scrub_through(None) is None


def test_a_proxy_in_the_household_is_never_asked() -> None:
    """What may not be contacted is no proxy either."""
    device = Device(secret=b"x", proxies=(SOCKS, msgspec.structs.replace(SOCKS, label="lan", address="192.168.1.5")))
    assert device.proxies_to_ask() == ()
    assert [one.label for one in msgspec.structs.replace(device, laboratory=("198.18.0.0/15",)).proxies_to_ask()] == [
        "east"
    ]


def test_proxies_take_turns(task: Task) -> None:
    """One a series, by the seed."""
    given = with_proxy(task, SOCKS, HTTP)
    picked = {msgspec.structs.replace(given, seed=seed).proxy(Experiment.TLS) for seed in range(16)}
    assert picked == {SOCKS, HTTP}


CHAT = Proxy(label="chat", kind=ProxyKind.WHATSAPP_CHAT, address="198.18.66.67", port=5222)
MEDIA = Proxy(label="media", kind=ProxyKind.WHATSAPP_MEDIA, address="198.18.66.67", port=587)
ANSWER = b"\0\0\x24\x1a\x22\x0a\x20" + bytes(32)
"""The server's hello of WhatsApp's chat."""


def of_whatsapp(task: Task, role: str, *several: Proxy) -> Task:
    """Return a paired task of a part of WhatsApp."""
    target = msgspec.structs.replace(task.target, service="whatsapp", role=role)
    return msgspec.structs.replace(with_proxy(task, *several), target=target)


class Relay:
    """WhatsApp's own proxy: it takes every connection, and says what comes from behind."""

    def __init__(self, network: FakeNetwork, answer: bytes, failure: Failure | None = None) -> None:
        self.heard: list[bytes] = []
        self._answer, self._failure = answer, failure
        self._send = network._handlers[Send]
        network.on(Send, self.send)

    def send(self, step: Send, session: FakeSession) -> Reply:
        """Hear, and say what comes back."""
        connection = session.connections[step.handle]
        reply = self._send(step, session)
        if connection.address == CHAT.address:
            self.heard.append(step.data)
            connection.data, connection.cut = self._answer, self._failure
        return reply


ANSWERED = ProxyStage.ANSWERED


@pytest.mark.parametrize(
    ("answer", "failure", "found"),
    [
        (ANSWER, None, [(SUBJECT, ANSWERED, True)]),
        (b"", Failure.GENERIC_TIMEOUT, [(SUBJECT, NO_WAY, False)] * 2),
        (b"", Failure.CONNECTION_RESET, [(SUBJECT, NO_WAY, False)] * 2),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", None, [(SUBJECT, NO_WAY, False)] * 2),
    ],
)
def test_chat_is_asked_by_way_of_its_own_proxy(
    network: FakeNetwork,
    task: Task,
    answer: bytes,
    failure: Failure | None,
    found: list[tuple[Arm, ProxyStage, bool]],
) -> None:
    """It has no control: only the chat's own answer says anything, and that a relay took the connection is none."""
    relay = Relay(network, answer, failure)
    network.refuse("198.18.1.1", 443, Failure.GENERIC_TIMEOUT)
    trials = network.play(TCP.plan.paired(of_whatsapp(task, "chat", CHAT)), TcpObservation)
    assert by_proxy(trials) == found
    assert all(said.startswith(b"WA\6\3") for said in relay.heard)
    assert all((t.address, t.port) == ("", 0) for t in trials if t.through is not None)


@pytest.mark.parametrize(
    ("answer", "failure", "found"),
    [
        (b"\x16\x03\x03\0\x7a\2\0", None, [(SUBJECT, ANSWERED, True)]),
        (b"", Failure.GENERIC_TIMEOUT, [(SUBJECT, NO_WAY, False)] * 2),
        (b"", Failure.CONNECTION_RESET, [(SUBJECT, NO_WAY, False)] * 2),
    ],
)
def test_media_are_asked_by_way_of_theirs(
    network: FakeNetwork,
    task: Task,
    answer: bytes,
    failure: Failure | None,
    found: list[tuple[Arm, ProxyStage, bool]],
) -> None:
    """By the very hello of the direct trial; the answer of a server of TLS says that the service is up."""
    relay = Relay(network, answer, failure)
    network.cut["twitter.example"] = Failure.CONNECTION_RESET
    trials = network.play(TLS.plan.paired(of_whatsapp(task, "media-image", MEDIA)), TlsObservation)
    assert by_proxy(trials) == found
    assert {server_name(said) for said in relay.heard} == {"twitter.example"}


@pytest.mark.parametrize(
    ("service", "role", "experiment"),
    [
        ("twitter", "chat", Experiment.TCP),
        ("twitter", "media-image", Experiment.TLS),
        ("whatsapp", "web", Experiment.TLS),
        ("whatsapp", "registration", Experiment.TCP),
        ("whatsapp", "chat", Experiment.TLS),
        ("whatsapp", "media-image", Experiment.TCP),
    ],
)
def test_a_relay_is_asked_for_nothing_else(task: Task, service: str, role: str, experiment: Experiment) -> None:
    """It leads to one part of one service: what it would answer for another says nothing of that."""
    target = msgspec.structs.replace(task.target, service=service, role=role)
    given = msgspec.structs.replace(with_proxy(task, CHAT, MEDIA), target=target)
    assert given.proxy(experiment) is None
    layer = REGISTRY[experiment]
    assert not [one for one in layer.contacts.on_anomaly(given) if HIDDEN in one.addresses]
    assert not layer.plan.shape(given).through
    both = msgspec.structs.replace(given, proxies=(CHAT, MEDIA, SOCKS))
    assert layer.plan.shape(both).through
    assert {msgspec.structs.replace(both, seed=seed).proxy(experiment) for seed in range(16)} == {SOCKS}


def test_a_relay_needs_no_control_and_nothing_says_where_it_is(network: FakeNetwork, task: Task) -> None:
    """None of the line's controls is named to a host beside it, and no form of its address leaves."""
    Relay(network, ANSWER)
    network.refuse("198.18.1.1", 443, Failure.GENERIC_TIMEOUT)
    given = msgspec.structs.replace(of_whatsapp(task, "chat", CHAT), controls=())
    trials = network.play(TCP.plan.paired(given), TcpObservation)
    assert by_proxy(trials) == [(SUBJECT, ANSWERED, True)]
    kept = scrub(trials, Allowed(addresses=frozenset({"198.18.1.1"})), SCRUB_RULES)
    described = [TCP.reader.describe(trial) for trial in trials]
    text = repr([trials, kept, described, TCP.contacts.on_anomaly(given)]).encode() + msgspec.json.encode(kept)
    assert not any(form in text for form in forms(CHAT) if form != str(CHAT.port).encode())
    hidden = [one for one in TCP.contacts.on_anomaly(of_whatsapp(task, "chat", CHAT)) if HIDDEN in one.addresses]
    assert [one.name for one in hidden] == ["twitter.example"]
