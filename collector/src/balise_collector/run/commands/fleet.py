"""``balise-collector fleet approve|list|show|revoke|retire|tag|halt``: who may speak.

Lives here: what the operator types, and what is printed. Must not live here: tokens (commands/tokens.py), the registry.
"""

import argparse
import json
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from balise_collector.conclude.pipeline import LINES
from balise_collector.conclude.probe_events import EventSummary, troubles
from balise_collector.conclude.spent_days import Question, questions
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet.authority import Authority
from balise_collector.fleet.enrolment.revocation_sync import sync_revocations
from balise_collector.fleet.members import Fleet, Halt, Member, Pending
from balise_collector.fleet.orders import Order
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.whereabouts import Placed, Sign, Where, read_told
from balise_collector.journal import EventRow, NoticeRow
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.run.commands import AddCommand
from balise_collector.system.clock import Clock, pause
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError
from balise_collector.system.harmless import printable
from balise_collector.words.tables import EVENTS, LINE_PLACES, LINE_SIGNS, NOTICES
from balise_wire.measurement import Network
from balise_wire.status import Event
from balise_wire.topics import is_probe_id
from balise_wire.words import Access, ProbeRole, Profile

_REASON_MOST: Final = 200
_LABEL_MOST: Final = 80
_ALWAYS: Final = "always"
_WAIT: Final = 60.0
"""Seconds: a probe that is connected hears at once and answers within five, one whose broker was just lost dials again
within a minute."""
_WAIT_MOST: Final = 86_400.0
_LOOK_EVERY: Final = 0.25
_LISTENED_WITHIN: Final = 90.0
"""Seconds: an idle collector notes every 30 that it listens."""
UNCONFIRMED: Final = 3
"""Exit status of a halt, or of its end, that not every probe confirmed in time."""
_SEE: Final = "see balise-collector fleet list"
_EVENTS_SHOWN: Final = 20
"""Newest events of a probe that ``fleet show`` prints."""


def add(group: Any, command: AddCommand) -> None:
    """Add the commands to the group ``fleet``."""
    approve = command(group, "approve", _approve, "let a probe speak; what it announced fills what is left out")
    approve.add_argument("probe")
    approve.add_argument("--key", metavar="HEX", help="its Ed25519 public key; default: the announced one")
    approve.add_argument("--country", metavar="CC", help="ISO 3166-1 alpha-2")
    approve.add_argument("--asn", type=int, metavar="N", help="its provider's AS number")
    approve.add_argument("--access", choices=[access.value for access in Access.known()])
    approve.add_argument("--role", choices=[role.value for role in ProbeRole.known()])
    approve.add_argument("--profile", choices=[profile.value for profile in Profile.known()])
    approve.add_argument("--provider", metavar="LABEL", help="your word for the line; no public page shows it")
    approve.add_argument("--region", help="first-level subdivision, only where the host opted in")
    approve.add_argument(
        "--host", metavar="LABEL", help="your word for who keeps it: one host's boards are one witness"
    )
    approve.add_argument(
        "--since", metavar="TIME", help="it stands there since then, e.g. 2026-11-01T12:00Z; always: a correction"
    )
    for name, function, text in (
        ("revoke", _revoke, "refuse a probe from now on, its certificate too; what it sent stays"),
        ("retire", _retire, "finish a probe: it stays in the history, and nobody waits for it"),
    ):
        command(group, name, function, text).add_argument("probe")
    host = command(group, "host", _host, "write down who keeps a board: one host's boards are one witness")
    host.add_argument("probe", nargs="?", default="")
    host.add_argument("label", nargs="?", default="", metavar="LABEL", help="your word for the host; none: take it off")
    host.add_argument(
        "--each", action="store_true", help="you say that all boards without a label have different hosts"
    )
    tag = command(group, "tag", _tag, "write your own words on a probe; they never leave the operator's view")
    tag.add_argument("probe")
    tag.add_argument("words", nargs="*", metavar="WORD", help="in the place of those it has; none: take them off")
    halt = command(group, "halt", _halt, "the kill switch: every probe of a country stops measuring")
    halt.add_argument("country", metavar="CC", help="ISO 3166-1 alpha-2")
    halt.add_argument("--reason", default="", help="a few neutral words, which the hosts may read")
    halt.add_argument("--undo", action="store_true", help="let them measure again")
    halt.add_argument(
        "--wait", type=_seconds, default=_WAIT, metavar="SECONDS",
        help="how long to wait for the probes to confirm, %(default)g where left out; exit status 3 where one did not",
    )  # fmt: skip
    halt.add_argument("--no-wait", action="store_const", dest="wait", const=0.0, help="as --wait 0, and status 0")
    listing = command(group, "list", _list, "every probe, those that wait, and halted countries")
    show = command(group, "show", _show, "everything that is known of one probe's membership")
    show.add_argument("probe")
    for reads in (listing, show):
        reads.add_argument("--json", action="store_true")


def _approve(config: Config, clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        waiting = next((pending for pending in registry.pending() if pending.id == arguments.probe), None)
        known = registry.fleet().members.get(arguments.probe)
        member = _member(arguments, waiting, known, clock.now())
        registry.approve(member, _since(arguments.since, clock.now()))
        refused = list(_refuse(config, registry))
    yield f"approved {member.id}: {member.role} in {member.network.country}, AS{member.network.asn},"
    if known is None and waiting is not None and not (arguments.country and arguments.asn):
        yield "where it stands is its own word so far: give --country and --asn if you know better"
    if not member.host:
        yield "it counts as a host of its own: say --host LABEL where somebody keeps several boards"
    yield f"key {member.public_key}: compare it with the one that `balise-agent check` prints on the probe"
    yield from refused


def _member(arguments: argparse.Namespace, waiting: Pending | None, known: Member | None, now: float) -> Member:
    """Join what the operator typed with what the probe announced or was approved for (ConfigError)."""
    if not is_probe_id(arguments.probe):
        raise ConfigError(f"{arguments.probe!r} is no probe id; use 4 to 32 of a-z and 0-9")
    if known and waiting and not arguments.key:
        # Reinstalled, or somebody else with its name: the operator must say so with the key in hand.
        raise ConfigError(
            f"{arguments.probe}: approved with key {known.public_key}, now announces {waiting.public_key}; "
            "give the one that `balise-agent check` prints on the probe with --key"
        )
    key = arguments.key or (known.public_key if known else "") or (waiting.public_key if waiting else "")
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise ConfigError(
            f"{arguments.probe}: no key; it did not announce itself yet: give --key with the 64 hex digits that "
            "`balise-agent check` prints on the probe"
        )
    was = known.network if known else None
    country = arguments.country or (was.country if was else "") or (waiting.country if waiting else "")
    asn = arguments.asn or (was.asn if was else 0) or (waiting.asn if waiting else 0)
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise ConfigError(f"{arguments.probe}: {country!r} is no country; give --country, e.g. --country PK")
    if not 0 < asn < 2**32:
        raise ConfigError(f"{arguments.probe}: {asn} is no AS number; give --asn, e.g. --asn 64501")
    access = arguments.access or (was.access if was else "") or (waiting.access if waiting else "") or Access.FIXED
    # A reference decides for the whole fleet: nobody becomes one by announcing it.
    role = arguments.role or (known.role if known else "") or ProbeRole.PROBE
    region = arguments.region if arguments.region is not None else (was.region if was else "")
    network = Network(country=country, asn=asn, access=Access(access), region=region)
    kept = known or Member(id=arguments.probe, public_key=key, network=network)
    return msgspec.structs.replace(
        kept,
        public_key=key,
        network=network,
        role=ProbeRole(role),
        approved_at=now,
        revoked=False,
        retired_at=None,
        profile=Profile(arguments.profile or kept.profile),
        provider=kept.provider if arguments.provider is None else arguments.provider,
        host=kept.host if arguments.host is None else _label(arguments.host),
    )


def _label(text: str) -> str:
    """Return the label of a host, tidied (ConfigError where it is none)."""
    label = " ".join(text.split())
    if len(label) > _LABEL_MOST or not label.isprintable():
        raise ConfigError(f"{label[:40]!r}: use {_LABEL_MOST} printable characters or fewer as the label of a host")
    return label


def _since(text: str | None, now: float) -> float | None:
    """Return since when a probe stands where it is approved for (ConfigError for what is no time, or to come)."""
    if text is None:
        return None
    if text == _ALWAYS:
        return 0.0
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--since {text!r}: give a time, e.g. 2026-11-01T12:00Z, or {_ALWAYS}") from None
    since = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    if not 0.0 <= since <= now:
        raise ConfigError(f"--since {text}: is yet to come; approve it then")
    return since


def _host(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        if arguments.each:
            if arguments.probe:
                raise ConfigError("--each goes alone: it is said of every board without a label")
            yield f"{registry.hosts_apart()} boards have a host of their own, on your word"
            return
        if not arguments.probe:
            raise ConfigError("name a probe and the label of its host, or say --each")
        label = _label(arguments.label)
        if not registry.set_host(arguments.probe, label):
            raise ConfigError(f"{arguments.probe}: not in the fleet; {_SEE}")
        together = [one.id for one in registry.fleet().active() if label and one.host == label]
    yield f"{arguments.probe}: {label or 'nobody is written down'}"
    if len(together) > 1:
        yield f"one witness from now on: {', '.join(together)}"


def _revoke(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        if not registry.revoke(arguments.probe):
            raise ConfigError(f"{arguments.probe}: not in the fleet; {_SEE}")
        yield f"revoked {arguments.probe}"
        yield from _refuse(config, registry)


def _retire(config: Config, clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        if not registry.retire(arguments.probe, clock.now()):
            raise ConfigError(f"{arguments.probe}: not in the fleet; {_SEE}")
        yield f"retired {arguments.probe}: what it sent stays; a token for its id lets it speak again"
        yield from _refuse(config, registry)


def _refuse(config: Config, registry: FleetRegistry) -> Iterator[str]:
    """Bring the authority into agreement, where there is one."""
    if not config.authority_dir.exists():
        return
    with closing(Authority.open_or_create(config.authority_dir)) as authority:
        if sync_revocations(registry, authority):
            yield f"a certificate of it is on the list {config.authority_dir / 'crl.pem'}; the broker has it with the"
            yield "next `balise-collector broker refresh` (a copy by hand needs SIGHUP)"


def _tag(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        if not registry.tag(arguments.probe, tuple(arguments.words)):
            raise ConfigError(f"{arguments.probe}: not in the fleet; {_SEE}")
    yield f"{arguments.probe}: {', '.join(arguments.words) or 'no words'}"


def _seconds(text: str) -> float:
    """Read a time to wait; argparse tells what is wrong."""
    seconds = float(text)
    if not 0.0 <= seconds <= _WAIT_MOST:
        raise argparse.ArgumentTypeError(f"{text}: 0 to {_WAIT_MOST:g} seconds")
    return seconds


def _halt(config: Config, clock: Clock, arguments: argparse.Namespace) -> Generator[str, None, int]:
    country: str = arguments.country
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise ConfigError(f"{country!r} is no country; give two capital letters, e.g. PK")
    reason = " ".join(arguments.reason.split())
    if len(reason) > _REASON_MOST:
        raise ConfigError(f"--reason: {len(reason)} characters; use {_REASON_MOST} or fewer, neutral words")
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        probes = sum(one.network.country == country for one in registry.fleet().active())
        if arguments.undo:
            if not registry.lift(country, clock.now()):
                raise ConfigError(f"{country}: not halted; {_SEE}")
            yield f"{country}: {probes} probes may measure again; the running collector tells them at once"
        else:
            if not reason:
                raise ConfigError("--reason: give a few neutral words, which the hosts may read")
            registry.halt(country, reason, clock.now())
            yield f"{country}: {probes} probes are told to stop; the running collector tells them at once"
            yield f"take it back with: balise-collector fleet halt {country} --undo"
        if not arguments.wait:
            return 0
        return (yield from _confirmations(config, clock, registry, country, arguments.wait))


def _confirmations(
    config: Config, clock: Clock, registry: FleetRegistry, country: str, wait: float
) -> Generator[str, None, int]:
    """Tell who confirmed, as they do; return 0 where all did, else ``UNCONFIRMED``.

    A probe confirms under its seal that it has taken up the assignment that stops it, or that lets it go on. One that
    is not connected obeys when it connects; the registry goes on noting who confirmed.
    """
    told: set[str] = set()
    until = clock.monotonic() + wait
    listens = _listens(config, clock)
    while True:
        obeying, waited_for = _answers(registry.fleet(), country)
        for probe in obeying:
            if probe not in told:
                told.add(probe)
                yield f"{probe:<12} confirmed, version {obeying[probe]}"
        if not waited_for:
            yield f"{country}: all {len(obeying)} probes confirmed"
            return 0
        if not listens or clock.monotonic() >= until:
            break
        while not registry.changed() and clock.monotonic() < until:
            pause(_LOOK_EVERY)
    words = _last_words(config)
    for probe in waited_for:
        yield f"{probe:<12} NOT CONFIRMED, {words.get(probe, 'never heard')}"
    if not listens:
        yield "no collector listens to a broker: the probes are told once `balise-collector run` does"
    counted = f"{len(obeying)} of {len(obeying) + len(waited_for)} probes confirmed"
    yield f"{country}: {counted}; who is away obeys when it connects; {_SEE} for who confirmed since"
    return UNCONFIRMED


def _answers(fleet: Fleet, country: str) -> tuple[dict[str, int], list[str]]:
    """Return which probes of a country confirmed what holds for it now, with the version, and which have not."""
    halted = country in fleet.halted()
    obeying: dict[str, int] = {}
    waited_for: list[str] = []
    for member in fleet.active():
        if member.network.country != country:
            continue
        order = fleet.order_of(member.id)
        # What was issued last may still be of the time before: the collector has not looked yet.
        if order.halted == halted and order.confirmed and order.taken is not None:
            obeying[member.id] = order.taken.version
        else:
            waited_for.append(member.id)
    return obeying, waited_for


def _listens(config: Config, clock: Clock) -> bool:
    """Whether a collector noted lately that it is connected to a broker."""
    if not config.journal_file.exists():
        return False
    with closing(SqliteJournal(config.journal_file)) as journal:
        watched = journal.watched(clock.now())
    return bool(watched) and watched[-1][1] >= clock.now() - _LISTENED_WITHIN * clock.scale


def _last_words(config: Config) -> dict[str, str]:
    """Return what each probe, or the broker of a dead one, said last of its state."""
    if not config.journal_file.exists():
        return {}
    with closing(SqliteJournal(config.journal_file)) as journal:
        held = journal.latest_presence()
    return {probe: f"last word: {row.state}, {_minute(row.at)}" for probe, row in held.items()}


def _list(config: Config, clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        fleet = registry.fleet()
        members, pending, halted = list(fleet.members.values()), registry.pending(), fleet.halted()
    if arguments.json:
        told = {
            "approved": members,
            "pending": pending,
            "halted": list(halted.values()),
            "orders": {member.id: told_of(fleet.order_of(member.id)) for member in members},
        }
        yield json.dumps(msgspec.to_builtins(told), indent=2)
        return
    for halt in halted.values():
        yield f"{halt.country} is halted since {_day(halt.since)}: {halt.reason}"
        yield f"{'':<12} {_counted(fleet, halt.country)}"
    for member in members:
        yield _line(member, halted.get(member.network.country), fleet.order_of(member.id))
    unlabelled = sum(member.speaks and not member.keeper for member in members)
    if unlabelled:
        yield f"{unlabelled} boards of cards without a host: the public view counts them as one; see fleet host"
    for stranger in pending:
        where = f"{stranger.country or '??'} AS{stranger.asn:<10}"
        yield f"{stranger.id:<12} {'waiting':<10} {where} says {stranger.public_key}"
        yield f"{'':<12} approve with: balise-collector fleet approve {stranger.id}"
    for asked in _asked(config, members, clock.now()):
        yield (
            f"AS{asked.asn} in {asked.country}: day on the line used up: {', '.join(asked.spent) or 'none'}; "
            f"sent much more than they asked for: {', '.join(asked.flooded) or 'none'}; does somebody make them do so?"
        )
    if not members and not pending:
        yield "no probe yet; one that connects to the broker shows up here, and so does one that is enrolled"


def _asked(config: Config, members: Iterable[Member], now: float) -> tuple[Question, ...]:
    """Return what the operator is to be asked; nothing before the collector ever ran."""
    if not config.journal_file.exists():
        return ()
    with closing(SqliteJournal(config.journal_file)) as journal:
        return questions(members, journal.events_of, journal.latest_health(), now)


def _counted(fleet: Fleet, country: str) -> str:
    """Say who of a halted country confirmed that it stopped."""
    obeying, waited_for = _answers(fleet, country)
    told = f"{len(obeying)} of {len(obeying) + len(waited_for)} probes confirmed that they stopped"
    return f"{told}; not yet: {', '.join(waited_for)}" if waited_for else told


def told_of(order: Order) -> dict[str, Any]:
    """Return a probe's order for programs."""
    return {
        "assignment": order.version,
        "accepted": None if order.taken is None else order.taken.version,
        "accepted_at": None if order.taken is None else order.taken.at,
        "stopped": None if order.taken is None else order.taken.halted,
        "confirmed": order.confirmed,
        "software": None if order.able is None else order.able.software,
        "too_old_for": list(order.too_old_for),
        "unread": list(order.unread),
    }


def _line(member: Member, halt: Halt | None, order: Order) -> str:
    """Say who a probe is, in one line; the provider's label and the tags come last but for what it is too old for."""
    network = member.network
    where = f"{network.country} AS{network.asn:<10} {network.access:<10} {member.profile:<9}"
    end = f"certificate until {_day(member.expires)}" if member.expires else f"key {member.public_key}"
    host = f"kept by {member.host}" if member.host not in {"", member.id} else ""
    words = " ".join((*filter(None, (member.provider, host)), *(f"#{tag}" for tag in member.tags)))
    old = f"  (too old for: {', '.join(order.too_old_for)})" if order.too_old_for and member.speaks else ""
    return f"{member.id:<12} {state_of(member, halt):<10} {where} {end}  {words}".rstrip() + old


def state_of(member: Member, halt: Halt | None) -> str:
    """Say in a word how a member stands in the registry."""
    if member.revoked:
        return "revoked"
    if member.retired_at is not None:
        return "retired"
    return "halted" if halt else member.role.value


def _show(config: Config, clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        fleet = registry.fleet()
        member = fleet.members.get(arguments.probe)
        if member is None:
            raise ConfigError(f"{arguments.probe}: not in the fleet; {_SEE}")
        order = fleet.order_of(member.id)
    halt = fleet.halted().get(member.network.country)
    records = fleet.records.get(member.id, ())
    noticed, events, trouble = _heard(config, member.id, clock.now())
    line = _line_of(config, member.id)
    if arguments.json:
        told = {"member": member, "halt": halt, **told_of(order), "records": records, "notices": noticed}
        told["events"] = [msgspec.structs.replace(row, event=_plain(row.event)) for row in events]
        told["troubles"] = trouble
        told["line"] = line
        yield json.dumps(msgspec.to_builtins(told), indent=2)
        return
    network = member.network
    yield f"probe        {member.id}, {state_of(member, halt)}"
    yield f"stands in    {network.country}{f', {network.region}' if network.region else ''}, AS{network.asn},"
    yield f"             {network.access}, profile {member.profile}"
    sign = f", {LINE_SIGNS[line.sign]}" if line.sign in LINE_SIGNS else ""
    seen = f": AS{line.asn}, {line.country or '-'}" if line.line is Where.DIFFERS and line.sign is Sign.BROKER else ""
    yield f"line         {LINE_PLACES[line.line]}{sign}{seen}"
    yield f"provider     {member.provider or '-'}"
    yield f"host         {'of its own' if member.keeper == member.id else member.host or '-'}"
    yield f"tags         {', '.join(member.tags) or '-'}"
    yield f"key          {member.public_key}"
    yield f"enrolled     {_day(member.enrolled_at)}, let in {_day(member.approved_at)}"
    yield f"consent      {member.consent or '-'}"
    yield f"certificate  until {_day(member.expires)}"
    yield f"assignment   version {order.version}{' (stop)' if order.halted else ''}, {_taken(order)}"
    yield f"software     {order.able.software if order.able else '-'}"
    yield f"too old for  {', '.join(order.too_old_for) or '-'}"
    yield f"not read     {', '.join(order.unread) or '-'}{' (update this collector)' if order.unread else ''}"
    if halt:
        yield f"halted       since {_day(halt.since)}: {halt.reason}"
    for record in records[:-1]:
        place = f"{record.network.country}, AS{record.network.asn}, {record.network.access}"
        yield f"stood in     {place}, {record.role}, from {_day(record.since)}"
    for row in noticed:
        yield f"noticed      {NOTICES[row.kind]}: {row.detail}; {row.times} times, {_day(row.began)} to {_day(row.at)}"
    for each in trouble:
        yield f"trouble      {EVENTS[each.kind]}, {each.times} times lately: {each.detail or '-'}"
    for number, heard in enumerate(events):
        event = _plain(heard.event)
        words = f"{EVENTS[event.kind]}{f': {event.detail}' if event.detail else ''}"
        yield f"{'' if number else 'told':<12} {_minute(heard.received_at)} {words}"


def _heard(
    config: Config, probe: str, now: float
) -> tuple[tuple[NoticeRow, ...], list[EventRow], tuple[EventSummary, ...]]:
    """Return what the collector noticed of a probe, what it told, the newest first, and the troubles among that.

    Nothing before the collector ever ran.
    """
    if not config.journal_file.exists():
        return (), [], ()
    with closing(SqliteJournal(config.journal_file)) as journal:
        noticed = journal.latest_notices().get(probe, ())
        return noticed, journal.events_of(probe, _EVENTS_SHOWN), troubles(journal.events_of, probe, now)


def _line_of(config: Config, probe: str) -> Placed:
    """Return what is known of where a probe's line is."""
    unknown = Placed(line=Where.UNKNOWN)
    if not config.derived_file.exists():
        return unknown
    with closing(SqliteStore(config.derived_file)) as store:
        return read_told(store.memory(LINES)).get(probe, unknown)


def _plain(event: Event) -> Event:
    """Return an event whose words do nothing to a terminal."""
    return msgspec.structs.replace(event, detail=printable(event.detail))


def _taken(order: Order) -> str:
    """Say what a probe said that it has taken up."""
    taken = order.taken
    if taken is None:
        return "and the probe has not said what it took up"
    what = f"{'stopped by' if taken.halted else 'at work on'} version {taken.version}, said {_minute(taken.at)}"
    return f"confirmed: {what}" if order.confirmed else f"NOT confirmed: {what}"


def _minute(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%MZ")


def _day(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d") if at is not None else "-"
