"""The collector's settings: read once from TOML, checked strictly, frozen.

Lives here: the shape of the file, its defaults, and findings that name the key and the mend. Must not live here: what
the settings do, the catalogue (catalogue.py), or who is in the fleet (fleet.py).
"""

import ipaddress
import logging
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from balise_collector.system import harmless
from balise_collector.system.errors import ConfigError
from balise_collector.system.strict_toml import read_table, shape_table
from balise_wire.assignment import Budget as WireBudget
from balise_wire.assignment import Timetable as WireTimetable
from balise_wire.card import CONSENT_VERSION

DEFAULT_PATH: Final = Path("/etc/balise/collector.toml")
_EXAMPLE: Final = "examples/collector.toml"
_NO_LONGER_READ: Final = (("detect", "bin_seconds"),)
"""Tables and keys that earlier versions read; bins are five minutes for both programs (balise_wire.bins)."""
_log = logging.getLogger(__name__)


class BrokerTransport(StrEnum):
    """How MQTT reaches the broker."""

    TCP = "tcp"
    WEBSOCKETS = "websockets"


class CollectorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[collector]``: where this collector keeps what it knows."""

    state_dir: str = "/var/lib/balise-collector"
    country_names: dict[str, str] = {}
    """Names that pages print for ISO 3166-1 codes; a code without one is printed as it is."""
    quarantine_bytes: int = 64 * 1024 * 1024
    """Most bytes of refused messages that are kept; the oldest go first, and are counted."""
    quota_times: int = 5
    """How many times what its timetable asks for a probe may send; 0 for no bound (quota.py)."""


class Broker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[broker]``, or several as ``[[broker]]``: the collector listens on all of them at once."""

    host: str
    port: int = 1883
    transport: BrokerTransport = BrokerTransport.TCP
    path: str = "/mqtt"
    """WebSocket path."""
    own_authority: bool = False
    """TLS by the fleet's own authority (authority/), both ways: nothing but host and port is to be said."""
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    username: str = ""
    password_file: str = ""
    client_id: str = "balise-collector"
    """Fixed, so that the broker keeps our queue while we are away; two collectors on one broker need two ids."""
    keepalive: int = 30
    """Seconds of silence after which both sides test the connection."""


class CataloguePlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[catalogue]``: which services are measured."""

    dir: str = ""
    """A folder of ``*.toml``; empty: the packaged one."""
    services: tuple[str, ...] = ()
    """Ids of the services that are measured; empty: all of the folder but those that say ``optional = true``."""
    silent_addresses: tuple[str, ...] = ()
    """Addresses of the operator's that run no resolver, beside those of the files: whatever answers a name there was
    forged on the way. Best outside the countries that are measured, and not where a probe or reference stands."""
    helpers: tuple[str, ...] = ()
    """Addresses of the operator's own servers on which ``balise-agent helper`` answers every name over TLS (port 443).
    Outside the countries that are measured; probes show them names that fail, and no page ever names them."""


class PagesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[pages]``: where the operator reads, probes and packets as they are."""

    host: str = "127.0.0.1"
    port: int = 8484
    names: tuple[str, ...] = ()
    """Further names under which readers ask, e.g. behind a proxy."""
    token_file: str = ""
    """Holds the token that every reader must show; only on loopback can it be left out."""

    @property
    def on_loopback(self) -> bool:
        """Whether only programs of this machine can ask."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class PublicSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[public]``: where everybody reads what may be seen (pages/public.py); without it there is no such view."""

    host: str = "127.0.0.1"
    port: int = 8485
    k: int = 2
    """Probes that must have measured what is told; 3 where hosts are at risk."""
    delay_minutes: int = 30
    """How far the public view is behind."""
    base_url: str = ""
    """What links from elsewhere begin with, e.g. ``https://observatory.example``."""
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses or prefixes of proxies before it: the last entry of their X-Forwarded-For is the reader."""
    apart: bool = False
    """Whether another service runs ``balise-collector public``; else ``run`` starts it as a process of its own."""


class Front(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of ``[[enrolment.brokers]]``: a way to the broker that probes are told, in the order of trial."""

    host: str
    port: int = 443
    transport: BrokerTransport = BrokerTransport.TCP
    path: str = "/mqtt"
    """WebSocket path."""


class EnrolmentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[enrolment]``: where new boards come with their tokens; without the table nobody listens."""

    host: str = "0.0.0.0"  # noqa: S104 - boards come from everywhere
    port: int = 8443
    names: tuple[str, ...] = ()
    """Host names under which boards reach the listener; its certificate carries them."""
    addresses: tuple[str, ...] = ()
    """Literal addresses likewise; give at least one of both."""
    urls: tuple[str, ...] = ()
    """What cards say, in the order of trial; empty: names, then addresses, with the port."""
    brokers: tuple[Front, ...] = ()
    """What enrolled probes are told; at least one."""
    consents: tuple[str, ...] = (CONSENT_VERSION,)
    """Versions of the consent text that still hold."""

    def addresses_to_dial(self) -> tuple[str, ...]:
        """Return what cards say."""
        hosts = (*self.names, *(f"[{one}]" if ":" in one else one for one in self.addresses))
        return self.urls or tuple(f"https://{host}:{self.port}" for host in hosts)


class TimetableSettings(WireTimetable, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[timetable]``: what every assignment says about how often."""


class BudgetSettings(WireBudget, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[budget]``: what every assignment allows; the probes' own limits hold beside it."""


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[network]``: what this internet is like."""

    laboratory: tuple[str, ...] = ()
    """Prefixes that this laboratory calls public although no router of the internet carries them."""
    origins: str = ""
    """File that says which network an address belongs to (origins.py): the source of each connection is looked up in
    it and thrown away. Empty: where lines are is not known. Needs ``broker files --observe``."""
    same_provider: tuple[tuple[int, ...], ...] = ()
    """AS numbers that are one provider's, group by group."""


class Detect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[detect]``: time as the detector counts it."""

    silence_seconds: int = 900
    """A probe not heard for so long (while we listened) is silent: its cells freeze."""


class BurstSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[burst]``: whether probes that were well are asked once more when another fails for the first time."""

    enabled: bool = True
    risk: Mapping[str, Literal["low", "medium", "high"]] = {}
    """What measuring may cost hosts, by country: ``low`` asks within seconds, ``medium`` (and what is not named) within
    an interval, ``high`` asks nobody, and nobody there is given what hosts can be blamed for (handshakes of VPNs). A
    board whose tags hold ``risk-high`` is never asked either."""
    bytes_per_day: int = 400_000
    """What bursts may cost a probe a day."""
    localise: bool = True
    """Whether two probes of each affected provider are asked where a name is cut, once an incident of grade A or B;
    only in countries whose risk is named ``low`` or ``medium`` here."""


class JudgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[judge]``: what the rules know beside the code."""

    fingerprints: tuple[str, ...] = ()
    """Files of known block pages and forged addresses in OONI's format (github.com/ooni/blocking-fingerprints), read at
    the start. Rows of scope ``nat`` and ``isp`` are proof, ``fp`` rows clear a page, others say nothing."""


class Sinks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[sinks]``: who else is told."""

    line_protocol_file: str = ""
    """Line protocol is appended to this file; ``-`` is standard output; empty: none."""
    tables: Mapping[str, Mapping[str, Any]] = {}
    """``[sinks.<name>]``, each as it was read: its shape is the sink's own business."""


class Influx(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[influx]``: an InfluxDB 1.8, 2.x or 3 that Grafana reads; without ``url`` there is none."""

    url: str = ""
    token_file: str = ""
    """Holds the token that may write, alone; on 1.x ``name:password``. Read again when the server refuses it."""
    token: str = ""
    """The token itself, where a file is too much."""
    org: str = "balise"
    """Organisation on 2.x; 1.x and 3 ignore it."""
    bucket: str = "balise"
    """On 1.x the database, or ``database/policy``."""
    rollup_bucket: str = "balise_rollup"
    ca_file: str = ""
    """Extra trust root."""
    timeout: float = 10.0
    """Seconds that a write may take."""
    batch: int = 5000
    """Most lines of one write."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    collector: CollectorSettings = CollectorSettings()
    broker: tuple[Broker, ...] = ()
    catalogue: CataloguePlace = CataloguePlace()
    pages: PagesSettings = PagesSettings()
    public: PublicSettings | None = None
    enrolment: EnrolmentSettings | None = None
    timetable: TimetableSettings = TimetableSettings()
    budget: BudgetSettings = BudgetSettings()
    network: NetworkSettings = NetworkSettings()
    detect: Detect = Detect()
    burst: BurstSettings = BurstSettings()
    judge: JudgeSettings = JudgeSettings()
    sinks: Sinks = Sinks()
    influx: Influx = Influx()

    @property
    def state_dir(self) -> Path:
        """Folder of the key and the three stores."""
        return Path(self.collector.state_dir)

    @property
    def journal_file(self) -> Path:
        """Every measurement, as it was sealed."""
        return self.state_dir / "journal.sqlite"

    @property
    def derived_file(self) -> Path:
        """Everything that can be computed again from the journal."""
        return self.state_dir / "derived.sqlite"

    @property
    def releases_file(self) -> Path:
        """Whose evidence the operator released to the public."""
        return self.state_dir / "releases.sqlite"

    @property
    def fleet_file(self) -> Path:
        """Who may speak."""
        return self.state_dir / "fleet.sqlite"

    @property
    def authority_dir(self) -> Path:
        """The fleet's own certificate authority."""
        return self.state_dir / "authority"


def load(path: Path, *, files_come_later: bool = False) -> Config:
    """Read and check a configuration file.

    Args:
        path: the file.
        files_come_later: let files be absent: for the commands that make them, and for those that may not see them.

    Raises:
        ConfigError: always with the file, the key and the mend.
    """
    table = read_table(path, example=_EXAMPLE)
    if isinstance(table.get("broker"), dict):
        table["broker"] = [table["broker"]]
    _drop_unread(table, path)
    if isinstance(sinks := table.get("sinks"), dict):
        own = {name: value for name, value in sinks.items() if isinstance(value, dict)}
        table["sinks"] = {**{name: value for name, value in sinks.items() if name not in own}, "tables": own}
    config = shape_table(table, Config, str(path), example=_EXAMPLE)
    for place, wrong in _findings(config, files_come_later=files_come_later):
        raise ConfigError(f"{path}: {place}: {wrong}")
    return config


def _drop_unread(table: dict[str, Any], path: Path) -> None:
    """Take out keys that earlier versions read, so that an old file still loads, and say so in the log."""
    for section, key in _NO_LONGER_READ:
        held = table.get(section)
        if isinstance(held, dict) and held.pop(key, None) is not None:
            _log.warning("%s: %s.%s is no longer read; take it out", path, section, key)


def _findings(config: Config, *, files_come_later: bool) -> list[tuple[str, str]]:
    """What is well-formed and still cannot work: pairs of key and finding."""
    found = _own_findings(config)
    for index, broker in enumerate(config.broker):
        found.extend(
            (f"broker[{index}].{key}", wrong)
            for key, wrong in _broker_findings(broker, files_come_later=files_come_later)
        )
    if config.catalogue.dir and not Path(config.catalogue.dir).is_dir():
        found.append(("catalogue.dir", f"{config.catalogue.dir!r} is not a folder; leave it out for the packaged one"))
    found.extend(
        (f"catalogue.{key}", f"{text!r} is not an IP address")
        for key in ("silent_addresses", "helpers")
        for text in getattr(config.catalogue, key)
        if not _is_address(text)
    )
    if not 0 <= config.pages.port < 65536:
        found.append(("pages.port", f"{config.pages.port} is no port; use 0 to 65535 (0 takes a free one)"))
    found.extend(
        (f"pages.{key}", wrong) for key, wrong in _pages_findings(config.pages, files_come_later=files_come_later)
    )
    if config.public is not None:
        found.extend((f"public.{key}", wrong) for key, wrong in _public_findings(config.public))
    if config.enrolment is not None:
        found.extend((f"enrolment.{key}", wrong) for key, wrong in _enrolment_findings(config.enrolment))
    found.extend(_measuring_findings(config))
    return found


def _own_findings(config: Config) -> list[tuple[str, str]]:
    """What cannot work in the collector's own table, and that it has somewhere to collect from."""
    found: list[tuple[str, str]] = []
    if not config.broker:
        found.append(("broker", 'there is none; add [broker] with at least host = "127.0.0.1"'))
    if not config.state_dir.is_absolute():
        found.append(("collector.state_dir", f"{config.collector.state_dir!r} is relative; write a path from /"))
    found.extend(
        (f"collector.country_names.{harmless.line(code)[:8]}", f"holds the character {bad}; take it out")
        for code, name in config.collector.country_names.items()
        if (bad := harmless.findings(code + name))
    )
    if config.collector.quarantine_bytes < 1024 * 1024:
        found.append(("collector.quarantine_bytes", "holds too little to look into; use 1048576 or more"))
    return found


def _measuring_findings(config: Config) -> list[tuple[str, str]]:
    """What cannot work in how it has probes measure, in what it makes of that, and in where it writes it."""
    found: list[tuple[str, str]] = []
    if not 10 <= config.timetable.interval <= 86400:
        found.append(("timetable.interval", f"{config.timetable.interval} s; use 10 to 86400"))
    timetable = config.timetable
    every = (
        timetable.hello_every,
        timetable.http_every,
        timetable.quic_every,
        timetable.throughput_every,
        timetable.call_every,
        timetable.vpn_every,
        timetable.clienthello_every,
    )
    if min(every) < 1:
        found.append(("timetable.hello_every", "count intervals from 1: 1 is every interval, 3 every third"))
    found.extend(
        ("network.laboratory", f"{text!r} is no IP prefix, e.g. 198.18.0.0/15")
        for text in config.network.laboratory
        if not _is_prefix(text)
    )
    if any(len(group) < 2 or not all(0 < asn < 2**32 for asn in group) for group in config.network.same_provider):
        found.append(("network.same_provider", "give groups of two AS numbers or more, e.g. [[17557, 45595]]"))
    found.extend((f"influx.{key}", wrong) for key, wrong in _influx_findings(config.influx))
    if not 0 <= config.burst.bytes_per_day <= 20_000_000:
        found.append(("burst.bytes_per_day", f"{config.burst.bytes_per_day}; use 0 to 20000000"))
    found.extend(
        ("burst.risk", f"{harmless.line(country)[:8]!r} is no country; write two capitals, e.g. PK")
        for country in config.burst.risk
        if not re.fullmatch("[A-Z]{2}", country)
    )
    found.extend(
        ("judge.fingerprints", f"{name!r} is not a file that this user can see")
        for name in config.judge.fingerprints
        if not Path(name).is_file()
    )
    if config.detect.silence_seconds < config.timetable.interval:
        found.append(("detect.silence_seconds", "shorter than timetable.interval: every probe would seem silent"))
    return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_prefix(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _influx_findings(influx: Influx) -> list[tuple[str, str]]:
    """What cannot work in the InfluxDB entry; a token file may come later, from ``influx setup``."""
    if not influx.url:
        return []
    found: list[tuple[str, str]] = []
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", influx.url):
        found.append(("url", f"{influx.url!r} is no address, e.g. http://127.0.0.1:8086"))
    if bool(influx.token) == bool(influx.token_file):
        found.append(("token_file", "name one file that holds the token (or set token, not both)"))
    if not influx.bucket or not influx.rollup_bucket or influx.bucket == influx.rollup_bucket:
        found.append(("rollup_bucket", "points and roll-ups need a bucket each; give two different names"))
    if influx.ca_file and not Path(influx.ca_file).is_file():
        found.append(("ca_file", f"{influx.ca_file!r} is not a file that this user can see"))
    if not 1.0 <= influx.timeout <= 300.0:
        found.append(("timeout", f"{influx.timeout} s; use 1 to 300"))
    if not 1 <= influx.batch <= 50_000:
        found.append(("batch", f"{influx.batch} lines; use 1 to 50000"))
    return found


def _pages_findings(pages: PagesSettings, *, files_come_later: bool) -> list[tuple[str, str]]:
    """What cannot work in the operator's view."""
    if pages.token_file and not files_come_later and not Path(pages.token_file).is_file():
        return [("token_file", f"{pages.token_file!r} is not a file that this user can see")]
    if not pages.token_file and not pages.on_loopback:
        wrong = f"is not set, and {pages.host} is not loopback: anyone could read probes as they are; "
        return [("token_file", wrong + "name a file with a secret of 32 characters or more, or listen on 127.0.0.1")]
    return []


def _public_findings(public: PublicSettings) -> list[tuple[str, str]]:
    """What cannot work in the public view."""
    found: list[tuple[str, str]] = []
    if not 0 <= public.port < 65536:
        found.append(("port", f"{public.port} is no port; use 0 to 65535 (0 takes a free one)"))
    if public.k < 2:
        found.append(("k", f"{public.k}: what one probe saw would be public, and so the probe; use 2 or more"))
    if not 0 <= public.delay_minutes <= 10_080:
        found.append(("delay_minutes", f"{public.delay_minutes} minutes; use 0 to 10080 (a week)"))
    found.extend(
        ("proxies", f"{text!r} is no IP address or prefix, e.g. 192.0.2.20")
        for text in public.proxies
        if not _is_prefix(text)
    )
    if public.base_url and not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+", public.base_url):
        found.append(("base_url", f"{public.base_url!r}; write scheme and host only, e.g. https://observatory.example"))
    return found


def _enrolment_findings(enrolment: EnrolmentSettings) -> list[tuple[str, str]]:
    """What cannot work in the enrolment listener."""
    found: list[tuple[str, str]] = []
    if not 0 <= enrolment.port < 65536:
        found.append(("port", f"{enrolment.port} is no port; use 0 to 65535 (0 takes a free one)"))
    if not enrolment.names and not enrolment.addresses:
        found.append(("names", "and addresses are empty: boards could not check whom they reach; give one of both"))
    found.extend(
        ("names", f"{name!r} is no host name; write it without https:// and port")
        for name in enrolment.names
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name) or _is_prefix(name)
    )
    found.extend(
        ("addresses", f"{text!r} is no IP address, e.g. 192.0.2.10")
        for text in enrolment.addresses
        if "/" in text or not _is_prefix(text)
    )
    found.extend(
        ("urls", f"{text!r}; write https:// and host or host:port, e.g. https://front.example:8443")
        for text in enrolment.urls
        if not re.fullmatch(r"https://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?", text)
    )
    if not enrolment.brokers:
        found.append(("brokers", "there is none; add [[enrolment.brokers]] with the host that probes connect to"))
    for index, front in enumerate(enrolment.brokers):
        if not front.host or any(character.isspace() or character == "/" for character in front.host):
            found.append((f"brokers[{index}].host", f"{front.host!r} is no host; write a name or an address"))
        if not 0 < front.port < 65536:
            found.append((f"brokers[{index}].port", f"{front.port} is no port; use 1 to 65535"))
    if not enrolment.consents:
        found.append(("consents", "is empty: every board would be refused; leave the key out for the current text"))
    return found


def _broker_findings(broker: Broker, *, files_come_later: bool) -> list[tuple[str, str]]:
    """What cannot work in one broker entry."""
    found: list[tuple[str, str]] = []
    if not broker.host or any(character.isspace() or character == "/" for character in broker.host):
        found.append(("host", f"{broker.host!r} is no host; write a name or an address, without mqtt:// and port"))
    if not 0 < broker.port < 65536:
        found.append(("port", f"{broker.port} is no port; use 1 to 65535"))
    if not broker.client_id:
        found.append(("client_id", "is empty; the broker could not keep our queue while we are away"))
    if not 5 <= broker.keepalive <= 3600:
        found.append(("keepalive", f"{broker.keepalive} s; use 5 to 3600"))
    for key in ("ca_file", "cert_file", "key_file", "password_file"):
        text: str = getattr(broker, key)
        if text and not files_come_later and not Path(text).is_file():
            found.append((key, f"{text!r} is not a file that this user can see"))
        if text and key != "password_file" and not broker.tls and not broker.own_authority:
            found.append((key, "is set but tls is false; set tls = true"))
        if text and broker.own_authority:
            found.append((key, "is set beside own_authority, which brings its own; leave one of them out"))
    if bool(broker.cert_file) != bool(broker.key_file):
        found.append(("cert_file", "cert_file and key_file belong together; set both or neither"))
    if broker.password_file and not broker.username:
        found.append(("username", "password_file is set without a username; add it"))
    return found
