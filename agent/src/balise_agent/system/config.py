"""The probe's settings: read once from TOML, checked strictly, frozen.

Lives here: the shape of the file, its defaults, the overlay that ``balise-agent card read`` writes beside it, and
errors that name the file, the key and the mend. Must not live here: what the settings do, or a limit that only the
device's own code may hold (limits.py; the file only tightens).

Who a probe is comes from one of two places: written out by hand ([probe] id, [collector], [[broker]]), or learned by
enrolment ([enrolment], or an overlay that will bring it), in which case ``Config.by_hand`` is false until then.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from balise_agent.system.errors import ConfigError
from balise_wire.strict_table import TableError, shaped, unknown_key
from balise_wire.topics import is_probe_id
from balise_wire.words import Access, ProbeRole, Profile

DEFAULT_PATH: Final = Path("/etc/balise/agent.toml")
_COUNTRY = re.compile(r"[A-Z]{2}")
_KEY = re.compile(r"[0-9a-f]{64}")


class BrokerTransport(StrEnum):
    """How MQTT reaches the broker."""

    TCP = "tcp"
    WEBSOCKETS = "websockets"


class Probe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[probe]``: who this probe is and where its line stands."""

    id: str = ""
    """Empty: given by the collector at enrolment."""
    role: ProbeRole = ProbeRole.PROBE
    country: str = ""
    asn: int = 0
    access: Access = Access.FIXED
    region: str = ""
    provider: str = ""
    """The operator's label of the line; told to the collector at enrolment, and to nobody else."""
    profile: Profile = Profile.STANDARD
    """How much of the host's line may be used a day (limits.py)."""
    state_dir: str = "/var/lib/balise"
    runtime_dir: str = ""
    """Where the status is written; empty: $RUNTIME_DIRECTORY, else ``state_dir``."""
    settings: str = ""
    """An overlay in this file's own format, written by ``balise-agent card read``; it may not be there yet."""


class EnrolmentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[enrolment]``: where a board that nobody knows becomes a probe."""

    urls: tuple[str, ...] = ()
    """``https://host:port``, in the order of trial."""
    fingerprint: str = ""
    """SHA-256 of the authority's certificate (DER), 64 hex digits: what the collector is recognised by."""
    token: str = ""
    token_file: str = ""


class Collector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[collector]``: whose assignments and receipts are believed."""

    key: str = ""
    """Ed25519 public key, 64 hex digits, as ``balise-collector key`` prints it."""


class Broker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[broker]]``: one way to the collector; the list is the fail-over order."""

    host: str
    port: int = 443
    transport: BrokerTransport = BrokerTransport.TCP
    path: str = "/mqtt"
    """WebSocket path."""
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    username: str = ""
    password_file: str = ""
    keepalive: int | None = None
    """Seconds of silence after which both sides test the connection; left out: the profile's."""


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[network]``: what the system cannot tell by itself."""

    interface: str = ""
    """Empty: the interface of the default route."""
    resolvers: tuple[str, ...] = ()
    """Empty: learned from /etc/resolv.conf."""
    laboratory: tuple[str, ...] = ()
    """Prefixes that this laboratory calls public although no router of the internet carries them."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[timeouts]``: real seconds to wait for the network."""

    connect: float = 8.0
    answer: float = 8.0
    dns: float = 4.0
    linger: float = 2.0
    syn: float = 3.0
    onset: float = 8.0
    """Until a QUIC exchange that was answered is asked once more: some boxes cut it only seconds after its name."""


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[tls]``: trust for the measured servers, beside the system's."""

    ca_file: str = ""


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[limits]``: tighter than the built-in ones; 0 keeps the built-in."""

    bytes_per_day: int = 0
    connections_per_host_per_minute: int = 0


class ConsentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[consent]``: what the host agreed to; nothing is measured before."""

    version: str = ""
    accepted: bool = False


class ProxySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[proxies]``: by way of which what fails is asked once more."""

    file: str = ""
    """Holds them, in a form of its own (system/proxies.py): nobody but this machine is to know them."""


class SpoolSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[spool]``: how much is kept on disk, and when a batch is closed."""

    max_bytes: int = 64 * 1024 * 1024
    batch_seconds: float | None = None
    """Clock seconds after the first measurement of a batch; left out: the profile's."""
    batch_records: int | None = None
    """Left out: the profile's."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    probe: Probe = Probe()
    collector: Collector = Collector()
    broker: tuple[Broker, ...] = ()
    enrolment: EnrolmentSettings = EnrolmentSettings()
    network: NetworkSettings = NetworkSettings()
    timeouts: Timeouts = Timeouts()
    tls: Tls = Tls()
    limits: LimitSettings = LimitSettings()
    consent: ConsentSettings = ConsentSettings()
    proxies: ProxySettings = ProxySettings()
    spool: SpoolSettings = SpoolSettings()

    @property
    def by_hand(self) -> bool:
        """Whether the file itself says who the probe is, so that there is nothing to enrol."""
        return bool(self.probe.id)

    def runtime_dir(self, environment: Mapping[str, str] = os.environ) -> Path:
        """Return the folder of the status files; systemd may name several, the first is ours (systemd.exec(5))."""
        named = self.probe.runtime_dir or environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        return Path(named or self.probe.state_dir)


def standalone() -> Config:
    """Return settings for ``once`` and ``list`` on a machine that is no probe: no broker, nothing kept."""
    return Config(probe=Probe(id="once", country=""), collector=Collector(key="0" * 64), broker=())


def load(path: Path) -> Config:
    """Read and check a configuration file, with the overlay that its [probe] settings names where that exists.

    Raises:
        ConfigError: always with the file, the key and the mend.
    """
    table = _read(path)
    probe = table.get("probe")
    named = probe.get("settings") if isinstance(probe, dict) else None
    if not isinstance(named, str) or not Path(named).exists():
        return parse(table, str(path))
    return parse(overlaid(table, _read(Path(named)), named), f"{path} with {named}")


OVERLAY: Final[dict[str, frozenset[str]]] = {
    "probe": frozenset({"country", "access", "region", "role", "provider", "profile"}),
    "enrolment": frozenset(EnrolmentSettings.__struct_fields__),
    "consent": frozenset(ConsentSettings.__struct_fields__),
}
"""What the card may say: never where keys are kept, who is believed, or what the limits are."""


def overlaid(table: dict[str, Any], overlay: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a table with the overlay's values in it (ConfigError for a key that an overlay may not have)."""
    merged = {section: dict(value) if isinstance(value, dict) else value for section, value in table.items()}
    for section, values in overlay.items():
        allowed = OVERLAY.get(section)
        if allowed is None or not isinstance(values, dict):
            raise ConfigError(f"{name}: [{section}] does not belong here; known here: {', '.join(sorted(OVERLAY))}")
        strange = sorted(set(values) - allowed)
        if strange:
            known = ", ".join(sorted(allowed))
            raise ConfigError(f"{name}: unknown key {f'{section}.{strange[0]}'!r}; known here: {known}")
        base = merged.get(section, {})
        merged[section] = {**base, **values} if isinstance(base, dict) else values
    return merged


def _read(path: Path) -> dict[str, Any]:
    """Read one TOML file (ConfigError with the mend)."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file; copy examples/agent.toml there, or name another with --config"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; make it readable for the user that runs the agent") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}; see examples/agent.toml") from None


def parse(table: dict[str, Any], name: str) -> Config:
    """Turn a TOML table into a Config; ``name`` is the file's name for the errors (ConfigError)."""
    if wrong := unknown_key(table, Config):
        raise ConfigError(f"{name}: {wrong}")
    if not _to_be_enrolled(table):
        for section, key, mend in _NEEDED:
            if not isinstance(table.get(section), dict) or key not in table[section]:
                raise ConfigError(f"{name}: [{section}] {key} is missing; {mend}")
        if not table.get("broker"):
            raise ConfigError(f'{name}: no [[broker]]; add one with at least host = "..." (and port, transport, tls)')
    try:
        config = shaped(table, Config)
    except TableError as error:
        raise ConfigError(f"{name}: {error}; see examples/agent.toml") from None
    for place, wrong in _findings(config):
        raise ConfigError(f"{name}: {place}: {wrong}")
    return config


_NEEDED: Final = (
    ("probe", "id", 'give the probe its id, e.g. id = "k7m2q9xd"'),
    ("collector", "key", "paste the line that `balise-collector key` prints"),
)


def _to_be_enrolled(table: dict[str, Any]) -> bool:
    """Whether the file leaves it to the collector to say who the probe is: no id, and a way to learn it."""
    probe = table.get("probe", {})
    if not isinstance(probe, dict) or "id" in probe:
        return False
    return "settings" in probe or bool(table.get("enrolment"))


def _findings(config: Config) -> list[tuple[str, str]]:
    """What is well-formed and still cannot work: pairs of key and finding."""
    found: list[tuple[str, str]] = []
    probe = config.probe
    if (config.by_hand or probe.country) and not _COUNTRY.fullmatch(probe.country):
        found.append(("probe.country", f'{probe.country!r} is no country; write ISO 3166-1 alpha-2, e.g. "PK"'))
    if config.by_hand or config.collector.key:
        found.extend(_by_hand_findings(config))
    if config.proxies.file and not Path(config.proxies.file).is_absolute():
        found.append(("proxies.file", f"{config.proxies.file!r} is relative; write a path that starts with /"))
    for key in ("state_dir", "runtime_dir", "settings"):
        text: str = getattr(probe, key)
        if text and not Path(text).is_absolute():
            found.append((f"probe.{key}", f"{text!r} is relative; write a path that starts with /"))
    found.extend((f"enrolment.{key}", wrong) for key, wrong in _enrolment_findings(config))
    for index, broker in enumerate(config.broker):
        found.extend((f"broker[{index}].{key}", wrong) for key, wrong in _broker_findings(broker))
    found.extend(_network_findings(config.network))
    found.extend(
        (f"timeouts.{key}", f"{seconds} s; use 0.05 to 60")
        for key, seconds in msgspec.structs.asdict(config.timeouts).items()
        if not 0.05 <= seconds <= 60.0
    )
    if config.tls.ca_file and not Path(config.tls.ca_file).is_file():
        found.append(("tls.ca_file", f"{config.tls.ca_file!r} is not a file"))
    found.extend(
        (f"limits.{key}", "is negative; leave it out to keep the built-in limit")
        for key, value in msgspec.structs.asdict(config.limits).items()
        if value < 0
    )
    if config.spool.max_bytes < 1024 * 1024:
        found.append(
            ("spool.max_bytes", f"{config.spool.max_bytes} holds too little to survive an outage; use 1048576 or more")
        )
    if config.spool.batch_seconds is not None and not 0.1 <= config.spool.batch_seconds <= 3600.0:
        found.append(("spool.batch_seconds", f"{config.spool.batch_seconds}; use 0.1 to 3600"))
    if config.spool.batch_records is not None and not 1 <= config.spool.batch_records <= 500:
        found.append(("spool.batch_records", f"{config.spool.batch_records}; use 1 to 500"))
    return found


def _by_hand_findings(config: Config) -> list[tuple[str, str]]:
    """What cannot work in a file that says itself who the probe is."""
    found: list[tuple[str, str]] = []
    if not is_probe_id(config.probe.id):
        told = f"{config.probe.id!r} is no probe id; use 4 to 32 of a-z and 0-9 (not 'collector')"
        found.append(("probe.id", told))
    if not 0 < config.probe.asn < 2**32:
        found.append(("probe.asn", f"{config.probe.asn} is no AS number; write the provider's, e.g. 64501"))
    if not _KEY.fullmatch(config.collector.key):
        found.append(("collector.key", "must be 64 hex digits; paste the line that `balise-collector key` prints"))
    return found


def _enrolment_findings(config: Config) -> list[tuple[str, str]]:
    """What cannot work in the way to a certificate; without any of it the probe waits for settings."""
    found: list[tuple[str, str]] = []
    wish = config.enrolment
    for index, url in enumerate(wish.urls):
        if not is_front(url):
            mend = 'write "https://host:port" and nothing behind it'
            found.append((f"urls[{index}]", f"{url!r} is no place to enrol at; {mend}"))
    if wish.fingerprint and not _KEY.fullmatch(wish.fingerprint):
        mend = "paste the line that the collector's operator gave with the token"
        found.append(("fingerprint", f"must be 64 digits of 0-9 and a-f; {mend}"))
    if wish.urls and not wish.fingerprint:
        found.append(("fingerprint", "is missing; without it nobody could tell the collector from an impostor"))
    if wish.token and wish.token_file:
        found.append(("token_file", "token is set as well; keep one of them"))
    return found


def is_front(url: str) -> bool:
    """Tell whether a URL is one that a probe enrols at: https, a host, perhaps a port, nothing else."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme == "https" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    return plain and fits and parts.path in {"", "/"} and not (parts.query or parts.fragment or "@" in parts.netloc)


def _network_findings(network: NetworkSettings) -> list[tuple[str, str]]:
    """What is no address or prefix."""
    return [
        ("network.resolvers", f"{text!r} is not an IP address")
        for text in network.resolvers
        if not _parses(ipaddress.ip_address, text)
    ] + [
        ("network.laboratory", f'{text!r} is not an IP prefix; write e.g. "198.18.0.0/15"')
        for text in network.laboratory
        if not _parses(ipaddress.ip_network, text)
    ]


def _broker_findings(broker: Broker) -> list[tuple[str, str]]:
    """What cannot work in one broker entry."""
    found: list[tuple[str, str]] = []
    if not broker.host or any(character.isspace() or character == "/" for character in broker.host):
        found.append(("host", f"{broker.host!r} is no host; write a name or an address, without mqtt:// and port"))
    if not 0 < broker.port < 65536:
        found.append(("port", f"{broker.port} is no port; use 1 to 65535"))
    if not broker.path.startswith("/"):
        found.append(("path", f"{broker.path!r} must start with /"))
    if broker.keepalive is not None and not 5 <= broker.keepalive <= 3600:
        found.append(("keepalive", f"{broker.keepalive} s; use 5 to 3600"))
    for key in ("ca_file", "cert_file", "key_file", "password_file"):
        text: str = getattr(broker, key)
        if text and not Path(text).is_file():
            found.append((key, f"{text!r} is not a file that this user can see"))
        if text and key != "password_file" and not broker.tls:
            found.append((key, "is set but tls is false; set tls = true"))
    if bool(broker.cert_file) != bool(broker.key_file):
        found.append(("cert_file", "cert_file and key_file belong together; set both or neither"))
    if broker.password_file and not broker.username:
        found.append(("username", "password_file is set without a username; add it"))
    return found


def _parses(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True
