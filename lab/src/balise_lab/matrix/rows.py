"""The rows of the matrix as data: what is put in force, and which experiment must see it, by which rule.

A row is a kind of the lab's (`balise_lab.boxes`) with its settings. What is a block names each experiment that must
tell it. What is an ordinary fault names none: nothing may be judged blocked or throttled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

EXPERIMENTS: Final = ("dns", "tcp", "tls", "clienthello", "http", "quic", "throughput", "stun", "call", "vpn")
"""In the order of the table's columns; each has a service that is measured by it and by the lookup before it,
clienthello one for each extension, and vpn one for each protocol."""
USUAL, RARE = 40, 160
"""Minutes for which a row is in force; the second where an experiment has a turn an hour."""


@dataclass(frozen=True)
class Row:
    """One box or ordinary fault. A kind or setting that there is not is refused when its scenario is read."""

    kind: str
    settings: Mapping[str, object] = field(default_factory=dict)
    sees: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Experiment to the rule that it must be told by, or one of several; empty: nothing may be judged blocked or
    throttled."""
    every: bool = False
    """Whether each of several rules must be told: each is that of another service."""
    at: str = "names"
    """Where it stands: ``names`` (on the way of the services' names or addresses), ``isp``, or ``home`` (each home of
    the provider)."""
    only: tuple[str, ...] = ()
    """Experiments whose services it hits; empty: all."""
    beside: tuple[str, ...] = ()
    """Kinds that stand beside it, without which it shows nothing."""
    minutes: int = USUAL
    """For how long it is in force."""
    alike: Mapping[str, str] = field(default_factory=dict)
    """Of an ordinary fault that stands where only the country's packets come by: the rule that each experiment may name
    in doubt, without a proof; no packet tells it from a box."""

    named: str = ""
    """The mechanism that is published of it, where that is not its own word."""

    @property
    def mechanism(self) -> str:
        """Return the mechanism that is published of a block."""
        return self.named or self.kind

    @property
    def id(self) -> str:
        """Its name in the table and of its scenario: the kind, with the settings that tell it from another row."""
        told = [f"{name}-{value}" for name, value in self.settings.items() if not isinstance(value, list)]
        return "-".join([self.kind, *told]).replace(".", "-").replace("_", "-")

    @property
    def title(self) -> str:
        """How the table calls it."""
        told = [f"{name} {value}" for name, value in self.settings.items()]
        return ", ".join([" with ".join([self.kind, *self.beside]), *told])

    def told_by(self, experiment: str) -> tuple[str, ...]:
        """Return the rules of which an experiment must say one; none where nothing is asked of it."""
        rules = self.sees.get(experiment, ())
        return (rules,) if isinstance(rules, str) else rules

    @property
    def ordinary(self) -> bool:
        """Whether nothing may be judged of it."""
        return not self.sees


def _either(word: str) -> tuple[str, ...]:
    """Return the rules of a rate that is held down in one way: either direction, by half or by nine tenths."""
    return tuple(f"throughput.{up}{word}{much}" for up in ("", "up_") for much in ("", "_extreme"))


ROWS: Final = (
    # What blocks.
    Row("dns.inject", sees={"dns": "dns.injected"}),
    Row("dns.bogus", sees={"dns": "dns.replaced"}),
    Row("dns.nxdomain", sees={"dns": "dns.injected_nxdomain"}),
    Row("dns.refused", sees={"dns": "dns.injected_refused"}),
    Row("dns.servfail", sees={"dns": "dns.replaced"}, named="dns.bogus"),
    Row("dns.silent", sees={"dns": "dns.timeout"}),
    Row("dns.hijack", at="isp", beside=("dns.nxdomain",), sees={"dns": "dns.hijack"}),
    Row("ip.drop", sees={"tcp": "ip.drop"}),
    Row("ip.rst", sees={"tcp": "ip.rst"}),
    Row("ip.icmp", sees={"tcp": "ip.icmp"}),
    Row("ip.prefix", sees={"tcp": "ip.prefix"}),
    Row("sni.rst", sees={"tls": "sni.rst"}),
    Row("sni.rst", {"residual": "90s"}, sees={"tls": "sni.rst"}),
    Row("sni.fin", sees={"tls": "sni.fin"}),
    Row("sni.alert", sees={"tls": "tls.alert"}),
    Row("sni.drop", sees={"tls": "sni.drop"}),
    Row("tls.mitm", sees={"tls": "tls.mitm"}),
    Row("tls.ech", sees={"clienthello": "tls.ech"}, minutes=RARE),
    Row("tls.esni", sees={"clienthello": "tls.esni"}, minutes=RARE),
    Row("http.rst", sees={"http": "http.rst"}),
    Row("http.drop", sees={"http": "http.drop"}),
    Row("http.redirect", sees={"http": "http.redirect"}),
    Row("http.blockpage", sees={"http": "http.blockpage"}),
    Row("quic.sni", sees={"quic": "quic.sni"}, minutes=RARE),
    Row("quic.version", sees={"quic": "quic.version"}, minutes=RARE),
    Row("quic.drop", sees={"quic": "quic.drop"}, minutes=RARE),
    Row("udp.stun", sees={"stun": "udp.stun"}),
    Row("udp.drop", {"ports": [3478]}, only=("stun",), sees={"stun": "udp.drop"}),
    Row("rate.police", {"kbit": 100}, sees={"throughput": _either("policed")}, minutes=RARE),
    Row("rate.shape", {"kbit": 100}, sees={"throughput": _either("shaped")}, minutes=RARE),
    Row("tcp.freeze", {"after": 16384}, sees={"throughput": "throughput.stall"}, minutes=RARE),
    Row("call.media_cut", sees={"call": "call.media_cut"}),
    Row("call.media_cut_up", sees={"call": "call.media_cut_up"}),
    Row("call.media_cut_down", sees={"call": "call.media_cut_down"}),
    Row("vpn.openvpn", sees={"vpn": "vpn.openvpn"}, minutes=RARE),
    Row("vpn.wireguard", sees={"vpn": "vpn.wireguard"}, minutes=RARE),
    Row("vpn.ikev2", sees={"vpn": "vpn.ikev2"}, minutes=RARE),
    Row("vpn.openvpn_tcp", sees={"vpn": "vpn.openvpn_tcp"}, minutes=RARE),
    Row("vpn.fully_encrypted", sees={"vpn": ("vpn.fully_encrypted", "vpn.obfs4")}, every=True, minutes=RARE),
    # Ordinary life: the line, the home, the provider.
    Row("loss", {"percent": 5}, at="isp"),
    Row("delay", {"ms": 300}, at="isp"),
    Row("slow", {"kbit": 500}, at="isp"),
    Row("wifi", at="home"),
    Row("line", at="home"),
    Row("power", at="home"),
    Row("portal", at="isp"),
    Row("router.filter", {"says": "zero"}, at="home"),
    Row("router.filter", {"says": "nxdomain"}, at="home"),
    Row("router.filter", {"says": "refused"}, at="home"),
    Row("router.proxy", at="home"),
    Row("router.mute", at="home"),
    Row("resolver.down", at="isp"),
    Row("resolver.down", {"mode": "refuse"}, at="isp"),
    Row("resolver.servfail", at="isp"),
    Row("isp.shutdown", at="isp"),
    # The service's own doing, for everybody or for the country.
    Row("dnssec.broken"),
    Row("server.down"),
    Row("server.down", {"mode": "refuse"}),
    Row("server.hello", {"act": "reset"}, alike={"tls": "sni.rst"}),
    Row("server.hello", {"act": "drop"}, alike={"tls": "sni.drop"}),
    Row("server.hello", {"act": "close"}, alike={"tls": "sni.fin"}),
    Row("server.hello", {"act": "alert"}),
    Row("server.extension", {"act": "reset"}, minutes=RARE),
    Row("server.extension", {"act": "drop"}, minutes=RARE),
    Row("server.host", {"act": "reset"}, alike={"http": "http.rst"}),
    Row("server.host", {"act": "drop"}, alike={"http": "http.drop"}),
    Row("server.syn", alike={"tcp": "ip.drop", "stun": "udp.drop"}),
    Row("server.stall", {"after": 6000}),
    Row("server.denies", {"status": 403}),
    Row("server.denies", {"status": 451}),
    Row("server.page"),
    Row("server.redirect", alike={"http": "http.redirect"}),
)
"""Every row, what blocks first; a test holds them against the kinds of the lab that the field has words for."""
