"""The counterfactual path: a connection to a server by way of a proxy of the operator's (docs/experiments/proxy.md).

Lives here: asking a proxy, how far it led, and the order of a series: the control's name first, since a proxy that is
down says nothing and is shown no name that somebody may mind. Nothing that is returned says where the proxy is. Must
not live here: the proxies' bytes (codec/proxy.py), what is said to the server, or any verdict.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from balise_agent.codec import noise
from balise_agent.codec import proxy as spoken
from balise_agent.experiments.experiment import Destination
from balise_agent.experiments.steps import Close, Connect, Connected, Failed, Receive, Received, Reply, Send, Step
from balise_agent.experiments.task import Endpoint, Task, expect
from balise_agent.system.proxies import Proxy, ProxyKind
from balise_wire.experiments.traits import Traits
from balise_wire.failures import Failure
from balise_wire.through import LABEL, MOST, ProxyStage, Through
from balise_wire.trial import Trial
from balise_wire.words import Arm

T = TypeVar("T", bound=Trial)
BY_PROXY: Final = frozenset({Arm.THROUGH, Arm.THROUGH_CONTROL})
HIDDEN: Final = "(by way of the operator's proxy)"
"""In the place of a proxy's address, for the host."""
_TRIES: Final = MOST - 1
"""Of the subject, where the first fails: one alone dies of ordinary loss now and then."""


class Opened(NamedTuple):
    """What came of asking a proxy for a connection."""

    at: float
    """UNIX seconds on the probe's clock at which it was begun."""
    elapsed_ms: float
    through: Through
    failure: Failure | None = None
    """Why it is not open; ``None`` where it is."""
    handle: int = 0
    """Of the connection, where it is open."""
    flood: int = 0


class Said(NamedTuple):
    """The proxy's last word, and how far it led."""

    stage: ProxyStage
    elapsed_ms: float
    failed: Failed | None = None
    """Where the connection to the proxy failed, and is closed by that."""


Words = Generator[Step, Reply, Said]


def series(
    task: Task, proxy: Proxy, trial: Callable[[Arm, Endpoint, int], Generator[Step, Reply, T]]
) -> Generator[Step, Reply, tuple[T, ...]]:
    """Return the control's trial by way of a proxy and, where it worked, the subject's, once more where that fails.

    Args:
        task: its subject's endpoint and a control endpoint; without either nothing is asked.
        proxy: by way of which; a relay has no way to a control, and is asked for the subject alone.
        trial: makes one trial of an arm at an endpoint; the number is that of the try.
    """
    control = task.endpoint_control()
    if not task.address or (control is None and not proxy.kind.is_relay):
        return ()
    trials: list[T] = []
    if control is not None and not proxy.kind.is_relay:
        trials.append((yield from trial(Arm.THROUGH_CONTROL, control, 0)))
        if trials[0].failure is not None:
            return tuple(trials)
    for number in range(_TRIES):
        trials.append((yield from trial(Arm.THROUGH, Endpoint(task.address, task.target.port), number)))
        if trials[-1].failure is None:
            break
    return tuple(trials)


def open_through(task: Task, proxy: Proxy, to: Endpoint) -> Generator[Step, Reply, Opened]:
    """Connect to a proxy and ask it for a connection; what is not open is closed.

    Args:
        task: its time-outs.
        proxy: which.
        to: the server's address and port.
    """
    connected = yield Connect(address=proxy.address, port=proxy.port, timeout=task.timeouts.connect, secret=True)
    if isinstance(connected, Failed):
        stage = Through(label=proxy.label, stage=ProxyStage.UNREACHED)
        return Opened(connected.at, connected.elapsed_ms, stage, connected.failure, flood=connected.flood)
    handle = expect(Connected, connected).handle
    said = yield from _WORDS[proxy.kind](task, proxy, to, handle)
    through = Through(label=proxy.label, stage=said.stage)
    elapsed_ms = connected.elapsed_ms + said.elapsed_ms
    if said.stage in _ANSWERING or proxy.kind is ProxyKind.WHATSAPP_MEDIA:
        return Opened(connected.at, elapsed_ms, through, handle=handle)
    if said.failed is not None:
        return Opened(connected.at, elapsed_ms, through, said.failed.failure, flood=said.failed.flood)
    yield Close(handle=handle)
    refused = Failure.HOST_UNREACHABLE if said.stage is ProxyStage.NO_WAY else Failure.CONNECTION_ABORTED
    return Opened(connected.at, elapsed_ms, through, refused)


def _socks(task: Task, proxy: Proxy, to: Endpoint, handle: int) -> Words:
    """Ask a SOCKS proxy (RFC 1928)."""
    named, spent = bool(proxy.username), 0.0
    turns = [(spoken.greeting(named=named), spoken.method(named=named))]
    if named:
        turns.append((spoken.credentials(proxy.username, proxy.password), spoken.ADMITTED))
    for words, answer in turns:
        reply = yield from _turn(handle, words, len(answer), task.timeouts.connect)
        spent += reply.elapsed_ms
        if isinstance(reply, Failed):
            return Said(ProxyStage.REFUSED, spent, reply)
        if reply.data != answer:
            return Said(ProxyStage.REFUSED, spent)
    head = yield from _turn(handle, spoken.request(to.host, to.port), spoken.REPLY_HEAD, task.timeouts.connect)
    spent += head.elapsed_ms
    if isinstance(head, Failed):
        return Said(_unsaid(head), spent, head)
    rest = spoken.rest_of_reply(head.data)
    if rest is None:
        return Said(ProxyStage.REFUSED, spent)
    if (stage := spoken.stage_of_reply(head.data)) is not ProxyStage.OPEN:
        return Said(stage, spent)
    tail = yield Receive(handle=handle, most=rest, timeout=task.timeouts.connect)
    spent += tail.elapsed_ms
    if isinstance(tail, Failed):
        return Said(ProxyStage.REFUSED, spent, tail)
    whole = len(expect(Received, tail).data) == rest
    return Said(ProxyStage.OPEN if whole else ProxyStage.REFUSED, spent)


def _http(task: Task, proxy: Proxy, to: Endpoint, handle: int) -> Words:
    """Ask an HTTP proxy (RFC 9110 9.3.6)."""
    words = spoken.connect(to.host, to.port, proxy.username, proxy.password)
    reply = yield from _turn(handle, words, spoken.HTTP_HEAD, task.timeouts.connect, spoken.HTTP_END)
    if isinstance(reply, Failed):
        return Said(_unsaid(reply), reply.elapsed_ms, reply)
    return Said(spoken.stage_of_answer(reply.data), reply.elapsed_ms)


def _chat(task: Task, _proxy: Proxy, _to: Endpoint, handle: int) -> Words:
    """Open WhatsApp's chat behind its relay: the relay takes everybody's connection, and says nothing itself."""
    reply = yield from _turn(handle, noise.opening(task.seed), noise.ANSWER, task.timeouts.answer)
    if isinstance(reply, Failed):
        return Said(ProxyStage.NO_WAY, reply.elapsed_ms, reply)
    return Said(ProxyStage.ANSWERED if noise.is_answer(reply.data) else ProxyStage.NO_WAY, reply.elapsed_ms)


def _media(_task: Task, _proxy: Proxy, _to: Endpoint, _handle: int) -> Words:
    """Say nothing to a relay of media: only the answer to a hello shows that it leads anywhere (``led``)."""
    yield from ()
    return Said(ProxyStage.NO_WAY, 0.0)


def led(through: Through, proxy: Proxy, *, answered: bool) -> Through:
    """Return how far a proxy led once the server was spoken to: of a relay only that shows it.

    Args:
        through: how far it led before.
        proxy: which.
        answered: whether the service's own protocol came back.
    """
    if not proxy.kind.is_relay or not answered:
        return through
    return Through(label=through.label, stage=ProxyStage.ANSWERED)


_WORDS: Final[Mapping[ProxyKind, Callable[[Task, Proxy, Endpoint, int], Words]]] = MappingProxyType(
    {
        ProxyKind.SOCKS5: _socks,
        ProxyKind.HTTP_CONNECT: _http,
        ProxyKind.WHATSAPP_CHAT: _chat,
        ProxyKind.WHATSAPP_MEDIA: _media,
    }
)
_ANSWERING: Final = frozenset({ProxyStage.OPEN, ProxyStage.ANSWERED})


def _unsaid(reply: Failed) -> ProxyStage:
    """Return how far a request led that brought no answer: a proxy answers once it is connected, or never was."""
    return ProxyStage.NO_WAY if reply.failure is Failure.GENERIC_TIMEOUT else ProxyStage.REFUSED


def _turn(
    handle: int, words: bytes, most: int, timeout: float, until: bytes = b""
) -> Generator[Step, Reply, Received | Failed]:
    """Say something to a proxy and return what it answers."""
    sent = yield Send(handle=handle, data=words)
    if isinstance(sent, Failed):
        return sent
    answer = yield Receive(handle=handle, most=most, timeout=timeout, until=until)
    return answer if isinstance(answer, Failed) else expect(Received, answer)


def described(one: Through) -> str:
    """Return how far a proxy led, for a person at the terminal."""
    return f"by way of proxy {one.label} ({one.stage.value.replace('_', ' ')})"


def scrub_through(one: Through | None) -> Through | None:
    """Return what may leave of it: a word that can hold no address, whatever was written into it."""
    if one is None or LABEL.fullmatch(one.label):
        return one
    return Through(label="", stage=one.stage)


def contacts(task: Task, traits: Traits) -> Sequence[Destination]:
    """Return whom a series by way of a proxy contacts, for the host: the names, and no proxy's address."""
    proxies = task.proxies_of(traits.word)
    asked = task.endpoint_controls() if any(not proxy.kind.is_relay for proxy in proxies) else ()
    names = dict.fromkeys([*(control.name for control, _ in asked), task.target.host]) if proxies else ()
    protocol = traits.transport.value
    return [Destination(name=name, addresses=(HIDDEN,), port=task.target.port, protocol=protocol) for name in names]
