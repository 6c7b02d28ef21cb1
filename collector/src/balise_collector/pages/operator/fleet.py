"""The fleet and one probe, for the operator: who is alive, who is silent and why, and how each board does. Pure.

Lives here: which facts stand where. Must not live here: what makes a probe silent (liveness.py), where the facts are
kept, or anything for the public: every line here tells one probe from another.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from balise_collector.conclude.history import bins
from balise_collector.conclude.liveness import Liveness, liveness_of
from balise_collector.conclude.probe_events import TROUBLES, EventSummary, Read, troubles, untold
from balise_collector.conclude.spent_days import Question, questions
from balise_collector.conclude.store import HistoryCell
from balise_collector.fleet.members import HALTED, RETIRED, REVOKED, Fleet, Halt, Member, Pending
from balise_collector.fleet.orders import Order
from balise_collector.fleet.watches import WatchWindow
from balise_collector.fleet.whereabouts import Placed, Sign, Where
from balise_collector.journal import Aside, EventRow, HealthRow, NoticeRow, PresenceRow
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.drawing import svg
from balise_collector.pages.views import formatting
from balise_collector.pages.views.read_model import View
from balise_collector.system.harmless import printable
from balise_collector.words import tables, wording
from balise_wire.bins import BIN
from balise_wire.measurement import Network
from balise_wire.status import Health
from balise_wire.words import Lifecycle

DAY: Final = 86_400
_NEWEST: Final = 25
"""Verdicts shown of one probe."""
_EVENTS: Final = 50
"""Events shown of one probe."""
_NOWHERE: Final = Placed(line=Where.UNKNOWN)
_LATELY: Final = 2 * DAY
"""Seconds for which what was noticed of a probe is shown."""
HOT: Final = 75.0
"""Degrees Celsius from which a board is called hot; a Raspberry Pi slows down at 80."""


@dataclass(frozen=True, kw_only=True)
class FleetFacts:
    """What is known of the probes; the caller of ``create_app`` gathers it."""

    members: tuple[Member, ...]
    """Approved and revoked ones."""
    waiting: tuple[Pending, ...] = ()
    presence: Mapping[str, PresenceRow]
    """The last state message of each probe."""
    health: Mapping[str, HealthRow]
    """The last health report of each probe."""
    measured: Callable[[str], float | None]
    """Gives the time of a probe's newest judged measurement, UNIX seconds."""
    states: Callable[[float, float], Sequence[PresenceRow]]
    """Gives the state messages of a stretch of time, oldest first."""
    silence: float
    """Seconds without a word after which a probe is silent."""
    events: Read = untold
    """Gives the newest events that a probe told, the newest first."""
    fleet: Fleet = field(default_factory=Fleet)
    """The registry's table: who is excused, and who measures seldom."""
    asides: Sequence[Aside] = ()
    """What the readers of the journal could not deal with, newest first."""
    notices: Mapping[str, Sequence[NoticeRow]] = field(default_factory=dict)
    """What the collector itself noticed of each probe, the newest of each kind."""
    lines: Mapping[str, Placed] = field(default_factory=dict)
    """What is known of where each line is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleLine:
    """One sort of trouble that a probe told of lately."""

    word: str
    times: str
    at: float
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLine:
    """One probe in the table; every text is ready to be shown, ``-`` where nothing is known."""

    member: Member
    where: str
    words: str
    """The operator's label of the line and the tags."""
    standing: Liveness
    excuse: str
    """Why nothing is to be expected of it (``Fleet.excuse``)."""
    word: str
    why: str
    """Why it is silent, in the reader's language; empty where it is not."""
    noticed: tuple[str, ...]
    """What the collector noticed of it lately, and what to do, in the reader's language."""
    whereabouts: str
    """What is known of where its line is, in the reader's language."""
    elsewhere: bool
    state: VerdictState
    """The state whose colour and shape it is shown with."""
    queue: str
    temperature: str
    hot: bool
    board: str
    """Throttling and voltage, in words."""
    troubled: bool
    software: str
    traffic: str
    clock: str
    task: str
    """Whether it confirmed what it was last told to do, or not to do; empty where nothing was issued."""
    obeys: bool
    old: str
    """What it is too old for; empty where that is nothing, or not known."""
    troubles: tuple[TroubleLine, ...]
    """What it told of trouble within a day, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """One thing that a probe told of itself."""

    at: float
    """When it was received: its own clock may be what is wrong."""
    word: str
    detail: str
    trouble: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPage:
    """Everything the page of the fleet shows."""

    lines: tuple[FleetLine, ...]
    waiting: tuple[Pending, ...]
    alive: int
    silent: int
    """Of those of which something is expected."""
    halts: tuple[tuple[str, Halt, int, int], ...]
    """(country's name, its halt, how many of its probes confirmed that they stopped, how many it has)."""
    asides: tuple[Aside, ...] = ()
    questions: tuple[str, ...] = ()
    """What the operator is asked, in the reader's language."""
    windows: tuple[str, ...] = ()
    """The watch windows that are on or to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePage:
    """Everything the page of one probe shows."""

    line: FleetLine
    facts: tuple[tuple[str, str], ...]
    """(name, value) of its last health report."""
    reported: float | None
    """When that report arrived."""
    strips: tuple[tuple[str, Markup, str], ...]
    """(service, the last day as a strip, its counts)."""
    states: tuple[PresenceRow, ...]
    """Its state messages of the last day, the newest first."""
    events: tuple[EventLine, ...]
    """What it told of itself, the newest first."""
    newest: tuple[Verdict, ...]
    membership: tuple[tuple[str, str], ...]
    """(name, value) of what the registry holds."""


def fleet(view: View, facts: FleetFacts) -> FleetPage:
    """Return the page of the fleet: the silent first, then by place."""
    lines = [_line(view, facts, member) for member in facts.members]
    lines.sort(
        key=lambda one: (
            not one.member.speaks, bool(one.excuse), one.standing.alive, one.member.reference, one.where, one.member.id,
        )
    )  # fmt: skip
    counted = [one for one in lines if not one.excuse]
    alive = sum(one.standing.alive for one in counted)
    halts = tuple(
        (view.country(code), halt, *_stopped(facts.fleet, code)) for code, halt in sorted(facts.fleet.halted().items())
    )
    return FleetPage(
        lines=tuple(lines),
        waiting=facts.waiting,
        alive=alive,
        silent=len(counted) - alive,
        halts=halts,
        asides=tuple(facts.asides),
        questions=tuple(_question(view, one) for one in questions(facts.members, facts.events, facts.health, view.now)),
        windows=tuple(_window(view, one) for one in view.watches if not one.is_over(view.now)),
    )


def _window(view: View, one: WatchWindow) -> str:
    """Say one watch window that is on or to come."""
    zone = view.zone(one.country)
    return view.gettext(
        "Watch window {id}: {services} in {country}, each {minutes} minutes from {since} to {until}; never scored."
    ).format(
        id=one.id,
        services=wording.join_words([view.service(service) for service in one.services], view.language),
        country=view.country(one.country),
        minutes=f"{one.interval / 60:g}",
        since=formatting.both_times(one.since, zone, view.language),
        until=formatting.both_times(one.until, zone, view.language),
    )


def _question(view: View, asked: Question) -> str:
    """Return what is asked about one provider."""
    said = {"asn": asked.asn, "country": view.country(asked.country)}
    parts = []
    if asked.spent:
        told = view.ngettext(
            "{n} probe has used up its day on the line ({ids})",
            "{n} probes have used up their day on the line ({ids})",
            len(asked.spent),
        )
        parts.append(told.format(n=len(asked.spent), ids=", ".join(asked.spent)))
    if asked.flooded:
        told = view.ngettext(
            "{n} probe is sent much more than it asked for ({ids})",
            "{n} probes are sent much more than they asked for ({ids})",
            len(asked.flooded),
        )
        parts.append(told.format(n=len(asked.flooded), ids=", ".join(asked.flooded)))
    where = view.gettext("AS{asn}, {country}").format(**said)
    doubt = view.gettext("Does somebody make them do so?")
    return f"{where}{view.gettext(':')} {', '.join(parts)}. {doubt}"


def _stopped(fleet: Fleet, country: str) -> tuple[int, int]:
    """Return how many of a halted country's probes confirmed that they stopped, and how many it has."""
    orders = [fleet.order_of(one.id) for one in fleet.active() if one.network.country == country]
    return sum(one.halted and one.confirmed for one in orders), len(orders)


def probe(view: View, facts: FleetFacts, name: str) -> ProbePage | None:
    """Return the page of one probe; ``None`` where there is no such member."""
    member = next((one for one in facts.members if one.id == name), None)
    if member is None:
        return None
    line = _line(view, facts, member)
    until = (int(view.now) // BIN + 1) * BIN
    held = view.store.verdicts(until - DAY, view.now, name)
    report = facts.health.get(name)
    states = [one for one in facts.states(view.now - DAY, view.now) if one.probe == name]
    return ProbePage(
        line=line,
        facts=_facts(view, report.health) if report else (),
        reported=report.received_at if report else None,
        strips=_strips(view, held, until - DAY),
        states=tuple(reversed(states[-_NEWEST:])),
        events=tuple(_event(view, row) for row in facts.events(name, _EVENTS, None)),
        newest=tuple(reversed(held[-_NEWEST:])),
        membership=(*_membership(view, member), *_order(view, facts.fleet.order_of(member.id))),
    )


def _trouble(view: View, told: EventSummary) -> TroubleLine:
    """Return a sort of trouble in words; a board that starts again and again is one."""
    return TroubleLine(
        word=view.gettext(tables.EVENTS[told.kind]),
        times=view.ngettext("{n} time", "{n} times", told.times).format(n=told.times),
        at=told.at,
        detail=told.detail,
    )


def _event(view: View, row: EventRow) -> EventLine:
    """Return an event in words; its detail is the probe's own, in English."""
    return EventLine(
        at=row.received_at,
        word=view.gettext(tables.EVENTS[row.event.kind]),
        detail=printable(row.event.detail),
        trouble=row.event.kind in TROUBLES,
    )


def _membership(view: View, member: Member) -> tuple[tuple[str, str], ...]:
    """Return what the operator and the enrolment wrote down; ``-`` where nothing is."""

    def day(at: float | None) -> str:
        return formatting.machine_time(at)[:10] if at else "-"

    return (
        (view.gettext("Profile"), member.profile.value),
        (view.gettext("Your label of the line"), member.provider or "-"),
        (view.gettext("Your label of the host"), member.host or "-"),
        (view.gettext("Your tags"), ", ".join(member.tags) or "-"),
        (view.gettext("Enrolled"), day(member.enrolled_at)),
        (view.gettext("Consent text agreed to"), member.consent or "-"),
        (view.gettext("Certificate until"), day(member.expires)),
        (view.gettext("Approved"), day(member.approved_at)),
    )


def _line(view: View, facts: FleetFacts, member: Member) -> FleetLine:
    """Return one probe as a line."""
    row = facts.health.get(member.id)
    measured = facts.measured(member.id)
    excuse = facts.fleet.excuse(member.id) if member.id in facts.fleet.members else ""
    patience = facts.fleet.patience(member.id, facts.silence)
    found = liveness_of(facts.presence.get(member.id), measured, row, view.now, patience, excuse)
    health = row.health if row else None
    order = facts.fleet.order_of(member.id)
    network = member.network
    troubled = bool(health and (health.throttled or health.undervoltage))
    return FleetLine(
        member=member,
        where=", ".join((view.country(network.country), formatting.provider(network.asn), _access(view, network))),
        standing=found,
        words=", ".join((*filter(None, (member.provider,)), *(f"#{tag}" for tag in member.tags))),
        excuse=excuse,
        word=_word(view, excuse, found),
        why="" if excuse == REVOKED else why(view, found),
        whereabouts=_whereabouts(view, facts.lines.get(member.id)),
        elsewhere=facts.lines.get(member.id, _NOWHERE).line is Where.DIFFERS,
        noticed=tuple(_noticed(view, row) for row in facts.notices.get(member.id, ()) if row.at > view.now - _LATELY),
        state=VerdictState.INSUFFICIENT if excuse else VerdictState.OK if found.alive else VerdictState.DOWN,
        queue=_queue(view, health),
        temperature="-" if health is None or health.temperature_c is None else f"{health.temperature_c:.0f} °C",
        hot=bool(health and health.temperature_c is not None and health.temperature_c >= HOT),
        board=_board(view, health),
        troubled=troubled,
        software=_software(view, member.id, measured),
        traffic=_traffic(view, health),
        clock=_clock(view, found, health),
        task=_task(view, order) if member.speaks else "",
        obeys=order.confirmed,
        old=", ".join(order.too_old_for) if member.speaks else "",
        troubles=tuple(_trouble(view, told) for told in troubles(facts.events, member.id, view.now)),
    )


def _task(view: View, order: Order) -> str:
    """Say whether a probe confirmed under its seal what it was last told to do, or not to do."""
    if not order.version:
        return ""
    if order.confirmed:
        told = view.gettext("stopped, by its own word") if order.halted else view.gettext("at work on its task")
    elif order.halted:
        told = view.gettext("has not confirmed that it stopped")
    else:
        told = view.gettext("has not confirmed its task")
    return told


def _order(view: View, order: Order) -> tuple[tuple[str, str], ...]:
    """Return what a probe was told to do, and what came of it."""
    taken = "-" if order.taken is None else f"{order.taken.version}, {formatting.machine_time(order.taken.at)}"
    return (
        (view.gettext("Task"), f"{order.version}: {_task(view, order)}" if order.version else "-"),
        (view.gettext("Newest task that it took up"), taken),
        (view.gettext("Too old for"), ", ".join(order.too_old_for) or "-"),
        (view.gettext("This collector is too old for"), ", ".join(order.unread) or "-"),
    )


def _word(view: View, excuse: str, found: Liveness) -> str:
    """Say in a word whether it is alive."""
    told = {REVOKED: view.gettext("revoked"), RETIRED: view.gettext("retired"), HALTED: view.gettext("halted")}
    if excuse:
        return told[excuse]
    if not found.alive:
        return view.gettext("silent")
    return view.gettext("asleep") if found.state == Lifecycle.SLEEPING else view.gettext("alive")


def _access(view: View, network: Network) -> str:
    """Say how its line reaches the provider."""
    return view.gettext(tables.ACCESSES[network.access])


def why(view: View, found: Liveness) -> str:
    """Say why a probe is silent, in the reader's language; empty where it is not."""
    sentence = tables.WHYS.get(found.silent_state, "")
    return view.gettext(sentence).format(minutes=found.silent_minutes) if sentence else ""


def _whereabouts(view: View, told: Placed | None) -> str:
    """Say whether the line is where its record says, and by what sign; not known is said, too."""
    known = told or _NOWHERE
    words = [view.gettext(tables.LINE_PLACES[known.line])]
    if known.sign in tables.LINE_SIGNS:
        words.append(view.gettext(tables.LINE_SIGNS[known.sign]))
    if known.sign is Sign.BROKER and known.line is Where.DIFFERS:
        words.append(f"{formatting.provider(known.asn)}, {view.country(known.country) if known.country else '-'}")
    return ", ".join(words)


def _noticed(view: View, row: NoticeRow) -> str:
    """Say what the collector noticed of a probe; the detail is the collector's own, in English."""
    return f"{view.gettext(tables.NOTICES[row.kind])} ({row.detail})"


def _queue(view: View, health: Health | None) -> str:
    """Say how many measurements wait on the probe, and how old the oldest is."""
    if health is None:
        return "-"
    if not health.spool_rows or health.spool_oldest_s is None:
        return view.gettext("empty")
    return view.gettext("{rows} waiting, the oldest {age}").format(
        rows=health.spool_rows, age=formatting.duration(health.spool_oldest_s, view)
    )


def _board(view: View, health: Health | None) -> str:
    """Say whether the board is slowed down or badly fed; an unknown is no "no"."""
    if health is None or (health.throttled is None and health.undervoltage is None):
        return "-"
    told = []
    if health.throttled:
        told.append(view.gettext("slowed down"))
    if health.undervoltage:
        told.append(view.gettext("too little voltage"))
    return ", ".join(told) or view.gettext("well")


def _software(view: View, name: str, measured: float | None) -> str:
    """Return the version that its newest measurement was made with."""
    if measured is None:
        return "-"
    held = view.store.verdicts(measured, measured, name)
    row = view.store.measurement_row(held[-1].measurement) if held else None
    return row.measurement.software if row and row.measurement.software else "-"


def _traffic(view: View, health: Health | None) -> str:
    """Say how much it sent and received today."""
    if health is None:
        return "-"
    return view.gettext("{sent} sent, {received} received").format(
        sent=_size(health.sent_bytes_today), received=_size(health.received_bytes_today)
    )


def _clock(view: View, found: Liveness, health: Health | None) -> str:
    """Say how its clock stands against ours."""
    if health is None or found.clock_skew is None:
        return "-"
    skew = f"{found.clock_skew:+.1f} s, {view.gettext(tables.CLOCKS[health.clock_state])}"
    return view.gettext("wrong: {skew}").format(skew=skew) if found.clock_wrong else skew


def _size(number: int | None) -> str:
    """Return a number of bytes in decimal units; ``-`` for an unknown one."""
    if number is None:
        return "-"
    for unit, size in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B"


def _facts(view: View, health: Health) -> tuple[tuple[str, str], ...]:
    """Return a health report as names and values."""

    def number(value: float | None, unit: str) -> str:
        return "-" if value is None else f"{value:.0f} {unit}".strip()

    return (
        (view.gettext("Running for"), "-" if health.uptime_s is None else formatting.duration(health.uptime_s, view)),
        (view.gettext("Processor"), number(health.cpu_percent, "%")),
        (view.gettext("Memory of the program"), _size(health.memory_bytes)),
        (view.gettext("Free on disk"), _size(health.disk_free_bytes)),
        (view.gettext("Written to disk"), _size(health.disk_written_bytes)),
        (view.gettext("Measurements since start"), f"{health.measurements:,}"),
        (view.gettext("Times it could not measure"), f"{health.own_failures:,}"),
        (view.gettext("Packets that the tap missed"), f"{health.tap_drops:,}"),
        (view.gettext("Received unasked today"), _size(health.excess_bytes_today)),
        (
            view.gettext("Clock's own estimate of its error"),
            "-" if health.clock_offset_ms is None else f"{health.clock_offset_ms:+.0f} ms",
        ),
    )


def _strips(view: View, held: Sequence[Verdict], since: float) -> tuple[tuple[str, Markup, str], ...]:
    """Return a strip of the last day for each service."""
    counts: dict[str, Counter[tuple[str, str, int, str]]] = defaultdict(Counter)
    for one in held:
        counts[one.service][one.role, one.layer, int((one.at - since) // BIN), one.state] += 1
    found = []
    for service in sorted(counts, key=view.service):
        cells = [
            HistoryCell(
                country="", asn=0, reference=False, service=service, role=role, layer=layer, bin=place, state=state,
                verdicts=number,
            )
            for (role, layer, place, state), number in counts[service].items()
        ]  # fmt: skip
        states = bins(cells, DAY // BIN)
        title = view.gettext("{service}, the last 24 hours").format(service=view.service(service))
        total: Counter[str] = Counter()
        for (_, _, _, state), number in counts[service].items():
            total[state] += number
        words = {state: view.gettext(tables.STATES[VerdictState(state)][1]) for state in total}
        told = ", ".join(f"{words[state]} {n}" for state, n in total.most_common())
        found.append((view.service(service), svg.strip(states, title, f"s-{service}", view.gettext), told))
    return tuple(found)
