"""The settings of the programs that a run starts, as TOML text: agent, collector, catalogue, controls.

Pure. The keys are the programs' own (examples/agent.toml, examples/collector.toml); the lab imports neither program.
Must not live here: writing files or starting anything (programs).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from balise_lab.boxes.engine.registry import KINDS
from balise_lab.centre import broker, influx
from balise_lab.counterparts import stun
from balise_lab.counterparts.quic import PORT as QUIC_PORT
from balise_lab.scenario.schema import Catalogued, Disturbance, Probe, Scenario, Start
from balise_lab.world import topology
from balise_lab.world.addresses import six
from balise_wire.assignment import FLAT
from balise_wire.card import CONSENT_VERSION
from balise_wire.experiments import WORD_OF
from balise_wire.experiments.traits import Parameters
from balise_wire.words import Experiment, ProbeRole

Value = str | int | float | bool | Sequence["Value"] | Mapping[str, "Value"]

_USUAL_TIMEOUTS: Final = {"connect": 1.5, "answer": 0.9, "dns": 1.0, "linger": 0.3, "syn": 0.6, "onset": 1.5}
"""Real seconds. Shorter than a probe's at home: at scale 60 a second is a minute of the scenario."""
_LOSSY_TIMEOUTS: Final = {"connect": 3.5, "answer": 1.7, "dns": 1.5, "linger": 0.4, "syn": 1.0, "onset": 3.5}
"""Real seconds where packets get lost: the kernel sends a SYN again after 1 and 3 s (RFC 6298 2.1, 5.5), data after
0.2, 0.6 and 1.4 s (Linux's least RTO)."""
_ROUND_TRIPS: Final = {"connect": 8.0, "answer": 8.0, "dns": 5.0, "linger": 1.3, "syn": 4.0, "onset": 8.0}
"""A time-out is at least so many of the longest round trip of the scenario."""
_QUEUED: Final = frozenset({"connect", "answer"})
"""Time-outs of flows that bytes of others may stand before: those to a name, which a shaper holds in one queue."""
_CHAIN: Final = 1_200
"""Seconds between two looks at a service's chain, as on most lines; nothing thins the lab's timetable to it."""
_PLENTY: Final = 2_000_000_000
"""Bytes a day: at scale 60 a day of budget is spent in 24 minutes."""
DAILY: Final = 2
"""In which n-th interval that has a turn which is asked once a day: no scenario lasts one."""
PROXIES: Final = "proxies.toml"
"""File of a probe that names the operator's proxies."""
ENROLMENT: Final = 8443
"""Port of the collector's enrolment listener, on the centre's address."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a probe is given before its first start."""

    token: str
    fingerprint: str
    """Of the fleet's authority."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of a run are."""

    folder: Path
    authority: Path
    """The lab's CA certificate."""

    def agent(self, probe: str) -> Path:
        """Return the folder of one probe."""
        return self.folder / "probes" / probe

    @property
    def collector(self) -> Path:
        """The collector's folder."""
        return self.folder / "collector"

    @property
    def broker(self) -> Path:
        """The broker's files and store."""
        return self.folder / "broker"

    @property
    def catalogue(self) -> Path:
        """The folder of the catalogue."""
        return self.folder / "catalogue"


@dataclass(frozen=True, slots=True)
class Views:
    """The two views that stay up after a demo, each a port of the centre's loopback."""

    public_port: int
    public_url: str
    """What people outside the lab find the public view under."""
    token_file: Path
    """Holds what opens the operator's view."""


PUBLIC_K: Final = 2
PUBLIC_DELAY: Final = 30
"""Probes that stand behind what the public view of a demo tells, and how many minutes it is late: the usual ones."""


def timeouts(scenario: Scenario) -> dict[str, float]:
    """Return the probes' network time-outs in real seconds: a slow network is no broken one."""
    trip = longest_round_trip(scenario)
    lossy = any(isinstance(entry, Start) and KINDS[entry.disturbance.kind].lossy for entry in scenario.timeline)
    least = _LOSSY_TIMEOUTS if lossy else _USUAL_TIMEOUTS
    slowed = scenario.slowed  # a program that waits for its turn answers later; in virtual time nothing changes
    queue = longest_wait(scenario)
    return {
        name: round(max(usual * slowed, _ROUND_TRIPS[name] * trip) + queue * (name in _QUEUED), 2)
        for name, usual in least.items()
    }


def longest_wait(scenario: Scenario) -> float:
    """Return the seconds for which an answer can wait in the queues of the scenario's shapers, were they all full."""
    entries = [entry.disturbance for entry in scenario.timeline if isinstance(entry, Start)]
    waits = [(KINDS[one.kind].waits, one) for one in entries]
    return sum(wait(one) for wait, one in waits if wait is not None) / 1000


def longest_round_trip(scenario: Scenario) -> float:
    """Return the seconds that the scenario's delays can add to a round trip, were they all on at once."""
    delays = [_delay(entry.disturbance) for entry in scenario.timeline if isinstance(entry, Start)]
    return sum(delays) / 1000


def _delay(disturbance: Disturbance) -> float:
    """Return the milliseconds that a disturbance adds to a round trip at most."""
    return sum(setting.of(disturbance) for setting in KINDS[disturbance.kind].slows)


def agent_toml(scenario: Scenario, built: topology.Topology, probe: Probe, places: Places, card: Card) -> str:
    """Return the settings of one probe, as a card would bring them: who it is, its enrolment says."""
    return _toml(
        {
            "probe": {"state_dir": str(places.agent(probe.id))},
            "enrolment": {
                "urls": [f"https://{built.centre}:{ENROLMENT}"],
                "fingerprint": card.fingerprint,
                "token": card.token,
            },
            "network": {"laboratory": list(built.laboratory)},
            "timeouts": timeouts(scenario),
            **({"proxies": {"file": str(places.agent(probe.id) / PROXIES)}} if _asks_proxies(scenario, probe) else {}),
            "tls": {"ca_file": str(places.authority)},
            "consent": {"version": CONSENT_VERSION, "accepted": True},
            "spool": {"batch_seconds": 30.0, "batch_records": 40},
        },
    )


def _asks_proxies(scenario: Scenario, probe: Probe) -> bool:
    """Whether a probe's operator has told it of proxies: none that stands abroad."""
    return bool(scenario.proxies) and probe.role is ProbeRole.PROBE


def collector_toml(
    built: topology.Topology, places: Places, port: int, *, with_influx: bool = False, views: Views | None = None
) -> str:
    """Return the settings of the collector.

    Args:
        built: the network.
        places: where files go.
        port: of the pages.
        with_influx: there is an InfluxDB in the centre.
        views: people look: the pages ask for a token, and the public view is beside them.
    """
    pages: dict[str, Value] = {"host": "127.0.0.1", "port": port}
    public: dict[str, Value] = {}
    if views is not None:
        pages["token_file"] = str(views.token_file)
        public = {"host": "127.0.0.1", "port": views.public_port, "base_url": views.public_url}
        public |= {"k": PUBLIC_K, "delay_minutes": PUBLIC_DELAY}
    buckets: dict[str, Value] = {"url": influx.URL, "bucket": influx.POINTS, "rollup_bucket": influx.ROLLUPS}
    return _toml(
        {
            "collector": {"state_dir": str(places.collector)},
            "broker": {"host": "127.0.0.1", "port": broker.LOCAL, "own_authority": True},
            "enrolment": {"host": built.centre, "port": ENROLMENT, "addresses": [built.centre]},
            "catalogue": {"dir": str(places.catalogue), **({"helpers": [built.helper]} if built.helper else {})},
            "pages": pages,
            **({"public": public} if public else {}),
            "timetable": {
                "interval": 300,
                "line": 60,
                "throughput_every": 2,
                "call_every": 2,
                "vpn_every": 2,
                "clienthello_every": DAILY,
                "chain": _CHAIN,
            },
            "budget": {"bytes_per_day": _PLENTY, "bytes_per_incident": _PLENTY},
            **({"influx": {**buckets, "token": "laboratory"}} if with_influx else {}),
        },
        {"enrolment.brokers": [{"host": built.centre, "port": broker.PORT, "transport": "tcp"}]},
    )


def service_toml(scenario: Scenario, built: topology.Topology, service: str, told: Catalogued | None = None) -> str:
    """Return the catalogue file of one service as it is told at a moment; empty where it has no target then."""
    told = told or Catalogued()
    ends = [end.at(told.moved) for end in built.endpoints if end.service == service and end.host not in told.without]
    if not ends:
        return ""
    label = next(one.name for one in scenario.services if one.id == service)
    return _toml(
        {},
        {"target": [_target(scenario, end) for end in ends]},
        top={"service": service, "name": label, "version": "laboratory"},
    )


def _target(scenario: Scenario, built: topology.ServedHost) -> dict[str, Value]:
    """Return one target of the catalogue."""
    wanted = next(end for end in scenario.endpoints if end.host == built.host)
    told = {"all": None, "first": 1, "none": 0}[built.spec.catalogued]
    found = tuple(dict.fromkeys((*built.country_addresses[:told], *built.addresses[:told])))
    addresses = (*found, *map(six, found)) if scenario.ipv6 else found
    said = parameters([one for one in wanted.parameters if WORD_OF[type(one)] in {*wanted.experiments, *FLAT}])
    if scenario.ipv6 and not found:
        said["families"] = [4, 6]
    if scenario.ipv6 and Experiment.TCP in wanted.experiments:
        # The sibling of IPv4 has a key of its own; that of IPv6 stands among the further ones.
        own = said.setdefault("parameters", {})
        said["parameters"] = {**own, "tcp": {**own.get("tcp", {}), "siblings": [six(built.sibling)]}}
    return {
        "role": wanted.role,
        "host": wanted.host,
        "port": wanted.port,
        "addresses": list(addresses),
        "neighbour": built.neighbour,
        "sibling": built.sibling,
        "experiments": list(wanted.experiments),
        **said,
    }


def parameters(records: Sequence[Parameters]) -> dict[str, Any]:
    """Return what a target says to its experiments, as the catalogue has it."""
    flat: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for record in records:
        word = WORD_OF[type(record)]
        if word in FLAT:
            flat |= {key: getattr(record, name) for name, key in FLAT[word].items()}
        elif said := msgspec.to_builtins(record):
            own[word.value] = said
    return {**flat, "parameters": own} if own else flat


def controls_toml(scenario: Scenario, built: topology.Topology) -> str:
    """Return the catalogue's controls."""
    controls: list[dict[str, Value]] = [
        {
            "name": control.name,
            "addresses": list(built.told((control.address,))),
            "port": control.port,
            "scope": control.scope,
            **({"country": scenario.country} if control.scope == "domestic" else {"quic": control.port == QUIC_PORT}),
        }
        for control in built.controls
    ]
    dns: dict[str, Value] = {
        "public_resolvers": [built.public_resolver],
        "silent_addresses": [built.silent_address],
        "control_name": built.control_name,
    }
    providers: list[dict[str, Value]] = [
        {
            "asn": isp.asn,
            "name": isp.label or isp.name,
            "country": scenario.country,
            "resolvers": list(built.namespace(isp.name).resolvers),
        }
        for isp in scenario.isps
        if isp.routers
    ]
    strangers: list[dict[str, Value]] = [
        {"name": one.name, "addresses": [one.address], "port": stun.port_of(built, one)}
        for one in stun.strangers(built)
    ]
    return _toml({"dns": dns}, {"control": controls, "provider": providers, "stun": strangers})


def _toml(
    tables: Mapping[str, Mapping[str, Value]],
    lists: Mapping[str, Sequence[Mapping[str, Value]]] | None = None,
    top: Mapping[str, Value] | None = None,
) -> str:
    """Return TOML text of top-level keys, tables and lists of tables."""
    lines = [*_pairs(top or {})]
    for name, table in tables.items():
        lines += [f"[{name}]", *_pairs(table)]
    for name, rows in (lists or {}).items():
        for row in rows:
            lines += [f"[[{name}]]", *_pairs(row)]
    return "\n".join([*lines, ""])


def _pairs(table: Mapping[str, Value]) -> list[str]:
    """Return ``key = value`` lines."""
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: Value) -> str:
    """Return a value: a JSON string, number, boolean or list of them is TOML as it stands."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_pairs(value)) + " }"
    if isinstance(value, str):
        return json.dumps(str(value))
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
