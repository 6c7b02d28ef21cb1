"""Reading the timeline: what starts and stops when, in any order, sorted into the order in which it happens.

Lives here: the shape of an entry and of a disturbance, the short spellings (``kind: sni, action: drop``; ``loss: 5%``),
and the checks that ids start before they stop. Must not live here: what a kind does (the lab's boxes and faults).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from balise_lab.boxes.engine.kind import COMMON, Kind, Looks, Stands, Versions
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.boxes.engine.setting import Setting, Unit, Value
from balise_lab.scenario import scalars
from balise_lab.scenario.names import Names
from balise_lab.scenario.schema import BEFORE, Disturbance, Start, Stop
from balise_lab.scenario.source import Field, did_you_mean

_SCALARS: Final[dict[Unit, Callable[[str], Value]]] = {
    Unit.SECONDS: scalars.duration,
    Unit.MILLISECONDS: scalars.milliseconds,
    Unit.PERCENT: scalars.percent,
    Unit.NUMBER: scalars.number,
    Unit.COUNT: scalars.integer,
    Unit.YES_NO: scalars.yes_no,
    Unit.WORD: scalars.plain,
    Unit.TEXT: scalars.plain,
}
_PLACES = ("gateway", "exchange")
_SERVERS = (Stands.HOSTING, Stands.NAMES)


def read_timeline(field: Field | None, calendar: scalars.Calendar, names: Names) -> tuple[Start | Stop, ...]:
    """Read every entry and return them in the order they happen; entries of one moment keep the file's order."""
    if field is None:
        return ()
    entries: list[tuple[Start | Stop, Field]] = []
    last = BEFORE
    for item in field.items():
        for entry in _entry(item, calendar, names, len(entries)):
            if entry.at < last:
                item.odd("is earlier than the entry before it", "entries are sorted by time; check that it is meant")
            last = max(last, entry.at)
            entries.append((entry, item))
    # At one moment what stops does so before what starts, so that an id can be handed over.
    entries.sort(key=lambda pair: (pair[0].at, isinstance(pair[0], Start)))
    _check_ids(entries)
    return tuple(entry for entry, _ in entries)


def _entry(item: Field, calendar: scalars.Calendar, names: Names, so_far: int) -> list[Start | Stop]:
    """Read one entry, which may start several things and stop several others."""
    if not item.is_mapping:
        item.wrong("is no entry", "write {at: 22:00, start: {...}} or {at: 01:30, stop: b1}")
        return []
    keys = item.keys(("at", "start", "stop"), required=("at",))
    if "start" not in keys and "stop" not in keys:
        item.wrong("neither starts nor stops anything", "add start: {kind: ...} or stop: b1")
    before = "at" in keys and keys["at"].scalar() == "before"
    at = BEFORE if before else keys["at"].read(calendar.moment, 0.0) if "at" in keys else 0.0
    if before and "stop" in keys:
        keys["stop"].wrong("ends before anything began", "write the time at which it ends")
    found: list[Start | Stop] = []
    for number, one in enumerate(keys["start"].items() if "start" in keys else []):
        disturbance = _disturbance(one, names, so_far + number)
        if disturbance is not None:
            found.append(Start(at, disturbance, one.line))
            if before and KINDS[disturbance.kind].power:
                one.wrong("a probe without power from the first is no probe", "give the time at which power fails")
    for one in keys["stop"].items() if "stop" in keys else []:
        found.append(Stop(at, one.read(scalars.identifier, ""), one.line))  # noqa: PERF401 - twin of the loop above
    return found


def _disturbance(field: Field, names: Names, number: int) -> Disturbance | None:
    """Read what starts."""
    if not field.is_mapping:
        field.wrong("is no disturbance", "write start: {id: b1, kind: sni.drop, match: [...]}")
        return None
    kind = _kind(field)
    if kind is None:
        return None
    own = (setting.name for setting in kind.settings)
    keys = field.keys((*COMMON, *own, *((kind.word,) if kind.short else ())))
    where, isps, probes = _where(keys, kind, names)
    if kind.of_probes and not probes:
        field.wrong(f"{kind.word} needs probes", "add probes: a probe or a list of probes")
    hosts, addresses = _match(field, keys, kind, names)
    family = _family(field, keys, kind, names, touched=_touched(names, where, isps, probes))
    return Disturbance(
        id=keys["id"].read(scalars.identifier, "") if "id" in keys else f"{kind.word.replace('.', '-')}-{number + 1}",
        kind=kind.word,
        where=where,
        isps=isps,
        probes=probes,
        hosts=hosts,
        addresses=addresses,
        family=family,
        settings=_settings(field, keys, kind),
        line=field.line,
    )


def _kind(field: Field) -> Kind | None:
    """Read the kind, in one word or in two (``kind: sni, action: drop``), or from a short spelling (``loss: 5%``)."""
    entries = field.entries()
    if "kind" not in entries:
        short = next((kind.word for kind in KINDS.values() if kind.short and kind.word in entries), None)
        if short is None:
            field.wrong("kind is missing", f"add kind: one of {', '.join(KINDS)}")
        return KINDS[short] if short else None
    written = entries["kind"].read(scalars.plain, "").lower()
    action = entries["action"].read(scalars.plain, "").lower() if "action" in entries else ""
    word = written
    if action and written not in KINDS:
        word = f"{written}.{action}"
    elif action and "." in written and written.split(".", 1)[1] != action:
        entries["action"].wrong(f"{action!r} contradicts kind: {written}", "leave action: out")
        return None
    if word in KINDS:
        return KINDS[word]
    families = {known.split(".")[0] for known in KINDS}
    if written in families and not action:
        actions = [known.split(".")[1] for known in KINDS if known.startswith(f"{written}.")]
        entries["kind"].wrong(f"{written!r} needs an action", f"add action: {' or '.join(actions)}")
    elif written in families and action:
        actions = [known.split(".")[1] for known in KINDS if known.startswith(f"{written}.")]
        entries["action"].wrong(f"{action!r} is no action of {written}", did_you_mean(action, actions))
    else:
        entries["kind"].wrong(f"{word!r} is no kind", did_you_mean(word, KINDS))
    return None


def _where(keys: dict[str, Field], kind: Kind, names: Names) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Read where it stands, and the providers and probes whose traffic it touches."""
    isps = names.isp_list(keys.get("isps"))
    probes = names.probe_list(keys["probes"]) if "probes" in keys else ()
    places = (*_PLACES, *(("abroad",) if kind.stands in _SERVERS else ()), *names.isps, *names.probes)
    usual = isps[0] if kind.follows_isp and len(isps) == 1 else kind.where
    where = keys["where"].choice(places, usual) if "where" in keys else usual
    if "isps" not in keys and where in names.isps:
        isps = (where,)
    elif where in names.probes:
        isps = tuple(name for name in (names.probes[where],) if name in names.isps)
        if kind.stands not in {Stands.LINK, Stands.HOME}:
            # What a probe sends passes no hook of its own machine: its box stands at the next router, for it alone.
            return (*isps, "exchange")[0], isps, (where,)
    elif "isps" in keys and where in names.isps and where not in isps:
        keys["isps"].wrong(f"does not name {where}, where it stands", "leave isps: out, or put it at the gateway")
    elif "isps" not in keys and where == "abroad" and not kind.of_country:
        isps = ()  # A server that is off is off for everyone, the references too.
    return where, isps, probes


def _match(field: Field, keys: dict[str, Field], kind: Kind, names: Names) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read what it looks for, with services and roles turned into their hosts."""
    given = [name for name in ("match", "services", "roles") if name in keys]
    if kind.looks is Looks.NOTHING:
        for name in given:
            keys[name].wrong(f"{kind.word} looks for nothing: it touches everything", f"leave {name}: out")
        return (), ()
    if not given and kind.looks is Looks.ANYTHING:
        return (), ()
    if not given:
        field.wrong(f"{kind.word} needs to know what to look for", 'add match: ["*.twimg.lab"] or services: [twitter]')
        return (), ()
    hosts, addresses = names.matched(keys["match"]) if "match" in keys else ((), ())
    if "services" in keys or "roles" in keys:
        services = names.service_list(keys["services"]) if "services" in keys else tuple(names.services)
        known_roles = sorted({str(endpoint.role) for endpoint in names.endpoints})
        roles = {item.choice(known_roles) for item in keys["roles"].items()} if "roles" in keys else set(known_roles)
        chosen = (end.host for end in names.endpoints if end.service in services and str(end.role) in roles)
        hosts = tuple(dict.fromkeys((*hosts, *chosen)))
    if addresses and kind.looks is Looks.NAMES:
        keys["match"].wrong(f"{kind.word} looks for names, not for {addresses[0]}", "write hosts, or use ip.drop")
    for pattern in hosts:
        if not names.hosts_matching((pattern,)):
            known = ", ".join(endpoint.host for endpoint in names.endpoints)
            (keys.get("match") or field).odd(f"{pattern} matches no host of this file", f"hosts are: {known}")
    return hosts, addresses


def _touched(names: Names, where: str, isps: tuple[str, ...], probes: tuple[str, ...]) -> frozenset[str]:
    """Return the probes whose traffic it touches; all of them where it names neither provider nor probe."""
    if probes or where in names.probes:
        return frozenset(probes or (where,))
    return frozenset(probe for probe, isp in names.probes.items() if not isps or isp in isps)


def _family(field: Field, keys: dict[str, Field], kind: Kind, names: Names, *, touched: frozenset[str]) -> int:
    """Read the only IP version that it touches; 0: both."""
    has = {Versions.FOUR: "IPv4 alone", Versions.SIX: "IPv6 alone", Versions.QUESTIONS: "no IP version of a flow"}
    both = bool(touched & names.with_six)
    family = int(keys["family"].choice(("4", "6"), "4")) if "family" in keys else 0
    if family and kind.versions in {Versions.SIX, Versions.QUESTIONS}:
        keys["family"].wrong(f"is not for {kind.word}, which knows {has[kind.versions]}", "leave family: out")
    elif family == 6 and kind.versions is Versions.FOUR:
        keys["family"].wrong(f"is not for {kind.word}, which knows {has[kind.versions]}", "write family: 4")
    elif not family and kind.versions is Versions.FOUR and both:
        what = f"{kind.word} knows IPv4 alone, and what it touches has IPv6, which would pass it"
        field.wrong(what, "add family: 4, or let it touch providers without ipv6:")
    if (family == 6 or kind.versions is Versions.SIX) and not both:
        field.wrong("touches nothing: nobody there has IPv6", "give the provider ipv6: yes")
    return family


def _settings(field: Field, keys: dict[str, Field], kind: Kind) -> Mapping[str, Value]:
    """Read the kind's own parameters, in base units."""
    found: dict[str, Value] = {}
    for setting in kind.settings:
        name = setting.name
        written = keys.get(name) or (keys.get(kind.word) if kind.short == name else None)
        if written is not None:
            found[name] = _setting(written, setting)
        elif setting.required:
            field.wrong(f"{kind.word} needs {name}", f"add {name}: {setting.how}")
    return dict(sorted(found.items()))


def _setting(field: Field, setting: Setting[Any]) -> Value:
    """Read one parameter, within its bounds."""

    def checked(text: str) -> Value:
        value = _SCALARS[setting.unit](text)
        wrong = setting.refusal(value)
        if wrong:
            raise ValueError("; ".join(wrong))
        return value

    many: tuple[int, ...] | tuple[str, ...]
    match setting.unit:
        case Unit.PORTS:
            many = tuple(item.read(scalars.whole(1, 65535), 0) for item in field.items())
        case Unit.ADDRESSES:
            many = tuple(item.read(scalars.address, "") for item in field.items())
        case _:
            usual: Value = setting.default
            return field.read(checked, usual)
    wrong = setting.refusal(many)
    if wrong:
        field.wrong(*wrong)
    return many


def _check_ids(entries: list[tuple[Start | Stop, Field]]) -> None:
    """Note ids that start twice at once, or stop without running."""
    running: dict[str, int] = {}
    ids = [entry.disturbance.id for entry, _ in entries if isinstance(entry, Start)]
    for entry, field in entries:
        if isinstance(entry, Start):
            if entry.disturbance.id in running:
                first = running[entry.disturbance.id]
                field.wrong(f"{entry.disturbance.id} is already running (line {first})", "give it another id")
            running[entry.disturbance.id] = entry.line
        elif running.pop(entry.id, None) is None:
            what = "is not running then" if entry.id in ids else "is no id of this timeline"
            field.wrong(f"stop: {entry.id!r} {what}", did_you_mean(entry.id, ids))
