"""The text of the broker's files: pure, from settings and the topics of the wire.

Lives here: which listeners there are, what each identity may do, and how it is written for mosquitto. Must not live
here: files and certificates (place.py).
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from importlib import resources
from string import Template
from typing import Final

import msgspec

from balise_collector.system.errors import ConfigError
from balise_wire.envelope import MAX_BATCH_BYTES
from balise_wire.topics import COLLECTOR_STATE, ROOT, Leaf, is_probe_id

COLLECTOR_NAME: Final = "collector"
"""Common name of the collector's certificate; ``is_probe_id`` refuses it, so no probe is ever enrolled under it."""
PROBE_WRITES: Final = (Leaf.STATE, Leaf.META, Leaf.MEASUREMENT, Leaf.HEALTH, Leaf.EVENT)
PROBE_READS: Final = (Leaf.RECEIPT, Leaf.ASSIGNMENT, Leaf.COMMAND)
MAX_PACKET_BYTES: Final = MAX_BATCH_BYTES + 1024
"""A batch, its topic and the frame around it."""
BROKER_LOG: Final = "$SYS/broker/log/+"
"""What the broker would write into a log, where it tells the collector instead; nobody else may hear it."""
_LOG_TOPIC: Final = "topic"
EVERYWHERE: Final = "*"
_LOOPBACK: Final = "127.0.0.1"
_PLAIN: Final = re.compile(r"[\w./-]+", re.ASCII)
_TRIAL_TENTHS: Final = 300
"""Tenths of a second in which what was saved must have been read; systemd allows 90 s for a whole start."""
_CONNECTIONS: Final = 4000
"""Of one listener; a connection costs the broker some 40 KB, and files (docs/broker.md)."""


class ListenerTransport(StrEnum):
    """What is spoken inside TLS."""

    WEBSOCKETS = "websockets"
    MQTT = "mqtt"


class Listener(msgspec.Struct, frozen=True):
    """One address and port on which the broker listens."""

    address: str
    """Literal, or ``*`` for every address of every family."""
    port: int
    transport: ListenerTransport


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two brokers."""

    listeners: tuple[Listener, ...]
    folder: str
    """Where the files stand when mosquitto reads them."""
    data: str = "/var/lib/mosquitto"
    """Where it keeps what waits."""
    user: str = "mosquitto"
    """Whom it becomes where it is started as root."""
    verbose: bool = False
    """Log every message and who connects from where: for an hour in which a fault is looked for, and for tests."""
    observe: bool = False
    """Tell the collector, and it alone, from where each probe connects: it looks the network up and forgets the rest.
    The broker then writes no log of its own (the collector repeats its errors, without addresses)."""


def listeners(addresses: Sequence[str], mqtt: int, websockets: int, local: int) -> tuple[Listener, ...]:
    """Return the listeners for these addresses; ports are 0 for none.

    Args:
        addresses: literal addresses, or ``*``.
        mqtt: port for MQTT in TLS on each of them.
        websockets: port for MQTT over WebSockets in TLS on each of them; for mosquitto 2.1 and later, because 2.0
            checks no revocations there, and a reload may end it.
        local: port for MQTT in TLS on loopback, for the collector. mosquitto 2.0 does not start without a listener that
            is no WebSocket's.

    Raises:
        ConfigError: an address or port that is none, two listeners in one place, or no plain listener at all.
    """
    wanted = [Listener(_address(one), mqtt, ListenerTransport.MQTT) for one in addresses if mqtt]
    wanted += [Listener(_address(one), websockets, ListenerTransport.WEBSOCKETS) for one in addresses if websockets]
    if local and not any(listener.port == local and listener.address in {_LOOPBACK, EVERYWHERE} for listener in wanted):
        wanted.append(Listener(_LOOPBACK, local, ListenerTransport.MQTT))
    for listener in wanted:
        if not 0 < listener.port < 65536:
            raise ConfigError(f"{listener.port} is no port; give 1 to 65535, or 0 for none")
    for at, listener in enumerate(wanted):
        if any(listener.port == other.port and _meet(listener.address, other.address) for other in wanted[:at]):
            raise ConfigError(
                f"port {listener.port} is given to two listeners; give --mqtt, --websockets and --local one each"
            )
    if not any(listener.transport is ListenerTransport.MQTT for listener in wanted):
        raise ConfigError("mosquitto 2.0 does not start with WebSockets alone; leave --local 8883, or give --mqtt 443")
    return tuple(wanted)


def _address(text: str) -> str:
    """Return a literal address as it is written (ConfigError for a name: a name server's answer may change)."""
    if text == EVERYWHERE:
        return text
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ConfigError(f"--listen {text}: no address; give a literal one of this machine, or * for all") from None


def _meet(one: str, other: str) -> bool:
    """Whether two addresses cannot both have a port."""
    return one == other or EVERYWHERE in {one, other}


def configuration(settings: Settings) -> str:
    """Return mosquitto.conf."""
    text = _template("mosquitto.conf").substitute(
        user=settings.user,
        folder=settings.folder,
        data=settings.data,
        max_packet_size=MAX_PACKET_BYTES,
        connections="true" if settings.verbose or settings.observe else "false",
        log=_LOG_TOPIC if settings.observe else "stderr",
        more="".join(
            line
            for line, wanted in (
                ("log_type all\n", settings.verbose),
                ("log_dest stderr\n", settings.verbose and settings.observe),
            )
            if wanted
        ),
    )
    return text.rstrip("\n") + "\n" + "".join(_listener(listener, settings) for listener in settings.listeners)


def before_start(settings: Settings) -> str:
    """Return the script that looks, before each start, whether what was saved can be read (ConfigError)."""
    for word in (settings.data, settings.user):
        if not _PLAIN.fullmatch(word):
            raise ConfigError(f"{word!r}: a script of root's takes no such name; give letters, digits and / _ . -")
    return _template("before-start").substitute(data=settings.data, user=settings.user, tenths=_TRIAL_TENTHS)


def _listener(listener: Listener, settings: Settings) -> str:
    """Return the lines of one listener."""
    lines = ["protocol websockets"] if listener.transport is ListenerTransport.WEBSOCKETS else ["protocol mqtt"]
    if listener.address != EVERYWHERE:
        # Without it mosquitto 2.0 binds a WebSocket listener to every address, whatever stands beside the port.
        lines.append("socket_domain ipv6" if ":" in listener.address else "socket_domain ipv4")
    return _template("listener.conf").substitute(
        port=listener.port,
        address="" if listener.address == EVERYWHERE else f" {listener.address}",
        lines="\n".join(lines),
        folder=settings.folder,
        max_connections=_CONNECTIONS,
    )


def observes(text: str) -> bool:
    """Whether a configuration that was written earlier tells the collector from where probes connect."""
    return f"log_dest {_LOG_TOPIC}\n" in text


def access_rules(revoked: Iterable[str], *, observe: bool = False) -> str:
    """Return the access rules; ``revoked`` are the ids of probes that may not speak (others are not written down)."""
    denied = [f"\nuser {probe}\ntopic deny {ROOT}/#\n" for probe in sorted(set(revoked)) if is_probe_id(probe)]
    collector = [
        *(f"topic read {ROOT}/+/{leaf}" for leaf in PROBE_WRITES),
        *(f"topic write {ROOT}/+/{leaf}" for leaf in PROBE_READS),
        f"topic write {COLLECTOR_STATE}",
        *([f"topic read {BROKER_LOG}"] if observe else []),
    ]
    probes = [
        *(f"pattern write {ROOT}/%u/{leaf}" for leaf in PROBE_WRITES),
        *(f"pattern read {ROOT}/%u/{leaf}" for leaf in PROBE_READS),
        f"pattern read {COLLECTOR_STATE}",
    ]
    return _template("acl").substitute(
        revoked="".join(denied),
        collector=COLLECTOR_NAME,
        collector_rules="\n".join(collector),
        probe_rules="\n".join(probes),
    )


def tls_defaults() -> str:
    """Return openssl.cnf for the broker's process."""
    return _template("openssl.cnf").template


def _template(name: str) -> Template:
    return Template(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))
