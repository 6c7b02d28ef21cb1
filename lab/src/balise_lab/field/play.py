"""Playing one situation: boards, centre and network are put together, and time passes.

Lives here: that joining. Must not live here: what is right (expect.py), or what anything does.
"""

import gc
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec

from balise_agent.measure.conductor import NetworkAccess
from balise_agent.policy.egress import Gate
from balise_agent.system.clock import Clock
from balise_agent.system.proxies import Proxy, ProxyKind
from balise_collector.fleet.catalogue import (
    Catalogue,
    Entry,
    Service,
    ServiceFile,
    assemble,
    default_folder,
    findings,
    load,
)
from balise_collector.fleet.watches import WatchWindow
from balise_lab.counterparts.proxy import CHAT_PORT, LABELS, PORTS, RELAYED, WHATSAPP
from balise_lab.errors import ConfigError
from balise_lab.field import boards
from balise_lab.field.centre import Centre, Enrolled
from balise_lab.field.network import KINDS, SHIPPED, Effect, Field, Home, Host, Page, World
from balise_lab.field.probe import Board, Surroundings, VirtualProbe
from balise_lab.field.situation import CatalogueChange, Event, Probes, Situation
from balise_lab.field.timeline import Timeline
from balise_wire.assignment import Timetable
from balise_wire.experiments.throughput import ThroughputParameters
from balise_wire.request import Request
from balise_wire.words import ProbeRole, Scope

_LOOK = 30.0
"""Seconds between two turns of the centre, and two looks of a probe whether the collector is within reach."""
_QUICK = 10.0
"""The same where bursts are a matter of seconds."""
_SELECTORS = ("probes", "providers", "countries", "districts")


@dataclass(frozen=True)
class Played:
    """A situation as it went."""

    situation: Situation
    start: float
    """UNIX seconds."""
    centre: Centre
    probes: dict[str, VirtualProbe]
    text: str
    """The report, in English."""
    mistakes: dict[str, int]
    """What the programs logged as mistakes of their own, and how often."""


def play(situation: Situation, ends: Callable[[Centre], bool] = lambda _centre: False) -> Played:
    """Play a situation to its end, or until ``ends`` says after a turn of the centre that it has seen enough.

    Raises:
        ConfigError: it names what there is not; says what and the mend.
    """
    with _without_collections(), _heard() as mistakes:
        return _Playing(situation, mistakes).run(ends)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Hold the garbage collector back: a situation makes some hundred thousand records that all live to its end."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _Mistakes(logging.Handler):
    """Keeps what the programs log as their own mistake, each once."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        error = record.exc_info[1] if record.exc_info else None
        words = record.getMessage() + (f": {type(error).__name__}: {error}" if error is not None else "")
        self.told[words] = self.told.get(words, 0) + 1


@contextmanager
def _heard() -> Iterator[dict[str, int]]:
    """Hear the programs' logs in their place."""
    handler, loggers = _Mistakes(), [logging.getLogger(name) for name in ("balise_agent", "balise_collector")]
    before = [(one.propagate, one.level) for one in loggers]
    for one in loggers:
        one.addHandler(handler)
        one.propagate = False
        one.setLevel(logging.ERROR)
    try:
        yield handler.told
    finally:
        for one, (propagates, level) in zip(loggers, before, strict=True):
            one.removeHandler(handler)
            one.propagate = propagates
            one.setLevel(level)


class _Playing:
    def __init__(self, situation: Situation, mistakes: dict[str, int]) -> None:
        self._situation = situation
        self._mistakes = mistakes
        self._start = datetime.fromisoformat(situation.start).timestamp()
        self._timeline = Timeline(self._start)
        expanded = [
            *_expanded(situation.probes, ProbeRole.PROBE),
            *_expanded(situation.references, ProbeRole.REFERENCE),
        ]
        self._enrolled = {one.board.id: one for one, _ in expanded}
        if len(self._enrolled) != len(expanded):
            raise ConfigError(f"{situation.id}: two probes have one id", "give each group an id of its own")
        self._said = {one.board.id: said for one, said in expanded}
        self._catalogues = _catalogues(situation)
        self._field = self._made_field()
        self.centre = Centre(
            catalogue=self._catalogues[0][1],
            enrolled=self._enrolled,
            start=self._start,
            timetable=Timetable(interval=situation.interval, clienthello_every=situation.daily),
            observed=situation.observed,
            risk=situation.risk,
            helpers=situation.helpers,
            watches=tuple(
                WatchWindow(
                    id=f"{number:08x}",
                    country=one.country,
                    services=one.services,
                    since=self._start + one.at,
                    until=self._start + one.until,
                    interval=one.interval,
                    made=self._start,
                )
                for number, one in enumerate(situation.watches)
            ),
            seed=situation.seed,
        )
        self.probes = {name: VirtualProbe(one.board, self._surroundings()) for name, one in self._enrolled.items()}
        self._seen: dict[str, tuple[str, int]] = {}

    def run(self, ends: Callable[[Centre], bool]) -> Played:
        """Let it happen."""
        self._arrange()
        lasts, timeline = self._situation.lasts, self._timeline
        looks, look = 1, _QUICK if self._situation.risk else _LOOK
        while timeline.now < self._start + lasts:
            timeline.run(self._start + min(looks * look, lasts))
            looks += 1
            for probe in self.probes.values():
                probe.look()
            self._look_where()
            self.centre.turn(timeline.now, self._give)
            self.centre.ask(timeline.now, self._ask)
            if ends(self.centre):
                break
        self.centre.turn(timeline.now, self._give)
        text = self.centre.text(timeline.now)
        return Played(self._situation, self._start, self.centre, self.probes, text, self._mistakes)

    def _arrange(self) -> None:
        """Put on the timeline what is to happen."""
        events = [event for event in self._situation.events if event.kind in boards.KINDS]
        where = [(probe, self._said[name].district) for name, probe in self.probes.items()]
        late: set[str] = set()
        for event in events:
            if wrong := boards.complaint(event):
                raise ConfigError(f"{self._situation.id}: {wrong}", "see docs/field.md")
            who = boards.selected(event, where)
            if not who:
                raise ConfigError(f"{self._situation.id}: {event.kind}: it hits no board", "name probes that there are")
            if event.kind == "joins":
                late |= {one.board.id for one in who}
            boards.arrange(event, who, self._timeline, self._start, self._situation.lasts, self.centre)
        for at, catalogue in self._catalogues[1:]:
            self._timeline.at(self._start + at, lambda new=catalogue: self.centre.change(new, self._give))  # type: ignore[misc]
        self.centre.assign(self._give)
        for name, probe in self.probes.items():
            if name not in late:
                probe.start()

    def _give(self, name: str, assignment: Any) -> None:
        self.probes[name].assign(assignment)

    def _ask(self, name: str, request: Request) -> None:
        """Ask a probe once more for a target of its assignment."""
        self.probes[name].ask(request)

    def _look_where(self) -> None:
        """Let the broker's log tell from where probes connect, where it changed."""
        if not self._situation.observed:
            return
        for name, probe in self.probes.items():
            if probe.running and self._field.delivers(name):
                seen = self._field.seen_as(name)
                if self._seen.get(name) != seen:
                    self._seen[name] = seen
                    self.centre.journal.see(name, seen[1], seen[0], self._timeline.now)

    # ------------------------------------------------------------ the network

    def _made_field(self) -> Field:
        every = [catalogue for _, catalogue in self._catalogues]
        services = {entry.host: s.id for catalogue in every for s in catalogue.services for entry in s.targets}
        names = [
            *services,
            *(control.name for catalogue in every for control in catalogue.controls),
            *(server for catalogue in every for server in catalogue.dns.public_resolvers),
            *(server.name for catalogue in every for server in catalogue.stun),
        ]
        try:
            hosts = [
                msgspec.convert({"name": name, **said}, Host, strict=False)
                for name, said in self._situation.world.items()
            ]
            homes = [_home(one.board, self._said[name]) for name, one in self._enrolled.items()]
            entries = [entry for catalogue in every for service in catalogue.services for entry in service.targets]
            if self._situation.proxies:
                hosts.append(_proxy_host(every))
            neighbours = {entry.host: entry.neighbour for entry in entries if entry.neighbour}
            inside = {c.name: c.country for catalogue in every for c in catalogue.controls if c.scope is Scope.DOMESTIC}
            hosts += _of_catalogue(every, entries, services, inside, {host.name for host in hosts} | SHIPPED.keys())
            world = World.of_names(dict.fromkeys(names), homes, hosts, services, inside, neighbours)
            events = [event for event in self._situation.events if event.kind not in boards.KINDS]
            effects = [self._effect(event, every) for event in events]
            return Field(world, effects, lambda: self._timeline.now, start=self._start, seed=self._situation.seed)
        except (ValueError, msgspec.ValidationError) as error:
            raise ConfigError(f"{self._situation.id}: {error}", "see docs/field.md") from None

    def _effect(self, event: Event, catalogues: list[Catalogue]) -> Effect:
        if event.kind not in KINDS:
            known = ", ".join([*boards.KINDS, *KINDS])
            raise ConfigError(f"{self._situation.id}: no event is called {event.kind!r}", f"known are {known}")
        said: dict[str, Any] = {name: getattr(event, name) for name in _SELECTORS if getattr(event, name)}
        if event.probes:
            said["probes"] = tuple(one.board.id for one in self._matching(event))
        if event.until is not None:
            said["until"] = event.until
        if event.duty:
            said["duty"] = event.duty
        said |= {name: [value] if name in _LISTS and not isinstance(value, list) else value
                 for name, value in event.extra.items()}  # fmt: skip
        effect = msgspec.convert({"kind": event.kind, "at": event.at, **said}, Effect, strict=False)
        services, roles = said.get("services", ()), said.get("roles", ())
        if services or roles:
            hosts = {
                entry.host
                for catalogue in catalogues
                for service in catalogue.services
                for entry in service.targets
                if (not services or service.id in services) and (not roles or entry.role in roles)
            }
            if not hosts:
                raise ConfigError(f"{self._situation.id}: {event.kind}: nothing in the catalogue is {services} {roles}",
                                  "name services and roles of the catalogue")  # fmt: skip
            effect = msgspec.structs.replace(effect, services=(), roles=(), hosts=(*effect.hosts, *sorted(hosts)))
        if wrong := effect.complaint():
            raise ConfigError(f"{self._situation.id}: {wrong}", "see docs/field.md")
        return effect

    def _matching(self, event: Event) -> list[Enrolled]:
        found = [one for one in self._enrolled.values() if boards.is_named(event.probes, one.board.id)]
        if not found:
            raise ConfigError(f"{self._situation.id}: {event.kind}: no probe is called {', '.join(event.probes)}",
                              f"there are {', '.join(self._enrolled)}")  # fmt: skip
        return found

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            timeline=self._timeline,
            network=self._access,
            proxies=tuple(
                Proxy(label=LABELS[kind], kind=ProxyKind(kind), address=PROXY_ADDRESS, port=PORTS[kind])
                for kind in self._situation.proxies
            ),
            delivers=self._field.delivers,
            receive=self.centre.receive,
            report=lambda name: self.centre.journal.report(name, self._timeline.now),
            present=lambda name, here: self.centre.present(name, here, self._timeline.now),
        )

    def _access(self, name: str, clock: Clock, gate: Gate) -> NetworkAccess:
        return self._field.access(name, clock, gate)


PROXY_ADDRESS: Final = "45.41.0.30"
"""Where the operator's proxies stand: abroad, and where no box of a country acts on what they ask."""


def _proxy_host(every: Iterable[Catalogue]) -> Host:
    """Return the operator's proxies, WhatsApp's own among them, with what these hand on to."""
    parts = [one for catalogue in every for service in catalogue.services if service.id == WHATSAPP
             for one in service.targets]  # fmt: skip
    relays = {
        PORTS[kind]: (one.host, CHAT_PORT if kind == "whatsapp-chat" else one.port)
        for kind, role in RELAYED.items()
        for one in [*(part for part in parts if part.role.split("-")[0] == role)][:1]
    }
    ports = tuple(PORTS.values())
    return Host(
        name="proxy.example.net", addresses=(PROXY_ADDRESS,), country="NL", ports=ports, proxy=True, relays=relays
    )


_LISTS = frozenset(
    name for name in Effect.__struct_fields__ if isinstance(getattr(Effect(kind=""), name), tuple)
)  # fmt: skip


def _expanded(groups: Iterable[Probes], role: ProbeRole) -> Iterator[tuple[Enrolled, Probes]]:
    """Yield each board of the groups, with what the file says of it."""
    numbers: dict[str, int] = {}
    for said in groups:
        stem = said.id or f"{said.country.lower()}{said.provider}"
        for _ in range(said.count):
            numbers[stem] = numbers.get(stem, 0) + 1
            name = stem if said.id and said.count == 1 else f"{stem}n{numbers[stem]}"
            board = Board(
                id=name,
                country=said.country,
                asn=said.provider,
                access=said.access,
                region=said.district or said.region,
                role=role,
                profile=said.profile,
                version=said.version,
            )
            yield Enrolled(board=board, host=said.host), said


def _home(board: Board, said: Probes) -> Home:
    return msgspec.convert(
        {
            "id": board.id,
            "country": board.country,
            "asn": board.asn,
            "region": said.region,
            "district": said.district,
            "version": board.version,
            "v6": board.role is ProbeRole.REFERENCE,
            **said.home,
        },
        Home,
        strict=False,
    )


def _of_catalogue(
    every: Iterable[Catalogue],
    entries: Iterable[Entry],
    services: Mapping[str, str],
    inside: Mapping[str, str],
    known: Collection[str],
) -> Iterator[Host]:
    """Yield a host for each name of which the catalogue says an address, a port or a page that is measured.

    Args:
        every: catalogues from the start on.
        entries: of their services.
        services: by host.
        inside: countries of domestic controls.
        known: names of which the situation, or the world, knows better.
    """
    addresses: defaultdict[str, dict[str, None]] = defaultdict(dict)
    ports: defaultdict[str, dict[int, None]] = defaultdict(lambda: dict.fromkeys((80, 443)))
    pages: defaultdict[str, dict[str, Page]] = defaultdict(dict)
    for entry in entries:
        addresses[entry.host] |= dict.fromkeys(entry.addresses)
        ports[entry.host] |= dict.fromkeys((entry.port, entry.other_port))
        for one in entry.records():
            if isinstance(one, ThroughputParameters):
                length = one.sample_bytes // one.repeat + 1_000
                pages[entry.host] |= {"/": Page(), one.path: Page(kind="image/jpeg", length=length, ranges=True)}
    for catalogue in every:
        for control in catalogue.controls:
            addresses[control.name] |= dict.fromkeys(control.addresses)
            ports[control.name] |= {control.port: None}
        for server in catalogue.stun:
            addresses[server.name] |= dict.fromkeys(server.addresses)
    for name in addresses:
        said = Host(
            name=name,
            service=services.get(name, ""),
            addresses=(*addresses[name],),
            ports=(*ports[name],),
            pages=pages[name],
        )
        if name not in known and said != Host(name=name, service=said.service):
            yield msgspec.structs.replace(said, country=inside.get(name, said.country))


# ---------------------------------------------------------------- catalogues


@cache
def shipped() -> Catalogue:
    """Return the catalogue as it ships."""
    return load(default_folder())


def _catalogues(situation: Situation) -> list[tuple[float, Catalogue]]:
    """Return the catalogue from the start on, and each change of it with its time."""
    catalogue = shipped()
    if situation.silent:
        catalogue = msgspec.structs.replace(
            catalogue, dns=msgspec.structs.replace(catalogue.dns, silent_addresses=situation.silent)
        )
    if situation.services:
        every = (*catalogue.services, *catalogue.offered)
        strange = set(situation.services) - {service.id for service in every}
        added = {str(file.get("service", "")) for change in situation.catalogue for file in change.add}
        if strange - added:
            raise ConfigError(
                f"{situation.id}: no service of the catalogue is called {', '.join(sorted(strange - added))}",
                f"there are {', '.join(service.id for service in every)}",
            )
        catalogue = msgspec.structs.replace(
            catalogue, services=tuple(one for one in every if one.id in situation.services)
        )
    if situation.hosts:
        catalogue = msgspec.structs.replace(catalogue, services=tuple(_only(catalogue.services, situation.hosts)))
    found = [(0.0, catalogue)]
    for number, change in enumerate(sorted(situation.catalogue, key=lambda one: one.at)):
        catalogue = _changed(situation.id, catalogue, change, number)
        if change.at <= 0.0:
            found = [(0.0, catalogue)]
        else:
            found.append((change.at, catalogue))
    return found


def _only(services: Iterable[Service], hosts: tuple[str, ...]) -> Iterator[Service]:
    """Yield services with those of their targets that are of these hosts; one that has none of them as it is."""
    for service in services:
        kept = tuple(entry for entry in service.targets if entry.host in hosts)
        yield msgspec.structs.replace(service, targets=kept or service.targets)


def _changed(name: str, before: Catalogue, change: CatalogueChange, number: int) -> Catalogue:
    try:
        added = [msgspec.convert(file, ServiceFile) for file in change.add]
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: catalogue: {error}", "write a service file as its TOML says it") from None
    for file in added:
        for place, wrong in findings(file):
            raise ConfigError(f"{name}: catalogue: {place}", wrong)
    fresh = assemble(added) if added else None
    ids = {service.id for service in fresh.services} if fresh is not None else set()
    services = [one for one in before.services if one.id not in ids and one.id not in change.without]
    controls, providers, stun = list(before.controls), list(before.providers), list(before.stun)
    if fresh is not None:
        services += fresh.services
        controls += fresh.controls
        providers += fresh.providers
        stun += fresh.stun
    services = [
        msgspec.structs.replace(
            service,
            targets=tuple(
                msgspec.convert({**msgspec.to_builtins(entry), **change.set[entry.host]}, type(entry))
                if entry.host in change.set
                else entry
                for entry in service.targets
            ),
        )
        for service in services
    ]
    controls = [
        msgspec.convert({**msgspec.to_builtins(one), **change.set[one.name]}, type(one))
        if one.name in change.set
        else one
        for one in controls
    ]
    return msgspec.structs.replace(
        before,
        version=f"{before.version}.{number + 1}",
        services=tuple(services),
        controls=tuple(controls),
        providers=tuple(providers),
        stun=tuple(stun),
    )
