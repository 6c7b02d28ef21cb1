"""The step Datagram: what leaves when, what a box on the way does to it, and what a server of QUIC or STUN says.

Lives here: the copies, flows that die, a server's first flight. Must not live here: whether a packet passes at all
(passing.py), the bytes of QUIC (quic_packets.py) and STUN (stun_packets.py).
"""

import math
from typing import Final, NamedTuple

from balise_agent.experiments.steps import Datagram, DatagramAnswer, DatagramsExchanged, Outgoing, Reply
from balise_agent.run.call_echo import Source
from balise_agent.run.vpn_echo import HelperEcho
from balise_agent.system.errors import LinkUnusable
from balise_agent.system.task import Steps, Wait
from balise_lab.field.network.acting import Acting
from balise_lab.field.network.capture import first_ten, icmp
from balise_lab.field.network.draws import digest, number
from balise_lab.field.network.effects import PROVIDER
from balise_lab.field.network.home_network import HomeNetwork
from balise_lab.field.network.hosts import STUN_PORTS, Server
from balise_lab.field.network.passing import Fate, Way
from balise_lab.field.network.tcp_steps import of_icmp
from balise_lab.quic_packets import V1, Header, Initial, long_header, read_initial, server_initial, version_negotiation
from balise_lab.rtp_packets import is_voice
from balise_lab.stun_packets import binding_answer, is_marked, is_request, rewritten
from balise_lab.vpn_packets import KNOWN
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.call import PORTS
from balise_wire.experiments.vpn import UDP_PORTS
from balise_wire.failures import Failure

Operation = Steps[Reply]
_HEADERS: Final = {4: 28, 6: 48}
_FLIGHT: Final = 3
"""Datagrams of a server's first flight: three times what it got (RFC 9000 8.1)."""
_HANDSHAKE: Final = b"\xe0\x00\x00\x00\x01"
_THINKS: Final = 0.004
_LATE: Final = (0.4, 4.0)
"""Seconds after the name in which a box beside the way ends the flow, once it was answered."""
_HELPED: Final = frozenset({*PORTS, *UDP_PORTS})
_WALLS: Final = frozenset({"portal.hotel", "portal.topup", "portal.dns"})


class _Heard(NamedTuple):
    at: float
    data: bytes
    code: str = ""
    """Of an ICMP error instead."""
    hop: str = ""
    ttl: int = 0


class _Exchange:
    """One socket's exchange on its way through its datagrams."""

    def __init__(self, home: HomeNetwork, step: Datagram) -> None:
        self.home = home
        self.step = step
        self.way = home.way(step.address)
        self.server = home.server(step.address)
        self.heard: list[_Heard] = []
        self.packets: list[Packet] = []
        self.sent: list[float | None] = []
        self.failure: Failure | None = None
        self.dead_from = math.inf
        """Second from which on nothing of this flow passes any more."""
        self.voice_up = self.voice_down = 0
        """Packets of the flow that looked like voice."""
        self.source, self.passed = home.flow(step.source)
        """The flow, and its datagrams so far, both ways."""
        self.excess = _excess(step, home.now.line.kbps)

    def send(self, one: Outgoing) -> None:
        """Send one datagram where it is still wanted."""
        since = one.unless_heard
        if since is not None and any(since <= each.at <= one.after for each in self.heard):
            self.sent.append(None)
            return
        home, step, v6 = self.home, self.step, ":" in self.step.address
        home.gate.allow(step.address, step.port, _HEADERS[6 if v6 else 4] + len(one.data))
        fate = home.fate(step.address, step.port, self.way, protocol="udp", stands=bool(self.packets))
        if fate is not None and fate.word == "no_route":
            self.failure = self.failure or Failure.NETWORK_UNREACHABLE
            self.sent.append(None)
            return
        self.sent.append(one.after)
        self.packets.append(
            Packet(
                t_us=int(one.after * 1e6), direction=Direction.OUT, protocol="udp", ttl=64, df=not v6,
                ip_id=0 if v6 else home.chance.getrandbits(16), length=len(one.data), sha256=digest(one.data)[:16],
            )
        )  # fmt: skip
        if home.lost() or (self.excess and home.chance.random() < self.excess):
            return
        if fate is not None:
            self._refused(one, fate)
        elif one.after < self.dead_from and not self._stopped(one) and self.server is not None:
            self._answered(one, self.server, self.way)

    def _refused(self, one: Outgoing, fate: Fate) -> None:
        """Hear what a router, or the server's machine, says."""
        if fate.word == "icmp":
            self.heard.append(_Heard(one.after + fate.after, b"", fate.code, fate.hop, fate.ttl))
        elif fate.word == "refused":
            self._unreachable(one, fate.after)

    def _unreachable(self, one: Outgoing, after: float) -> None:
        """Hear that the port is closed (RFC 792, RFC 4443 3.1)."""
        code = "1/4" if ":" in self.step.address else "3/3"
        self.heard.append(_Heard(one.after + after, b"", code, self.step.address, self.way.ttl))

    def _stopped(self, one: Outgoing) -> bool:
        """Whether something on the way keeps the datagram; what looks at names may end the flow with it."""
        home, step = self.home, self.step
        if any(effect.kind in _WALLS for effect in (*home.now.names, *home.now.dns)):
            return True
        self.voice_up += is_voice(one.data)
        self.passed += 1
        if any(self._keeps(effect, one) and self._hits(effect) for effect in home.now.udps):
            return True
        header, shown = long_header(one.data), read_initial(one.data)
        for effect in home.now.quics:
            if self._hits(effect) and self._ends(effect, one, header, shown):
                if effect.effect.residual:
                    home.remember(step.address, step.port, effect.effect.residual, "udp")
                return True
        return shown is not None and any(
            effect.kind == "whitelist" and effect.place >= PROVIDER and shown.name not in effect.effect.allow
            for effect in home.now.names
            if effect.hits(step.address, self.server, step.port, home.now.seen)
        )

    def _keeps(self, effect: Acting, sent: Outgoing) -> bool:
        """Whether an effect on UDP keeps such a datagram, where it concerns its endpoint."""
        if effect.kind == "router.alg":
            return False
        if effect.kind == "call.cut":
            return _cuts(effect, "up") and is_voice(sent.data) and self.voice_up > effect.effect.passes
        if effect.kind == "vpn.cut":
            return self._cuts_handshake(effect, sent.data)
        return effect.kind != "udp.stun" or is_marked(sent.data)

    def _cuts_handshake(self, effect: Acting, data: bytes) -> bool:
        """Whether an effect on VPN protocols knows a datagram, and lets no more of its flow pass."""
        looks = KNOWN.get(effect.effect.act or "openvpn")
        return looks is not None and looks(data) and self.passed > effect.effect.passes

    def _hits(self, one: Acting) -> bool:
        home, step = self.home, self.step
        if one.effect.share < 1.0 and home.chance.random() >= one.effect.share:
            return False
        return one.hits(step.address, self.server, step.port, home.now.seen)

    def _ends(self, one: Acting, sent: Outgoing, header: Header | None, shown: Initial | None) -> bool:
        """Whether a box that knows QUIC keeps this datagram."""
        if one.kind == "quic.version":
            return header is not None and header.version == V1
        if shown is None or shown.name is None or not one.hits_name(shown.name):
            return False
        if one.effect.act == "late":
            first, last = _LATE
            after = sent.after + self.way.seconds + first + (last - first) * self.home.chance.random()
            self.dead_from = min(self.dead_from, after)
            return False
        self.dead_from = sent.after
        return True

    def _answered(self, one: Outgoing, server: Server, there: Way) -> None:
        """Hear what a server of QUIC says to a long header, one of STUN to a request, a helper to a train."""
        if server.echo is not None and self.step.port in _HELPED:
            self._echoed(one, server.echo, there)
            return
        if self.step.port in STUN_PORTS:
            self._bound(one, server, there)
            return
        header = long_header(one.data)
        after = one.after + there.seconds + _THINKS * (0.5 + self.home.chance.random())
        if server.host.quic == "closed":
            self._unreachable(one, there.seconds)
        if header is None or server.host.quic != "v1" or self.step.port not in server.ports:
            return
        if header.version != V1:
            self._hear(after, version_negotiation(one.data))
        elif (shown := read_initial(one.data)) is not None:
            rest = _HANDSHAKE + bytes([len(shown.source)]) + shown.source
            for place in range(_FLIGHT):
                data = server_initial(shown) if not place else rest.ljust(1_200 - place, b"\0")
                self._hear(after + place * 2e-5, data)

    def _echoed(self, one: Outgoing, echo: HelperEcho, there: Way) -> None:
        """Hear what a helper answers, as far as a box on the way lets it."""
        home = self.home
        source = Source(home.home.id, home.home.id)
        answer = echo.answer(one.data, source, home.time + one.after + there.seconds / 2)
        if answer is None or home.lost() or home.chance.random() < self.excess:
            return
        self.passed += 1
        ways = [each for each in home.now.udps if each.kind == "vpn.cut" and self._hits(each)]
        if any(self._cuts_handshake(each, answer) for each in ways):
            return
        if is_voice(answer):
            self.voice_down += 1
            cuts = [each for each in home.now.udps if _cuts(each, "down") and self._hits(each)]
            if any(self.voice_down > each.effect.passes for each in cuts):
                return
        self._hear(one.after + there.seconds + _THINKS * (0.5 + home.chance.random()) / 4, answer)

    def _bound(self, one: Outgoing, server: Server, there: Way) -> None:
        """Hear what a server of STUN says, as far as the home's router leaves it as it was."""
        said = server.host.stun
        if said == "closed":
            self._unreachable(one, there.seconds)
        if said not in {"both", "cookie"} or not is_request(one.data) or (said == "cookie" and not is_marked(one.data)):
            return
        answer = binding_answer(one.data, number("mapped", self.step.address) & 0xFFFFFFFF, 40_000)
        for effect in self.home.now.udps:
            if effect.kind == "router.alg" and self._hits(effect):
                answer = answer[:-3] if effect.effect.act == "breaks" else rewritten(answer, 0xC0A80107)
        self._hear(one.after + there.seconds + _THINKS * (0.5 + self.home.chance.random()), answer)

    def _hear(self, at: float, data: bytes) -> None:
        if at < self.dead_from:
            self.heard.append(_Heard(at, data))

    # --- what is told ---------------------------------------------------------------------------------------------

    def ends(self) -> float:
        """Return the second at which the listening ends."""
        if not self.step.enough:
            return self.step.window
        last = max((one.after for one in self.step.datagrams if one.unless_heard is None), default=0.0)
        first = min((one.at for one in self.heard if one.at >= last), default=math.inf)
        return min(first, self.step.window)

    def told(self, at: float, ends: float) -> DatagramsExchanged:
        """Return the reply: what came by then."""
        found = sorted((one for one in self.heard if one.at <= ends), key=lambda one: one.at)
        first = next((one for one in self.sent if one is not None), 0.0)
        code = next((one.code for one in found if one.code), "")
        self.home.passed(self.source, self.passed)
        packets = [*self.packets, *(self._packet(one) for one in found)]
        packets.sort(key=lambda packet: packet.t_us)
        self.home.gate.received(sum(len(one.data) + _HEADERS[4] for one in found))
        return DatagramsExchanged(
            at=at,
            elapsed_ms=ends * 1000.0,
            sent_ms=tuple(None if one is None else (one - first) * 1000.0 for one in self.sent),
            answers=tuple(
                DatagramAnswer(at_ms=(one.at - first) * 1000.0, data=one.data, ttl=self.way.ttl)
                for one in found
                if not one.code
            ),
            icmp=code,
            failure=of_icmp(code) if code else self.failure,
            packets=first_ten(packets),
            source=self.source,
        )

    def _packet(self, one: _Heard) -> Packet:
        if one.code:
            return icmp(one.at, one.code, one.hop, one.ttl)
        v6 = ":" in self.step.address
        return Packet(
            t_us=int(one.at * 1e6), direction=Direction.IN, protocol="udp", ttl=self.way.ttl, df=not v6,
            ip_id=0 if v6 else number("quic", self.step.address, one.at) & 0xFFFF, length=len(one.data),
            sha256=digest(one.data)[:16],
        )  # fmt: skip


def _cuts(effect: Acting, direction: str) -> bool:
    """Whether an effect cuts voice in a direction."""
    return effect.kind == "call.cut" and effect.effect.direction in {"", direction}


def _excess(step: Datagram, kbps: float) -> float:
    """Return the share of a train's packets that a line of this rate cannot carry."""
    lasts = step.datagrams[-1].after if step.datagrams else 0.0
    if lasts <= 0.0 or math.isinf(kbps) or step.datagrams[-1].unless_heard is not None:
        return 0.0
    needs = sum(len(one.data) + _HEADERS[4] for one in step.datagrams) * 8 / 1000 / lasts
    return max(0.0, 1.0 - kbps / needs)


def exchange_datagrams(home: HomeNetwork, step: Datagram) -> Operation:
    """Carry out a Datagram."""
    while (pause := home.gate.pause(step.address, 1)) > 0.0:
        yield Wait(within=pause)
    if home.now.line.eagain:
        raise LinkUnusable("the kernel's sending queue stays full")
    at = home.clock.now()
    running = _Exchange(home, step)
    for one in step.datagrams:
        if one.after <= running.ends() or one.unless_heard is None:
            running.send(one)
        else:
            running.sent.append(None)
    if not any(one is not None for one in running.sent):
        return running.told(at, 0.0)
    ends = running.ends()
    yield Wait(within=ends)
    return running.told(at, ends)
