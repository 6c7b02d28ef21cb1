"""The loader: from a YAML file to a Scenario, or to every error in it at once, each with file, line and mend.

Lives here: the top of the file (clock, country, providers, abroad, services) and the order in which its parts are read;
the timeline and the expectations have modules of their own. Must not live here: what a scalar means (scalars), how YAML
is read (source). Documented for people who write scenarios in docs/scenarios.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from balise_lab.boxes.engine.shaping import KBIT
from balise_lab.counterparts.engine.registry import OVER_SIX, USUAL
from balise_lab.counterparts.proxy import PORTS
from balise_lab.scenario import scalars
from balise_lab.scenario.changes import read_changes
from balise_lab.scenario.expectations import read_expect
from balise_lab.scenario.names import Names
from balise_lab.scenario.parameters import PARAMETER_KEYS, read_parameters
from balise_lab.scenario.schema import DEFAULT_SCALE, Abroad, Endpoint, Isp, Scenario, Service, Start, Stop, stem
from balise_lab.scenario.source import Field, Problem, Problems, ScenarioError, did_you_mean, read_tree
from balise_lab.scenario.timeline import read_timeline
from balise_lab.world.addresses import MOST_ADDRESSES, MOST_RESOLVERS
from balise_wire.experiments import OF_TARGETS, REGISTRY
from balise_wire.experiments.throughput import PAIRS, SLOWEST_MS, ThroughputParameters
from balise_wire.words import Access, Experiment, TargetRole

SERVICE_ROLES: Final = tuple(
    role.value for role in TargetRole.known() if role not in {TargetRole.CONTROL, TargetRole.LINE}
)
_TOP = ("name", "summary", "clock", "country", "isps", "abroad", "services", "proxies", "timeline", "changes", "ends",
        "expect")  # fmt: skip
_ENDPOINT = ("host", "port", "bytes", "shares", "experiments", "addresses", "edge", "catalogued")
_CATALOGUED = ("all", "first", "none")
_PORTS = scalars.whole(1, 65535)
_MOST_PROBES = scalars.whole(1, 200)
MOST: Final = {"isps": 64, "abroad": 32, "services": 64, "timeline": 1000, "changes": 100}
"""Entries of each part: every provider, country and service becomes namespaces, programs and addresses."""
MOST_PROBES_IN_ALL: Final = 200
"""Each is a process of its own: two hundred take 12 GB."""
MOST_ENDPOINTS: Final = 200
MOST_BYTES: Final = 64_000_000
"""Of all pages together; each is a file that is written when the scenario starts."""
LONGEST: Final = 366 * 86_400.0
"""Virtual seconds."""
_AFTER = 1800.0
"""Seconds that a scenario goes on after its last entry unless it says otherwise: time to notice and to close."""
_SERIES: Final = 900.0
"""Virtual seconds that a series of transfers should take at most."""
_FIRST_FREE_ASN = 64601
"""Providers whose names give no number are numbered from here, out of the private range (RFC 6996)."""
_FIRST_ABROAD_ASN = 64801


def load(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ScenarioError: it cannot be read, or is wrong; the message holds every problem as ``file:line: what; mend``.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ScenarioError(
            str(path), [Problem(1, "", "there is no such file", "give the path of a .yaml file")]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(str(path), [Problem(1, "", f"cannot be read: {error}", "save it as UTF-8 text")]) from None
    return parse(text, str(path))


def parse(text: str, path: str = "scenario.yaml") -> Scenario:
    """Read a scenario from text; ``path`` is what messages call it.

    Raises:
        ScenarioError: as ``load``.
    """
    problems = Problems()
    root = read_tree(text, path, problems)
    if not root.is_mapping:
        raise ScenarioError(path, [Problem(root.line, "", "is not a mapping", "begin with name: ...")])
    top = root.keys(_TOP, required=("name", "country", "isps", "services"))
    if _is_too_much(top):
        raise ScenarioError(path, problems.errors)  # what is too many is not read one by one
    calendar = _country(top.get("country"))
    isps = _isps(top.get("isps"))
    abroad = _abroad(top.get("abroad"))
    services = _services(top.get("services"))
    if _is_too_much_in_all(top, isps, abroad, services):
        raise ScenarioError(path, problems.errors)
    if any(isp.ipv6 for isp in isps):
        _check_families(top["services"], services)
        if "proxies" in top:
            top["proxies"].wrong("reach nothing over IPv6 here", "leave proxies: or ipv6: out")
    names = Names.of(calendar.code, isps, abroad, services)
    timeline = read_timeline(top.get("timeline"), calendar.calendar, names)
    changes = read_changes(top.get("changes"), calendar.calendar, names)
    ends = _ends(top.get("ends"), calendar.calendar, max((entry.at for entry in (*timeline, *changes)), default=0.0))
    expect = read_expect(top.get("expect"), calendar.calendar, names, ends)
    name = top["name"].read(scalars.plain, "") if "name" in top else ""
    summary = top["summary"].read(scalars.plain, "") if "summary" in top else ""
    scale = _scale(top.get("clock"))
    proxies = _proxies(top.get("proxies"))
    problems.warnings.extend(_too_slow(timeline, names, scale))
    if problems.errors:
        raise ScenarioError(path, problems.errors)
    return Scenario(
        name=name,
        summary=summary,
        path=path,
        scale=scale,
        country=calendar.code,
        zone=calendar.calendar.zone,
        starts=calendar.calendar.unix,
        ends=ends,
        isps=isps,
        abroad=abroad,
        services=services,
        timeline=timeline,
        expect=expect,
        changes=changes,
        proxies=proxies,
        warnings=tuple(problem.told(path) for problem in sorted(problems.warnings, key=lambda found: found.line)),
    )


def _too_slow(timeline: Sequence[Start | Stop], names: Names, scale: float) -> Iterator[Problem]:
    """Yield where a measured rate is so low that its series of transfers takes long on the scenario's clock.

    Bytes move in real seconds whatever the scale, and a probe measures nothing else meanwhile.
    """
    measured = {end.host for end in names.endpoints if Experiment.THROUGHPUT in end.experiments}
    for entry in timeline:
        if not isinstance(entry, Start) or not entry.disturbance.kind.startswith("rate."):
            continue
        kbit = entry.disturbance.settings.get(KBIT.name, KBIT.default)
        series = PAIRS * min(SLOWEST_MS / 1000.0, ThroughputParameters().sample_bytes * 8 / 1000.0 / float(str(kbit)))
        if measured & set(names.hosts_matching(entry.disturbance.hosts)) and series * scale > _SERIES:
            told = (
                f"a series of transfers at {kbit:g} kbit/s takes {series * scale / 60:.0f} minutes at scale {scale:g}"
            )
            yield Problem(entry.line, "", told, f"write clock: {{scale: {max(1, int(_SERIES / series))}}}")


def _is_too_much(top: dict[str, Field]) -> bool:
    """Note the parts that have more entries than can be played; whether there are any."""
    over = [name for name, most in MOST.items() if name in top and top[name].size > most]
    for name in over:
        what = f"has {top[name].size} entries; {MOST[name]} can be played"
        top[name].wrong(what, "take some out, or split the scenario")
    return bool(over)


def _is_too_much_in_all(
    top: dict[str, Field], isps: tuple[Isp, ...], abroad: tuple[Abroad, ...], services: tuple[Service, ...]
) -> bool:
    """Note what is too much together though each part is not; whether there is any."""
    probes = sum(isp.probes for isp in isps) + sum(place.probes for place in abroad)
    endpoints = [endpoint for service in services for endpoint in service.endpoints]
    size = sum(endpoint.body_bytes for endpoint in endpoints)
    found = [
        (name, what, mend)
        for number, most, name, what, mend in (
            (probes, MOST_PROBES_IN_ALL, "isps", "probes in all, each a process of its own", "give some fewer"),
            (len(endpoints), MOST_ENDPOINTS, "services", "roles in all", "take some out"),
            (size, MOST_BYTES, "services", "bytes of pages in all", "make some smaller"),
        )
        if number > most
        for what in (f"{number} {what}; {most} can be played",)
    ]
    for name, what, mend in found:
        if name in top:
            top[name].wrong(what, mend)
    return bool(found)


def _check_families(field: Field, services: tuple[Service, ...]) -> None:
    """Note what a target is measured with that no server of the lab answers over IPv6."""
    for endpoint in (endpoint for service in services for endpoint in service.endpoints):
        # What takes a line for itself is measured over IPv4 alone.
        asked = (word for word in endpoint.experiments if not REGISTRY[word].exclusive)
        lost = sorted(word.value for word in asked if word not in OVER_SIX)
        if lost:
            what = f"{endpoint.host} is measured with {', '.join(lost)}, which no server here answers over IPv6"
            field.wrong(what, f"leave ipv6: out, or use {', '.join(word.value for word in OVER_SIX)}")


def _scale(clock: Field | None) -> float:
    """Read ``clock: {scale: 60}``; ``clock: 60`` says the same."""
    if clock is None or clock.is_empty:
        return DEFAULT_SCALE
    if not clock.is_mapping:
        return clock.read(scalars.scale, DEFAULT_SCALE)
    keys = clock.keys(("scale",))
    return keys["scale"].read(scalars.scale, DEFAULT_SCALE) if "scale" in keys else DEFAULT_SCALE


def _proxies(field: Field | None) -> tuple[str, ...]:
    """Read ``proxies: [socks5, http-connect]``."""
    if field is None:
        return ()
    return tuple(dict.fromkeys(item.choice(PORTS, next(iter(PORTS))) for item in field.items()))


@dataclass(frozen=True, slots=True)
class _Country:
    """Where and when it plays."""

    code: str
    calendar: scalars.Calendar


def _country(field: Field | None) -> _Country:
    """Read ``country: {code, tz, starts}``."""
    fallback = scalars.local_time("2020-01-01T12:00")
    if field is None:
        return _Country("ZZ", scalars.Calendar(fallback, "UTC"))
    keys = field.keys(("code", "tz", "starts"), required=("code", "tz", "starts"))
    return _Country(
        keys["code"].read(scalars.country, "ZZ") if "code" in keys else "ZZ",
        scalars.Calendar(
            keys["starts"].read(scalars.local_time, fallback) if "starts" in keys else fallback,
            keys["tz"].read(scalars.zone, "UTC") if "tz" in keys else "UTC",
        ),
    )


def _isps(field: Field | None) -> tuple[Isp, ...]:
    """Read ``isps: {asn64501: {probes: 3}, asn64502: 2}``."""
    if field is None:
        return ()
    found: list[Isp] = []
    given: dict[str, tuple[str, Field]] = {}
    without = False
    entries = field.entries()
    if not entries and not field.is_empty and field.is_mapping:
        field.wrong("names no provider", "add one: asn64501: {probes: 2}")
    for name, value in entries.items():
        _named(value, name)
        if value.is_mapping:
            keys = value.keys(("asn", "probes", "access", "name", "clocks", "resolvers", "routers", "ipv6"))
        else:
            keys = {} if value.is_empty else {"probes": value}
        twin = given.get(stem(name))
        if twin:
            value.wrong(f"differs from {twin[0]} (line {twin[1].line}) in dashes only", "give it another name")
        given[stem(name)] = (name, value)
        number = keys["asn"].read(scalars.asn, 0) if "asn" in keys else _asn_of(name)
        if number and (other := given.get(str(number))):
            value.wrong(f"has AS number {number}, as {other[0]} in line {other[1].line} has", "give each its own asn:")
        if number:
            given[str(number)] = (name, value)
        found.append(
            Isp(
                name=name,
                asn=number,
                probes=keys["probes"].read(_MOST_PROBES, 1) if "probes" in keys else 1,
                access=Access(keys["access"].choice(Access, Access.FIXED)) if "access" in keys else Access.FIXED,
                label=keys["name"].read(scalars.plain, "") if "name" in keys else "",
                clocks=tuple(item.read(scalars.clock_error, 0.0) for item in keys["clocks"].items())
                if "clocks" in keys
                else (),
                resolvers=keys["resolvers"].read(scalars.whole(1, MOST_RESOLVERS), 1) if "resolvers" in keys else 1,
                routers=keys["routers"].read(scalars.whole(0, 200), 0) if "routers" in keys else 0,
                ipv6=keys["ipv6"].read(scalars.yes_no, without) if "ipv6" in keys else without,
            ),
        )
    return _numbered(found)


def _named(value: Field, name: str) -> None:
    """Check a provider's name, noting the error at its line."""
    try:
        scalars.isp_name(name)
    except ValueError as error:
        what, _, mend = str(error).partition("; ")
        value.wrong(what, mend)


def _asn_of(name: str) -> int:
    """Return the AS number that a name such as ``asn64501`` gives, or 0."""
    try:
        return scalars.asn(name) if name.startswith("as") else 0
    except ValueError:
        return 0


def _numbered(isps: list[Isp]) -> tuple[Isp, ...]:
    """Give AS numbers to the providers that have none."""
    taken = {isp.asn for isp in isps}
    free = (number for number in range(_FIRST_FREE_ASN, _FIRST_ABROAD_ASN) if number not in taken)
    return tuple(isp if isp.asn else replace(isp, asn=next(free)) for isp in isps)


def _abroad(field: Field | None) -> tuple[Abroad, ...]:
    """Read ``abroad: [{code: DE, probes: 2}]``; ``abroad: {DE: 2}`` says the same."""
    if field is None:
        return ()
    if field.is_mapping:
        pairs = [(_place_code(entry, code), entry) for code, entry in field.entries().items()]
        counted = [(code, entry.read(_MOST_PROBES, 1)) for code, entry in pairs]
    else:
        counted = []
        for item in field.items():
            if item.is_mapping:
                keys = item.keys(("code", "probes"), required=("code",))
                code = keys["code"].read(scalars.country, "") if "code" in keys else ""
                counted.append((code, keys["probes"].read(_MOST_PROBES, 1) if "probes" in keys else 1))
            else:
                counted.append((item.read(scalars.country, ""), 1))
    codes = [code for code, _ in counted if code]
    for code in sorted({code for code in codes if codes.count(code) > 1}):
        field.wrong(f"{code} is given twice", "add up its probes in one entry")
    return tuple(Abroad(code, probes, _FIRST_ABROAD_ASN + n) for n, (code, probes) in enumerate(counted))


def _place_code(entry: Field, code: str) -> str:
    """Check a country code that stands as a key."""
    try:
        return scalars.country(code)
    except ValueError as error:
        what, _, mend = str(error).partition("; ")
        entry.wrong(what, mend)
        return ""


def _services(field: Field | None) -> tuple[Service, ...]:
    """Read ``services: {twitter: {web: twitter.lab, media-image: {host: ..., bytes: ...}}}``."""
    if field is None:
        return ()
    found: list[Service] = []
    for name, value in field.entries().items():
        try:
            scalars.identifier(name)
        except ValueError as error:
            what, _, mend = str(error).partition("; ")
            value.wrong(what, mend)
        found.append(_service(name, value))
    _check_shared(field, found)
    return tuple(found)


def _service(name: str, value: Field) -> Service:
    """Read one service: roles with their endpoints, a list of roles, or one host for ``web``."""
    if value.is_mapping:
        entries = value.entries()
        label = entries.pop("name").read(scalars.plain, name) if "name" in entries else name.capitalize()
        hoster = entries.pop("hoster").read(scalars.identifier, "") if "hoster" in entries else ""
        endpoints = []
        for role, entry in entries.items():
            if role in SERVICE_ROLES:
                endpoints.append(_endpoint(name, TargetRole(role), entry))
            else:
                entry.wrong(f"{role!r} is no role", did_you_mean(role, SERVICE_ROLES))
        if not entries:
            value.wrong("has no role", f"add one such as web: {name}.lab")
        return Service(name, label, tuple(endpoints), hoster)
    if value.is_list:
        roles = [TargetRole(item.choice(SERVICE_ROLES, TargetRole.WEB)) for item in value.items()]
        return Service(name, name.capitalize(), tuple(Endpoint(name, role, _usual(name, role)) for role in roles))
    return Service(name, name.capitalize(), (_endpoint(name, TargetRole.WEB, value),))


def _usual(service: str, role: TargetRole) -> str:
    """Return the host of a role whose file gives none."""
    return f"{service}.lab" if role is TargetRole.WEB else f"{role.value}.{service}.lab"


def _endpoint(service: str, role: TargetRole, value: Field) -> Endpoint:
    """Read one endpoint: a host, ``...`` for the usual one, or a mapping."""
    usual = _usual(service, role)
    if not value.is_mapping:
        bare = value.is_empty or value.scalar() in {"", "...", "…"}
        host = usual if bare else value.read(scalars.host, usual)
        return Endpoint(service, role, host, parameters=read_parameters(value, {}, 443))
    keys = value.keys((*_ENDPOINT, *PARAMETER_KEYS))
    written, usual_edge = keys.get("host"), False
    bare = written is None or written.is_empty or written.scalar() in {"...", "…"}
    port = keys["port"].read(_PORTS, 443) if "port" in keys else 443
    return Endpoint(
        service=service,
        role=role,
        host=usual if bare or written is None else written.read(scalars.host, usual),
        port=port,
        body_bytes=keys["bytes"].read(scalars.whole(0, 4_000_000), 0) if "bytes" in keys else 0,
        shares=keys["shares"].read(scalars.host, "") if "shares" in keys else "",
        addresses=keys["addresses"].read(scalars.whole(1, MOST_ADDRESSES), 1) if "addresses" in keys else 1,
        edge=keys["edge"].read(scalars.yes_no, usual_edge) if "edge" in keys else usual_edge,
        catalogued=keys["catalogued"].choice(_CATALOGUED, "all") if "catalogued" in keys else "all",
        experiments=_experiments(keys.get("experiments")),
        parameters=read_parameters(value, keys, port),
    )


def _experiments(field: Field | None) -> tuple[Experiment, ...]:
    """Read the experiments that an endpoint is measured with."""
    if field is None:
        return USUAL
    return tuple(Experiment(item.choice(OF_TARGETS, USUAL[0])) for item in field.items()) or USUAL


def _check_shared(field: Field, services: list[Service]) -> None:
    """Note hosts used twice, and ``shares`` that name no host of the file."""
    hosts = [endpoint.host for service in services for endpoint in service.endpoints]
    for host in sorted({host for host in hosts if hosts.count(host) > 1}):
        field.wrong(f"{host} serves two roles", "give each role its own host (shares: puts two on one address)")
    shares = {endpoint.host: endpoint.shares for service in services for endpoint in service.endpoints}
    for host, other in shares.items():
        others = [one for one in shares if one != host]
        if other and other not in others:
            field.wrong(
                f"{host} shares the addresses of {other}, no other host of this file", did_you_mean(other, others)
            )
        elif _goes_round(host, shares):
            field.wrong(f"{host} shares its own addresses in the end", "let one host of them share none")


def _goes_round(host: str, shares: Mapping[str, str]) -> bool:
    """Whether ``shares`` leads from a host back to itself."""
    seen = {host}
    here = shares[host]
    while here:
        if here in seen:
            return True
        seen.add(here)
        here = shares.get(here, "")
    return False


def _ends(field: Field | None, calendar: scalars.Calendar, last: float) -> float:
    """Read ``ends``; by default half an hour after the last entry."""
    if field is None:
        return last + _AFTER
    ends = field.read(calendar.moment, last + _AFTER)
    if ends < last:
        field.wrong("is before the last entry of the timeline", "end the scenario after it, or leave ends: out")
    elif ends > LONGEST:
        field.wrong("is more than a year after the start", "end the scenario earlier")
    elif ends <= 0:
        field.wrong("is the start itself", "end the scenario later, or leave ends: out")
    return ends
