"""One run: the lab comes up, real programs measure in it, the timeline is played, and what was found is collected.

Lives here: the order of things, inside the lab's own namespaces (wrapper.arrive was called). It decides nothing: the
topology, the settings, the comparison and the words come from pure modules. Must not live here: exit codes (cli).
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from balise_lab.boxes.engine.registry import KINDS
from balise_lab.compare import influx_outage, points, tally
from balise_lab.compare.expect import Row, compare
from balise_lab.compare.findings import decode_findings
from balise_lab.compare.influx_outage import Outage, Stored
from balise_lab.compare.result import Run
from balise_lab.errors import LabError
from balise_lab.run import chaos, settings
from balise_lab.run.changes import carry_out, describe
from balise_lab.run.chaos import INFLUX, SERVERS, Kill
from balise_lab.run.lab import Lab
from balise_lab.run.pages import Centre
from balise_lab.run.programs import COLLECTOR, Programs
from balise_lab.run.progress import Look, Progress
from balise_lab.run.speed import slower
from balise_lab.scenario.clock import ScenarioClock, frozen_clock, monotonic, start_clock
from balise_lab.scenario.layout import box_of, layout_of, places
from balise_lab.scenario.schema import BEFORE, Change, Disturbance, Scenario, Start, Stop
from balise_lab.world import waiting
from balise_lab.world.topology import build

_WARM_REAL = 24.0
_WARM_EACH = 0.9
"""Real seconds, and those for each probe, that programs may take from their start to the timeline's first entry."""
_WARM_VIRTUAL = 900.0
"""Virtual seconds of ordinary measuring before it: what fails from the first measurement on is `standing`, not new."""
_READY = 40.0
_READY_EACH = 1.5
"""Real seconds, and those for each probe, to wait for the collector and for every probe's first measurement."""
_AGAIN = 1.5
"""How much more time than it took a run is given that begins anew."""
_SETTLE = 25.0
"""Real seconds to wait at the end until all that was recorded is journalled and judged."""
_SETTLE_KILLED = 90.0
"""The same after programs were killed: who was refused a connection tries again in half a minute."""
_LOOK_EVERY = 1.0
_LATE = 120.0
"""Virtual seconds after its time that an entry of the timeline may be in force without a note."""
_LATER = 25 * 3600.0
"""Virtual seconds from the end of a demo to the moment at which people look at it."""
_RELEASED = frozenset({"open", "closed", "standing"})
"""What an operator would release the evidence of: findings."""
_ROLLED_UP = 700.0
"""Virtual seconds that the collector may take to roll up what was last concluded: it looks every ten minutes."""


@dataclass
class Stage:
    """Everything of a run that is up."""

    scenario: Scenario
    lab: Lab
    programs: Programs
    centre: Centre
    clock: ScenarioClock
    progress: Progress
    where: dict[str, str]
    kills: list[Kill] = field(default_factory=list)
    """Still to be done, in order."""
    changes: list[Change] = field(default_factory=list)
    """Still to be carried out, in order."""
    on: dict[str, Disturbance] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    down: list[tuple[float, str]] = field(default_factory=list)
    """Killed programs with the monotonic second at which they start again."""
    done: list[dict[str, Any]] = field(default_factory=list)
    carried_out: dict[tuple[float, str], tuple[float, float]] = field(default_factory=dict)
    """From when to when each start and stop of the timeline was in fact carried out, by its time and its box."""
    watched: set[str] = field(default_factory=set)
    looked: float = float("-inf")

    @property
    def journal(self) -> Path:
        """The collector's journal."""
        return self.programs.places.collector / tally.JOURNAL

    def spool(self, probe: str) -> Path:
        """Return the file of a probe's spool."""
        return self.programs.places.agent(probe) / tally.SPOOL


@contextmanager
def staged(
    scenario: Scenario,
    folder: Path,
    *,
    port: int,
    progress: Progress,
    kills: tuple[Kill, ...] = (),
    with_influx: bool = False,
) -> Iterator[Stage]:
    """Bring up the lab and every program on one clock; leaving takes it all down.

    Args:
        scenario: what is to be played.
        folder: takes settings, logs and stores.
        port: of the collector's pages, in the centre.
        progress: who is told.
        kills: programs to be killed on the way.
        with_influx: put an InfluxDB into the centre, and have the collector write to it.

    Raises:
        LabError: a part of the lab or a program did not come up.
        ConfigError: the scenario asks for what cannot be, or a program is missing.
    """
    built = build(layout_of(scenario))
    where = {identifier: place.name for identifier, place in places(scenario, built).items()}
    with Lab(built, folder / "world", scale=scenario.scale, with_influx=with_influx) as lab:
        programs = Programs(lab, scenario, settings.Places(folder, lab.ca_file), port)
        programs.prepare(built, where)
        clock = start_clock(scenario.starts, scenario.scale, lead(scenario))
        stage = Stage(
            scenario, lab, programs, Centre(lab, port), clock, progress, where, list(kills), list(scenario.changes)
        )
        try:
            for entry in scenario.timeline:
                if isinstance(entry, Start) and entry.at == BEFORE:
                    _begin(stage, [entry])
            _prepare(stage, _first_starts(scenario))
            programs.start_all(clock)
            yield stage
        finally:
            programs.stop_all()


def lead(scenario: Scenario) -> float:
    """Return how many virtual seconds before its start a scenario's programs are started."""
    first = _first(scenario)
    real = (_WARM_REAL + _WARM_EACH * len(scenario.probes)) * scenario.slowed
    return max(0.0, real * scenario.scale - first, _WARM_VIRTUAL - first)


def _first(scenario: Scenario) -> float:
    """Return when the first entry happens that happens while the programs run."""
    return min((entry.at for entry in scenario.timeline if entry.at > BEFORE), default=scenario.ends)


@contextmanager
def warmed_up(
    scenario: Scenario,
    folder: Path,
    *,
    port: int,
    progress: Progress,
    kills: tuple[Kill, ...] = (),
    with_influx: bool = False,
) -> Iterator[Stage]:
    """Bring all of it up as ``staged`` does, so that every probe measures before anything happens.

    A clock cannot be stopped once programs follow it. Where this machine was so busy that the timeline's first entry
    had passed before every probe had measured, all is taken down and begun once more, slower: what is there from the
    first measurement on is told as standing, and not as begun.
    """
    stage_of = partial(staged, port=port, progress=progress, kills=kills, with_influx=with_influx)
    with stage_of(scenario, folder) as stage:
        late = warm_up(stage)
        if late <= 1.0:
            yield stage
            return
    scenario = slower(scenario, late * _AGAIN)
    progress.again(scenario)
    shutil.rmtree(folder)
    folder.mkdir()
    with stage_of(scenario, folder) as stage:
        if warm_up(stage) > 1.0:
            stage.notes.append(
                "the probes' first measurements came after the first entry of the timeline: this machine is slow"
            )
        yield stage


def warm_up(stage: Stage) -> float:
    """Wait until the collector answers and each probe has delivered a measurement (LabError when one does not).

    Returns:
        The time that it took, in parts of that until the timeline's first entry: above 1.0 it came too late.
    """
    wanted = {probe.id for probe in stage.scenario.probes}
    patience = _READY + _READY_EACH * len(wanted)
    waiting.until(lambda: _came_up(stage, stage.centre.answers), "the collector", patience)

    def delivered() -> bool:
        return _came_up(stage, lambda: wanted <= tally.journalled(stage.journal).keys())

    waiting.until(delivered, f"a first measurement of each of {len(wanted)} probes", patience)
    begun = stage.clock.begins - stage.clock.starts
    return (stage.clock.moment() - begun) / (_first(stage.scenario) - begun)


def _came_up(stage: Stage, ready: Any) -> bool:
    """Ask whether something is ready, and give up at once where a program has ended."""
    _watch_spools(stage)
    ended = stage.programs.failures()
    if ended:
        raise LabError("; ".join(ended))
    return bool(ready())


def _watch_spools(stage: Stage) -> None:
    """Begin to count what each probe records, as soon as its spool exists."""
    for probe in stage.scenario.probes:
        if probe.id not in stage.watched and tally.watch(stage.spool(probe.id)):
            stage.watched.add(probe.id)


def play(stage: Stage) -> None:
    """Play the timeline to its end; what begins at one moment has its programs ready before it."""
    for at, together in groupby(stage.scenario.timeline, key=lambda entry: entry.at):
        entries = list(together)
        starts = [entry for entry in entries if isinstance(entry, Start)]
        if at == BEFORE:
            continue
        for entry in entries:
            if isinstance(entry, Stop):
                stage.clock.wait_until(at, lambda: tick(stage))
                _end(stage, entry)
        _begin(stage, starts, at)
    stage.clock.wait_until(stage.scenario.ends, lambda: tick(stage))
    for _, name in stage.down:
        _raise_again(stage, name)
    stage.down.clear()


def _begin(stage: Stage, starts: Sequence[Start], at: float | None = None) -> None:
    """Put boxes in force together, at a moment of the scenario or now."""
    _prepare(stage, starts)
    if at is not None and starts:
        stage.clock.wait_until(at, lambda: tick(stage))
    for entry in starts:
        began = stage.clock.moment()
        stage.lab.boxes.engage(entry.disturbance.id)
        stage.carried_out[entry.at, entry.disturbance.id] = began, stage.clock.moment()
    if at is not None and starts and stage.clock.moment() - at > _LATE:
        late = stage.clock.moment() - at
        stage.notes.append(
            f"what begins at {stage.scenario.local(at):%H:%M} was in force {late / 60:.1f} minutes later"
        )
    for entry in starts:
        stage.on[entry.disturbance.id] = entry.disturbance
        stage.progress.started(entry.at, entry.disturbance)
        if KINDS[entry.disturbance.kind].power and at is not None:
            stage.programs.kill(entry.disturbance.where)


def _prepare(stage: Stage, starts: Sequence[Start]) -> None:
    """Start the programs of boxes that have none yet, all at once."""
    boxes = [box_of(entry.disturbance, stage.where) for entry in starts]
    stage.lab.boxes.prepare(*(box for box in boxes if box.id not in stage.lab.boxes.ids))


def _first_starts(scenario: Scenario) -> list[Start]:
    """Return what begins first while programs run: its boxes are there before the clock begins to run."""
    starts = [entry for entry in scenario.timeline if isinstance(entry, Start) and entry.at > BEFORE]
    return [entry for entry in starts if entry.at == starts[0].at]


def _end(stage: Stage, entry: Stop) -> None:
    """Let a box go; a home that has power again starts its probe."""
    began = stage.clock.moment()
    stage.lab.boxes.stop(entry.id)
    stage.carried_out[entry.at, entry.id] = began, stage.clock.moment()
    ended = stage.on.pop(entry.id)
    stage.progress.stopped(entry.at, ended)
    if KINDS[ended.kind].power:
        stage.programs.start(ended.where)


def tick(stage: Stage) -> None:
    """Do what is due: kills and restarts, the health of the lab, a look at what is believed."""
    _watch_spools(stage)
    _change(stage)
    _chaos(stage)
    _restart_crashed(stage)
    stage.notes.extend(said for said in stage.lab.failures() if said not in stage.notes)
    if monotonic() - stage.looked >= _LOOK_EVERY:
        stage.looked = monotonic()
        look(stage)


def look(stage: Stage) -> None:
    """Tell what is in force and what the collector believes; a collector that is down has nothing to say."""
    try:
        incidents = _incident_list(stage.centre.json("/api/v1/incidents"))
    except LabError:
        return
    on = tuple(stage.on.values())
    stage.progress.look(Look(stage.clock.moment(), on, incidents, tally.head(stage.journal)))


def _late(carried_out: Mapping[tuple[float, str], tuple[float, float]]) -> dict[float, float]:
    """Return when the last entry of each moment of the timeline was carried out, both in seconds of the scenario."""
    found: dict[float, float] = {}
    for (at, _), (_, done) in carried_out.items():
        found[at] = max(done, found.get(at, at))
    return found


def _incident_list(page: Any) -> list[dict[str, Any]]:
    """Return the incidents of a JSON page, which is a list of them or holds one under ``incidents``."""
    return list(page["incidents"] if isinstance(page, dict) else page)


def _change(stage: Stage) -> None:
    """Carry out the changes that are due; a box that begins later finds a probe where it stands by then."""
    while stage.changes and stage.changes[0].at <= stage.clock.moment():
        change = stage.changes.pop(0)
        carry_out(change, stage.scenario, stage.lab, stage.programs, stage.clock.unix())
        stage.where.update(stage.programs.where)
        stage.progress.at(change.at, describe(change))


def _chaos(stage: Stage) -> None:
    """Kill what is due, and raise again what was down long enough."""
    now = monotonic()
    for due, name in [one for one in stage.down if one[0] <= now]:
        stage.down.remove((due, name))
        _raise_again(stage, name)
    while stage.kills and stage.kills[0].at <= stage.clock.moment():
        kill = stage.kills.pop(0)
        if any(name == kill.program for _, name in stage.down):
            _raise_again(stage, kill.program)
            stage.down = [one for one in stage.down if one[1] != kill.program]
        for server in SERVERS.get(kill.program, ()):
            stage.lab.servers.kill(server)
        if kill.program not in SERVERS:
            stage.programs.kill(kill.program)
        stage.done.append(asdict(kill))
        stage.down.append((now + kill.down, kill.program))
        stage.progress.at(kill.at, f"killed {kill.program}, down for {kill.down:g} s")


def _raise_again(stage: Stage, name: str) -> None:
    """Start a killed program again."""
    for server in SERVERS.get(name, ()):
        stage.lab.servers.restart(server)
    if name not in SERVERS:
        stage.programs.start(name)


def _restart_crashed(stage: Stage) -> None:
    """Note what ended by itself and start it again, as a service manager would."""
    for said in stage.programs.failures():
        name = said.split(" ", 1)[0]
        stage.crashed.append(said)
        stage.progress.say(f"!! {said}")
        stage.programs.stop(name)
        stage.programs.start(name)


def collect(stage: Stage) -> Run:
    """Wait until what was recorded until now is judged, and return everything that was found; measuring ends."""
    scenario = stage.scenario
    _settle(stage, "the last measurements to be judged", judged=True)
    said = stage.programs.ask("incidents", "--json", "--verdicts").encode()
    cpu = stage.programs.cpu_seconds()
    findings = decode_findings(said)
    crashes = (Row("programs", "none ends by itself", "; ".join(stage.crashed), ok=False),) if stage.crashed else ()
    # What was found stands. Now the probes stop, so that what they recorded and what arrived can be counted even.
    stage.programs.stop(*(probe.id for probe in scenario.probes))
    _settle(stage, "the last measurements to arrive", judged=False)
    stored, counts = _stored(stage), _count(stage)
    killed = [kill["program"] for kill in stage.done]
    return Run(
        scenario=scenario,
        clock=stage.clock.variable,
        incidents=_incident_list(msgspec.json.decode(said)),
        verdicts=findings.verdicts,
        counters=stage.lab.boxes.counters(),
        counts=counts,
        rows=(
            *compare(scenario, findings, _late(stage.carried_out)),
            *crashes,
            *(influx_outage.rows(stored) if stored else ()),
            *chaos.rows(killed, counts),
        ),
        notes=tuple(stage.notes),
        cpu=cpu,
        kills=tuple(stage.done),
        carried_out=dict(stage.carried_out),
        stored=stored,
    )


def _stored(stage: Stage) -> Stored | None:
    """Wait until the collector has sent everything to InfluxDB, and compare; ``None`` where the run has none."""
    database = stage.lab.influxdb
    if database is None:
        return None
    derived = stage.programs.places.collector / points.DERIVED
    scenario = stage.scenario
    try:
        patience = (_SETTLE_KILLED if stage.done else _SETTLE) + _ROLLED_UP / scenario.scale
        waiting.until(lambda: not points.behind(stage.journal, derived), "the last points to be sent", patience)
    except LabError:
        stage.notes.append(f"not all points were sent: {', '.join(points.behind(stage.journal, derived))} behind")
    waiting.until(database.answers, "InfluxDB", _SETTLE)
    # In this order: what is concluded in between is in InfluxDB and not asked for, never the other way round.
    wanted = points.wanted(stage.journal, derived)
    kept = influx_outage.compare(wanted, points.held(database))
    killed = stage.done[0] if len(stage.done) == 1 and stage.done[0]["program"] == INFLUX else None
    ingest: tuple[influx_outage.Ingest, ...] = ()
    if killed is not None:
        away = Outage(killed["at"], killed["at"] + killed["down"] * scenario.scale)
        ingest = influx_outage.ingest_around(away, scenario.starts, points.arrivals(stage.journal))
    said = tuple(line for line in stage.programs.said(COLLECTOR) if "sink influx" in line)
    return Stored(kept, ingest, said)


def _count(stage: Stage) -> tally.Counts:
    """Compare the spools' notes with the journal."""
    recorded = _recorded(stage)
    return tally.count(recorded, tally.journalled(stage.journal), tally.quarantined(stage.journal))


def _recorded(stage: Stage) -> dict[str, frozenset[str]]:
    """Return what each probe has recorded until now."""
    places = stage.programs.places
    return {
        probe.id: tally.recorded(stage.spool(probe.id), tally.Keys(places.collector, places.agent(probe.id)))
        for probe in stage.scenario.probes
    }


def _settle(stage: Stage, what: str, *, judged: bool) -> None:
    """Wait, within bounds, until all that is recorded now is in the journal and, if asked for, dealt with there."""
    recorded = _recorded(stage)

    def settled() -> bool:
        _restart_crashed(stage)
        return not _missing(stage, recorded) and not (judged and tally.behind(stage.journal, head))

    head = 0
    patience = _SETTLE_KILLED if stage.done else _SETTLE
    try:
        # Who ended by itself is noted and started again here too: what its spool holds is on its way, not lost.
        waiting.until(settled, what, patience)
        head = tally.head(stage.journal)
        waiting.until(settled, what, patience)
    except LabError:
        missing, behind = _missing(stage, recorded), tally.behind(stage.journal, head)
        stage.notes.append(f"waited in vain for {what}: {missing} on their way, {behind} not yet judged")


def _missing(stage: Stage, recorded: Mapping[str, frozenset[str]]) -> int:
    """Return how many of these measurements are not in the journal."""
    return tally.count(recorded, tally.journalled(stage.journal), 0).missing


@dataclass(frozen=True, slots=True)
class FrozenViews:
    """What people find after a run."""

    public_port: int
    """In the centre."""
    token: str
    """Opens the operator's view."""
    at: float
    """UNIX seconds at which the clock stands."""


def stand_still(stage: Stage, incidents: Iterable[Mapping[str, Any]], public_url: str) -> FrozenViews:
    """Stop measuring and let the collector's clock stand a day later, for people to read both views of what was found.

    A day: the public view is late by half an hour, and redraws evidence when it is a day old and released.
    """
    at = stage.clock.unix() + _LATER
    views = settings.Views(stage.centre.port + 1, public_url, stage.programs.places.folder / "operator.token")
    released = [one["id"] for one in incidents if one["state"] in _RELEASED]
    token = stage.programs.stand_still(frozen_clock(at), views, released)
    stage.centre.token = token
    waiting.until(stage.centre.answers, "the collector", _READY)
    return FrozenViews(views.public_port, token, at)
